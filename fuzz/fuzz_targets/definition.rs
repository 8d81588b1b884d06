//! A definition with the shipped modules; and what can be said of it afterwards.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_definition::{MemoryFiles, evaluate, validate};

fuzz_target!(|data: &[u8]| {
    let files = MemoryFiles::new().with("system.toml", data);
    match evaluate(&files, "system.toml") {
        Ok(evaluation) => {
            validate(evaluation.system()).expect("what was evaluated is valid");
            let _ = (evaluation.explain("image"), evaluation.notices().to_string());
        }
        Err(problems) => drop(problems.to_string()),
    }
});
