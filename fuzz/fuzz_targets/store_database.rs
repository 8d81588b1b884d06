//! The database of a Nix store; the first two bytes say how much of the input is its write-ahead log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_model::Limit;
use pintle_nix::StoreDir;
use pintle_nix::database::{Limits, read, write};

fuzz_target!(|data: &[u8]| {
    let Some((len, data)) = data.split_at_checked(2) else { return };
    let len = usize::from(u16::from_be_bytes([len[0], len[1]])).min(data.len());
    let (log, database) = data.split_at(len);
    let limits = Limits { steps: Limit::new(1_000_000, "steps of SQLite's machine"), ..Limits::default() };
    let Ok(infos) = read(database, log, &StoreDir::default(), &limits) else { return };
    let Ok(again) = write(&infos, 1) else { return };
    assert_eq!(read(&again, b"", &StoreDir::default(), &limits).ok(), Some(infos));
});
