//! A `Packages` index, with the relations of every package.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::control::{Limits, index};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(records) = index::parse(text, &Limits::default()) else { return };
    for record in &records {
        let _ = record.depends.groups().map(|group| group.alternatives().count()).sum::<usize>();
    }
});
