use crate::Outcome;
use crate::report::{Failure, FailureKind, Reporter, degraded};
use pintle_agent_flows::drift::{DriftError, drift};
use pintle_health::drift::text;
use pintle_machine::Machine;
use serde_json::json;

pub(crate) fn run(machine: &Machine, reporter: &Reporter) -> Outcome {
    let changes = drift(machine).map_err(explain)?;
    reporter.result(&text(&changes), &json!({"changes": changes}));
    Ok(degraded(!changes.is_empty()))
}

fn explain(error: DriftError) -> Failure {
    let (kind, hint) = match &error {
        DriftError::Plain => (
            FailureKind::BadInput,
            "build the image with `image.layout = \"verified\"`, which makes /etc anew at each start",
        ),
        DriftError::File(error) if error.is_refused() => (FailureKind::Failed, "run it as root"),
        DriftError::File(_) => (FailureKind::Failed, ""),
    };
    Failure::new(kind, error).hint(hint)
}
