//! A package's copyright file, to a licence expression.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_report::licence::{Limits, read};

fuzz_target!(|data: &[u8]| {
    let Some(licence) = read("toy", data, &Limits::default()) else { return };
    assert!(!licence.expression.is_empty());
    for reference in &licence.references {
        assert!(licence.expression.contains(&reference.id));
        assert!(reference.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)));
    }
});
