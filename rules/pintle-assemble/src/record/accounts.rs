//! New users, groups and memberships (passwd(5), group(5)).

use super::draft::{Draft, Table, quote};
use super::{Evidence, RecordError, text};
use std::collections::{BTreeMap, BTreeSet};

/// Fields of one line.
type Line = Vec<String>;

/// Names by number, for owners.
pub(super) struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    pub(super) fn after(evidence: &Evidence<'_>) -> Result<Self, RecordError> {
        let names = |path| -> Result<BTreeMap<u32, String>, RecordError> {
            let lines = lines(&text(evidence.after, path, evidence.contents)?);
            Ok(lines
                .into_iter()
                .filter_map(|(name, line)| Some((line.get(2)?.parse().ok()?, name)))
                .collect())
        };
        Ok(Self { users: names("etc/passwd")?, groups: names("etc/group")? })
    }

    pub(super) fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    pub(super) fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
    }
}

fn lines(text: &str) -> BTreeMap<String, Line> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Line>();
    text.lines().map(fields).filter(|line| line.len() >= 4).map(|line| (line[0].clone(), line)).collect()
}

pub(super) fn compare(evidence: &Evidence<'_>, draft: &mut Draft) -> Result<(), RecordError> {
    let read = |tree, path| text(tree, path, evidence.contents).map(|text| lines(&text));
    let names = Names::after(evidence)?;
    let before = read(evidence.before, "etc/group")?;
    for (name, line) in read(evidence.after, "etc/group")? {
        let known = before.get(&name);
        if known.is_none() {
            draft.add(Table::Group, vec![("name", quote(&name))]);
        }
        let members = |line: &Line| -> BTreeSet<String> {
            line[3].split(',').filter(|user| !user.is_empty()).map(str::to_owned).collect()
        };
        let old = known.map(members).unwrap_or_default();
        for user in members(&line).difference(&old) {
            draft.add(Table::Member, vec![("user", quote(user)), ("group", quote(&name))]);
        }
    }
    let before = read(evidence.before, "etc/passwd")?;
    let after = read(evidence.after, "etc/passwd")?;
    for (name, line) in after.iter().filter(|(_, line)| line.len() == 7) {
        match before.get(name) {
            Some(old) if old != line => draft.notes.push(format!(
                "user {name} changes from `{}` to `{}`: a recipe cannot change a user",
                old.join(":"),
                line.join(":")
            )),
            Some(_) => {}
            None => {
                let group = names.group(line[3].parse().unwrap_or_default());
                let mut fields = vec![("name", quote(name)), ("group", quote(&group))];
                let usual = [("home", 5, "/nonexistent"), ("shell", 6, "/usr/sbin/nologin")];
                for (field, index, usual) in usual {
                    if line[index] != usual {
                        fields.push((field, quote(&line[index])));
                    }
                }
                if !line[4].is_empty() {
                    fields.push(("description", quote(&line[4])));
                }
                draft.add(Table::User, fields);
            }
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    draft.notes.extend(gone.map(|name| format!("user {name} goes away: a recipe cannot take users away")));
    Ok(())
}
