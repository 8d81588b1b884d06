//! `nix-cache-info`, what a binary cache says of itself (Nix: `src/libstore/binary-cache-store.cc`).

use crate::{BadStorePath, StoreDir};
use pintle_model::Limit;
use std::fmt::Write as _;

/// The file's name in a cache.
pub const FILE_NAME: &str = "nix-cache-info";
/// Its media type, where one is kept; Nix's own.
pub const TYPE: &str = "text/x-nix-cache-info";
/// What reading accepts: such files have three lines.
pub const SIZE: Limit = Limit::new(64 << 10, "bytes in nix-cache-info");

/// What a binary cache says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheInfo {
    /// The store its paths belong to.
    pub store: StoreDir,
    /// Whether it wants to be asked for many paths that it may not have.
    pub want_mass_query: bool,
    /// Caches with smaller numbers are asked first.
    pub priority: Option<u32>,
}

/// Why a file is no `nix-cache-info`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CacheInfoError {
    /// Over the limit.
    #[error("{len} is over the limit of {} {}", SIZE.max, SIZE.what)]
    Limit {
        /// Their number.
        len: u64,
    },
    /// Not UTF-8: probably no such file at all.
    #[error("nix-cache-info is not UTF-8")]
    Text,
    /// Without it, nothing says that this is a cache.
    #[error("nix-cache-info does not name its store (`StoreDir`)")]
    NoStore,
    /// The store's place is none.
    #[error("nix-cache-info names a bad store")]
    BadStore(#[source] BadStorePath),
    /// Another store: its paths have other hash parts, and mention other paths.
    #[error("the cache is for the store {found}, not {wanted}")]
    OtherStore {
        /// The cache's.
        found: StoreDir,
        /// Ours.
        wanted: StoreDir,
    },
    /// A priority that is no number.
    #[error("nix-cache-info has the priority `{0}`, which is no number")]
    Priority(String),
}

impl CacheInfo {
    /// Reads the file of a cache that must be for `wanted`. Unknown keys and lines are ignored, as Nix does.
    ///
    /// # Errors
    /// [`CacheInfoError`].
    pub fn parse(bytes: &[u8], wanted: &StoreDir) -> Result<Self, CacheInfoError> {
        if !SIZE.allows(bytes.len() as u64) {
            return Err(CacheInfoError::Limit { len: bytes.len() as u64 });
        }
        let text = str::from_utf8(bytes).map_err(|_| CacheInfoError::Text)?;
        let (mut store, mut want_mass_query, mut priority) = (None, false, None);
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            match (key, value.trim()) {
                ("StoreDir", value) => {
                    store = Some(StoreDir::new(value).map_err(CacheInfoError::BadStore)?);
                }
                ("WantMassQuery", value) => want_mass_query = value == "1",
                ("Priority", value) => {
                    let bad = || CacheInfoError::Priority(value.chars().take(40).collect());
                    priority = Some(value.parse().map_err(|_| bad())?);
                }
                _ => {}
            }
        }
        match store {
            Some(store) if store == *wanted => Ok(Self { store, want_mass_query, priority }),
            Some(found) => Err(CacheInfoError::OtherStore { found, wanted: wanted.clone() }),
            None => Err(CacheInfoError::NoStore),
        }
    }

    /// The file's text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("StoreDir: {}\n", self.store);
        if self.want_mass_query {
            text.push_str("WantMassQuery: 1\n");
        }
        if let Some(priority) = self.priority {
            writeln!(text, "Priority: {priority}").expect("invariant: a String takes every write");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_caches_say() {
        let store = StoreDir::default();
        let parse = |text: &str| CacheInfo::parse(text.as_bytes(), &store);
        let info = parse("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\nMore: x\n\n").unwrap();
        assert_eq!((info.want_mass_query, info.priority), (true, Some(40)));
        assert_eq!(info.render(), "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n");
        assert_eq!(parse("StoreDir: /nix/store\n").unwrap().render(), "StoreDir: /nix/store\n");
        let error = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error(""), @"nix-cache-info does not name its store (`StoreDir`)");
        insta::assert_snapshot!(error("<html>"), @"nix-cache-info does not name its store (`StoreDir`)");
        insta::assert_snapshot!(error("StoreDir: /gnu/store\n"), @"the cache is for the store /gnu/store, not /nix/store");
        insta::assert_snapshot!(error("StoreDir: nix\n"), @"nix-cache-info names a bad store");
        insta::assert_snapshot!(error("StoreDir: /nix/store\nPriority: high\n"), @"nix-cache-info has the priority `high`, which is no number");
        insta::assert_snapshot!(CacheInfo::parse(b"\xff", &store).unwrap_err(), @"nix-cache-info is not UTF-8");
        insta::assert_snapshot!(error(&"x".repeat(65537)), @"65537 is over the limit of 65536 bytes in nix-cache-info");
    }
}
