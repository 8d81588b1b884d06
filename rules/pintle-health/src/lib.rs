//! How well a running machine is: whether its boot is good, and how it differs from what it was made of. The build writes
//! [`Gate`] into the image; the agent reads it, and what it sees of the machine comes here as plain data.
//!
//! ```text
//! gate.rs      /usr/lib/pintle/health.json: what must hold, and until when
//! units.rs     what systemd says of units
//! http.rs      what a server says to a request
//! watch.rs     rounds of checks, up to a verdict
//! counting.rs  whether the boot loader counts this boot, and what a bad one does
//! bless.rs     what makes of a good boot one that is counted anew
//! verdict.rs   /run/pintle/health.json: what became of it
//! status.rs    what a machine runs, and how sure that is
//! attest.rs    whether it measured what it should, and what differs
//! drift.rs     how /etc differs from what it was made of
//! ```

pub mod attest;
pub mod bless;
pub mod counting;
pub mod drift;
pub mod gate;
pub mod http;
pub mod status;
pub mod units;
pub mod verdict;
pub mod watch;

pub use bless::Bless;
pub use counting::{Action, BootCounting};
pub use gate::{BadCheck, Gate, GateError};
pub use http::{BadUrl, HttpUrl};
pub use units::UnitState;
pub use verdict::{Failing, State, Verdict};
pub use watch::{Seen, Step, Watch};
