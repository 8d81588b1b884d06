use pintle_model::Limit;
use std::fmt;

/// A type #1 boot entry (UAPI.1, "Type #1 Boot Loader Specification Entries"): keys and values in the file's order.
/// Keys that are not known are kept.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Entry {
    lines: Vec<(String, String)>,
}

/// Why a text is no boot entry.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EntryError {
    /// Not UTF-8, as the specification asks.
    #[error("the boot entry is not UTF-8 text from byte {0} on")]
    NotText(usize),
    /// Over the limit.
    #[error("the boot entry has {len} bytes, over the limit of {max} bytes")]
    TooLarge {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A line without a value.
    #[error("boot entry, line {line}: `{key}` has no value")]
    NoValue {
        /// Counted from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A key or value that does not fit on a line.
    #[error("boot entry: `{0}` cannot be written on a line")]
    Unwritable(String),
    /// Nothing to start.
    #[error("the boot entry has none of `linux`, `efi`, `uki` and `uki-url`: there is nothing to start")]
    NothingToStart,
}

/// systemd-boot reads entries of any size into memory; real ones have a few hundred bytes.
const ENTRY_MAX: Limit = Limit::new(64 << 10, "bytes in a boot entry");

impl Entry {
    /// Reads an entry. Comments and empty lines are dropped.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let len = bytes.len() as u64;
        if !ENTRY_MAX.allows(len) {
            return Err(EntryError::TooLarge { len, max: ENTRY_MAX.max });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| EntryError::NotText(error.valid_up_to()))?;
        let mut entry = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once([' ', '\t']) else {
                return Err(EntryError::NoValue { line: number + 1, key: line.to_owned() });
            };
            entry.lines.push((key.to_owned(), value.trim_start().to_owned()));
        }
        entry.check()
    }

    /// Adds a line.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.lines.push((key.to_owned(), value.into()));
        self
    }

    /// The last value of `key`, which is the one that counts for keys that stand once.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of `key` in order (`initrd`, `options`, `extra` may stand several times).
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`EntryError::Unwritable`], [`EntryError::NothingToStart`].
    pub fn render(&self) -> Result<String, EntryError> {
        let unwritable = |(key, value): &&(String, String)| {
            let bad_key = key.is_empty()
                || key.starts_with('#')
                || key.contains(|c: char| c.is_whitespace() || c.is_control());
            bad_key || value.trim().is_empty() || value.trim() != value || value.contains(char::is_control)
        };
        if let Some((key, value)) = self.lines.iter().find(unwritable) {
            return Err(EntryError::Unwritable(format!("{key} {value}").escape_debug().to_string()));
        }
        Ok(self.clone().check()?.to_string())
    }

    fn check(self) -> Result<Self, EntryError> {
        let starts = ["linux", "efi", "uki", "uki-url"].iter().any(|key| self.get(key).is_some());
        if starts { Ok(self) } else { Err(EntryError::NothingToStart) }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(key, value)| writeln!(f, "{key} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entries_are_read_and_written() {
        let text = b"# by hand\ntitle\tDebian 13\n\n  linux   /web/linux\ninitrd /a\ninitrd /b\noptions root=1 \nx-mine 1";
        let entry = Entry::parse(text).unwrap();
        assert_eq!(entry.get("title"), Some("Debian 13"));
        assert_eq!(entry.all("initrd").collect::<Vec<_>>(), ["/a", "/b"]);
        insta::assert_snapshot!(entry.render().unwrap(), @"
        title Debian 13
        linux /web/linux
        initrd /a
        initrd /b
        options root=1
        x-mine 1
        ");
    }

    #[test]
    fn bad_entries_are_explained() {
        let error = |bytes: &[u8]| Entry::parse(bytes).unwrap_err();
        insta::assert_snapshot!(error(b"title x\n"), @"the boot entry has none of `linux`, `efi`, `uki` and `uki-url`: there is nothing to start");
        insta::assert_snapshot!(error(b"linux /l\n\noptions\n"), @"boot entry, line 3: `options` has no value");
        insta::assert_snapshot!(error(b"linux /\xff"), @"the boot entry is not UTF-8 text from byte 7 on");
        insta::assert_snapshot!(error(&[b'#'; 65537]), @"the boot entry has 65537 bytes, over the limit of 65536 bytes");
        insta::assert_snapshot!(Entry::default().with("linux", "/a\nefi /b").render().unwrap_err(), @r"boot entry: `linux /a\nefi /b` cannot be written on a line");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(keys in proptest::collection::vec("[a-z-]{1,8}", 0..5), value in "\\PC{1,20}", noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let entry = keys.iter().fold(Entry::default().with("linux", "/l"), |e, key| e.with(key, value.clone()));
            if let Ok(text) = entry.render() {
                prop_assert_eq!(Entry::parse(text.as_bytes()).unwrap(), entry);
            }
            let _ = Entry::parse(&noise);
        }
    }
}
