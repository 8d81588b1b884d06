//! OpenSSH's own programs: they know the user's agents, jump hosts and configuration; we only pass words.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// What goes wrong around `ssh`.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// Not installed, or not to be run.
    #[error("cannot run `{program}`")]
    Spawn {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `ssh-keygen` failed.
    #[error("ssh-keygen could not make {path}: {message}")]
    Keygen {
        /// Key file.
        path: PathBuf,
        /// What it said.
        message: String,
    },
    /// The public key cannot be read back.
    #[error("cannot read {path}")]
    Read {
        /// Key file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Makes a fresh ed25519 key pair without passphrase at `path` and `path.pub`; returns the public line.
/// For throw-away machines only.
///
/// # Errors
/// [`SshError::Spawn`], [`SshError::Keygen`], [`SshError::Read`].
pub fn make_key(path: &Path) -> Result<String, SshError> {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "pintle run", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SshError::Spawn { program: "ssh-keygen", source })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(SshError::Keygen { path: path.to_owned(), message });
    }
    let public = path.with_extension("pub");
    let line = std::fs::read_to_string(&public).map_err(|source| SshError::Read { path: public, source })?;
    Ok(line.trim().to_owned())
}

/// Where and how to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// User.
    pub user: String,
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Private key; none: what the user's own configuration says.
    pub key: Option<PathBuf>,
}

impl Login {
    /// Runs `command` there (none: a shell), with this process's standard streams.
    ///
    /// # Errors
    /// [`SshError::Spawn`].
    pub fn run(&self, command: &[String]) -> Result<ExitStatus, SshError> {
        self.command(command).status().map_err(|source| SshError::Spawn { program: "ssh", source })
    }

    /// Runs `command` there and keeps what it says on standard output.
    ///
    /// # Errors
    /// [`SshError::Spawn`].
    pub fn output(&self, command: &[String]) -> Result<std::process::Output, SshError> {
        self.command(command)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| SshError::Spawn { program: "ssh", source })
    }

    /// A virtual machine of ours has a new host key each time, so it is neither checked nor remembered; the
    /// connection does not leave this host.
    fn command(&self, command: &[String]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-p"])
            .arg(self.port.to_string());
        if let Some(key) = &self.key {
            ssh.args(["-o", "IdentitiesOnly=yes", "-o", "PasswordAuthentication=no", "-i"]).arg(key);
        }
        ssh.arg(format!("{}@{}", self.user, self.host)).arg("--");
        ssh.args(command.iter().map(OsString::from));
        ssh
    }
}

/// True when something on `address` greets as an SSH server does (RFC 4253, section 4.2).
#[must_use]
pub fn greets(address: SocketAddr, patience: Duration) -> bool {
    use std::io::Read as _;
    let Ok(mut stream) = TcpStream::connect_timeout(&address, patience) else { return false };
    let mut greeting = [0; 4];
    stream.set_read_timeout(Some(patience)).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && &greeting == b"SSH-"
}
