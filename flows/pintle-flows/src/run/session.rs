//! Running machines leave a note in the user's runtime directory, so that `pintle ssh` finds them.

use pintle_world::ssh::Login;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The note of one running machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Name: of the system, or of the image file.
    pub name: String,
    /// Process id of the emulator.
    pub pid: u32,
    /// Port of this host that leads to the guest's SSH server.
    pub ssh_port: u16,
    /// Private key that root of the guest accepts.
    pub key: PathBuf,
}

/// Why no session can be used.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// None runs.
    #[error("no machine is running (start one with `pintle run`)")]
    None,
    /// Several run and none was named.
    #[error("several machines are running: {0}; name one")]
    Several(String),
    /// None of that name runs.
    #[error("no machine named `{name}` is running{}", if running.is_empty() { String::new() } else { format!(" (running: {running})") })]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that run.
        running: String,
    },
    /// A note cannot be written.
    #[error("cannot leave a note for `pintle ssh`")]
    Write(#[source] pintle_world::atomic::AtomicError),
    /// A note cannot be read.
    #[error("{path}")]
    File {
        /// The note.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

const NOTE: &str = "session.json";

impl Session {
    /// Writes the note into `folder`, which is the machine's own.
    ///
    /// # Errors
    /// [`SessionError::Write`].
    pub fn write(&self, folder: &Path) -> Result<(), SessionError> {
        let text = serde_json::to_vec(self).expect("invariant: a session has string keys only");
        pintle_world::atomic::write(folder.join(NOTE), &text).map_err(SessionError::Write)
    }

    /// How to log in as `user`.
    #[must_use]
    pub fn login(&self, user: &str) -> Login {
        Login {
            user: user.to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.ssh_port,
            key: Some(self.key.clone()),
        }
    }
}

/// All machines that run, from the folders below `runtime`. Notes of machines that are gone are skipped.
///
/// # Errors
/// [`SessionError::File`].
pub fn running(runtime: &Path) -> Result<Vec<Session>, SessionError> {
    let fail = |source| SessionError::File { path: runtime.to_owned(), source };
    let mut found: Vec<Session> = Vec::new();
    for folder in pintle_world::files::folders(runtime).map_err(fail)? {
        let path = folder.join(NOTE);
        let Some(bytes) =
            pintle_world::files::read(&path).map_err(|source| SessionError::File { path, source })?
        else {
            continue;
        };
        // A half-known note is one of another version: its machine is not ours to enter.
        if let Ok(session) = serde_json::from_slice::<Session>(&bytes)
            && pintle_world::files::process_lives(session.pid)
        {
            found.push(session);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The machine named `name`, or the only one.
///
/// # Errors
/// [`SessionError`], saying which run.
pub fn choose(mut sessions: Vec<Session>, name: Option<&str>) -> Result<Session, SessionError> {
    let names = sessions.iter().map(|session| session.name.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => sessions
            .into_iter()
            .rfind(|session| session.name == name)
            .ok_or_else(|| SessionError::Unknown { name: name.to_owned(), running: names }),
        None if sessions.len() > 1 => Err(SessionError::Several(names)),
        None => sessions.pop().ok_or(SessionError::None),
    }
}
