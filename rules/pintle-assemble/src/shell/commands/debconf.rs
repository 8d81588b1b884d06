//! The shell library of debconf (debconf-devel(7)). Its database is not written; what it answers is known as long as
//! nothing but the templates has a say.

use super::{Invocation, values};
use crate::shell::run::{Run, Status};

pub(super) fn run(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let question = words.first().cloned();
    match call.name {
        "db_get" => {
            let answer = question.and_then(|question| run.answers.get(&question).cloned().flatten());
            let status = if answer.is_some() { Status::True } else { Status::Unknown };
            run.assign("RET", answer);
            status
        }
        "db_set" => {
            match question {
                Some(question) => drop(run.answers.insert(question, words.get(1).cloned())),
                None => run.answers.clear(),
            }
            Status::True
        }
        // Which questions, and whether anybody sees them, changes nothing by itself.
        "db_fget" | "db_metaget" | "db_info" | "db_input" | "db_go" | "db_exist" => {
            run.assign("RET", None);
            Status::Unknown
        }
        "db_register" | "db_unregister" | "db_reset" | "db_clear" => {
            match question {
                Some(question) => drop(run.answers.insert(question, None)),
                None => run.answers.clear(),
            }
            Status::True
        }
        // db_version, db_capb, db_stop, db_purge, db_title, db_subst, db_fset, db_beginblock, db_progress, …
        _ => Status::True,
    }
}
