//! The keys that a build signs with.

use super::secret_file::{read_secret, warn_of_validity};
use crate::arguments::Build;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::definition::Definition;
use pintle_flows::keys::{ChainKeys, ENROL, KeysError, Signing, signing};
use std::path::Path;

/// Those of `--keys`, else of the definition; none where nothing is to be signed.
pub(crate) fn of_build(
    arguments: &Build,
    definition: &Definition,
    reporter: &Reporter,
) -> Result<Option<Signing>, Failure> {
    let system = definition.system();
    if arguments.unsigned || !system.starts() || !system.image.uefi {
        if arguments.keys.is_some() {
            let message = "there is nothing to sign: the image does not start by UEFI (`image.uefi`)";
            return Err(Failure::new(FailureKind::Usage, message));
        }
        return Ok(None);
    }
    let folder = match (&arguments.keys, &system.image.secure_boot.keys) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => definition.folder.join(folder),
        (None, None) => return Ok(None),
    };
    if !folder.join("db.key").exists() {
        let message = format!("there are no keys in {} (no db.key)", folder.display());
        let failure = Failure::new(FailureKind::BadInput, message);
        return Err(failure
            .hint(format!("make new ones: pintle keys new {}", folder.display()))
            .hint("keys that are elsewhere: pintle build --keys DIR")
            .hint("an image that only machines without Secure Boot start: pintle build --unsigned"));
    }
    read(&folder, reporter).map(Some)
}

fn read(folder: &Path, reporter: &Reporter) -> Result<Signing, Failure> {
    let at = |name: &str| folder.join(name);
    let db = (read_secret(&at("db.key"))?, text(&at("db.crt"))?);
    let pcr = at("pcr.key").exists().then(|| read_secret(&at("pcr.key"))).transpose()?;
    let keys =
        ChainKeys { db: (&db.0, &db.1), pcr: pcr.as_deref(), enrolment: enrolment(&folder.join(ENROL))? };
    let bad = |error: KeysError| {
        Failure::new(FailureKind::BadInput, error).hint(format!("the keys are in {}", folder.display()))
    };
    let signing = signing(keys).map_err(bad)?;
    warn_of_validity(&signing.images, &at("db.crt"), reporter);
    Ok(signing)
}

/// The updates that machines enrol; a folder without them is one whose keys are enrolled in another way.
fn enrolment(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut updates = Vec::new();
    for name in ["PK.auth", "KEK.auth", "db.auth"] {
        let path = folder.join(name);
        if let Some(bytes) = pintle_world::files::read(&path).map_err(|error| failed(&path, &error))? {
            updates.push((name.to_owned(), bytes));
        }
    }
    Ok(updates)
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", path.display()))
}
