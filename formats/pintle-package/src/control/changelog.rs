//! Debian changelogs: what changed between two versions of a source package.
//!
//! Reference: deb-changelog(5), Policy 4.4. What does not read as an entry (notes of editors, entries of the last
//! century) is passed over: a changelog informs, nothing is decided by it.

use super::date;
use super::version::compare;
use std::cmp::Ordering;

/// Longest changelog worth reading, unpacked: that of the kernel has 2.5 MB.
pub const CHANGELOG_MAX: u64 = 16 << 20;

/// What was done for one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Version of the source package; with `+bN` that of a rebuild.
    pub version: String,
    /// Distributions it was uploaded to (`trixie-security`), blank-separated.
    pub distribution: String,
    /// `urgency=`, lower-case, without a comment; empty when not said.
    pub urgency: String,
    /// When, seconds since 1970; none when the line is missing or unreadable.
    pub date: Option<i64>,
    /// The text, without the indentation common to all changelogs and without empty lines at its ends.
    pub changes: Vec<String>,
}

impl Entry {
    /// Numbers of the Common Vulnerabilities and Exposures list that the text names, sorted, each once.
    #[must_use]
    pub fn cves(&self) -> Vec<String> {
        let mut found: Vec<String> =
            self.changes.iter().flat_map(|line| cves(line)).map(str::to_owned).collect();
        found.sort_unstable_by_key(|cve| cve_key(cve));
        found.dedup();
        found
    }

    /// It went to a suite for security fixes.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.distribution.split(' ').any(|name| name.ends_with("-security") || name.ends_with("/updates"))
    }
}

/// `CVE-2025-10` after `CVE-2025-9`.
pub fn cve_key(cve: &str) -> (u64, u64) {
    let mut numbers = cve.split('-').skip(1).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// `CVE-`, a year, `-`, four digits or more.
fn cves(line: &str) -> impl Iterator<Item = &str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    line.match_indices("CVE-").filter_map(move |(at, start)| {
        let rest = &line[at + start.len()..];
        let year = digits(rest);
        let number = digits(rest.get(year..)?.strip_prefix('-')?);
        (year == 4 && (4..=12).contains(&number)).then(|| &line[at..at + start.len() + year + 1 + number])
    })
}

/// The entries of a changelog, newest first as they stand there.
pub fn entries(text: &str) -> impl Iterator<Item = Entry> + '_ {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        let mut entry = lines.find_map(head)?;
        while let Some(line) = lines.next_if(|line| head(line).is_none()) {
            if let Some(trailer) = line.strip_prefix(" -- ") {
                // `Name <address>  Fri, 07 Nov 2025 10:00:00 +0100`
                entry.date = trailer.split_once(">  ").and_then(|(_, date)| date::parse_mail(date.trim()));
                break;
            }
            entry.changes.push(line.strip_prefix("  ").unwrap_or(line).trim_end().to_owned());
        }
        trim(&mut entry.changes);
        Some(entry)
    })
}

fn trim(lines: &mut Vec<String>) {
    let start = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    lines.drain(..start);
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
}

/// `nginx (1.26.3-3+deb13u1) trixie-security; urgency=high`
fn head(line: &str) -> Option<Entry> {
    if line.starts_with([' ', '\t']) {
        return None;
    }
    let (name, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let (distribution, metadata) = rest.split_once(';')?;
    if name.contains(' ') || super::version::Version::new(version).is_err() {
        return None;
    }
    let value = |key: &str| {
        metadata.split(',').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.eq_ignore_ascii_case(key).then(|| value.split(' ').next().unwrap_or_default().to_lowercase())
        })
    };
    Some(Entry {
        version: version.to_owned(),
        distribution: distribution.split_whitespace().collect::<Vec<_>>().join(" "),
        urgency: value("urgency").unwrap_or_default(),
        ..Entry::default()
    })
}

/// The entries after one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// The changelog reaches back to the earlier version: nothing is missing.
    pub complete: bool,
}

/// Entries later than `before` (a source version); without it only the newest.
#[must_use]
pub fn since(text: &str, before: Option<&str>) -> Range {
    let mut range = Range::default();
    for entry in entries(text) {
        match before {
            Some(before) if compare(&entry.version, before) != Ordering::Greater => {
                range.complete = true;
                break;
            }
            None if !range.entries.is_empty() => break,
            _ => range.entries.push(entry),
        }
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
nginx (1.26.3-3+deb13u2) trixie-security; urgency=High, binary-only=no

  * Fix a leak (CVE-2025-23419, CVE-2025-1).
    - also CVE-2024-123456 and CVE-2025-23419.

  [ Somebody ]
  * Less.

 -- Jan <jan@example.org>  Fri, 07 Nov 2025 10:00:00 +0100

nginx (1.26.3-3+deb13u1) trixie; urgency=medium

  * One.

 -- Jan <jan@example.org>  sometime
Old notes:
nginx (1.26.3-3) unstable; urgency=low
  * First.
";

    #[test]
    fn entries_are_read() {
        let all: Vec<Entry> = entries(TEXT).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].version, "1.26.3-3+deb13u2");
        assert!(all[0].is_security() && !all[1].is_security());
        assert_eq!((all[0].urgency.as_str(), all[0].date), ("high", Some(1_762_506_000)));
        assert_eq!(all[0].cves(), ["CVE-2024-123456", "CVE-2025-23419"]);
        assert_eq!(all[0].changes.len(), 5);
        assert_eq!((all[1].date, all[2].changes.as_slice()), (None, &["* First.".to_owned()][..]));
    }

    #[test]
    fn a_range_ends_at_the_earlier_version() {
        let versions =
            |before| since(TEXT, before).entries.into_iter().map(|e| e.version).collect::<Vec<_>>();
        assert_eq!(versions(Some("1.26.3-3+deb13u1")), ["1.26.3-3+deb13u2"]);
        assert_eq!(versions(None), ["1.26.3-3+deb13u2"]);
        assert_eq!(versions(Some("1.26.3-3+deb13u2")), [""; 0]);
        assert!(since(TEXT, Some("1.26.3-3")).complete);
        let far = since(TEXT, Some("1.2"));
        assert!(far.entries.len() == 3 && !far.complete);
    }
}
