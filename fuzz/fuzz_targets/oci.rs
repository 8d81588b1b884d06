//! A container image as an archive: any bytes, and its documents with any text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_model::{Arch, Digest};
use pintle_package::oci::{LayoutFiles, verify};

fuzz_target!(|data: &[u8]| {
    if let Ok(layout) = LayoutFiles::of_archive(data) {
        let _ = verify(&layout, Digest::of(b""), Arch::Amd64).is_ok();
    }
});
