//! The machine's own apt sources, in both formats.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_resolve::apt_sources::{
    expand_mirror_lists, mirror_lists, parse_list, parse_sources, pick_mirrors,
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    for sources in [parse_list(text), parse_sources(text)].into_iter().flatten() {
        let lists = mirror_lists(&sources).into_iter().map(|list| (list, text.to_owned())).collect();
        let _ = pick_mirrors(&expand_mirror_lists(&sources, &lists), &["trixie"]);
    }
});
