//! From what the archive offers and what a system asks for to a lock: the Debian solver and its explanations, the
//! lock's text, where the machine's own apt sources point, whether a release is fresh.
//!
//! Every answer depends on the arguments alone.

pub mod apt_sources;
pub mod changes;
mod explain;
mod explain_text;
pub mod freshness;
mod keep;
mod lock_diff;
pub mod lockfile;
mod minimal;
mod provider;
mod request;
mod request_digest;
mod solve;
mod suggest;
mod universe;
mod view;
pub mod why;

pub use changes::source_of;
pub use explain::{Cause, Explanation, Reason, Why};
pub use lock_diff::{ClosureDiff, LockDiff};
pub use request::{BadSpec, PackageSpec, Pin};
pub use request_digest::request_digest;
pub use solve::{Picked, Request, RequestProblem, Solution, Unsolvable, did_you_mean, solve};
pub use suggest::near_names;
pub use universe::{ForeignPackage, Offer, PackageId, SuiteIndex, Universe};
