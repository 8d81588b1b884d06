//! One file per command.

pub(crate) mod attest;
pub(crate) mod bless;
pub(crate) mod drift;
pub(crate) mod health;
pub(crate) mod status;
