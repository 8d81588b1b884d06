//! Programs of the machine, run for a bounded time.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with success.
    Well,
    /// By itself, without: its status, in words.
    Badly(String),
    /// It was stopped, being late.
    Stopped,
}

/// Runs `words[0]`, an absolute path, with the other words as its arguments; gives how it ended, and what it wrote: the
/// last `limit` bytes. After `patience` it, and what it started, are stopped. Its standard input is empty.
///
/// # Errors
/// It cannot be started.
pub fn run(words: &[String], limit: u64, patience: Duration) -> io::Result<(Ended, String)> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // A pipe that nobody reads stops who writes; a file in memory does not.
    let said = rustix::fs::memfd_create("pintle-agent", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut said = std::fs::File::from(said);
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said.try_clone()?);
    let mut child = command.env("LC_ALL", "C.UTF-8").process_group(0).spawn()?;
    let since = Instant::now();
    let ended = loop {
        match child.try_wait()? {
            Some(status) if status.success() => break Ended::Well,
            Some(status) => break Ended::Badly(status.to_string()),
            None if since.elapsed() >= patience => {
                stop(&mut child)?;
                break Ended::Stopped;
            }
            None => std::thread::sleep(LOOK),
        }
    };
    let len = said.seek(SeekFrom::End(0))?;
    said.seek(SeekFrom::Start(len.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    said.take(limit).read_to_end(&mut bytes)?;
    Ok((ended, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Ends the program with everything it started.
fn stop(child: &mut Child) -> io::Result<()> {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?;
    }
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, patience: u64) -> (Ended, String) {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&words, 8, Duration::from_millis(patience)).unwrap()
    }

    #[test]
    fn a_program_ends_well_badly_or_late() {
        assert_eq!(sh("echo a; echo b >&2", 9000), (Ended::Well, "a\nb\n".to_owned()));
        assert_eq!(
            sh("echo 0123456789; exit 3", 9000),
            (Ended::Badly("exit status: 3".to_owned()), "3456789\n".to_owned())
        );
        let since = Instant::now();
        assert_eq!(sh("echo x; sleep 60 & wait", 100), (Ended::Stopped, "x\n".to_owned()));
        assert!(since.elapsed() < Duration::from_secs(30));
        assert!(run(&["/nonexistent".to_owned()], 8, Duration::ZERO).is_err());
    }
}
