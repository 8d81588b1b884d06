//! Is this text signed by a key we trust? OpenPGP clear-signed documents (RFC 9580, section 7), such as `InRelease`.
//!
//! The packets and the mathematics are rPGP's. What a signature *means* is decided here: which key may sign, whether
//! it was valid then and is now, which algorithms still count, and which bytes exactly were signed.
//!
//! Stricter than GnuPG on purpose: a key with any revocation by itself is refused whatever the reason and date, SHA-1
//! counts nowhere, keys need explicit usage flags. Revocations by designated revokers are not looked for.

mod certificate;
mod cleartext;
mod keyring;
mod policy;
mod verify;

pub use cleartext::FrameError;
pub use keyring::{KeyRing, KeyRingError, debian_archive};
pub use policy::Reason;
pub use verify::{Refusal, Signed, VerifyError, verify_clearsigned};
