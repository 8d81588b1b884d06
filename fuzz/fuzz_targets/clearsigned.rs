//! A clear-signed document against Debian's keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_openpgp::{KeyRing, debian_archive, verify_clearsigned};

fuzz_target!(|data: &[u8]| {
    thread_local!(static KEYS: KeyRing = debian_archive());
    KEYS.with(|keys| drop(verify_clearsigned(data, keys, 1_760_000_000)));
});
