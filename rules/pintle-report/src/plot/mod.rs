//! How a boot went: what systemd remembers of it, as data and as a picture.

mod draw;
mod read;

pub use draw::svg;
pub use read::{BadTrace, Limits, trace};

use serde::Serialize;

/// A boot. Times are seconds since the machine was switched on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boot {
    /// Name of the machine.
    pub name: String,
    /// What it ran on: `UEFI, KVM`.
    pub how: String,
    /// When the last job of the boot was done.
    pub finished: f64,
    /// Firmware, boot loader, kernel, initrd, system: without gaps.
    pub phases: Vec<Phase>,
    /// Units that were started, by their start.
    pub units: Vec<UnitTime>,
    /// What the end waited for, from the first unit to the last.
    pub critical_chain: Vec<String>,
}

/// A phase of a boot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

/// A unit's start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitTime {
    /// Full name.
    pub name: String,
    /// When it began to start.
    pub start: f64,
    /// When it was up, or had failed.
    pub up: f64,
    /// It is part of the critical chain.
    pub critical: bool,
    /// It failed.
    pub failed: bool,
}

/// What was seen from outside: seconds since the emulator was started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outside {
    /// The boot loader said something.
    pub loader: Option<f64>,
    /// The kernel did.
    pub kernel: Option<f64>,
}
