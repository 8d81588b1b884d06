//! From a system and its tree to a disk image, in three steps that do not mix:
//!
//! 1. [`plan`] decides everything: identities, sizes, what is added to the root for booting, the boot files. The result,
//!    [`ImagePlan`], is data: its report can be printed before anything is written.
//! 2. [`lint`] looks the whole plan over and says what would not boot, or not for long.
//! 3. [`write()`] does as the plan says, in one ascending pass, so that a sparse file, a qcow2 or gzip stream and a hash
//!    can all be fed by it.
//!
//! The disk (design: layout `plain`): GPT; a BIOS boot partition with GRUB's core image; an EFI system partition with
//! systemd-boot and a unified kernel image; the ext4 root, last, so that it can grow.

mod additions;
mod boot;
pub mod compare;
mod container;
mod efi;
mod error;
mod first_boot;
mod identity;
mod input;
pub mod inspect;
mod kernels;
mod largest;
mod layout;
mod lint;
mod plan;
pub mod platform;
mod sign;
mod slots;
mod usr_fs;
mod verified;
mod write;

pub use container::{ContainerError, container};
pub use error::PlanError;
pub use identity::Identity;
pub use input::{BootFiles, EfiFiles, GrubFiles, Inputs, KernelFiles, Mounting, Variant};
pub use lint::{Finding, Severity, lint};
pub use plan::{BootEntry, Content, ImagePlan, OnDisk, PartitionPlan, Report, Role, plan};
pub use sign::Signing;
pub use usr_fs::{UsrFs, UsrFsError};
pub use verified::{Usr, var_label};
pub use write::{WriteError, Written, table, write};
