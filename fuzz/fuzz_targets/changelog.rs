//! A Debian changelog.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::control::changelog::{entries, since};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let all: Vec<_> = entries(text).collect();
    for entry in &all {
        let _ = (entry.cves(), entry.is_security());
        assert!(since(text, Some(&entry.version)).entries.len() <= all.len());
    }
    assert_eq!(since(text, None).entries.len(), all.len().min(1));
});
