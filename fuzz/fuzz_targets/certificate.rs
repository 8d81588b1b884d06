//! The subject hash of a DER certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_assemble::generate::certificates::subject_hash;

fuzz_target!(|data: &[u8]| {
    let _ = subject_hash(data);
});
