//! A `Release` document, its dates and index files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::control::release::Release;
use pintle_package::control::{Limits, date};
use pintle_resolve::freshness;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let _ = date::parse_rfc3339(text);
    if let Ok(seconds) = date::parse(text) {
        assert_eq!(date::parse_rfc3339(&date::rfc3339(seconds)), Some(seconds));
    }
    let Ok(release) = Release::parse(text, &Limits::default()) else { return };
    let _ = release.packages_index("main", "amd64");
    let _ = freshness::check("trixie", &release, 1_700_000_000);
});
