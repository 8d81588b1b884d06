//! What the modules contributed, before it becomes one system.

use crate::merged::Priority;
use crate::raw::Raw;
use crate::source::Place;
use pintle_model::{Accept, Check, FileSpec, GroupSpec, Health, Service, SlimRule, UserSpec};

/// A contributed thing and the place that caused it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct By<T> {
    pub(crate) what: T,
    pub(crate) place: Place,
    /// Written under `[force]` or `[replace]`.
    pub(crate) forced: bool,
}

/// What to do with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UnitState {
    Enable,
    Disable,
    Mask,
}

/// A value that a module sets for an option of another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SetValue {
    /// The value under its whole path, from the top.
    pub(crate) table: Raw,
    pub(crate) priority: Priority,
}

/// Everything contributed, in the order of the modules' names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Collected {
    pub(crate) packages: Vec<By<String>>,
    pub(crate) files: Vec<By<FileSpec>>,
    pub(crate) users: Vec<By<UserSpec>>,
    pub(crate) groups: Vec<By<GroupSpec>>,
    pub(crate) services: Vec<By<Service>>,
    pub(crate) units: Vec<By<(UnitState, String)>>,
    pub(crate) kernels: Vec<By<String>>,
    pub(crate) more_kernels: Vec<By<String>>,
    pub(crate) own_kernels: Vec<String>,
    pub(crate) default_kernel: Vec<By<String>>,
    pub(crate) menu_timeout: Vec<By<u32>>,
    pub(crate) parameters: Vec<String>,
    pub(crate) initrd_modules: Vec<String>,
    pub(crate) checks: Vec<Check>,
    pub(crate) health: Vec<By<Health>>,
    pub(crate) accept: Vec<By<Accept>>,
    pub(crate) slim: Vec<SlimRule>,
    pub(crate) sets: Vec<SetValue>,
}
