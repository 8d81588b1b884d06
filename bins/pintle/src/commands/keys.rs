use super::secret_file::read_secret;
use crate::Outcome;
use crate::arguments::{Keys, KeysEnrol, KeysNew};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::keys::{KeysError, MadeKeys, NewKeys, Owners, PAIRS, enrol, new};
use pintle_world::clock::now;
use pintle_world::private_folder::PrivateFolderError;
use pintle_world::random::Random;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(command: &Keys, reporter: &Reporter) -> Outcome {
    match command {
        Keys::New(arguments) => make(arguments, reporter),
        Keys::Enrol(arguments) => again(arguments, reporter),
    }
}

fn make(arguments: &KeysNew, reporter: &Reporter) -> Outcome {
    let also = read_all(&arguments.also)?;
    let made = make_keys(&arguments.folder, &arguments.name, arguments.days, &also)?;
    let next = format!(
        "next: pintle build --keys {0}, or image.secure-boot.keys = \"{0}\" in the definition; keep the folder where nobody \
         else can read it",
        made.folder.display()
    );
    tell(&made, &next, reporter);
    Ok(ExitCode::SUCCESS)
}

/// Makes all keys in a new folder; `name` begins the names in the certificates.
pub(super) fn make_keys(
    folder: &Path,
    name: &str,
    days: u32,
    also: &[(String, Vec<u8>)],
) -> Result<MadeKeys, Failure> {
    let mut random = Random::open().map_err(|error| Failure::new(FailureKind::Failed, error))?;
    let request = NewKeys { folder, name, now: now(), days, also };
    new(&request, &mut |bytes| random.fill(bytes)).map_err(explain)
}

fn again(arguments: &KeysEnrol, reporter: &Reporter) -> Outcome {
    let also = read_all(&arguments.also)?;
    let pair = |name: &str| {
        let at = |extension: &str| arguments.folder.join(format!("{name}.{extension}"));
        Ok((read_secret(&at("key"))?, String::from_utf8_lossy(&read(&at("crt"))?).into_owned()))
    };
    let pairs = [pair(PAIRS[0])?, pair(PAIRS[1])?, pair(PAIRS[2])?];
    let pairs = [0, 1, 2].map(|index: usize| (&*pairs[index].0, &*pairs[index].1));
    let owners = Owners::new(pairs).map_err(explain)?;
    let made = enrol(&owners, now(), &also, &arguments.output).map_err(explain)?;
    tell(&made, "", reporter);
    Ok(ExitCode::SUCCESS)
}

fn tell(made: &MadeKeys, next: &str, reporter: &Reporter) {
    let mut lines = vec![format!("wrote {}: {}", made.folder.display(), made.files.join(", "))];
    lines.extend(PAIRS.iter().zip(&made.fingerprints).map(|(name, digest)| format!("{name} is {digest}")));
    lines.push(next.to_owned());
    reporter.result(&lines.join("\n"), &json!(made));
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    paths.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", path.display()))
    };
    std::fs::read(path).map_err(failed)
}

fn explain(error: KeysError) -> Failure {
    let kind = match &error {
        KeysError::Folder(PrivateFolderError::Exists(_)) => FailureKind::Refused,
        KeysError::Folder(_) => FailureKind::Failed,
        _ => FailureKind::BadInput,
    };
    let failure = Failure::new(kind, error);
    if kind == FailureKind::Refused { failure.hint("choose another name") } else { failure }
}
