//! A lock file: what can be read can be written and is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_resolve::lockfile::{parse, print};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(lock) = parse(text) else { return };
    let printed = print(&lock);
    assert_eq!(parse(&printed).ok(), Some(lock));
});
