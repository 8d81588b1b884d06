use super::serial::{SerialLine, pump};
use super::{Emulator, QemuError};
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A running virtual machine. Dropping it ends it.
pub struct Vm {
    child: Child,
    lines: Receiver<SerialLine>,
    log: Arc<Mutex<Vec<u8>>>,
    errors: Arc<Mutex<String>>,
    start: Instant,
}

/// How a virtual machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmExit {
    /// True for exit status 0: the guest powered off.
    pub success: bool,
    /// Exit status in words.
    pub status: String,
}

impl Vm {
    /// Starts `emulator` with `args`; its standard output must be the guest's serial line (`-serial stdio`).
    ///
    /// # Errors
    /// [`QemuError::Spawn`].
    pub fn start(emulator: &Emulator, args: &[OsString], show: bool) -> Result<Self, QemuError> {
        let start = Instant::now();
        let mut child = Command::new(&emulator.program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| QemuError::Spawn { program: emulator.program.clone(), source })?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let errors = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                pump(stdout, start, |bytes, line| {
                    if let Ok(mut log) = log.lock() {
                        log.extend_from_slice(bytes);
                    }
                    if show && !bytes.is_empty() {
                        // A closed terminal must not end the guest.
                        drop(std::io::stderr().write_all(bytes));
                    }
                    if let Some(line) = line {
                        // Nobody listens any more once the caller has what it wanted.
                        drop(sender.send(line));
                    }
                });
            });
        }
        if let Some(mut stderr) = child.stderr.take() {
            let errors = Arc::clone(&errors);
            std::thread::spawn(move || {
                let mut chunk = [0; 1024];
                while let Ok(n @ 1..) = stderr.read(&mut chunk) {
                    if let Ok(mut errors) = errors.lock() {
                        errors.push_str(&String::from_utf8_lossy(&chunk[..n]));
                    }
                }
            });
        }
        Ok(Self { child, lines, log, errors, start })
    }

    /// The next line of the serial console; `None` when none came within `patience`.
    pub fn line(&self, patience: Duration) -> Option<SerialLine> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(patience);
                None
            }
        }
    }

    /// Time since the emulator was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Process id of the emulator.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything the serial console said so far, raw.
    #[must_use]
    pub fn log(&self) -> Vec<u8> {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn exited(&mut self) -> Option<VmExit> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(VmExit { success: status.success(), status: status.to_string() })
    }

    /// The end of what the emulator itself said.
    #[must_use]
    pub fn errors(&self) -> String {
        let text = self.errors.lock().map(|text| text.clone()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("; ")
    }

    /// [`QemuError::Ended`] if it ended, for callers that still wait for the guest.
    ///
    /// # Errors
    /// That one.
    pub fn still_running(&mut self) -> Result<(), QemuError> {
        match self.exited() {
            None => Ok(()),
            Some(exit) => Err(QemuError::Ended { status: exit.status, message: self.errors() }),
        }
    }
}

impl Emulator {
    /// Runs with `args` in the foreground: the terminal belongs to the guest (`-serial mon:stdio`).
    ///
    /// # Errors
    /// [`QemuError::Spawn`], or [`QemuError::Ended`] when it ends with an error.
    pub fn run_in_terminal(&self, args: &[OsString]) -> Result<(), QemuError> {
        let status = Command::new(&self.program)
            .args(args)
            .status()
            .map_err(|source| QemuError::Spawn { program: self.program.clone(), source })?;
        if status.success() {
            return Ok(());
        }
        Err(QemuError::Ended { status: status.to_string(), message: "see above".to_owned() })
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
