//! Secrets of a machine, added to a copy of its initrd by a program of its own (`boot.initrd.secrets` of NixOS).

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why an initrd has no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The copy.
    #[error("cannot copy {} to add secrets to it", .0.display())]
    Copy(PathBuf, #[source] io::Error),
    /// The program.
    #[error("cannot run {}", .0.display())]
    Start(PathBuf, #[source] io::Error),
    /// What it says.
    #[error("{} ended with {status}{}", .program.display(), said(.message))]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: String,
        /// The end of what it said.
        message: String,
    },
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// Most of a program's message that is shown.
const MESSAGE_MAX: usize = 2000;

/// Adds secrets to initrds.
pub trait InitrdSecrets {
    /// The path of a copy of `initrd` to which `program` added its secrets. It lives as long as this value.
    ///
    /// # Errors
    /// [`SecretsError`].
    fn add(&mut self, program: &Path, initrd: &Path) -> Result<PathBuf, SecretsError>;
}

/// Runs the program itself, on copies in a folder that only this user can enter.
#[derive(Debug)]
pub struct Programs {
    folder: tempfile::TempDir,
    count: usize,
}

impl Programs {
    /// With a new folder.
    ///
    /// # Errors
    /// Of the file system.
    pub fn new() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let private = std::fs::Permissions::from_mode(0o700);
        builder.prefix("pintle-initrd-").permissions(private);
        Ok(Self { folder: builder.tempdir()?, count: 0 })
    }
}

impl InitrdSecrets for Programs {
    fn add(&mut self, program: &Path, initrd: &Path) -> Result<PathBuf, SecretsError> {
        self.count += 1;
        let copy = self.folder.path().join(self.count.to_string());
        let failed = |error| SecretsError::Copy(initrd.to_owned(), error);
        std::fs::copy(initrd, &copy).map_err(failed)?;
        // Files of a store are read-only.
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let output = Command::new(program).arg(&copy).stdin(Stdio::null()).output();
        let output = output.map_err(|error| SecretsError::Start(program.to_owned(), error))?;
        if output.status.success() {
            return Ok(copy);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let end: String = said.trim().chars().rev().take(MESSAGE_MAX).collect();
        let message = end.chars().rev().collect();
        Err(SecretsError::Failed { program: program.to_owned(), status: output.status.to_string(), message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_program_sees_a_private_copy() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let script = |name: &str, text: &str| {
            fs::write(at(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        fs::write(at("initrd"), "initrd").unwrap();
        fs::set_permissions(at("initrd"), fs::Permissions::from_mode(0o444)).unwrap();
        script(
            "add",
            "[ \"$(stat -c %a \"$1\" \"${1%/*}\")\" = \"600\n700\" ] && printf ' and secrets' >> \"$1\"",
        );
        script("fail", "echo no key for you >&2; exit 3");
        let mut programs = Programs::new().unwrap();
        let copy = programs.add(&at("add"), &at("initrd")).unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), "initrd and secrets");
        assert_eq!(fs::read_to_string(at("initrd")).unwrap(), "initrd");
        let shown =
            |error: SecretsError| error.to_string().replace(&folder.path().display().to_string(), "DIR");
        let error = shown(programs.add(&at("fail"), &at("initrd")).unwrap_err());
        insta::assert_snapshot!(error, @"DIR/fail ended with exit status: 3: no key for you");
        insta::assert_snapshot!(shown(programs.add(&at("none"), &at("initrd")).unwrap_err()), @"cannot run DIR/none");
        insta::assert_snapshot!(shown(programs.add(&at("add"), &at("none")).unwrap_err()), @"cannot copy DIR/none to add secrets to it");
        drop(programs);
        assert!(!copy.exists(), "secrets do not stay");
    }
}
