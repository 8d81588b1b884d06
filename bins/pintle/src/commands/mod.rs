//! One file per command: arguments to a flow, its outcome to a report.

pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod closure;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod docs;
pub(crate) mod elsewhere;
pub(crate) mod explain;
pub(crate) mod install_bootspec;
pub(crate) mod keys;
pub(crate) mod lock;
pub(crate) mod mkfs;
pub(crate) mod new;
pub(crate) mod options;
pub(crate) mod recipe;
pub(crate) mod run;
pub(crate) mod secret_file;
pub(crate) mod show;
pub(crate) mod signing;
pub(crate) mod size;
pub(crate) mod ssh;
pub(crate) mod update;
pub(crate) mod vendor;
pub(crate) mod verity;
pub(crate) mod why;
