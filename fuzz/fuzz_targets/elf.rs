//! ELF headers, dynamic section, notes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_package::elf::{Elf, Limits, dlopen_entries};

fuzz_target!(|data: &[u8]| {
    let Ok(elf) = Elf::open(&data, Limits::default()) else { return };
    let _ = (elf.class(), elf.kind(), elf.machine());
    let _ = (elf.dynamic().is_ok(), elf.interpreter().is_ok(), elf.dlopens().is_ok());
    let _ = dlopen_entries(data, 4);
});
