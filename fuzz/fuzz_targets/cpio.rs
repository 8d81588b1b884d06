//! Members of one or more cpio archives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::cpio::read::{Archive, Limits};

fuzz_target!(|data: &[u8]| {
    let mut archive = Archive::new(data, Limits::default());
    let mut total = 0;
    for member in archive.by_ref().flatten() {
        total += member.name.len() + member.data.len();
    }
    assert!(total + archive.rest().len() <= data.len());
});
