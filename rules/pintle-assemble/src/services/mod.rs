//! A [`pintle_model::Service`], described once, as the files of an init system.

mod sandbox;
mod systemd;
mod words;

pub use systemd::{Rendered, systemd_unit};
