//! The machine the agent runs on: its files, what systemd says, what its services answer, how it is started again.
//! Decides nothing.

mod esp;
mod files;
mod folder;
mod probe;
mod program;
mod systemd;

pub use esp::Esp;
pub use files::FileError;
pub use folder::{Found, FoundKind};
pub use probe::{answer, connects};
pub use program::{Ended, run};

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running machine.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
    systemctl: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new(PathBuf::from("/"), PathBuf::from("/usr/bin/systemctl"))
    }
}

impl Machine {
    /// One whose files are below `root`, and whose units `systemctl` knows.
    #[must_use]
    pub fn new(root: PathBuf, systemctl: PathBuf) -> Self {
        Self { root, systemctl }
    }

    /// `path`, which is absolute, on this machine.
    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The program that speaks for systemd.
    #[must_use]
    pub fn systemctl(&self) -> &Path {
        &self.systemctl
    }

    /// How long ago the kernel started, suspended time included (proc(5), `/proc/uptime`).
    ///
    /// # Errors
    /// [`FileError`].
    pub fn uptime(&self) -> Result<Duration, FileError> {
        let path = "/proc/uptime";
        let text = self.text(path, 256)?.unwrap_or_default();
        let seconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
        let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        uptime.ok_or_else(|| FileError::Strange { path: path.to_owned() })
    }
}

/// Waits.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
