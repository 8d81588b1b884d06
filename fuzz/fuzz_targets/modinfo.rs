//! A kernel module: its `.modinfo`, its symbols, its aliases.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::elf::{Elf, Limits};
use pintle_package::modinfo::{Modinfo, Symbols, module_name, normal_alias};

fuzz_target!(|data: &[u8]| {
    let strings = Modinfo::parse(data.to_vec());
    for (_, value) in strings.entries() {
        let _ = (module_name(value), normal_alias(value));
    }
    let _ = strings.depends().count();
    let Ok(elf) = Elf::open(&data, Limits::default()) else { return };
    let Ok(sections) = elf.sections() else { return };
    let _ = Modinfo::read(&elf, &sections).is_ok();
    if let Ok(symbols) = Symbols::read(&elf, &sections) {
        let _ = (symbols.exports().count(), symbols.imports().count());
    }
});
