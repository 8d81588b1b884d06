use crate::Machine;
use crate::program::{Ended, run};
use std::io;
use std::time::Duration;

/// What systemd is asked takes milliseconds; a machine that has nothing left for it takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer, in bytes: a unit has a hundred.
const ANSWER_MAX: u64 = 1 << 20;

impl Machine {
    /// What systemd says of `units` (systemctl(1), `show`): blocks of `KEY=VALUE`, with an empty line between.
    ///
    /// # Errors
    /// systemctl cannot be run, or fails.
    pub fn show_units(&self, properties: &str, units: &[&str]) -> io::Result<String> {
        if units.is_empty() {
            return Ok(String::new());
        }
        self.call(&[&["show", properties, "--"], units].concat())
    }

    /// Starts the machine again: services end as they should. Gives at once.
    ///
    /// # Errors
    /// systemctl cannot be run, or fails.
    pub fn reboot(&self) -> io::Result<()> {
        self.call(&["--no-block", "--message=this boot is not good", "reboot"]).map(drop)
    }

    fn call(&self, words: &[&str]) -> io::Result<String> {
        let program = self.systemctl().to_string_lossy().into_owned();
        let words: Vec<String> =
            std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned())).collect();
        match run(&words, ANSWER_MAX, PATIENCE)? {
            (Ended::Well, said) => Ok(said),
            (Ended::Badly(status), said) => {
                Err(io::Error::other(format!("systemctl {}: {status}: {}", words[1], said.trim())))
            }
            (Ended::Stopped, _) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("systemctl {} did not answer within {} s", words[1], PATIENCE.as_secs()),
            )),
        }
    }
}
