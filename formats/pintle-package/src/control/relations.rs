//! Relations between packages: `Depends`, `Pre-Depends`, `Recommends`, `Conflicts`, `Breaks`, `Provides`.
//!
//! Reference: Debian Policy 7.1; deb-control(5). Build profiles (`<!nocheck>`) have no meaning in binary packages and
//! are skipped.

use super::version::{BadVersion, Version};
use std::cmp::Ordering;
use std::fmt;

/// A checked relation field. Cheap to copy: it is read again whenever it is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Relations<'a>(&'a str);

/// One package in a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// Package name.
    pub name: &'a str,
    /// Architecture qualifier after a colon (`any`, `native`, `amd64`).
    pub qualifier: Option<&'a str>,
    /// Required version.
    pub version: Option<(Operator, Version<'a>)>,
    /// Architectures in brackets, blank-separated, without the brackets (`amd64 arm64`, `!armhf`). Empty: all.
    pub arches: &'a str,
}

/// How a version is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=` (and, as of old, `<`)
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=` (and, as of old, `>`)
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Operator {
    fn text(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

/// A relation that cannot be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRelation {
    /// Nothing between two separators.
    #[error("nothing between two commas or bars")]
    Empty,
    /// The name has other characters than letters, digits and `+ - . _`.
    #[error("`{0}` does not start with a package name")]
    Name(String),
    /// The part in parentheses is not an operator and a version.
    #[error("`{0}`: expected an operator (`<<` `<=` `=` `>=` `>>`) and a version in parentheses")]
    Constraint(String),
    /// Brackets that do not match, or something after them.
    #[error("`{0}`: cannot read what follows the package")]
    Trailing(String),
    /// The version.
    #[error("`{relation}`: {problem}")]
    Version {
        /// The relation.
        relation: String,
        /// What is wrong with it.
        problem: BadVersion,
    },
}

impl<'a> Relations<'a> {
    /// Checks every relation of `text` (the value of a field).
    ///
    /// # Errors
    /// [`BadRelation`] shows the first that cannot be read.
    pub fn new(text: &'a str) -> Result<Self, BadRelation> {
        for group in groups(text) {
            for relation in group.split('|') {
                parse(relation)?;
            }
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// True when there is no relation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The comma-separated groups; within one, any alternative will do.
    pub fn groups(&self) -> impl Iterator<Item = Group<'a>> + use<'a> {
        groups(self.0).map(Group)
    }

    /// Every relation, for fields without alternatives (`Conflicts`, `Breaks`, `Provides`).
    pub fn flat(&self) -> impl Iterator<Item = Relation<'a>> + use<'a> {
        self.groups().flat_map(|group| group.alternatives())
    }
}

/// Alternatives, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group<'a>(&'a str);

impl<'a> Group<'a> {
    /// The alternatives.
    pub fn alternatives(&self) -> impl Iterator<Item = Relation<'a>> + use<'a> {
        self.0.split('|').map(|text| parse(text).expect("invariant: checked by Relations::new"))
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, relation) in self.alternatives().enumerate() {
            write!(f, "{}{relation}", if n == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}

impl Relation<'_> {
    /// True when a package of `version` answers the required version. `None`: provided without a version, which
    /// answers only a relation without one (Policy 7.5).
    #[must_use]
    pub fn accepts(&self, version: Option<&str>) -> bool {
        let Some((operator, wanted)) = self.version else { return true };
        let Some(version) = version else { return false };
        let order = super::version::compare(version, wanted.as_str());
        match operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }

    /// True when the relation counts on `arch` (Debian's name).
    #[must_use]
    pub fn applies_to(&self, arch: &str) -> bool {
        let mut words = self.arches.split_ascii_whitespace().peekable();
        match words.peek() {
            None => true,
            Some(first) if first.starts_with('!') => {
                !words.any(|word| matches(word.trim_start_matches('!'), arch))
            }
            Some(_) => words.any(|word| matches(word, arch)),
        }
    }
}

/// `linux-any`, `any-amd64`, `any` and plain names (deb-control(5), architecture wildcards; only Linux is of interest).
fn matches(wildcard: &str, arch: &str) -> bool {
    wildcard == "any"
        || wildcard == "linux-any"
        || wildcard.strip_prefix("any-").or(wildcard.strip_prefix("linux-")).unwrap_or(wildcard) == arch
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = self.version {
            write!(f, " ({} {version})", operator.text())?;
        }
        if !self.arches.is_empty() {
            write!(f, " [{}]", self.arches)?;
        }
        Ok(())
    }
}

fn groups(text: &str) -> impl Iterator<Item = &str> {
    // No field at all is an empty list; any other emptiness is an error of `parse`.
    let (text, count) = if text.is_empty() { ("", 0) } else { (text, usize::MAX) };
    text.split(',').take(count)
}

fn parse(text: &str) -> Result<Relation<'_>, BadRelation> {
    let text = text.trim_ascii();
    let shown = || super::deb822::excerpt(text);
    if text.is_empty() {
        return Err(BadRelation::Empty);
    }
    let len = text.bytes().position(|b| !NAME_BYTES[usize::from(b)]).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(len);
    if !name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) {
        return Err(BadRelation::Name(shown()));
    }
    let mut qualifier = None;
    if let Some(after) = rest.strip_prefix(':') {
        let len = after.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'-').count();
        if len == 0 {
            return Err(BadRelation::Trailing(shown()));
        }
        qualifier = Some(&after[..len]);
        rest = &after[len..];
    }
    let mut relation = Relation { name, qualifier, version: None, arches: "" };
    rest = rest.trim_ascii_start();
    if let Some(after) = rest.strip_prefix('(') {
        let (inside, after) = after.split_once(')').ok_or_else(|| BadRelation::Constraint(shown()))?;
        relation.version = Some(constraint(inside, text)?);
        rest = after.trim_ascii_start();
    }
    if let Some(after) = rest.strip_prefix('[') {
        let (inside, after) = after.split_once(']').ok_or_else(|| BadRelation::Trailing(shown()))?;
        relation.arches = inside.trim_ascii();
        rest = after.trim_ascii_start();
    }
    while let Some(after) = rest.strip_prefix('<') {
        rest = after.split_once('>').ok_or_else(|| BadRelation::Trailing(shown()))?.1.trim_ascii_start();
    }
    if rest.is_empty() { Ok(relation) } else { Err(BadRelation::Trailing(shown())) }
}

/// Policy 5.6.7 allows `a-z 0-9 + - .`; virtual names of the archive also use capitals and `_`.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 128u8 {
        table[b as usize] = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_');
        b += 1;
    }
    table
};

fn constraint<'a>(inside: &'a str, relation: &str) -> Result<(Operator, Version<'a>), BadRelation> {
    let inside = inside.trim_ascii();
    let len = inside.bytes().take_while(|b| matches!(b, b'<' | b'=' | b'>')).count();
    let operator = match &inside[..len] {
        "<<" => Operator::Earlier,
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        _ => return Err(BadRelation::Constraint(super::deb822::excerpt(relation))),
    };
    let version = Version::new(inside[len..].trim_ascii_start())
        .map_err(|problem| BadRelation::Version { relation: super::deb822::excerpt(relation), problem })?;
    Ok((operator, version))
}
