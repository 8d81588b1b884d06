use crate::Outcome;
use crate::report::{Failure, FailureKind, Reporter, degraded};
use pintle_agent_flows::status::status;
use pintle_machine::Machine;
use serde_json::json;

pub(crate) fn run(machine: &Machine, reporter: &Reporter) -> Outcome {
    let status = status(machine).map_err(|error| {
        let hint = if error.is_refused() { "run it as root" } else { "" };
        Failure::new(FailureKind::Failed, error).hint(hint)
    })?;
    reporter.result(&status.text(), &json!(status));
    Ok(degraded(status.is_degraded()))
}
