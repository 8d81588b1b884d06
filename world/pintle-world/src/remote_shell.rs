//! A command on another machine, by the system's own `ssh`: it knows the user's agents, jump hosts, keys and
//! configuration, asks for passwords itself, and shares connections where it is told to.

use crate::ssh::SshError;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What ssh says that is kept: far more than any of its messages has.
const SAID_MAX: usize = 200;
/// Bytes of one line that are kept: the rest of a longer one is a line of its own.
const LINE_MAX: u64 = 4096;
/// How often an ending process is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Who to log in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `user@host`, or a host, or a name of the user's ssh configuration.
    pub destination: String,
    /// Port; none: what the configuration says.
    pub port: Option<u16>,
    /// Options of ssh_config(5), `KEY=VALUE`.
    pub options: Vec<String>,
}

/// `word` as every POSIX shell takes it, and fish and csh too: nothing in it means anything.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-+:=@,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A command that runs on another machine.
#[derive(Debug)]
pub struct RemoteShell {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    listener: Option<JoinHandle<()>>,
}

/// How long its end is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

impl RemoteShell {
    /// Starts `command` on `host`, word by word as given; its standard input and output come with it.
    ///
    /// # Errors
    /// [`SshError::Spawn`]. That the host cannot be reached shows as the end of the output.
    pub fn open(host: &Host, command: &[&str]) -> Result<(Self, ChildStdin, ChildStdout), SshError> {
        let spawn = |source| SshError::Spawn { program: "ssh", source };
        let mut child = Self::command(host, command).spawn().map_err(spawn)?;
        let missing = || spawn(std::io::ErrorKind::BrokenPipe.into());
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = (input.ok_or_else(missing)?, output.ok_or_else(missing)?);
        let said = Arc::default();
        let listener = child.stderr.take().map(|stderr| listen(stderr, Arc::clone(&said)));
        Ok((Self { child, said, listener }, input, output))
    }

    fn command(host: &Host, command: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-T");
        // The first value of an option counts: the user's own come before ours, which notice a dead connection.
        let ours = ["ServerAliveInterval=15".to_owned(), "ServerAliveCountMax=4".to_owned()];
        for option in host.options.iter().chain(&ours) {
            ssh.arg("-o").arg(option);
        }
        if let Some(port) = host.port {
            ssh.arg("-p").arg(port.to_string());
        }
        ssh.arg("--").arg(&host.destination);
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        ssh.arg(words.join(" "));
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh
    }

    /// What ssh, or the command there, said on standard error so far, line by line.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the end, for a moment: its status and all that was said. None: it had to be killed. Standard input
    /// must be closed, which is what ends the command there.
    pub fn end(&mut self) -> Option<ExitStatus> {
        let status = self.wait();
        if status.is_none() {
            // Nobody is left to be told when that fails.
            self.child.kill().ok();
            self.child.wait().ok();
        }
        // A connection that is shared stays, and with it who holds the other end of standard error.
        let mut waited = Duration::ZERO;
        while self.listener.as_ref().is_some_and(|one| !one.is_finished()) && waited < PATIENCE / 10 {
            std::thread::sleep(TICK);
            waited += TICK;
        }
        status
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let mut waited = Duration::ZERO;
        loop {
            match self.child.try_wait() {
                Ok(None) if waited < PATIENCE => std::thread::sleep(TICK),
                Ok(status) => return status,
                Err(_) => return None,
            }
            waited += TICK;
        }
    }
}

impl Drop for RemoteShell {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(stderr: impl Read + Send + 'static, said: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        // A stream that cannot be read has nothing more to say.
        while lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if !text.is_empty() && said.len() < SAID_MAX {
                said.push(text);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gives_back_every_word_as_it_was() {
        let words = ["plain", "", "a b", "it's", "$HOME `id` \\ \"x\" !", "*", "-n", "line\nbreak", "ü"];
        for word in words {
            for shell in ["sh", "bash"] {
                let script = format!("printf %s {}", quoted(word));
                let output = Command::new(shell).args(["-c", &script]).output().unwrap();
                assert_eq!(String::from_utf8_lossy(&output.stdout), word, "{shell}: {script}");
            }
        }
    }

    #[test]
    fn the_users_options_come_first_and_no_destination_is_an_option() {
        let host = Host {
            destination: "me@build.example".to_owned(),
            port: Some(2222),
            options: vec!["ProxyJump=gate".to_owned()],
        };
        let command = RemoteShell::command(&host, &["sh", "-s", "--", "a b"]);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        assert_eq!(
            words.join(" | "),
            "-T | -o | ProxyJump=gate | -o | ServerAliveInterval=15 | -o | ServerAliveCountMax=4 | -p | 2222 | -- | \
             me@build.example | sh -s -- 'a b'"
        );
    }
}
