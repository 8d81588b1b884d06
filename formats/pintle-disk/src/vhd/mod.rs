//! Fixed virtual hard disks: the bytes of the disk, and behind them a footer of 512 bytes. What Azure takes.
//!
//! Source: Microsoft, "Virtual Hard Disk Image Format Specification", version 1.0 (2006).

mod format;

pub use format::{FOOTER, Footer, Geometry};
