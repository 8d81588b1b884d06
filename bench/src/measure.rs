//! One run of a command, as the operating system accounts for it, and what several of them say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command that can be run many times.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) words: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) folder: PathBuf,
}

impl Call {
    pub(crate) fn new(words: &[&str], folder: &Path) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { words, env: Vec::new(), folder: folder.to_owned() }
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    fn command(&self, before: &[&str]) -> Command {
        let mut words = before.iter().copied().chain(self.words.iter().map(String::as_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Runs it, untimed.
    ///
    /// # Errors
    /// With what it printed, when it fails.
    pub(crate) fn run(&self) -> Result<String, String> {
        finished(self.command(&[]), &self.words)
    }

    /// Runs it under GNU time, whose figures include all children: processor seconds of all, memory of the largest.
    ///
    /// # Errors
    /// As [`Call::run`].
    pub(crate) fn time(&self) -> Result<Sample, String> {
        let file = tempfile::NamedTempFile::new().map_err(|error| format!("a temporary file: {error}"))?;
        let path = file.path().to_string_lossy().into_owned();
        let before = ["/usr/bin/time", "--quiet", "-f", "%e %U %S %M", "-o", path.as_str()];
        finished(self.command(&before), &self.words)?;
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        Sample::parse(&text).ok_or_else(|| format!("`time` printed {text:?}"))
    }
}

fn finished(mut command: Command, words: &[String]) -> Result<String, String> {
    let shown = words.join(" ");
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{shown} ended with {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)))
}

/// What one run took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Processor seconds of the command and its children, in user and system mode.
    pub(crate) cpu: f64,
    /// Largest resident set of one process, MiB.
    pub(crate) peak: f64,
}

impl Sample {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<f64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [wall, user, system, kib] = fields[..] else { return None };
        Some(Self { wall, cpu: user + system, peak: kib / 1024.0 })
    }
}

/// One figure over several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Self { min: values[0], median, max: values[values.len() - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_time_are_read() {
        let sample = Sample::parse("1.50 1.25 0.25 204800\n").unwrap();
        assert_eq!(sample, Sample { wall: 1.5, cpu: 1.5, peak: 200.0 });
        assert_eq!(Sample::parse("Command exited with non-zero status 1\n"), None);
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()).median, 2.5);
    }

    #[test]
    fn a_failing_command_shows_what_it_said() {
        let error = Call::new(&["sh", "-c", "echo why >&2; exit 3"], Path::new("/")).run().unwrap_err();
        assert!(error.contains("why") && error.contains("exit status: 3"), "{error}");
    }
}
