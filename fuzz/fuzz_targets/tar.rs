//! Members of a tar and their data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_model::Limit;
use pintle_package::tar::{Limits, Reader};
use std::io;

fuzz_target!(|data: &[u8]| {
    let limits = Limits { runs: Limit::new(1 << 12, "runs"), ..Limits::default() };
    let mut archive = Reader::new(data, limits);
    while let Ok(Some(entry)) = archive.next_entry() {
        let Ok(read) = io::copy(&mut archive, &mut io::sink()) else { return };
        if let Some(runs) = entry.runs {
            assert!(runs.is_sorted_by(|a, b| a.at + a.len <= b.at), "runs ascend");
            assert!(runs.iter().all(|run| run.len > 0 && run.at + run.len <= entry.size), "within the file");
            assert_eq!(runs.iter().map(|run| run.len).sum::<u64>(), read, "all of them are stored");
        }
    }
});
