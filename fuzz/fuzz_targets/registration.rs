//! Registrations of store paths, as `nix-store --dump-db` prints them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_nix::{StoreDir, registration};

fuzz_target!(|data: &[u8]| {
    let store = StoreDir::default();
    let Ok(infos) = registration::parse(data, &store) else { return };
    let again = registration::parse(registration::render(&infos).as_bytes(), &store);
    assert_eq!(again.ok(), Some(infos));
});
