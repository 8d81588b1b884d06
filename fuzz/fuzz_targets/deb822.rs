//! Stanzas, in each dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::control::Limits;
use pintle_package::control::deb822::{self, Dialect};

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let Ok(text) = deb822::text(data, &limits) else { return };
    for dialect in [Dialect::Index, Dialect::Sources] {
        let Ok(stanzas) = deb822::stanzas(text, dialect, &limits) else { continue };
        for field in stanzas.iter().flat_map(|stanza| &stanza.fields) {
            assert!(field.lines().count() + field.words().count() <= 2 * field.value.len() + 2);
        }
    }
});
