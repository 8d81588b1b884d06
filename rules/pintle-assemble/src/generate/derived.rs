//! Results that are kept from one build to the next.

use pintle_model::{Blob, Contents, Hasher};
use std::io;

/// Changes with every change of this folder's code, and of what reads ELF files and modules for it.
const CODE: &str = env!("PINTLE_GENERATE_CODE");

/// What `make` gives, or gave in an earlier build for the same `inputs`, whose bytes are all that it depends on.
pub(super) fn derived<'a>(
    contents: &dyn Contents,
    what: &'a str,
    inputs: impl Iterator<Item = &'a [u8]>,
    make: impl FnOnce() -> Vec<u8>,
) -> io::Result<Blob> {
    try_derived(contents, what, inputs, || Ok(make()))
}

/// The same for what may not succeed; failures are not kept.
pub(super) fn try_derived<'a, E: From<io::Error>>(
    contents: &dyn Contents,
    what: &'a str,
    inputs: impl Iterator<Item = &'a [u8]>,
    make: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<Blob, E> {
    let mut key = Hasher::new();
    for part in [CODE.as_bytes(), what.as_bytes()].into_iter().chain(inputs) {
        // With its length, so that no two lists of inputs run into the same bytes.
        key.update(&(part.len() as u64).to_le_bytes());
        key.update(part);
    }
    let key = key.finish().digest();
    match contents.derived(&key)? {
        Some(blob) => Ok(blob),
        None => Ok(contents.keep_derived(&key, make()?)?),
    }
}
