use crate::Outcome;
use crate::arguments::Ssh;
use crate::environment::runtime_folder;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::run::{choose, running};
use std::process::ExitCode;

pub(crate) fn run(arguments: &Ssh, _reporter: &Reporter) -> Outcome {
    let failed = |error| Failure::new(FailureKind::Failed, error);
    let sessions = running(&runtime_folder()).map_err(failed)?;
    let session = choose(sessions, arguments.name.as_deref()).map_err(failed)?;
    let status = session
        .login(&arguments.user)
        .run(&arguments.command)
        .map_err(|error| Failure::new(FailureKind::Failed, error).hint("apt install openssh-client"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
