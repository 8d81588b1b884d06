//! Flows: read (world), decide (rules), write (world). Each is a file that reads top to bottom.

pub mod archive;
pub mod build;
pub mod closure;
pub mod definition;
pub mod diff;
pub mod image;
pub mod inspect;
pub mod install;
mod into_pack;
pub mod keys;
pub mod mkfs;
mod mkfs_erofs;
pub mod outputs;
pub mod pin;
pub mod publish;
pub mod recipe;
pub mod remote;
pub mod run;
pub mod size;
pub mod supply;
pub mod tar_tree;
pub mod unpack;
pub mod update;
pub mod vendor;
pub mod verity;
mod vouch;
pub mod why;
