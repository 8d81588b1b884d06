//! A sysusers.d file, and the numbers its accounts get.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::toy_needs;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    toy_needs(&[], &[("usr/lib/sysusers.d/toy.conf", text)]);
});
