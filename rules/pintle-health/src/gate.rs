//! What must hold for a boot to count as good.

use crate::http::{BadUrl, HttpUrl};
use pintle_boot::loader::TRIES;
use pintle_model::{Check, OnFailure, System};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the document.
pub const GATE_SCHEMA: u32 = 1;
/// Longest document, in bytes: a system has tens of checks, each with a line.
pub const GATE_MAX: usize = 1 << 20;

/// What must hold for a boot to count as good: `/usr/lib/pintle/health.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// [`GATE_SCHEMA`].
    pub schema: u32,
    /// Seconds from the start of the kernel.
    pub deadline: u32,
    /// Seconds for one attempt of one check.
    pub timeout: u32,
    /// What happens at the deadline.
    pub on_failure: OnFailure,
    /// Tries that the boot loader gives a release; a boot beyond them is one without an alternative.
    pub tries: u32,
    /// All of it.
    pub checks: Vec<Check>,
}

/// A check that the agent cannot make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCheck {
    /// An address.
    #[error("a check for a good boot cannot ask `{url}`")]
    Url {
        /// As it was written.
        url: String,
        /// Why not.
        #[source]
        source: BadUrl,
    },
    /// A command.
    #[error(
        "a check for a good boot must name its program by its absolute path, not `{0}`: nobody looks for it"
    )]
    Command(String),
}

/// The document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Too large.
    #[error("it has {0} bytes, more than {GATE_MAX}: no build writes one like this")]
    Size(usize),
    /// Not one of ours.
    #[error("it is not what a build writes")]
    Json(#[from] serde_json::Error),
    /// Of another version.
    #[error(
        "it has schema {0}, and this agent reads {GATE_SCHEMA}: the image has an agent of another version"
    )]
    Schema(u32),
    /// A check.
    #[error(transparent)]
    Check(#[from] BadCheck),
}

impl Gate {
    /// What the definition asks for, and what goes without saying: the system comes up, and with it what the definition
    /// itself adds.
    ///
    /// # Errors
    /// [`BadCheck`].
    pub fn of(system: &System) -> Result<Self, BadCheck> {
        let unit = |unit: &str| Check::Unit { unit: unit.to_owned() };
        let mut checks = vec![unit("multi-user.target")];
        for service in &system.services {
            let name = format!("{}.service", service.name);
            checks.push(if service.enable { unit(&name) } else { Check::NotFailed { unit: name } });
        }
        for check in &system.checks {
            if !checks.contains(check) {
                checks.push(check.clone());
            }
        }
        let gate = Self {
            schema: GATE_SCHEMA,
            deadline: system.health.deadline,
            timeout: system.health.timeout,
            on_failure: system.health.on_failure,
            tries: TRIES,
            checks,
        };
        gate.check()?;
        Ok(gate)
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`GateError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, GateError> {
        if bytes.len() > GATE_MAX {
            return Err(GateError::Size(bytes.len()));
        }
        /// What every version of it has.
        #[derive(Deserialize)]
        struct Versioned {
            schema: u32,
        }
        let Versioned { schema } = serde_json::from_slice(bytes)?;
        if schema != GATE_SCHEMA {
            return Err(GateError::Schema(schema));
        }
        let gate: Self = serde_json::from_slice(bytes)?;
        gate.check()?;
        Ok(gate)
    }

    /// The document as text.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: a gate has string keys only") + "\n"
    }

    /// Units that are looked at, in order, without doubles.
    #[must_use]
    pub fn units(&self) -> Vec<&str> {
        let mut units = Vec::new();
        for check in &self.checks {
            if let Check::Unit { unit } | Check::NotFailed { unit } = check
                && !units.contains(&unit.as_str())
            {
                units.push(unit.as_str());
            }
        }
        units
    }

    /// True where programs of the system run for it.
    #[must_use]
    pub fn runs_commands(&self) -> bool {
        self.checks.iter().any(|check| matches!(check, Check::Command { .. }))
    }

    fn check(&self) -> Result<(), BadCheck> {
        self.checks.iter().try_for_each(|check| match check {
            Check::Http { url } => match HttpUrl::parse(url) {
                Ok(_) => Ok(()),
                Err(source) => Err(BadCheck::Url { url: url.clone(), source }),
            },
            Check::Command { command } => match command.first() {
                Some(program) if program.starts_with('/') => Ok(()),
                program => Err(BadCheck::Command(program.cloned().unwrap_or_default())),
            },
            Check::Unit { .. } | Check::NotFailed { .. } | Check::Tcp { .. } | Check::Network => Ok(()),
        })
    }
}

/// A check in a few words: what is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a>(pub &'a Check);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Check::Unit { unit } | Check::NotFailed { unit } => f.write_str(unit),
            Check::Tcp { port } => write!(f, "port {port}"),
            Check::Http { url } => f.write_str(url),
            Check::Command { command } => f.write_str(&command.join(" ")),
            Check::Network => f.write_str("network"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::with_causes;

    fn gate(checks: &str) -> Result<Gate, GateError> {
        let rest = r#""deadline": 60, "timeout": 5, "on_failure": "reboot", "tries": 3"#;
        Gate::parse(format!(r#"{{"schema": 1, {rest}, "checks": [{checks}]}}"#).as_bytes())
    }

    #[test]
    fn what_is_written_is_read() {
        let checks = r#"{"kind": "unit", "unit": "a.service"}, {"kind": "not-failed", "unit": "a.service"},
            {"kind": "tcp", "port": 22}, {"kind": "http", "url": "http://127.0.0.1/"}, {"kind": "network"},
            {"kind": "command", "command": ["/bin/true"]}"#;
        let gate = gate(checks).unwrap();
        assert_eq!(Gate::parse(gate.text().as_bytes()).unwrap(), gate);
        assert_eq!(gate.units(), ["a.service"]);
        assert!(gate.runs_commands());
        let named: Vec<String> = gate.checks.iter().map(|check| Named(check).to_string()).collect();
        assert_eq!(named, ["a.service", "a.service", "port 22", "http://127.0.0.1/", "network", "/bin/true"]);
    }

    #[test]
    fn what_is_no_gate_says_why() {
        let said = |result: Result<Gate, GateError>| with_causes(&result.unwrap_err());
        insta::assert_snapshot!(said(Gate::parse(br#"{"schema": 7, "new": true}"#)), @"it has schema 7, and this agent reads 1: the image has an agent of another version");
        insta::assert_snapshot!(said(Gate::parse(b"{")), @"it is not what a build writes: EOF while parsing an object at line 1 column 1");
        insta::assert_snapshot!(said(Gate::parse(&vec![b' '; GATE_MAX + 1])), @"it has 1048577 bytes, more than 1048576: no build writes one like this");
        insta::assert_snapshot!(said(gate(r#"{"kind": "udp", "port": 1}"#)), @"it is not what a build writes: unknown variant `udp`, expected one of `unit`, `tcp`, `http`, `command`, `not-failed`, `network` at line 1 column 105");
        insta::assert_snapshot!(said(gate(r#"{"kind": "http", "url": "https://a/"}"#)), @"a check for a good boot cannot ask `https://a/`: only `http://` is asked; where a certificate matters, ask with a command");
        insta::assert_snapshot!(said(gate(r#"{"kind": "command", "command": ["true"]}"#)), @"a check for a good boot must name its program by its absolute path, not `true`: nobody looks for it");
    }
}
