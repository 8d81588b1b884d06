use std::fmt;

/// The file name of a boot entry, taken apart (UAPI.1, "Boot counting"): `web_1.2+3-0.efi` is entry `web_1.2` with
/// three tries left and none done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootName {
    stem: String,
    tries: Option<Tries>,
    kind: &'static str,
}

/// Tries that a release has, before its first boot and again after each good one.
pub const TRIES: u32 = 3;

/// A boot counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// Tries left; 0: the entry is bad.
    pub left: u32,
    /// Tries done; none: not counted in the name.
    pub done: Option<u32>,
    /// Digits `left` is written with, at least.
    pub left_width: usize,
    /// Digits `done` is written with, at least.
    pub done_width: usize,
}

/// Why a text is no name of a boot entry.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBootName {
    /// Not `.efi` or `.conf`.
    #[error("`{0}` is no boot entry: it ends neither in `.efi` nor in `.conf`")]
    Kind(String),
    /// Empty or with characters outside of `A-Za-z0-9+_.-`.
    #[error("`{0}` cannot name a boot entry (letters, digits, `+`, `_`, `.`, `-` only)")]
    Characters(String),
    /// Over 255 bytes.
    #[error("`{0}…` is longer than 255 bytes, too long for a file name")]
    Long(String),
    /// The entry's own name looks like a counter at its end.
    #[error(
        "`{0}` ends like a boot counter: the boot loader would count it down (avoid `+` and a number at the end)"
    )]
    LooksCounted(String),
}

const KINDS: [&str; 2] = [".efi", ".conf"];
/// Longest counter that is understood: systemd reads an unsigned 32-bit number.
const DIGITS_MAX: usize = 9;

impl BootName {
    /// The name of a unified kernel image without counter.
    ///
    /// # Errors
    /// [`BadBootName`]; a `stem` that would read as a counter is refused.
    pub fn image(stem: &str) -> Result<Self, BadBootName> {
        let name = Self::parse(&format!("{stem}.efi"))?;
        if name.tries.is_some() { Err(BadBootName::LooksCounted(stem.to_owned())) } else { Ok(name) }
    }

    /// Takes a file name apart.
    ///
    /// # Errors
    /// [`BadBootName`].
    pub fn parse(name: &str) -> Result<Self, BadBootName> {
        if name.len() > 255 {
            return Err(BadBootName::Long(name.chars().take(60).collect()));
        }
        let kind = KINDS.into_iter().find(|kind| name.ends_with(kind));
        let kind = kind.ok_or_else(|| BadBootName::Kind(name.to_owned()))?;
        let all = &name[..name.len() - kind.len()];
        let (stem, tries) = split_tries(all).map_or((all, None), |(stem, tries)| (stem, Some(tries)));
        let good = |b: u8| b.is_ascii_alphanumeric() || b"+_.-".contains(&b);
        if stem.is_empty() || !stem.bytes().all(good) {
            return Err(BadBootName::Characters(stem.escape_debug().to_string()));
        }
        Ok(Self { stem: stem.to_owned(), tries, kind })
    }

    /// Without counter and extension: what identifies the entry.
    #[must_use]
    pub fn stem(&self) -> &str {
        &self.stem
    }

    /// The counter; none: the entry is good, or was never counted.
    #[must_use]
    pub fn tries(&self) -> Option<Tries> {
        self.tries
    }

    /// The same entry with `left` tries (at most 9), none done.
    #[must_use]
    pub fn with_tries(mut self, left: u32) -> Self {
        // The count of done tries is there from the beginning, so that the name's length never changes.
        self.tries = Some(Tries { left: left.min(9), done: Some(0), left_width: 1, done_width: 1 });
        self
    }

    /// The same entry, found good: no counter.
    #[must_use]
    pub fn blessed(mut self) -> Self {
        self.tries = None;
        self
    }

    /// The same entry after the boot loader started it once more. Good and bad entries stay as they are.
    #[must_use]
    pub fn tried(mut self) -> Self {
        if let Some(tries) = self.tries.as_mut().filter(|tries| tries.left > 0) {
            tries.left -= 1;
            tries.done = tries.done.map(|done| (done + 1).min(10u32.pow(tries.done_width as u32) - 1));
        }
        self
    }

    /// No tries are left.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.tries.is_some_and(|tries| tries.left == 0)
    }
}

impl fmt::Display for BootName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stem)?;
        if let Some(Tries { left, done, left_width, done_width }) = self.tries {
            write!(f, "+{left:0left_width$}")?;
            if let Some(done) = done {
                write!(f, "-{done:0done_width$}")?;
            }
        }
        f.write_str(self.kind)
    }
}

fn split_tries(all: &str) -> Option<(&str, Tries)> {
    let (stem, counter) = all.rsplit_once('+')?;
    let (left, done) = match counter.split_once('-') {
        Some((left, done)) => (left, Some(done)),
        None => (counter, None),
    };
    let number = |digits: &str| {
        let good = (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if good { digits.parse::<u32>().ok() } else { None }
    };
    let done_width = done.map_or(0, str::len);
    let done = match done {
        Some(digits) => Some(number(digits)?),
        None => None,
    };
    Some((stem, Tries { left: number(left)?, done, left_width: left.len(), done_width }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The walk of UAPI.1's example: three tries, down to none, or blessed on the way.
    #[test]
    fn generations_of_a_name() {
        let mut name = BootName::image("web_1.2").unwrap().with_tries(3);
        let mut seen = vec![name.to_string()];
        for _ in 0..4 {
            name = name.tried();
            seen.push(name.to_string());
        }
        let expect =
            ["web_1.2+3-0.efi", "web_1.2+2-1.efi", "web_1.2+1-2.efi", "web_1.2+0-3.efi", "web_1.2+0-3.efi"];
        assert_eq!(seen, expect);
        assert!(name.is_bad());
        assert_eq!(name.blessed().tried().to_string(), "web_1.2.efi");
        assert_eq!(BootName::parse("a+010-99.conf").unwrap().tried().to_string(), "a+009-99.conf");
        assert_eq!(BootName::parse("a+2.conf").unwrap().tried().to_string(), "a+1.conf");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        insta::assert_snapshot!(BootName::image("web_1.0+3").unwrap_err(), @"`web_1.0+3` ends like a boot counter: the boot loader would count it down (avoid `+` and a number at the end)");
        insta::assert_snapshot!(BootName::image("a/b").unwrap_err(), @"`a/b` cannot name a boot entry (letters, digits, `+`, `_`, `.`, `-` only)");
        insta::assert_snapshot!(BootName::parse("x.txt").unwrap_err(), @"`x.txt` is no boot entry: it ends neither in `.efi` nor in `.conf`");
        insta::assert_snapshot!(BootName::parse(".efi").unwrap_err(), @"`` cannot name a boot entry (letters, digits, `+`, `_`, `.`, `-` only)");
        assert!(matches!(BootName::image(&"x".repeat(252)), Err(BadBootName::Long(_))));
        assert_eq!(BootName::image("web_1.0+git").unwrap().tries(), None);
    }

    proptest! {
        #[test]
        fn names_come_back_as_they_were(name in "[a-z+.0-9_-]{0,20}(\\+[0-9]{1,4}(-[0-9]{1,4})?)?\\.(efi|conf)", tail in ".{0,20}") {
            if let Ok(parsed) = BootName::parse(&name) {
                prop_assert_eq!(parsed.to_string(), name);
                let _ = parsed.tried();
            }
            let _ = BootName::parse(&tail);
        }
    }
}
