//! The EFI system partition of a machine that keeps generations: what must be on it, and in which order it gets there.
//!
//! Pure: what the profile, the bootspecs and the partition hold comes in as values ([`choose`], [`Present`]); what goes
//! out is a list of single effects ([`Plan`]), to be done one after the other.
//!
//! Three rules make every moment of it a safe one to lose power in:
//!
//! 1. Names are made from contents. What somebody may be about to start is never written over: another content is
//!    another name. Only `loader.conf` and systemd-boot itself have fixed names.
//! 2. Files appear by rename, whole and synced, and what refers to them comes after them: kernels, then entries, then
//!    systemd-boot, then the default, with a sync of the whole file system between.
//! 3. What nobody needs goes last, entries before what they refer to. Where room is short some of it goes first: then
//!    what the old default needs stays until the new one is the default.
//!
//! Garbage is only what bears a name of Pintle's own ([`names`]): files of the user and of other systems stay.

mod entry;
mod generations;
mod loader;
pub mod names;
mod plan;
mod room;

pub use entry::{Type1, os_release, title, type1};
pub use generations::{Generation, Start, Wish, choose};
pub use loader::{LoaderFate, loader_fate};
pub use plan::{Plan, Present, Step, Wanted, WantedEntry, WantedFile, plan};
pub use room::NoRoom;
