//! This very program, to be run on another machine.

use super::probe::{Needs, symbol_version};
use pintle_disk::gzip;
use pintle_model::Digest;
use pintle_package::elf::{Elf, Limits};
use std::io::{self, Write as _};
use std::path::Path;

/// The level at which it is packed: it travels once.
const LEVEL: u32 = 6;

/// The program's file.
pub(super) struct Program {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) needs: Needs,
}

impl Program {
    /// Reads it.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let bytes = pintle_world::files::read(path)?.ok_or(io::ErrorKind::NotFound)?;
        let needs =
            Needs { machine: std::env::consts::ARCH, glibc: needed_glibc(&bytes), size: bytes.len() as u64 };
        Ok(Self { digest: Digest::of(&bytes), bytes, needs })
    }

    /// Packed, for who can unpack it.
    pub(super) fn packed(&self, threads: usize) -> io::Result<Vec<u8>> {
        let mut packer = gzip::Writer::new(Vec::new(), LEVEL, threads)?;
        packer.write_all(&self.bytes)?;
        packer.finish()
    }
}

/// The newest version of glibc that a symbol of the program asks for; none where it asks for none (linked statically,
/// or with another library, which shows when it is run there).
fn needed_glibc(program: &[u8]) -> Option<(u32, u32)> {
    let program = &program;
    let imports = Elf::open(program, Limits::default()).and_then(|elf| elf.imports()).ok()?;
    imports.iter().filter_map(|import| symbol_version(&import.version)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_knows_what_it_needs() {
        let own = std::env::current_exe().unwrap();
        let program = Program::read(&own).unwrap();
        assert_eq!(program.needs.size, std::fs::metadata(&own).unwrap().len());
        let glibc = program.needs.glibc.expect("tests are linked with glibc");
        assert!(((2, 2)..(3, 0)).contains(&glibc), "{glibc:?}");
        assert_eq!(needed_glibc(b"#!/bin/sh\n"), None);
    }
}
