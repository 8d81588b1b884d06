use crate::Outcome;
use crate::arguments::Attest;
use crate::report::{Failure, FailureKind, Reporter, degraded};
use pintle_agent_flows::attest::{AttestError, attest};
use pintle_machine::Machine;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Longest manifest: that of a desktop has 5 MB.
const MANIFEST: u64 = 256 << 20;

pub(crate) fn run(arguments: &Attest, machine: &Machine, reporter: &Reporter) -> Outcome {
    let manifest = arguments.manifest.as_deref().map(read).transpose()?;
    let found = attest(machine, manifest.as_deref()).map_err(explain)?;
    reporter.result(&found.text(), &json!(found));
    Ok(degraded(found.is_degraded()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(MANIFEST).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(MANIFEST).read_to_end(&mut bytes)),
    };
    let failed =
        |error| Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", path.display()));
    read.map_err(failed)?;
    Ok(bytes)
}

fn explain(error: AttestError) -> Failure {
    let (kind, hint) = match &error {
        AttestError::Manifest(_) => {
            (FailureKind::BadInput, "give the NAME.json that `pintle build` wrote beside the image")
        }
        AttestError::NoTpm => {
            (FailureKind::Failed, "where it should have one, look at `dmesg | grep -i tpm`")
        }
        AttestError::File(error) if error.is_refused() => (FailureKind::Failed, "run it as root"),
        AttestError::File(_) | AttestError::Log { .. } => (FailureKind::Failed, ""),
    };
    Failure::new(kind, error).hint(hint)
}
