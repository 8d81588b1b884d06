//! A partition table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_disk::gpt::read::read;
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    let Ok(found) = read(&mut Cursor::new(data)) else { return };
    for partition in found.partitions.values() {
        let _ = (partition.offset(), partition.len(), partition.is_empty());
    }
});
