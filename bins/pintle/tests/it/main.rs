//! The program as its users meet it: real archive, real images, real boots. One binary, so that what is expensive
//! (an image, a virtual machine) is made once and shared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod agent;
mod assessment;
mod bad_archive;
mod bad_cache;
mod bad_input;
mod bad_mirror;
mod bad_place;
mod bucket;
mod cli;
mod common;
mod debian;
mod flake;
mod image;
mod install_bootspec;
mod kernels;
mod keys;
mod lock_life;
mod mkfs;
mod nix;
mod nix_inside;
mod nix_options;
mod outputs;
mod publish;
mod recipe;
mod remote;
mod reports;
mod reproducible;
mod sealed;
mod servers_boot;
mod services;
mod signed;
mod slim;
mod sshd;
mod torture;
mod toy;
mod verified;
mod verity;
mod vm;
