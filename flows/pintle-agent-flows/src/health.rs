//! Whether this boot is good.

use crate::places::{CMDLINE, DOCUMENT, GATE, LOADER_BOOT_COUNT, NETWORK, SMALL, VERDICT};
use pintle_health::{
    Action, BootCounting, Failing, Gate, GateError, HttpUrl, Seen, Step, Verdict, Watch, http, units, watch,
};
use pintle_machine::{Ended, FileError, Machine, answer, connects, pause, run};
use pintle_model::Check;
use std::io;
use std::time::Duration;

/// What of a program's last words is told, in bytes.
const SAID: u64 = 400;
/// The unit that makes a boot good in the eyes of the boot loader.
const BLESS: &str = "pintle-bless.service";

/// Why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// No gate: the image was made without one.
    #[error("this system does not say what a good boot is: there is no {GATE}")]
    NoGate,
    /// A gate that cannot be used.
    #[error("{GATE} cannot be used")]
    Gate(#[from] GateError),
    /// The end of a bad boot.
    #[error("this boot is not good, but the machine cannot be started again")]
    Reboot(#[source] io::Error),
}

/// A verdict, and what it is about.
#[derive(Clone, Debug)]
pub struct Report {
    /// The gate.
    pub gate: Gate,
    /// Whether the boot loader counts.
    pub counting: BootCounting,
    /// The verdict.
    pub verdict: Verdict,
}

impl Report {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        self.verdict.text(&self.gate, self.counting)
    }
}

/// After the deadline: what has to be done where no verdict is there. Whoever would have given one hangs, or waits for what
/// hangs.
///
/// # Errors
/// [`HealthError`].
pub fn late(machine: &Machine) -> Result<Action, HealthError> {
    if machine.bytes(VERDICT, DOCUMENT)?.is_some() {
        return Ok(Action::Stay);
    }
    let gate = gate(machine)?;
    let action = counting(machine)?.action(gate.on_failure, gate.tries);
    if action == Action::Reboot {
        machine.reboot().map_err(HealthError::Reboot)?;
    }
    Ok(action)
}

/// Makes the checks as they are now; waits for nothing, changes nothing.
///
/// # Errors
/// [`HealthError`].
pub fn ask(machine: &Machine) -> Result<Report, HealthError> {
    let gate = gate(machine)?;
    let failing = watch(machine, &gate, None)?;
    let verdict = Verdict::new(&gate, failing, machine.uptime()?, None);
    Ok(Report { counting: counting(machine)?, verdict, gate })
}

/// Stands before `boot-complete.target`: waits until all checks hold, or the deadline has passed; then says so, leaves a
/// verdict, and ends a boot that is counted and not good. `tell` is told before that.
///
/// # Errors
/// [`HealthError`].
pub fn stand(machine: &Machine, tell: &mut dyn FnMut(&Report)) -> Result<Report, HealthError> {
    let gate = gate(machine)?;
    let failing = watch(machine, &gate, Some(Duration::from_secs(gate.deadline.into())))?;
    let counting = counting(machine)?;
    let action = (!failing.is_empty()).then(|| counting.action(gate.on_failure, gate.tries));
    let verdict = Verdict::new(&gate, failing, machine.uptime()?, action);
    let report = Report { gate, counting, verdict };
    tell(&report);
    let text = serde_json::to_vec_pretty(&report.verdict).expect("invariant: a verdict has string keys only");
    machine.put(VERDICT, &text)?;
    if action == Some(Action::Reboot) {
        machine.reboot().map_err(HealthError::Reboot)?;
    }
    Ok(report)
}

fn gate(machine: &Machine) -> Result<Gate, HealthError> {
    let bytes = machine.bytes(GATE, DOCUMENT)?.ok_or(HealthError::NoGate)?;
    Ok(Gate::parse(&bytes)?)
}

/// What does not hold in the end; nothing: the boot is good.
fn watch(machine: &Machine, gate: &Gate, deadline: Option<Duration>) -> Result<Vec<Failing>, HealthError> {
    let mut watch = Watch::new(deadline);
    loop {
        let seen = look(machine, gate)?;
        match watch.round(seen, machine.uptime()?) {
            Step::Again => pause(watch::PAUSE),
            Step::Passed => return Ok(Vec::new()),
            Step::Failed(failing) => return Ok(failing),
        }
    }
}

/// One round.
fn look(machine: &Machine, gate: &Gate) -> Result<Seen, HealthError> {
    let names = gate.units();
    let states = match machine.show_units(units::PROPERTIES, &names) {
        Ok(text) => units::parse(&names, &text).ok_or_else(|| "systemd spoke of other units".to_owned()),
        Err(error) => Err(format!("systemd cannot be asked: {error}")),
    };
    let mut seen = Seen::default();
    for check in &gate.checks {
        let holds = match (check, &states) {
            (Check::Unit { unit } | Check::NotFailed { unit }, Ok(states)) => match states.get(unit.as_str())
            {
                Some(state) => {
                    seen.restarts.insert(unit.clone(), state.restarts);
                    state.holds(check)
                }
                None => Err("systemd did not speak of it".to_owned()),
            },
            (Check::Unit { .. } | Check::NotFailed { .. }, Err(why)) => Err(why.clone()),
            (other, _) => attempt(machine, other, Duration::from_secs(gate.timeout.into()))?,
        };
        seen.failing.extend(holds.err().map(|why| Failing { check: check.clone(), why }));
    }
    Ok(seen)
}

/// One attempt of a check that is not about units.
fn attempt(machine: &Machine, check: &Check, patience: Duration) -> Result<Result<(), String>, HealthError> {
    Ok(match check {
        Check::Tcp { port } => connects(*port, patience).map_err(|error| format!("no connection: {error}")),
        Check::Http { url } => match HttpUrl::parse(url) {
            Ok(url) => page(&url, patience),
            Err(bad) => Err(bad.to_string()),
        },
        Check::Command { command } => ended(run(command, SAID, patience), patience),
        Check::Network => network(machine.text(NETWORK, SMALL)?.as_deref()),
        Check::Unit { .. } | Check::NotFailed { .. } => Ok(()),
    })
}

fn page(url: &HttpUrl, patience: Duration) -> Result<(), String> {
    let head = answer((&url.host, url.port), &url.request(), http::STATUS_LINE_MAX, patience)
        .map_err(|error| format!("no answer: {error}"))?;
    match http::status(&head) {
        Ok(status) if http::GOOD.contains(&status) => Ok(()),
        Ok(status) => Err(format!("it answers with status {status}")),
        Err(bad) => Err(bad.to_string()),
    }
}

fn ended(end: io::Result<(Ended, String)>, patience: Duration) -> Result<(), String> {
    let (how, said) = match end {
        Ok((Ended::Well, _)) => return Ok(()),
        Ok((Ended::Badly(status), said)) => (format!("it ended with {status}"), said),
        Ok((Ended::Stopped, said)) => {
            (format!("it did not end within {} s and was stopped", patience.as_secs()), said)
        }
        Err(error) => return Err(format!("it cannot be started: {error}")),
    };
    let said = said.trim();
    Err(if said.is_empty() { how } else { format!("{how}; it said: {said}") })
}

/// What systemd-networkd knows (sd-network(3), `ONLINE_STATE`): all interfaces that are required are online.
fn network(state: Option<&str>) -> Result<(), String> {
    let Some(state) = state else {
        return Err("systemd-networkd does not run, which alone knows".to_owned());
    };
    match state.lines().find_map(|line| line.strip_prefix("ONLINE_STATE=")) {
        Some("online") => Ok(()),
        Some(other) => Err(format!("it is {other}")),
        None => Err("no interface is waited for, or none has an address".to_owned()),
    }
}

/// Whether the boot loader counts this boot.
///
/// # Errors
/// [`FileError`].
pub(crate) fn counting(machine: &Machine) -> Result<BootCounting, FileError> {
    let cmdline = machine.text(CMDLINE, SMALL)?.unwrap_or_default();
    let counted = BootCounting::of(machine.bytes(LOADER_BOOT_COUNT, SMALL)?.as_deref(), &cmdline);
    if counted == BootCounting::Uncounted {
        return Ok(counted);
    }
    // Where systemd cannot be asked, nobody has called it good.
    let said = machine.show_units(units::PROPERTIES, &[BLESS]).unwrap_or_default();
    let blessed = units::parse(&[BLESS], &said).is_some_and(|states| states[BLESS].active == "active");
    Ok(if blessed { BootCounting::Good } else { counted })
}

#[cfg(test)]
mod tests;
