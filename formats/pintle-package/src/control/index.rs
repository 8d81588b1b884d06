//! `Packages`: one stanza per binary package. Only what solving and locking need is kept.
//!
//! Reference: the Debian repository format, "Packages indices" (wiki.debian.org/DebianRepository/Format);
//! deb-control(5).

use super::Limits;
pub use super::compact::compact;
use super::deb822::{Deb822Error, Dialect, Field, Reader, Token, excerpt};
use super::relations::{BadRelation, Relations};
use super::version::{BadVersion, Version};
use pintle_model::Digest;

/// One package of an index, borrowed from its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRecord<'a> {
    /// `Package`.
    pub name: &'a str,
    /// `Version`.
    pub version: Version<'a>,
    /// `Architecture`: the index's own, or `all`.
    pub arch: &'a str,
    /// `Essential: yes`.
    pub essential: bool,
    /// `Protected: yes` or `Important: yes`: not to be removed, but not always installed either.
    pub protected: bool,
    /// `Priority`.
    pub priority: Priority,
    /// `Multi-Arch`.
    pub multi_arch: MultiArch,
    /// `Pre-Depends`.
    pub pre_depends: Relations<'a>,
    /// `Depends`.
    pub depends: Relations<'a>,
    /// `Recommends`.
    pub recommends: Relations<'a>,
    /// `Conflicts`.
    pub conflicts: Relations<'a>,
    /// `Breaks`.
    pub breaks: Relations<'a>,
    /// `Provides`.
    pub provides: Relations<'a>,
    /// `Filename`: path below the mirror, without `..` or a leading `/`.
    pub filename: &'a str,
    /// `Size` of the .deb.
    pub size: u64,
    /// `SHA256` of the .deb.
    pub sha256: Digest,
}

/// `Priority` (Policy 2.5), most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// `required`
    Required,
    /// `important`
    Important,
    /// `standard`
    Standard,
    /// `optional`
    #[default]
    Optional,
    /// `extra`
    Extra,
}

impl Priority {
    const ALL: [(&'static str, Self); 5] = [
        ("required", Self::Required),
        ("important", Self::Important),
        ("standard", Self::Standard),
        ("optional", Self::Optional),
        ("extra", Self::Extra),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// `Multi-Arch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MultiArch {
    /// `no`
    #[default]
    No,
    /// `same`
    Same,
    /// `foreign`
    Foreign,
    /// `allowed`: answers `name:any`.
    Allowed,
}

impl MultiArch {
    const ALL: [(&'static str, Self); 4] =
        [("no", Self::No), ("same", Self::Same), ("foreign", Self::Foreign), ("allowed", Self::Allowed)];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// An index that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IndexError {
    /// Not deb822.
    #[error("cannot read the index")]
    Format(#[source] Deb822Error),
    /// A field twice.
    #[error("line {line}: package `{package}` has field `{field}` twice")]
    Duplicate {
        /// Line of the second.
        line: u64,
        /// Package of the stanza, as far as known.
        package: String,
        /// The field.
        field: &'static str,
    },
    /// A required field is missing.
    #[error("line {line}: package `{package}` has no field `{field}`")]
    Missing {
        /// Line where the stanza starts.
        line: u64,
        /// Package of the stanza, as far as known.
        package: String,
        /// The field.
        field: &'static str,
    },
    /// A value outside what the field allows.
    #[error("line {line}: package `{package}`: `{field}: {value}`: expected {expected}")]
    Value {
        /// Line of the field.
        line: u64,
        /// Package of the stanza.
        package: String,
        /// The field.
        field: &'static str,
        /// Its value, shortened.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The version.
    #[error("line {line}: package `{package}`")]
    Version {
        /// Line of the field.
        line: u64,
        /// Package of the stanza.
        package: String,
        /// What is wrong.
        #[source]
        source: BadVersion,
    },
    /// A relation.
    #[error("line {line}: package `{package}`, field `{field}`")]
    Relation {
        /// Line of the field.
        line: u64,
        /// Package of the stanza.
        package: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: BadRelation,
    },
}

/// Texts from this size on are read by two threads.
const PARALLEL: usize = 1 << 20;

/// Reads an index: every stanza, in order.
///
/// # Errors
/// [`IndexError`] with the line and the package; one bad stanza refuses the whole index.
pub fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Vec<PackageRecord<'a>>, IndexError> {
    let middle = memchr::memmem::find(&text.as_bytes()[text.len() / 2..], b"\n\n");
    let Some(middle) = middle.filter(|_| text.len() >= PARALLEL) else {
        return part(Reader::new(text, Dialect::Index, limits), text.len());
    };
    // Just after an empty line a stanza starts; a character cannot, in UTF-8, hold a line end.
    let (first, second) = text.split_at(text.len() / 2 + middle + 2);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let lines = memchr::memchr_iter(b'\n', first.as_bytes()).count() as u64;
            part(Reader::new(second, Dialect::Index, limits).after(first.len(), lines), second.len())
        });
        let mut records = part(Reader::new(first, Dialect::Index, limits), first.len())?;
        let mut second = second.join().expect("invariant: parsing does not panic")?;
        records.append(&mut second);
        Ok(records)
    })
}

fn part<'a>(mut reader: Reader<'a>, bytes: usize) -> Result<Vec<PackageRecord<'a>>, IndexError> {
    // A stanza of a full index takes about 800 bytes, of a compacted one 400.
    let mut records = Vec::with_capacity(bytes / 400);
    let mut stanza = Fields::default();
    while let Some(token) = reader.token().map_err(IndexError::Format)? {
        match token {
            Token::Field(field) => stanza.take(field)?,
            Token::End => {
                records.push(stanza.record()?);
                stanza = Fields::default();
            }
        }
    }
    Ok(records)
}

const NAMES: [&str; 16] = [
    "Package",
    "Version",
    "Architecture",
    "Essential",
    "Protected",
    "Important",
    "Priority",
    "Multi-Arch",
    "Pre-Depends",
    "Depends",
    "Recommends",
    "Conflicts",
    "Breaks",
    "Provides",
    "Filename",
    "Size",
];
const SHA256: &str = "SHA256";
const SHA256_AT: usize = NAMES.len();

/// The wanted fields of one stanza, by position in [`NAMES`]; the digest comes last.
#[derive(Default)]
struct Fields<'a> {
    line: u64,
    found: [Option<Field<'a>>; NAMES.len() + 1],
}

/// Most fields of a stanza are not wanted; the length alone tells of nearly all of them.
fn position(name: &str) -> Option<usize> {
    let candidates: &[usize] = match name.len() {
        4 => &[15],
        6 => &[SHA256_AT, 12],
        7 => &[0, 1, 9],
        8 => &[6, 13, 14],
        9 => &[11, 3, 4, 5],
        10 => &[7, 10],
        11 => &[8],
        12 => &[2],
        _ => &[],
    };
    candidates.iter().copied().find(|&at| field_name(at).eq_ignore_ascii_case(name))
}

fn field_name(at: usize) -> &'static str {
    if at == SHA256_AT { SHA256 } else { NAMES[at] }
}

impl<'a> Fields<'a> {
    fn take(&mut self, field: Field<'a>) -> Result<(), IndexError> {
        if self.line == 0 {
            self.line = field.line;
        }
        let Some(at) = position(field.name) else { return Ok(()) };
        if self.found[at].is_some() {
            let (line, package) = (field.line, self.package());
            return Err(IndexError::Duplicate { line, package, field: field_name(at) });
        }
        self.found[at] = Some(field);
        Ok(())
    }

    fn package(&self) -> String {
        self.found[0].map_or_else(|| "?".to_owned(), |field| excerpt(field.value))
    }

    fn need(&self, at: usize) -> Result<Field<'a>, IndexError> {
        self.found[at].ok_or_else(|| IndexError::Missing {
            line: self.line,
            package: self.package(),
            field: field_name(at),
        })
    }

    fn bad(&self, field: Field<'a>, name: &'static str, expected: &'static str) -> IndexError {
        let (line, value) = (field.line, excerpt(field.value));
        IndexError::Value { line, package: self.package(), field: name, value, expected }
    }

    fn checked<T>(
        &self,
        at: usize,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, IndexError> {
        let field = self.need(at)?;
        read(field.value).ok_or_else(|| self.bad(field, field_name(at), expected))
    }

    fn switch(&self, at: usize) -> Result<bool, IndexError> {
        if self.found[at].is_none() {
            return Ok(false);
        }
        self.checked(at, "`yes` or `no`", |value| match value {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        })
    }

    fn word<T: Copy + Default>(
        &self,
        at: usize,
        all: &[(&str, T)],
        expected: &'static str,
    ) -> Result<T, IndexError> {
        if self.found[at].is_none() {
            return Ok(T::default());
        }
        self.checked(at, expected, |value| all.iter().find(|(name, _)| *name == value).map(|(_, word)| *word))
    }

    fn relations(&self, at: usize) -> Result<Relations<'a>, IndexError> {
        let Some(field) = self.found[at] else { return Ok(Relations::default()) };
        Relations::new(field.value).map_err(|source| IndexError::Relation {
            line: field.line,
            package: self.package(),
            field: NAMES[at],
            source,
        })
    }

    fn record(&self) -> Result<PackageRecord<'a>, IndexError> {
        let name = self.checked(0, "a package name", |value| is_package_name(value).then_some(value))?;
        let version = self.need(1)?;
        Ok(PackageRecord {
            name,
            version: Version::new(version.value).map_err(|source| IndexError::Version {
                line: version.line,
                package: name.to_owned(),
                source,
            })?,
            arch: self.checked(2, "an architecture", |value| is_package_name(value).then_some(value))?,
            essential: self.switch(3)?,
            protected: self.switch(4)? | self.switch(5)?,
            priority: self.word(
                6,
                &Priority::ALL,
                "`required`, `important`, `standard`, `optional` or `extra`",
            )?,
            multi_arch: self.word(7, &MultiArch::ALL, "`no`, `same`, `foreign` or `allowed`")?,
            pre_depends: self.relations(8)?,
            depends: self.relations(9)?,
            recommends: self.relations(10)?,
            conflicts: self.relations(11)?,
            breaks: self.relations(12)?,
            provides: self.relations(13)?,
            filename: self.checked(14, "a relative path", |value| is_safe_path(value).then_some(value))?,
            size: self.checked(15, "a number of bytes", decimal)?,
            sha256: self.checked(SHA256_AT, "64 hexadecimal digits", |value| value.parse().ok())?,
        })
    }
}

/// Policy 5.6.7: letters, digits, `+ - .`, an alphanumeric one first; like dpkg, without the policy's minimum length.
/// (Architectures are written in the same letters.)
#[must_use]
pub fn is_package_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// A path that stays below the folder it is joined to and is one word of printable ASCII.
#[must_use]
pub fn is_safe_path(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Decimal digits only; no sign.
pub(super) fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
