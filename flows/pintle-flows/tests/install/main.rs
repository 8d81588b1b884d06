//! The boot loader of a machine with generations, on a partition in memory: what is on it, and what a power cut leaves.
#![allow(missing_docs, clippy::unwrap_used)]

mod cuts;
mod disk;
mod entries;
mod machine;
