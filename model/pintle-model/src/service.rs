//! What a service is, whatever runs it.

use crate::SourceLine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command line as words; no shell is involved.
pub type Command = Vec<String>;

/// When a service counts as started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// As soon as the process runs.
    #[default]
    Started,
    /// When it says so (`sd_notify`).
    Notify,
    /// When it forked and the first process ended.
    Forked,
    /// When it ended with success: a job, not a daemon.
    Finished,
}

/// When a service is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Whenever it ends.
    Always,
    /// When it fails.
    #[default]
    OnFailure,
    /// Never.
    Never,
}

/// How far a service is fenced in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// No new privileges, private /tmp and devices, the system read-only, no kernel knobs.
    #[default]
    Strict,
    /// Private /tmp and no new privileges only.
    Light,
    /// Nothing.
    Off,
}

/// A directory a service owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateDirectory {
    /// `/var/lib/NAME`
    State,
    /// `/var/cache/NAME`
    Cache,
    /// `/var/log/NAME`
    Logs,
    /// `/run/NAME`
    Runtime,
}

/// A service described once; rendered for systemd, runit or s6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Name, without suffix.
    pub name: String,
    /// One line.
    #[serde(default)]
    pub description: String,
    /// What runs; the program is an absolute path.
    pub command: Command,
    /// Run before it, in order, to success.
    #[serde(default)]
    pub prepare: Vec<Command>,
    /// Tells it to read its configuration again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Command>,
    /// User it runs as; none: a user of its own, made for the occasion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Group; none: the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Services (or `network`, `time`, `local-files`) that must be up before it.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Services that should start before it if they start at all.
    #[serde(default)]
    pub after: Vec<String>,
    /// When it counts as started.
    #[serde(default)]
    pub ready: Ready,
    /// When it is started again.
    #[serde(default)]
    pub restart: Restart,
    /// Seconds between restarts.
    #[serde(default = "one_second")]
    pub restart_delay: u32,
    /// Environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Directories named after the service that it owns.
    #[serde(default)]
    pub directories: Vec<StateDirectory>,
    /// Paths it may write to beyond those.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Ports below 1024 may be bound.
    #[serde(default)]
    pub low_ports: bool,
    /// How far it is fenced in.
    #[serde(default)]
    pub sandbox: Sandbox,
    /// Started at boot.
    #[serde(default = "crate::system::yes")]
    pub enable: bool,
    /// Who wrote it.
    #[serde(default)]
    pub origin: SourceLine,
}

fn one_second() -> u32 {
    1
}
