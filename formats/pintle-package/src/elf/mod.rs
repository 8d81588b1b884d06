//! ELF object files, as far as assembling a system asks: what a program or library needs, what it is called, what it
//! opens at run time, and the sections of kernel modules.
//!
//! Only the headers and the asked-for tables are read, through a [`Source`]: a module of a megabyte costs its symbol
//! table. Both classes, little-endian only (every architecture Pintle knows is).

mod dynamic;
mod format;
mod imports;
mod note;
mod read;
mod stub;
mod symbols;

pub use dynamic::Dynamic;
pub use format::{Class, ObjectKind};
pub use imports::Import;
pub use note::{DlopenEntry, DlopenPriority, Note, dlopen_entries, notes};
pub use read::{BlobSource, Elf, Section, Source};
pub use stub::{Versioned, failing_library};

pub(crate) use format::c_string;
pub(crate) use symbols::SymbolTable;

use pintle_model::Limit;
use std::io;

/// What the parser accepts of one file.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Section headers. Kernel modules built with one section per function have some thousands.
    pub sections: Limit,
    /// Program headers. Linkers write about a dozen.
    pub segments: Limit,
    /// Bytes of one table read whole (symbols, strings, notes, dynamic section).
    pub table: Limit,
    /// Bytes of one string (a library name, a symbol).
    pub string: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sections: Limit::new(65_536, "section headers"),
            segments: Limit::new(4_096, "program headers"),
            table: Limit::new(64 << 20, "bytes in one table"),
            string: Limit::new(4_096, "bytes in one name"),
        }
    }
}

/// Why bytes are not an ELF file we can use.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// It does not start with the ELF magic: a script, a text, a data file.
    #[error("not an ELF file")]
    NotElf,
    /// A class, byte order or version of which none is known.
    #[error("unknown ELF {what} {value}")]
    Unknown {
        /// `class`, `byte order`, `version`.
        what: &'static str,
        /// The value found.
        value: u8,
    },
    /// Something lies outside the file.
    #[error("{what} at byte {offset}: outside the file of {len} bytes")]
    Outside {
        /// What was looked for.
        what: &'static str,
        /// Where it should be.
        offset: u64,
        /// Length of the file.
        len: u64,
    },
    /// A header contradicts the format.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Over a limit of [`Limits`].
    #[error("{value} {} are over the limit of {}", .limit.what, .limit.max)]
    Limit {
        /// The limit.
        limit: Limit,
        /// What the file claims.
        value: u64,
    },
    /// The source failed.
    #[error("cannot read the file's bytes")]
    Read(#[source] io::Error),
}
