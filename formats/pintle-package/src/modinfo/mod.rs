//! What a kernel module says of itself: its `.modinfo` strings, the symbols it exports and those it needs.

use crate::elf::{Elf, ElfError, Section};
use serde::{Deserialize, Serialize};
use std::ops::Range;

mod symbols;

pub use symbols::Symbols;

/// The strings of a `.modinfo` section or of a kernel's `modules.builtin.modinfo`: `key=value`, each ended by NUL
/// (kernel: include/linux/moduleinfo.h). Keys repeat; order is kept.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Modinfo {
    bytes: Vec<u8>,
    entries: Vec<(Range<usize>, Range<usize>)>,
}

impl Modinfo {
    /// Splits `bytes` into entries. A string without `=` is a key with an empty value; any bytes are accepted.
    #[must_use]
    pub fn parse(bytes: Vec<u8>) -> Self {
        let mut entries = Vec::new();
        let mut start = 0;
        for string in bytes.split(|byte| *byte == 0) {
            let end = start + string.len();
            if !string.is_empty() {
                let equals = string.iter().position(|byte| *byte == b'=').map(|at| start + at);
                let key = start..equals.unwrap_or(end);
                entries.push((key, equals.map_or(end, |at| at + 1)..end));
            }
            start = end + 1;
        }
        Self { bytes, entries }
    }

    /// Reads the `.modinfo` section of an opened module; empty where there is none.
    ///
    /// # Errors
    /// [`ElfError`] for a section outside the file.
    pub fn read(elf: &Elf<'_>, sections: &[Section]) -> Result<Self, ElfError> {
        match sections.iter().find(|section| section.name == b".modinfo") {
            Some(section) => Ok(Self::parse(elf.bytes_of(section)?)),
            None => Ok(Self::default()),
        }
    }

    /// Keys and values, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(key, value)| (&self.bytes[key.clone()], &self.bytes[value.clone()]))
    }

    /// The values of `key`, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.entries().filter(move |(found, _)| *found == key.as_bytes()).map(|(_, value)| value)
    }

    /// The first value of `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.entries().find(|(found, _)| *found == key.as_bytes()).map(|(_, value)| value)
    }

    /// Module names of the `depends` entry: direct dependencies, as the kernel's build wrote them.
    pub fn depends(&self) -> impl Iterator<Item = &[u8]> {
        self.values("depends")
            .flat_map(|value| value.split(|byte| *byte == b','))
            .filter(|name| !name.is_empty())
    }
}

/// The name the kernel knows a module by: the last path component up to its first dot, `-` written as `_`.
#[must_use]
pub fn module_name(path: &[u8]) -> Vec<u8> {
    let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let stem = file.split(|byte| *byte == b'.').next().unwrap_or_default();
    stem.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect()
}

/// An alias with `-` written as `_`, except inside brackets, as module lookups compare it; `None` where brackets do
/// not pair.
#[must_use]
pub fn normal_alias(alias: &[u8]) -> Option<Vec<u8>> {
    let mut inside = false;
    let mut out = Vec::with_capacity(alias.len());
    for byte in alias {
        match (*byte, inside) {
            (b']', false) => return None,
            (b']', true) => inside = false,
            (b'[', _) => inside = true,
            (b'-', false) => {
                out.push(b'_');
                continue;
            }
            _ => {}
        }
        out.push(*byte);
    }
    (!inside).then_some(out)
}
