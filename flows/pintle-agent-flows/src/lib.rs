//! What the agent does on a running machine: read (world), decide (rules), write (world).

pub mod attest;
pub mod bless;
mod disk;
pub mod drift;
pub mod health;
mod places;
pub mod status;
