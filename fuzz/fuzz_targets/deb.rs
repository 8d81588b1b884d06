//! A whole `.deb`: ar, decompression, tar, the rules for paths; then its stored index.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::Pack;
use pintle_model::{Limit, TreePath};
use pintle_package::UnpackedDeb;
use pintle_package::deb::{self, Limits};

fuzz_target!(|data: &[u8]| {
    // Small enough for a fuzzer's patience; the shape of the limits is the real one.
    let limits = Limits {
        total: Limit::new(16 << 20, "bytes unpacked from one package"),
        control: Limit::new(1 << 20, "bytes of control files"),
        ..Limits::default()
    };
    let mut pack = Pack::default();
    let Ok(unpacked) = deb::unpack(data, &limits, &mut pack) else { return };
    assert!(unpacked.entries.iter().all(|entry| TreePath::new(&entry.path).is_ok()));
    assert_eq!(UnpackedDeb::from_bytes(&unpacked.to_bytes()).ok(), Some(unpacked));
});
