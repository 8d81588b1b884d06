//! Assembly of toy packages, each test a rule.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod accounts;
mod databases;
mod definition;
mod merge;
mod pam;
mod robust;
mod scripts;
mod units;
mod world;
