//! An evaluated document (JSON).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_definition::evaluate_document;

fuzz_target!(|data: &[u8]| {
    let _ = evaluate_document("fuzz.json", data).map_err(|error| error.to_string());
});
