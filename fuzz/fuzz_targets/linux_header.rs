//! The header of an x86 kernel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::uki::LinuxHeader;

fuzz_target!(|data: &[u8]| {
    let _ = LinuxHeader::parse(data);
});
