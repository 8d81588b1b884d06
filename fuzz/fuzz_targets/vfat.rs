//! A FAT volume: every name and every byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::vfat::read::{Limits, explore};
use pintle_model::Limit;

fuzz_target!(|data: &[u8]| {
    let limits = Limits { names: Limit::new(1000, "names in one volume"), ..Limits::default() };
    let _ = explore(data, limits);
});
