//! Buckets of S3 and of what speaks like it: where one is, who asks, how a request is signed, what a refusal says.
//!
//! Only values: the time is given, nothing is sent.

mod address;
mod credentials;
mod refusal;
mod sign;

pub use address::{Address, BadAddress, Url, escaped};
pub use credentials::{BadCredentials, Credentials, PROFILES_SIZE, profile};

pub use refusal::{REFUSAL_SIZE, Refusal};
pub use sign::{Payload, Signing, authorization};
