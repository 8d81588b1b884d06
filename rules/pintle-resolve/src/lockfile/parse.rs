use pintle_model::{
    Arch, Digest, LOCK_SCHEMA, Limit, Lock, LockedClosure, LockedGroup, LockedPackage, LockedPath,
    LockedSuite, LockedUser,
};
use pintle_package::control::index::{is_package_name, is_safe_path};
use pintle_package::control::{date, version::Version};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// A lock of a whole desktop with 3,000 packages has about 1.2 MB.
const MAX_BYTES: Limit = Limit::new(64 << 20, "bytes in a lock");

/// A lock that cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LockError {
    /// Too large.
    #[error("more than {} {}", .0.max, .0.what)]
    TooLarge(Limit),
    /// Not TOML, or not the tables and keys of a lock.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// Written by another version of the program.
    #[error("the lock has format {found}, this program reads {LOCK_SCHEMA}: {}", advice(*.found))]
    Format {
        /// Its `version`.
        found: u32,
    },
    /// A value that cannot be.
    #[error("line {line}: {what} `{name}`: {problem}")]
    Value {
        /// Line where the table starts.
        line: usize,
        /// `package`, `suite`, `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The same name twice.
    #[error("line {line}: {what} `{name}` is there twice (first in line {first}); run `pintle lock`")]
    Twice {
        /// Line where the second starts.
        line: usize,
        /// `package`, `suite`, `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
        /// Line where the first starts.
        first: usize,
    },
    /// Not in the order of names.
    #[error("line {line}: {what} `{name}` is not in the order of names; run `pintle lock`")]
    Order {
        /// Line where it starts.
        line: usize,
        /// `package`, `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
}

fn advice(found: u32) -> &'static str {
    if found > LOCK_SCHEMA {
        "a newer pintle wrote it, use that one"
    } else {
        "an older pintle wrote it, run `pintle lock`"
    }
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    request: Digest,
    arch: Arch,
    #[serde(default)]
    suite: Vec<Spanned<LockedSuite>>,
    #[serde(default)]
    package: Vec<Spanned<LockedPackage>>,
    #[serde(default)]
    user: Vec<Spanned<LockedUser>>,
    #[serde(default)]
    group: Vec<Spanned<LockedGroup>>,
    closure: Option<WireClosure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireClosure {
    system: String,
    boot_files: Option<Digest>,
    #[serde(default)]
    path: Vec<Spanned<LockedPath>>,
}

/// Reads a lock.
///
/// # Errors
/// [`LockError`] with the line. Names that are there twice or out of order (a merge gone wrong), paths that lead out of
/// the archive and anything unknown are refused.
pub fn parse(text: &str) -> Result<Lock, LockError> {
    if !MAX_BYTES.allows(text.len() as u64) {
        return Err(LockError::TooLarge(MAX_BYTES));
    }
    let lines = Lines(text);
    // The format first: another one may have other keys.
    let head: Head = toml::from_str(text).map_err(|error| lines.syntax(&error))?;
    if head.version != LOCK_SCHEMA {
        return Err(LockError::Format { found: head.version });
    }
    let wire: Wire = toml::from_str(text).map_err(|error| lines.syntax(&error))?;
    lines.unique("suite", wire.suite.iter().map(|s| (s.get_ref().name.as_str(), s.span())), false)?;
    lines.unique("package", wire.package.iter().map(|p| (p.get_ref().name.as_str(), p.span())), true)?;
    lines.unique("user", wire.user.iter().map(|u| (u.get_ref().name.as_str(), u.span())), true)?;
    lines.unique("group", wire.group.iter().map(|g| (g.get_ref().name.as_str(), g.span())), true)?;
    for suite in &wire.suite {
        lines.check("suite", &suite.get_ref().name, suite.span(), suite_fault(suite.get_ref()))?;
    }
    for package in &wire.package {
        let fault = package_fault(package.get_ref(), &wire);
        lines.check("package", &package.get_ref().name, package.span(), fault)?;
    }
    let closure = wire.closure.map(|closure| lines.closure(closure)).transpose()?;
    Ok(Lock {
        version: wire.version,
        request: wire.request,
        arch: wire.arch,
        suites: wire.suite.into_iter().map(Spanned::into_inner).collect(),
        packages: wire.package.into_iter().map(Spanned::into_inner).collect(),
        users: wire.user.into_iter().map(Spanned::into_inner).collect(),
        groups: wire.group.into_iter().map(Spanned::into_inner).collect(),
        closure,
    })
}

fn suite_fault(suite: &LockedSuite) -> Option<String> {
    if date::parse_rfc3339(&suite.snapshot).is_none() {
        return Some(format!("snapshot `{}` is not a time like `2026-09-12T07:55:41Z`", suite.snapshot));
    }
    let safe = |name: &String| is_safe_path(name);
    (!safe(&suite.name) || !suite.components.iter().all(safe)).then(|| "not a name of an archive".to_owned())
}

fn package_fault(package: &LockedPackage, wire: &Wire) -> Option<String> {
    if !is_package_name(&package.name) {
        return Some("not a package name".to_owned());
    }
    if let Err(bad) = Version::new(&package.version) {
        return Some(bad.to_string());
    }
    if !is_safe_path(&package.path) {
        return Some(format!("path `{}` leads out of the archive", package.path));
    }
    if package.arch != "all" && package.arch != wire.arch.debian() {
        return Some(format!("it is for `{}`, the system is `{}`", package.arch, wire.arch));
    }
    if let Some(time) = package.snapshot.as_ref().filter(|time| date::parse_rfc3339(time).is_none()) {
        return Some(format!("snapshot `{time}` is not a time like `2026-09-12T07:55:41Z`"));
    }
    let known = wire.suite.iter().any(|suite| suite.get_ref().name == package.suite);
    (!known).then(|| format!("suite `{}` is not in the lock", package.suite))
}

/// The shape only: what reads the path knows its parts.
fn is_store_path(text: &str) -> bool {
    let name = text.strip_prefix("/nix/store/");
    name.is_some_and(|name| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
        name.len() > 33 && name.as_bytes()[32] == b'-' && name.bytes().all(plain)
    })
}

/// Finds lines by byte offsets of the text.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn closure(&self, wire: WireClosure) -> Result<LockedClosure, LockError> {
        let (what, paths) = ("path", &wire.path);
        self.unique(what, paths.iter().map(|p| (p.get_ref().path.as_str(), p.span())), true)?;
        for path in paths {
            let fault = (!is_store_path(&path.get_ref().path)).then(|| "not a store path".to_owned());
            self.check(what, &path.get_ref().path, path.span(), fault)?;
        }
        let paths: Vec<LockedPath> = wire.path.into_iter().map(Spanned::into_inner).collect();
        if !paths.iter().any(|path| path.path == wire.system) {
            let problem = "the closure does not hold it; run `pintle lock`".to_owned();
            return Err(LockError::Value { line: 1, what: "closure", name: wire.system, problem });
        }
        Ok(LockedClosure { system: wire.system, boot_files: wire.boot_files, paths })
    }

    fn at(&self, offset: usize) -> usize {
        1 + self.0.as_bytes()[..offset.min(self.0.len())].iter().filter(|&&b| b == b'\n').count()
    }

    fn syntax(&self, error: &toml::de::Error) -> LockError {
        let line = error.span().map_or(1, |span| self.at(span.start));
        LockError::Syntax { line, message: error.message().to_owned() }
    }

    fn unique<'n>(
        &self,
        what: &'static str,
        names: impl Iterator<Item = (&'n str, Range<usize>)>,
        sorted: bool,
    ) -> Result<(), LockError> {
        let mut seen: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
        let mut last = "";
        for (name, span) in names {
            if let Some(&first) = seen.get(name) {
                let (line, first) = (self.at(span.start), self.at(first));
                return Err(LockError::Twice { line, what, name: name.to_owned(), first });
            }
            seen.insert(name, span.start);
            if sorted && name < last {
                return Err(LockError::Order { line: self.at(span.start), what, name: name.to_owned() });
            }
            last = name;
        }
        Ok(())
    }

    fn check(
        &self,
        what: &'static str,
        name: &str,
        span: Range<usize>,
        fault: Option<String>,
    ) -> Result<(), LockError> {
        match fault {
            None => Ok(()),
            Some(problem) => {
                Err(LockError::Value { line: self.at(span.start), what, name: name.to_owned(), problem })
            }
        }
    }
}
