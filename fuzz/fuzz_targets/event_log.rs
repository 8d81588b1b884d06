//! Event logs of firmware and of systemd.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::measure::BANK;
use pintle_boot::measure::log::{firmware, replay, userspace, variable_name};

fuzz_target!(|data: &[u8]| {
    let mut events = firmware(data, BANK).unwrap_or_default();
    events.extend(userspace(data, BANK).unwrap_or_default());
    for event in &events {
        let _ = variable_name(&event.data);
    }
    let held = replay(&events, BANK);
    assert!(held.values().all(|value| value.len() == 32));
});
