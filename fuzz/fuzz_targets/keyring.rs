//! Public keys, armoured or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_openpgp::KeyRing;

fuzz_target!(|data: &[u8]| {
    let _ = KeyRing::new().add(data, "fuzz.asc");
});
