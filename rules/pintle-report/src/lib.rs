//! What is in an image, told to others: bills of materials, a page for people, what takes the space, how a boot went.
//! Pure: facts in, bytes out.

pub mod facts;
pub mod inventory;
pub mod licence;
pub mod page;
pub mod plot;
pub mod sbom;
pub mod size;
mod store;
pub mod units;
pub mod why;

pub use facts::Facts;
pub use inventory::Inventory;
pub use page::{PageError, page};
pub use sbom::{SbomError, sbom};
pub use size::{SizeReport, size};
