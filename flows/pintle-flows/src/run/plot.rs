//! Asks a machine how its boot went.

use super::machine::Firmware;
use super::{Moment, Request, RunError};
use pintle_report::plot::{BadTrace, Boot, Limits, Outside, trace};
use pintle_world::ssh::Login;

/// One command: waits until no job is left (for a while: a unit that never comes up should not hide the rest), then
/// prints the manager's properties and those of every unit.
const ASK: &str = "timeout 120 systemctl is-system-running --wait >/dev/null 2>&1; \
    systemctl show --property=FirmwareTimestampMonotonic,LoaderTimestampMonotonic,InitRDTimestampMonotonic,UserspaceTimestampMonotonic,FinishTimestampMonotonic; \
    echo; systemctl show --property=Id,After,ActiveState,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic,ActiveExitTimestampMonotonic,InactiveEnterTimestampMonotonic '*'";

/// What cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The machine did not answer.
    #[error("the machine did not say how its boot went: {0}")]
    Silent(String),
    /// Its answer is none.
    #[error("the machine's account of its boot cannot be used")]
    Bad(#[from] BadTrace),
}

/// Reads how the boot of the machine behind `login` went.
pub(super) fn boot(
    request: &Request,
    kvm: bool,
    login: &Login,
    moments: &[Moment],
) -> Result<Boot, RunError> {
    let output = login.output(&[ASK.to_owned()])?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(PlotError::Silent(said).into());
    }
    let seen = |what: &str| moments.iter().find(|moment| moment.what == what).map(|moment| moment.seconds);
    let outside = Outside { loader: seen("boot loader"), kernel: seen("kernel") };
    let firmware = if request.firmware == Firmware::Uefi { "UEFI" } else { "BIOS" };
    let speed = if kvm { "KVM" } else { "without KVM, several times slower than real hardware" };
    let how = format!("{firmware}, {} processors, {} memory, {speed}", request.cpus, request.memory);
    let text = String::from_utf8_lossy(&output.stdout);
    trace(&text, &request.name, &how, outside, &Limits::default())
        .map_err(|error| PlotError::Bad(error).into())
}
