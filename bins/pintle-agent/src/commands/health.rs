use crate::Outcome;
use crate::arguments::Health;
use crate::report::{Failure, FailureKind, Reporter, degraded};
use pintle_agent_flows::health::{HealthError, Report, ask, late, stand};
use pintle_health::Action;
use pintle_machine::Machine;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Health, machine: &Machine, reporter: &Reporter) -> Outcome {
    if arguments.late {
        let action = late(machine).map_err(explain)?;
        let text = match action {
            Action::Reboot => {
                "nothing has said whether this boot is good, and the time for it is over: the machine starts again"
            }
            Action::Stay => "",
        };
        reporter.result(text, &json!({"action": action}));
        return Ok(ExitCode::SUCCESS);
    }
    // Before a machine is started again, it says why.
    let mut tell = |report: &Report| {
        let machine = json!({"verdict": report.verdict, "counting": report.counting});
        reporter.result(&report.text(), &machine);
    };
    let report = if arguments.gate {
        stand(machine, &mut tell).map_err(explain)?
    } else {
        let report = ask(machine).map_err(explain)?;
        tell(&report);
        report
    };
    Ok(degraded(!report.verdict.failing.is_empty()))
}

fn explain(error: HealthError) -> Failure {
    let (kind, hint) = match &error {
        HealthError::NoGate => {
            (FailureKind::BadInput, "build the image with `image.layout = \"verified\"`, which writes one")
        }
        HealthError::Gate(_) => (FailureKind::BadInput, "take image and agent of one version of Pintle"),
        HealthError::Reboot(_) => (FailureKind::Failed, "systemctl reboot --force"),
        HealthError::File(error) if error.is_refused() => (FailureKind::Failed, "run it as root"),
        HealthError::File(_) => (FailureKind::Failed, ""),
    };
    Failure::new(kind, error).hint(hint)
}
