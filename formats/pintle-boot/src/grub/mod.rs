//! GRUB 2 for PC BIOS: what `grub-mkimage -O i386-pc` and `grub-bios-setup` make, from the files of the distribution's
//! GRUB package (`/usr/lib/grub/i386-pc`: `kernel.img`, `lzma_decompress.img`, `diskboot.img`, `boot.img`, `*.mod`,
//! `moddep.lst`), without running a program.
//!
//! [`core_image`] builds the core, [`embed`] fits it to its place on a disk, [`config`] writes `grub.cfg`. For a
//! disk with two places for a system, [`slots`] writes it, and [`env`](mod@env) what it remembers.
//!
//! Formats are those of GRUB 2.06 to 2.12 (GNU GRUB source: `include/grub/kernel.h`, `include/grub/offsets.h`,
//! `include/grub/i386/pc/boot.h`); there is no specification beside it.

pub mod config;
mod core;
mod embed;
pub mod env;
pub mod format;
mod kernel;
mod modules;
pub mod slots;

pub use self::core::{CoreSpec, Files, Limits, core_image};
pub use embed::{Embedded, embed};

/// Why no GRUB image could be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GrubError {
    /// The package lacks a file.
    #[error("GRUB's file `{0}` is missing")]
    Missing(String),
    /// A file is larger than GRUB's files ever are.
    #[error("GRUB's file `{file}` has {len} bytes, over the limit of {max} bytes")]
    TooLarge {
        /// Name below `i386-pc/`.
        file: String,
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A file is not what its name says.
    #[error("GRUB's file `{file}` cannot be used: {why}")]
    Malformed {
        /// Name below `i386-pc/`.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A module that was asked for, or that another module needs, is not listed by the package.
    #[error("GRUB has no module `{module}`{}", wanted(needed_by))]
    NoModule {
        /// Name without `.mod`.
        module: String,
        /// The module that needs it.
        needed_by: Option<String>,
    },
    /// A module name that cannot be a file name.
    #[error("`{0}` is not the name of a GRUB module")]
    BadModuleName(String),
    /// The line of `moddep.lst` is not `name: name…`.
    #[error("GRUB's `moddep.lst`, line {line}: no `:` after the module's name")]
    BadDependencyLine {
        /// Counted from 1.
        line: usize,
    },
    /// A NUL inside a text that ends at a NUL.
    #[error("GRUB's {0} holds a NUL byte")]
    Nul(&'static str),
    /// The core image would overwrite itself or BIOS memory when it is loaded.
    #[error("GRUB's core image is too big: {what} ends at {end:#x}, beyond {max:#x} (leave modules out)")]
    CoreTooBig {
        /// Which part.
        what: &'static str,
        /// Where it ends in memory.
        end: u64,
        /// Where it must end.
        max: u64,
    },
    /// The compressor failed.
    #[error("compressing GRUB's core image failed: {0}")]
    Compress(String),
    /// The partition begins at a sector that leaves no room before it.
    #[error("a BIOS boot partition cannot begin at sector {0}")]
    BadStart(u64),
}

fn wanted(by: &Option<String>) -> String {
    by.as_ref().map(|by| format!(" (needed by `{by}`)")).unwrap_or_default()
}

impl GrubError {
    pub(crate) fn malformed(file: &str, why: &'static str) -> Self {
        Self::Malformed { file: file.to_owned(), why }
    }
}
