//! Members of a tar and their data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::tar::{Limits, Reader};
use std::io;

fuzz_target!(|data: &[u8]| {
    let mut archive = Reader::new(data, Limits::default());
    while let Ok(Some(_)) = archive.next_entry() {
        if io::copy(&mut archive, &mut io::sink()).is_err() {
            return;
        }
    }
});
