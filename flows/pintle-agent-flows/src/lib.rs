//! What the agent does on a running machine: read (world), decide (rules), write (world).

pub mod health;
mod places;
