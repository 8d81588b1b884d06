//! `fuzz/ledger.toml`: how long each target was run without breaking.

use std::collections::BTreeMap;
use std::path::Path;

const HEAD: &str = "\
# How long each fuzz target ran without breaking: processor seconds (a run in the background of a busy machine counts
# for what it got), executions, and the day of the last run. Written by `cargo xtask fuzz --budget`, docs/fuzzing.md.
";

/// What one turn did.
pub(super) struct Share {
    /// Seconds of processor time.
    pub(super) seconds: u64,
    pub(super) executions: u64,
    /// Nothing broke.
    pub(super) sound: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    seconds: u64,
    executions: u64,
    date: String,
}

/// The file, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger(BTreeMap<String, Line>);

impl Ledger {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|line| format!("{}: what is `{line}`?", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// The few forms of TOML that [`Ledger::text`] has; the line that is of none of them.
    fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        let mut current = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let bad = || line.to_owned();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                current = Some(found.0.entry(name.to_owned()).or_default());
                continue;
            }
            let (entry, (key, value)) = current.as_mut().zip(line.split_once(" = ")).ok_or_else(bad)?;
            match key {
                "seconds" => entry.seconds = value.parse().map_err(|_| bad())?,
                "executions" => entry.executions = value.parse().map_err(|_| bad())?,
                "date" => value.trim_matches('"').clone_into(&mut entry.date),
                _ => return Err(bad()),
            }
        }
        Ok(found)
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (name, Line { seconds, executions, date }) in &self.0 {
            text +=
                &format!("\n[{name}]\nseconds = {seconds}\nexecutions = {executions}\ndate = \"{date}\"\n");
        }
        text
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        std::fs::write(path, self.text()).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn seconds(&self, target: &str) -> u64 {
        self.0.get(target).map_or(0, |line| line.seconds)
    }

    pub(super) fn add(&mut self, target: &str, share: &Share, date: &str) {
        let line = self.0.entry(target.to_owned()).or_default();
        // A turn that got nothing still counts as one, lest its target be chosen for ever.
        line.seconds += share.seconds.max(1);
        line.executions += share.executions;
        date.clone_into(&mut line.date);
    }
}

/// `YYYY-MM-DD`: the day is an argument, so that equal commands write equal files.
pub(super) fn check_date(text: &str) -> Result<(), String> {
    let shape = |(at, c): (usize, char)| if [4, 7].contains(&at) { c == '-' } else { c.is_ascii_digit() };
    let good = text.len() == 10 && text.chars().enumerate().all(shape);
    if good { Ok(()) } else { Err(format!("`{text}` is no day: write YYYY-MM-DD")) }
}

/// Seconds that ended children of this process had a processor (proc(5), `stat`, fields 16 and 17; Linux gives
/// programs 100 ticks a second on every architecture).
pub(super) fn processor_seconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok());
    ticks.sum::<u64>() / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut ledger = Ledger::default();
        ledger.add("ar", &Share { seconds: 60, executions: 12_345, sound: true }, "2026-01-02");
        ledger.add("ar", &Share { seconds: 0, executions: 5, sound: true }, "2026-01-03");
        assert_eq!((ledger.seconds("ar"), ledger.seconds("tar")), (61, 0));
        assert!(ledger.text().ends_with("\n[ar]\nseconds = 61\nexecutions = 12350\ndate = \"2026-01-03\"\n"));
        assert_eq!(Ledger::parse(&ledger.text()), Ok(ledger));
        assert_eq!(Ledger::parse("[ar]\nminutes = 2\n"), Err("minutes = 2".to_owned()));
        assert!(check_date("2026-11-20").is_ok() && check_date("20.11.2026").is_err());
    }
}
