use super::keys::make_keys;
use crate::Outcome;
use crate::arguments::{DAYS, New, StarterLayout};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_definition::{STARTER_KEYS, starter};
use pintle_flows::definition::FILE_NAME;
use pintle_model::Layout;
use pintle_world::atomic;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What must not get into a repository, and what need not.
const IGNORED: &str = "/out/\n/keys/*.key\n";

pub(crate) fn run(arguments: &New, reporter: &Reporter) -> Outcome {
    let name = &arguments.name;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(good) {
        let message =
            format!("`{name}` cannot name a system: use lower-case letters, digits, `-`, `_` and `.`");
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let folder = Path::new(name);
    let file = folder.join(FILE_NAME);
    if file.exists() {
        let message = format!("{} exists already; nothing was changed", file.display());
        return Err(Failure::new(FailureKind::Failed, message).hint("choose another name"));
    }
    std::fs::create_dir_all(name).map_err(|error| {
        Failure::new(FailureKind::Failed, format!("cannot make the folder {name}: {error}"))
    })?;
    let layout = match arguments.layout {
        StarterLayout::Verified => Layout::Verified,
        StarterLayout::Plain => Layout::Plain,
    };
    let mut written = beside(folder, name, layout)?;
    // It comes last: while it is missing, the same command goes on where it was cut off.
    write(&file, &starter(name, layout))?;
    written.insert(0, file);
    reporter.result(&told(name, &written), &json!({"written": written}));
    Ok(ExitCode::SUCCESS)
}

/// What is beside a definition, where it is not there yet.
fn beside(folder: &Path, name: &str, layout: Layout) -> Result<Vec<PathBuf>, Failure> {
    let mut written = Vec::new();
    let ignored = folder.join(".gitignore");
    if !ignored.exists() {
        write(&ignored, IGNORED)?;
        written.push(ignored);
    }
    let keys = folder.join(STARTER_KEYS);
    if layout == Layout::Verified && !keys.exists() {
        // A certificate has 64 bytes for a name.
        let owner: String = name.chars().take(48).collect();
        make_keys(&keys, &owner, DAYS, &[])?;
        written.push(keys);
    }
    Ok(written)
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    atomic::write(file, text.as_bytes()).map_err(|error| Failure::new(FailureKind::Failed, error))
}

fn told(name: &str, written: &[PathBuf]) -> String {
    let mut text = String::new();
    for path in written {
        let of_what = if path.ends_with(STARTER_KEYS) { " (keys; only you can read them)" } else { "" };
        text += &format!("wrote {}{of_what}\n", path.display());
    }
    text + &format!(
        "next: put your SSH key into it, then\n  cd {name}\n  pintle check\n  pintle build\n  pintle run --until ssh \
         --keep"
    )
}
