//! Packages to a tree, without running any of their scripts.

pub mod accounts;
mod agent;
mod alternatives;
mod apache;
mod apply;
mod assemble;
mod database;
mod edit;
mod effect;
mod error;
mod files;
mod fstab;
pub mod fuzz;
pub mod generate;
mod hardened;
mod identity;
pub mod initrd;
mod input;
pub mod lint;
mod merge;
mod nss;
mod pam;
mod php;
pub mod recipes;
pub mod record;
mod report;
mod run_levels;
mod scripts;
pub mod services;
mod shell;
mod shells;
mod slim;
pub mod stateless;
mod ucf;
mod uncovered;
mod units;

pub use agent::AGENT;
pub use assemble::{Assembled, assemble};
pub use effect::{
    AddUser, Alternative, Attributes, Content, Effect, EffectClass, Existing, ModeChange, ModeStep, Position,
    Presets, Scope, Slave,
};
pub use error::{AssembleError, AssembleErrors};
pub use fstab::{Mount, fstab};
pub use input::{AgentFiles, HostContent, Input, Package};
pub use recipes::Recipes;
pub use report::{Coverage, PackageReport, Report, Slimmed};
pub use scripts::{Surveyed, survey};
pub use uncovered::{NotUnderstood, RecipeOutdated, Uncovered};
