//! A request (first line) against an archive of one `Packages` index (the rest).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_model::Arch;
use pintle_package::control::{Limits, index};
use pintle_resolve::{Request, SuiteIndex, Universe, solve};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let (asked, index) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(records) = index::parse(index, &Limits::default()) else { return };
    let suites = [SuiteIndex { name: "trixie", priority: 500, records: &records }];
    let Ok(universe) = Universe::new(Arch::Amd64, &suites) else { return };
    let packages = asked.split(' ').filter_map(|word| word.parse().ok()).collect();
    let request =
        Request { packages, recommends: asked.len() % 2 == 1, essential: true, ..Request::default() };
    match solve(&universe, &request) {
        Ok(solution) => drop(solution.locked()),
        Err(unsolvable) => drop(unsolvable.to_string()),
    }
});
