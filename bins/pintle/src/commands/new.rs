use crate::Outcome;
use crate::arguments::New;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::definition::FILE_NAME;
use pintle_world::atomic;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(arguments: &New, reporter: &Reporter) -> Outcome {
    let name = &arguments.name;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(good) {
        let message =
            format!("`{name}` cannot name a system: use lower-case letters, digits, `-`, `_` and `.`");
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let file = Path::new(name).join(FILE_NAME);
    if file.exists() {
        let message = format!("{} exists already; nothing was changed", file.display());
        return Err(Failure::new(FailureKind::Failed, message).hint("choose another name"));
    }
    std::fs::create_dir_all(name).map_err(|error| {
        Failure::new(FailureKind::Failed, format!("cannot make the folder {name}: {error}"))
    })?;
    atomic::write(&file, pintle_definition::starter(name).as_bytes())
        .map_err(|error| Failure::new(FailureKind::Failed, error))?;
    let text = format!(
        "wrote {}\nnext: put your SSH key into it, then\n  cd {name}\n  pintle check\n  pintle build\n  pintle run --until ssh --keep",
        file.display()
    );
    reporter.result(&text, &json!({"written": file}));
    Ok(ExitCode::SUCCESS)
}
