//! Package versions and their order.
//!
//! Reference: Debian Policy 5.6.12; deb-version(7). The order is dpkg's: epoch, upstream version, revision; within a
//! part runs of digits compare as numbers, `~` sorts before everything, even the end.

use std::cmp::Ordering;
use std::fmt;

/// A checked version, `[epoch:]upstream[-revision]`. Versions that sort equal are equal (`1.0` and `0:1.00`).
#[derive(Clone, Copy, Debug)]
pub struct Version<'a>(&'a str);

/// The text is no version.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{version}` is not a version: {problem}")]
pub struct BadVersion {
    /// The text, shortened.
    pub version: String,
    /// What is wrong, as a phrase.
    pub problem: &'static str,
}

impl<'a> Version<'a> {
    /// Checks `text` as dpkg does when it reads a version strictly.
    ///
    /// # Errors
    /// [`BadVersion`] names the rule that is broken.
    pub fn new(text: &'a str) -> Result<Self, BadVersion> {
        match fault(text) {
            None => Ok(Self(text)),
            Some(problem) => Err(BadVersion { version: super::deb822::excerpt(text), problem }),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

fn fault(text: &str) -> Option<&'static str> {
    // Nearly every version has no epoch and only plain characters: one look at each byte.
    let mut colon = None;
    let mut hyphen = None;
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'~' => {}
            b':' => colon = colon.or(Some(at)),
            b'-' => hyphen = Some(at),
            _ => return Some("only letters, digits and `.` `+` `-` `~` `:` may be in it"),
        }
    }
    if let Some(colon) = colon {
        let epoch = &text[..colon];
        if epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()) || epoch.parse::<i32>().is_err() {
            return Some("the epoch before the colon is not a number");
        }
    }
    let start = colon.map_or(0, |at| at + 1);
    let end = hyphen.unwrap_or(text.len());
    if start >= end {
        return Some("it is empty");
    }
    if !text.as_bytes()[start].is_ascii_digit() {
        return Some("it does not start with a digit");
    }
    match &text[end..] {
        "-" => Some("nothing follows the last hyphen"),
        revision if revision.contains(':') => Some("a colon follows the last hyphen"),
        _ => None,
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version<'_> {}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The order of two versions as dpkg sees it. Never fails; texts that are no versions have some order too.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a_epoch, a_rest) = a.split_once(':').unwrap_or(("0", a));
    let (b_epoch, b_rest) = b.split_once(':').unwrap_or(("0", b));
    let (a_upstream, a_revision) = a_rest.rsplit_once('-').unwrap_or((a_rest, ""));
    let (b_upstream, b_revision) = b_rest.rsplit_once('-').unwrap_or((b_rest, ""));
    part(a_epoch, b_epoch)
        .then_with(|| part(a_upstream, b_upstream))
        .then_with(|| part(a_revision, b_revision))
}

/// Turns of non-digits (by weight) and digits (by value).
fn part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        while a.first().is_some_and(|c| !c.is_ascii_digit()) || b.first().is_some_and(|c| !c.is_ascii_digit())
        {
            match weight(a.first()).cmp(&weight(b.first())) {
                Ordering::Equal => (a, b) = (rest(a), rest(b)),
                different => return different,
            }
        }
        let (a_number, b_number) = (digits(&mut a), digits(&mut b));
        match a_number.len().cmp(&b_number.len()).then_with(|| a_number.cmp(b_number)) {
            Ordering::Equal => {}
            different => return different,
        }
    }
    Ordering::Equal
}

fn rest(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}

/// Takes a run of digits off the front, without its leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let len = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let (run, after) = text.split_at(len);
    *text = after;
    let zeros = run.iter().take_while(|&&c| c == b'0').count();
    &run[zeros..]
}

/// `~` before the end (and before a digit, which ends the turn), then letters, then the rest.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        None => 0,
        Some(b'~') => -1,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}
