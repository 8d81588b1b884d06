//! Debian's control data: the deb822 text format and the documents of an archive written in it (`Release`,
//! `Packages`), package versions and package relations.

pub mod changelog;
mod compact;
pub mod date;
pub mod deb822;
pub mod index;
pub mod relations;
pub mod release;
pub mod version;

use pintle_model::Limit;

/// Bounds on control text from outside. The largest real values (trixie, 2026) are a `Provides` line of 1.2 MB,
/// a `Packages` of 57 MB with 68,825 stanzas and a `Release` of 1,900 lines.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one document.
    pub document: Limit,
    /// Bytes of one field with its continuation lines.
    pub field: Limit,
    /// Fields of one stanza.
    pub fields: Limit,
    /// Stanzas of one document.
    pub stanzas: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document: Limit::new(2 << 30, "bytes in one control document"),
            field: Limit::new(16 << 20, "bytes in one field"),
            fields: Limit::new(1000, "fields in one stanza"),
            stanzas: Limit::new(2_000_000, "stanzas in one document"),
        }
    }
}
