use crate::Outcome;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_agent_flows::bless::{BlessError, bless};
use pintle_health::Bless;
use pintle_machine::Machine;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(machine: &Machine, reporter: &Reporter) -> Outcome {
    let step = bless(machine).map_err(explain)?;
    let text = match &step {
        Bless::Rename { to, .. } => format!("all tries are there again: {to}"),
        Bless::Environment(slot) => {
            format!("all tries are there again: place {slot} of GRUB's environment block")
        }
        Bless::Nothing => "nobody counts this boot".to_owned(),
    };
    reporter.result(&text, &json!({"counted": step != Bless::Nothing}));
    Ok(ExitCode::SUCCESS)
}

fn explain(error: BlessError) -> Failure {
    let hint = match &error {
        BlessError::File(error) if error.is_refused() => "run it as root",
        BlessError::File(_) | BlessError::NoEsp | BlessError::Block(_) => "",
    };
    Failure::new(FailureKind::Failed, error).hint(hint)
}
