//! A relation field (`Depends`, `Provides`, …).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::control::relations::Relations;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(relations) = Relations::new(text) else { return };
    for group in relations.groups() {
        for relation in group.alternatives() {
            let _ = relation.to_string();
            let _ = (relation.accepts(None), relation.accepts(Some("1:2.3-4")), relation.applies_to("amd64"));
        }
    }
});
