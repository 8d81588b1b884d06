//! QEMU as an outside thing: find it, ask what it can do, run it, read its serial line. What to boot and how is
//! decided by the caller, who hands over complete arguments.

mod accel;
mod serial;
mod tpm;
mod vm;

pub use serial::SerialLine;
pub use tpm::Tpm;
pub use vm::{Vm, VmExit};

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Oldest QEMU that is trusted: Debian 12's 7.2 crashes one in ten boots of kernel 6.12 without KVM.
pub const OLDEST: (u32, u32) = (8, 2);

/// An installed system emulator.
#[derive(Clone, Debug)]
pub struct Emulator {
    /// Path of `qemu-system-ARCH`.
    pub program: PathBuf,
    /// Major and minor version.
    pub version: (u32, u32),
}

/// What goes wrong around QEMU.
#[derive(Debug, thiserror::Error)]
pub enum QemuError {
    /// Not installed.
    #[error("`{program}` was not found in $PATH")]
    Missing {
        /// Name looked for.
        program: String,
    },
    /// Installed but too old.
    #[error("{program} is version {major}.{minor}; version {}.{} or newer is needed", OLDEST.0, OLDEST.1)]
    TooOld {
        /// Path of the program.
        program: PathBuf,
        /// Its major version.
        major: u32,
        /// Its minor version.
        minor: u32,
    },
    /// It cannot be run.
    #[error("cannot run {program}")]
    Spawn {
        /// Path of the program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It answers `--version` with something unknown.
    #[error("{program} --version answered {answer:?}")]
    Version {
        /// Path of the program.
        program: PathBuf,
        /// First line of the answer.
        answer: String,
    },
    /// A file of the machine's firmware or scratch space.
    #[error("{path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The TPM in software does not run.
    #[error("swtpm does not start with its state in {folder}: {said}")]
    Tpm {
        /// Folder of its state.
        folder: PathBuf,
        /// The last that it said.
        said: String,
    },
    /// It ended by itself before the guest was ready.
    #[error("QEMU ended with {status} before the guest was ready: {message}")]
    Ended {
        /// Exit status.
        status: String,
        /// The end of what it said on stderr.
        message: String,
    },
}

impl Emulator {
    /// Finds the emulator for QEMU's architecture name `arch` in `path` (the value of `$PATH`) and checks its version.
    ///
    /// # Errors
    /// [`QemuError::Missing`], [`QemuError::TooOld`], [`QemuError::Spawn`], [`QemuError::Version`].
    pub fn find(arch: &str, path: &OsString) -> Result<Self, QemuError> {
        let name = format!("qemu-system-{arch}");
        let program = std::env::split_paths(path)
            .map(|folder| folder.join(&name))
            .find(|file| file.is_file())
            .ok_or(QemuError::Missing { program: name })?;
        let output = Command::new(&program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|source| QemuError::Spawn { program: program.clone(), source })?;
        let answer = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
        let version =
            parse_version(&answer).ok_or_else(|| QemuError::Version { program: program.clone(), answer })?;
        if version < OLDEST {
            return Err(QemuError::TooOld { program, major: version.0, minor: version.1 });
        }
        Ok(Self { program, version })
    }
}

/// `QEMU emulator version 10.0.2 (Debian …)` to (10, 0).
fn parse_version(line: &str) -> Option<(u32, u32)> {
    let number = line.strip_prefix("QEMU emulator version ")?.split([' ', '(']).next()?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// First of `candidates` that is a readable file.
#[must_use]
pub fn first_file<'a>(candidates: &[&'a str]) -> Option<&'a Path> {
    candidates.iter().copied().map(Path::new).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)"), Some((10, 0)));
        assert_eq!(parse_version("QEMU emulator version 7.2.22 (Debian)"), Some((7, 2)));
        assert_eq!(parse_version("command not found"), None);
    }

    #[test]
    fn a_missing_emulator_is_named() {
        let error = Emulator::find("x86_64", &OsString::from("/nonexistent")).unwrap_err();
        assert_eq!(error.to_string(), "`qemu-system-x86_64` was not found in $PATH");
    }
}
