//! What a tree is assembled from.

use crate::recipes::Recipes;
use pintle_model::{
    Blob, Contents, LockedGroup, LockedPackage, LockedUser, SourceId, System, Timestamp, Tree,
};
use pintle_package::UnpackedDeb;
use std::collections::BTreeMap;

/// One package of the lock, unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// Its line in the lock.
    pub locked: &'a LockedPackage,
    /// Its index.
    pub unpacked: &'a UnpackedDeb,
    /// The pack with its file bytes.
    pub source: SourceId,
}

/// A file or folder of the host that the definition copies.
#[derive(Clone, Debug)]
pub enum HostContent {
    /// A regular file.
    File {
        /// Its bytes.
        blob: Blob,
        /// Its owner may execute it.
        executable: bool,
    },
    /// A folder: a tree whose root stands for it. Owners in it do not count.
    Folder(Tree),
}

/// Everything that [`crate::assemble`] needs.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The evaluated definition.
    pub system: &'a System,
    /// Packages of the system, sorted by name (those for the boot chain only are not among them).
    pub packages: &'a [Package<'a>],
    /// Users of the lock.
    pub users: &'a [LockedUser],
    /// Groups of the lock.
    pub groups: &'a [LockedGroup],
    /// Reads file bytes.
    pub contents: &'a dyn Contents,
    /// Time of everything that no package dates.
    pub epoch: Timestamp,
    /// What `FileContent::Copy` names, by the text in the definition.
    pub host_files: &'a BTreeMap<String, HostContent>,
    /// The agent, where the system gets one.
    pub agent: Option<AgentFiles<'a>>,
    /// Recipes.
    pub recipes: &'a Recipes,
}

/// The agent, and what it reads.
#[derive(Clone, Copy, Debug)]
pub struct AgentFiles<'a> {
    /// The program.
    pub program: &'a Blob,
    /// What a good boot is, as the agent reads it.
    pub gate: &'a str,
    /// Programs of the system run for it.
    pub runs_commands: bool,
}
