//! A module of the user: `module.toml` and a template, up to the first line of NULs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_definition::{MemoryFiles, evaluate};

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let template = data.get(cut + 1..).unwrap_or_default();
    let files = MemoryFiles::new()
        .with("modules/a/module.toml", &data[..cut])
        .with("modules/a/a.conf.j2", template)
        .with("modules/a/files/a", template)
        .with("system.toml", "name = \"a\"\n[a]\n");
    if let Err(problems) = evaluate(&files, "system.toml") {
        let _ = problems.to_string();
    }
});
