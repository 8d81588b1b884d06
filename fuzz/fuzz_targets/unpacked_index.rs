//! The index of an unpacked package, as the content store keeps it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::UnpackedDeb;

fuzz_target!(|data: &[u8]| {
    if let Ok(unpacked) = UnpackedDeb::from_bytes(data) {
        let again = UnpackedDeb::from_bytes(&unpacked.to_bytes());
        assert_eq!(again.ok(), Some(unpacked));
    }
});
