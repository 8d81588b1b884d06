//! A maintainer script, read but not run.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::toy_needs;

fuzz_target!(|data: &[u8]| {
    let Ok(script) = str::from_utf8(data) else { return };
    toy_needs(&[("postinst", script)], &[]);
});
