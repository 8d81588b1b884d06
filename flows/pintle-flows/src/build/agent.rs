//! The agent: a program of the project that was built for the system, on its way into it.

use pintle_assemble::AgentFiles;
use pintle_health::{BadCheck, Gate};
use pintle_model::{Blob, Digest, Layout, System};
use pintle_world::files;
use std::io;
use std::path::{Path, PathBuf};

/// The agent in an image, as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Embedded {
    /// Where it is in the system.
    pub path: &'static str,
    /// What it is.
    pub sha256: Digest,
}

/// The agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) blob: Blob,
    pub(super) embedded: Embedded,
    gate: String,
    runs_commands: bool,
}

impl Agent {
    /// What goes into the system.
    pub(super) fn files(&self) -> AgentFiles<'_> {
        AgentFiles { program: &self.blob, gate: &self.gate, runs_commands: self.runs_commands }
    }
}

/// There is none, where the system needs it.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nobody named one, and there is none beside this program.
    #[error("the layout `verified` needs the agent, and there is none beside this program")]
    Unknown,
    /// Not there.
    #[error("there is no agent at {}", .0.display())]
    Absent(PathBuf),
    /// What a good boot is cannot be looked at.
    #[error("the agent cannot make a check")]
    Check(#[from] BadCheck),
    /// Not readable.
    #[error("cannot read the agent, {}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// True where the system has an agent: it says there whether a boot is good.
pub(crate) fn wanted(system: &System) -> bool {
    system.image.layout == Layout::Verified
}

/// Reads the agent of `system` from `path`; none where it needs none.
///
/// # Errors
/// [`AgentError`].
pub(super) fn read(system: &System, path: Option<&Path>) -> Result<Option<Agent>, AgentError> {
    if !wanted(system) {
        return Ok(None);
    }
    let bytes = bytes(path)?;
    let embedded = Embedded { path: pintle_assemble::AGENT, sha256: Digest::of(&bytes) };
    let blob = Blob::inline(bytes).with_digest(embedded.sha256);
    let gate = Gate::of(system)?;
    Ok(Some(Agent { blob, embedded, gate: gate.text(), runs_commands: gate.runs_commands() }))
}

/// Its bytes.
///
/// # Errors
/// [`AgentError`].
pub(crate) fn bytes(path: Option<&Path>) -> Result<Vec<u8>, AgentError> {
    let path = path.ok_or(AgentError::Unknown)?;
    let bytes = files::read(path).map_err(|source| AgentError::Read { path: path.to_owned(), source })?;
    bytes.ok_or_else(|| AgentError::Absent(path.to_owned()))
}
