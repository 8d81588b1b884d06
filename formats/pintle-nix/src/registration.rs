//! Registrations (`nix-store --dump-db` and `--load-db`, `registration` of `closureInfo`; Nix:
//! `src/libstore/store-api.cc`, `decodeValidPathInfo`): per path a line each with path, hash, size of the archive,
//! deriver or nothing, number of references, and the references.

use crate::hash::BadHash;
use crate::{BadStorePath, PathInfo, StoreDir, StorePath, hash};
use pintle_model::Limit;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What reading accepts: a desktop system has 2 MiB.
pub const SIZE: Limit = Limit::new(256 << 20, "bytes of registrations");

/// Why registrations cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the registration")]
pub struct RegistrationError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Over the limit.
    #[error("{len} is over the limit of {} {}", SIZE.max, SIZE.what)]
    Limit {
        /// Their number.
        len: u64,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Text,
    /// The text ends, or its last line has no end.
    #[error("the text ends where {0} should be")]
    End(&'static str),
    /// A path.
    #[error("{what} is no store path")]
    Path {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: BadStorePath,
    },
    /// A hash.
    #[error("the hash of {path} is none")]
    Hash {
        /// Whose.
        path: StorePath,
        /// Why.
        #[source]
        source: BadHash,
    },
    /// A number.
    #[error("`{value}` is no {what} of {path}")]
    Number {
        /// Which.
        what: &'static str,
        /// The text.
        value: String,
        /// Whose.
        path: StorePath,
    },
    /// One path twice.
    #[error("{0} is registered twice")]
    Twice(StorePath),
}

struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self, what: &'static str) -> Result<&'a str, Fault> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(Fault::End(what))?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        self.line += 1;
        str::from_utf8(line).map_err(|_| Fault::Text)
    }
}

/// Reads registrations of paths of `store`, in any order; returns them in order of paths.
///
/// # Errors
/// [`RegistrationError`] names the line.
pub fn parse(bytes: &[u8], store: &StoreDir) -> Result<Vec<PathInfo>, RegistrationError> {
    if !SIZE.allows(bytes.len() as u64) {
        return Err(RegistrationError { line: 1, fault: Fault::Limit { len: bytes.len() as u64 } });
    }
    let mut lines = Lines { rest: bytes, line: 0 };
    let mut found = BTreeMap::new();
    while !lines.rest.is_empty() {
        let record = record(&mut lines, store).and_then(|info| match found.insert(info.path.clone(), info) {
            Some(before) => Err(Fault::Twice(before.path)),
            None => Ok(()),
        });
        // The end of the text is noticed in the line that is not there.
        let beyond = usize::from(matches!(record, Err(Fault::End(_))));
        record.map_err(|fault| RegistrationError { line: lines.line + beyond, fault })?;
    }
    Ok(found.into_values().collect())
}

fn record(lines: &mut Lines<'_>, store: &StoreDir) -> Result<PathInfo, Fault> {
    let parse = |what, text| store.parse(text).map_err(|source| Fault::Path { what, source });
    let path = parse("this", lines.next("a path")?)?;
    let digest = hash::parse(lines.next("a hash")?);
    let digest = digest.map_err(|source| Fault::Hash { path: path.clone(), source })?;
    let size = number(lines.next("a size")?, "size", &path)?;
    let deriver = match lines.next("a deriver or an empty line")? {
        "" => None,
        text => Some(parse("the deriver", text)?),
    };
    let count = number(lines.next("the number of references")?, "number of references", &path)?;
    let mut references = BTreeSet::new();
    for _ in 0..count {
        references.insert(parse("the reference", lines.next("a reference")?)?);
    }
    Ok(PathInfo { references, deriver, ..PathInfo::new(path, digest, size) })
}

fn number(text: &str, what: &'static str, path: &StorePath) -> Result<u64, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bad = || Fault::Number { what, value: text.chars().take(40).collect(), path: path.clone() };
    text.parse().ok().filter(|_| digits).ok_or_else(bad)
}

/// The text that `nix-store --load-db` reads, as `--dump-db` writes it: hashes in base 16. Signatures, content
/// addresses and times have no place in it.
#[must_use]
pub fn render<'a>(infos: impl IntoIterator<Item = &'a PathInfo>) -> String {
    let mut text = String::new();
    for info in infos {
        let deriver = info.deriver.as_ref().map(StorePath::to_string).unwrap_or_default();
        let PathInfo { path, nar_hash, nar_size, references, .. } = info;
        writeln!(text, "{path}\n{nar_hash}\n{nar_size}\n{deriver}\n{}", references.len())
            .expect("invariant: a String takes every write");
        for reference in references {
            writeln!(text, "{reference}").expect("invariant: a String takes every write");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::Digest;

    const PATH: &str = "/nix/store/0mdqa9w1p6cmli6976v4wi0sw9r4p5pr-a";

    fn error(text: &str) -> String {
        let error = parse(text.as_bytes(), &StoreDir::default()).unwrap_err();
        let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
    }

    #[test]
    fn every_spelling_of_a_hash() {
        let digest = Digest::of(b"x");
        let spellings = [digest.hex(), hash::nix32(&digest), hash::sri(&digest), hash::base16(&digest)];
        for spelling in spellings {
            let text = format!("{PATH}\n{spelling}\n120\n\n1\n{PATH}\n");
            let infos = parse(text.as_bytes(), &StoreDir::default()).unwrap();
            assert_eq!((infos[0].nar_hash, infos[0].nar_size), (digest, 120));
            assert!(infos[0].split_references().itself);
            assert_eq!(render(&infos), format!("{PATH}\n{}\n120\n\n1\n{PATH}\n", digest.hex()));
        }
        assert_eq!(parse(b"", &StoreDir::default()).unwrap(), []);
    }

    #[test]
    fn what_is_damaged_is_named() {
        let hash = Digest::of(b"x").hex();
        insta::assert_snapshot!(error("hello\n"), @"line 1 of the registration: this is no store path: `hello` is not in the store /nix/store");
        insta::assert_snapshot!(error(&format!("{PATH}\n")), @"line 2 of the registration: the text ends where a hash should be");
        insta::assert_snapshot!(error(&format!("{PATH}\nabc\n")), @"line 2 of the registration: the hash of /nix/store/0mdqa9w1p6cmli6976v4wi0sw9r4p5pr-a is none: `abc` is no sha256: it has neither 64 digits (base 16) nor 52 (Nix's base 32) nor 44 (base 64)");
        insta::assert_snapshot!(error(&format!("{PATH}\n{hash}\n-1\n")), @"line 3 of the registration: `-1` is no size of /nix/store/0mdqa9w1p6cmli6976v4wi0sw9r4p5pr-a");
        insta::assert_snapshot!(error(&format!("{PATH}\n{hash}\n1\nx\n0\n")), @"line 4 of the registration: the deriver is no store path: `x` is not in the store /nix/store");
        insta::assert_snapshot!(error(&format!("{PATH}\n{hash}\n1\n\n99\n{PATH}\n")), @"line 7 of the registration: the text ends where a reference should be");
        insta::assert_snapshot!(error(&format!("{PATH}\n{hash}\n1\n\n0")), @"line 5 of the registration: the text ends where the number of references should be");
        insta::assert_snapshot!(error(&format!("{PATH}\n{hash}\n1\n\n0\n").repeat(2)), @"line 10 of the registration: /nix/store/0mdqa9w1p6cmli6976v4wi0sw9r4p5pr-a is registered twice");
    }
}
