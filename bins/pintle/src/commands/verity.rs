use super::secret_file::read_signer;
use crate::Outcome;
use crate::arguments::{Verity, VerityFormat, VerityVerify};
use crate::environment::threads;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::verity::{FormatRequest, VerityError, format, verify};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(command: &Verity, reporter: &Reporter) -> Outcome {
    match command {
        Verity::Format(arguments) => write(arguments, reporter),
        Verity::Verify(arguments) => check(arguments, reporter),
    }
}

fn write(arguments: &VerityFormat, reporter: &Reporter) -> Outcome {
    let signer = read_signer(arguments.key.as_deref(), arguments.certificate.as_deref(), reporter)?;
    let request = FormatRequest {
        data: &arguments.data,
        hashes: &arguments.hash,
        salt: arguments.salt.clone(),
        uuid: arguments.uuid,
        threads: threads(),
        signature: arguments.signature.as_deref().zip(signer.as_ref()),
    };
    let written = format(&request).map_err(explain)?;
    // The root hash alone, for scripts.
    reporter.result(&written.root_hash.hex(), &json!(written));
    Ok(ExitCode::SUCCESS)
}

fn check(arguments: &VerityVerify, reporter: &Reporter) -> Outcome {
    let good = verify(&arguments.data, &arguments.hash, &arguments.root, threads()).map_err(explain)?;
    let text = format!("{} blocks are what {} stands for", good.data_blocks, good.root_hash);
    reporter.result(&text, &json!(good));
    Ok(ExitCode::SUCCESS)
}

fn explain(error: VerityError) -> Failure {
    let kind = match error {
        VerityError::Length { .. } => FailureKind::BadInput,
        VerityError::Refused { .. } => FailureKind::Refused,
        VerityError::Read { .. } | VerityError::Sign(_) | VerityError::Output(_) => FailureKind::Failed,
    };
    Failure::new(kind, error)
}
