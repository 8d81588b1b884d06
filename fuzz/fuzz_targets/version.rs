//! Versions: the comparison is an order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::control::version::Version;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let versions: Vec<Version<'_>> =
        text.split('\n').take(3).filter_map(|line| Version::new(line).ok()).collect();
    let [a, b, c] = versions[..] else { return };
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    if a <= b && b <= c {
        assert!(a <= c);
    }
});
