//! Members of an `ar` archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::ar::Reader;
use std::io;

fuzz_target!(|data: &[u8]| {
    let Ok(mut archive) = Reader::new(data) else { return };
    while let Ok(Some(member)) = archive.next_member() {
        if io::copy(&mut archive, &mut io::sink()).is_err() {
            assert!(archive.truncation().is_some());
            return;
        }
        assert!(archive.offset() >= member.offset);
    }
});
