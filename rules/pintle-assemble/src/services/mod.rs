//! A [`pintle_model::Service`], described once, as the files of an init system.

mod sandbox;
mod systemd;
mod words;

pub(crate) use systemd::UNITS;
pub use systemd::{Rendered, systemd_unit};
