//! Builds on other machines: both ends of the connection.

use super::build::explain;
use crate::Outcome;
use crate::arguments::Build;
use crate::environment::{Outside, own_program};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::{Built, Event, Request};
use pintle_flows::remote::{
    self, Address, Builder, Caller, Garbled, RemoteError, ServeError, Traffic, Trouble,
};
use pintle_flows::supply::Supply;
use pintle_model::Size;
use std::process::ExitCode;

/// Builds on the machine at `address`.
pub(crate) fn build(
    arguments: &Build,
    address: &Address,
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<(Built, Traffic), Failure> {
    let builder = Builder {
        address,
        options: &arguments.elsewhere.builder_option,
        program: &own_program(),
        // Who asks for no network here means none there either.
        push: arguments.elsewhere.builder_push || arguments.offline || arguments.vendor.is_some(),
    };
    remote::build(request, &builder, supply, tell).map_err(explain_remote)
}

/// What went over the line, in one line.
pub(crate) fn said(traffic: &Traffic) -> String {
    let Traffic { builder, machine, program, definition, packages, package_bytes, received } = traffic;
    let mut sent = format!("definition {}", Size(*definition));
    if *program > 0 {
        sent = format!("program {}, {sent}", Size(*program));
    }
    if *packages > 0 {
        sent += &format!(", {packages} packages {}", Size(*package_bytes));
    }
    format!("built on {builder} ({machine}): sent {sent}; received {}", Size(*received))
}

fn explain_remote(error: RemoteError) -> Failure {
    let (builder, trouble) = match error {
        RemoteError::Build(error) => return explain(error),
        RemoteError::Output(error) => return explain(error.into()),
        RemoteError::BootFiles | RemoteError::Secrets => return Failure::new(FailureKind::Usage, error),
        RemoteError::Keys => {
            let hint = "build it here (--builder here), or there without signatures (--unsigned)";
            return Failure::new(FailureKind::Usage, error).hint(hint);
        }
        RemoteError::Format | RemoteError::Closure => {
            let hint = "ask for `tar`, which holds all of it, or build it here: --builder here";
            return Failure::new(FailureKind::Usage, error).hint(hint);
        }
        RemoteError::Program { .. } | RemoteError::Sources(_) => {
            return Failure::new(FailureKind::Failed, error);
        }
        RemoteError::Trouble { builder, trouble } => (builder, *trouble),
    };
    let kind = match &trouble {
        Trouble::Garbled(Garbled::Bytes { .. } | Garbled::Name(_)) => FailureKind::Refused,
        _ => FailureKind::Failed,
    };
    let step = trouble.next_step();
    let failure = match trouble {
        Trouble::Build(failed) => {
            return Failure::told(format!("{builder}: nothing was built there"), failed);
        }
        trouble => Failure::new(kind, RemoteError::Trouble { builder, trouble: Box::new(trouble) }),
    };
    if step.is_empty() { failure } else { failure.hint(step) }
}

/// The other end: builds what standard input asks for. Standard output belongs to the caller, who reports.
pub(crate) fn serve() -> Outcome {
    let gone = |error| Failure::new(FailureKind::Failed, error);
    let caller = Caller::greet(std::io::stdout()).map_err(gone)?;
    let outside = match Outside::new(&Reporter::new(false, true), false) {
        Ok(outside) => outside,
        Err(failure) => {
            caller.refuse(failure.into_failed());
            return Ok(ExitCode::FAILURE);
        }
    };
    match remote::serve(std::io::stdin(), &caller, &outside.supply()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let failure = match error {
                ServeError::Build(error) => explain(error),
                error => Failure::new(FailureKind::Failed, error),
            };
            caller.refuse(failure.into_failed());
            Ok(ExitCode::FAILURE)
        }
    }
}
