//! A library of functions that only fail: stands in where something must be linked but is never used.

use super::Class;
use std::collections::{BTreeMap, BTreeSet};

/// A function's name and its version.
pub type Versioned = (Vec<u8>, Vec<u8>);

/// Bytes of one program header, symbol, dynamic entry (ELF-64).
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SYMBOL: usize = 24;
/// Loadable segments are apart by the largest page size of the architectures.
const PAGE: u64 = 0x1_0000;

/// What fails: returns zero, the "no" of OpenSSL and of everything that returns a pointer.
fn fail(machine: u16) -> Option<&'static [u8]> {
    match machine {
        // xor eax, eax; ret; padded to 8 with int3
        62 => Some(&[0x31, 0xc0, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc]),
        // mov x0, #0; ret
        183 => Some(&[0x00, 0x00, 0x80, 0xd2, 0xc0, 0x03, 0x5f, 0xd6]),
        _ => None,
    }
}

/// A shared library `soname` (gABI chapters 4 and 5, LSB Core 5.0 10.7) that has each of `functions` under its version.
/// Every one returns zero. It has what the dynamic loader reads, and no sections.
///
/// None for machines whose code is not known here.
#[must_use]
pub fn failing_library(
    soname: &[u8],
    class: Class,
    machine: u16,
    functions: &BTreeSet<Versioned>,
) -> Option<Vec<u8>> {
    let code = fail(machine).filter(|_| class == Class::Elf64)?;
    let mut strings = Strings(vec![0]);
    let soname_at = strings.add(soname);
    let versions: BTreeSet<&Vec<u8>> = functions.iter().map(|(_, version)| version).collect();
    // Index 1 is the library itself.
    let index: BTreeMap<&Vec<u8>, u16> = versions.into_iter().zip(2..).collect();

    let segments = 4;
    let text_at = HEADER + segments * PROGRAM_HEADER;
    let symbols_at = (text_at + code.len()) as u64;
    let mut symbols = vec![0; SYMBOL];
    let mut versym = vec![0; 2];
    for (name, version) in functions {
        // Global function in section 1, which the loader only compares with "undefined".
        symbols.extend(strings.add(name).to_le_bytes());
        symbols.extend([0x12, 0, 1, 0]);
        symbols.extend((text_at as u64).to_le_bytes());
        symbols.extend((code.len() as u64).to_le_bytes());
        versym.extend(index[version].to_le_bytes());
    }
    versym.resize(versym.len().next_multiple_of(8), 0);
    let verdef = version_definitions(soname, &index, &mut strings);
    let hash = hash_table(functions);
    let versym_at = symbols_at + symbols.len() as u64;
    let verdef_at = versym_at + versym.len() as u64;
    let hash_at = verdef_at + verdef.len() as u64;
    let strings_at = hash_at + hash.len() as u64;
    let strings_len = strings.0.len() as u64;
    strings.0.resize((strings_at + strings_len).next_multiple_of(16) as usize - strings_at as usize, 0);
    let dynamic_at = strings_at + strings.0.len() as u64;
    // gABI figure 5-10; 0x6ffffff0 and on: DT_VERSYM, DT_VERDEF, DT_VERDEFNUM.
    let dynamic: [(u64, u64); 10] = [
        (14, u64::from(soname_at)),
        (4, hash_at),
        (5, strings_at),
        (6, symbols_at),
        (10, strings_len),
        (11, SYMBOL as u64),
        (0x6fff_fff0, versym_at),
        (0x6fff_fffc, verdef_at),
        (0x6fff_fffd, index.len() as u64 + 1),
        (0, 0),
    ];
    let dynamic: Vec<u8> =
        dynamic.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()]).flatten().collect();

    let mut out = file_header(machine, segments);
    out.extend(program_header(1, 5, 0, 0, dynamic_at, PAGE));
    // Written to by loaders that relocate it in place.
    out.extend(program_header(1, 6, dynamic_at, dynamic_at + PAGE, dynamic.len() as u64, PAGE));
    out.extend(program_header(2, 6, dynamic_at, dynamic_at + PAGE, dynamic.len() as u64, 8));
    // Without it the loader would ask for a stack that can be executed.
    out.extend(program_header(0x6474_e551, 6, 0, 0, 0, 16));
    for part in [code, &symbols, &versym, &verdef, &hash, &strings.0, &dynamic] {
        out.extend(part);
    }
    Some(out)
}

struct Strings(Vec<u8>);

impl Strings {
    fn add(&mut self, text: &[u8]) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend(text);
        self.0.push(0);
        at
    }
}

/// `Elf64_Ehdr` of a shared library without sections.
fn file_header(machine: u16, segments: usize) -> Vec<u8> {
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    out.extend(3u16.to_le_bytes());
    out.extend(machine.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend([0; 8]);
    out.extend((HEADER as u64).to_le_bytes());
    out.extend([0; 12]);
    for half in [HEADER as u16, PROGRAM_HEADER as u16, segments as u16, 0, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    out
}

/// `Elf64_Phdr`.
fn program_header(kind: u32, flags: u32, offset: u64, address: u64, len: u64, align: u64) -> Vec<u8> {
    let mut out = [kind.to_le_bytes(), flags.to_le_bytes()].concat();
    for value in [offset, address, address, len, len, align] {
        out.extend(value.to_le_bytes());
    }
    out
}

/// `Elf64_Verdef`, each with one `Elf64_Verdaux`: the library itself, then its versions.
fn version_definitions(soname: &[u8], index: &BTreeMap<&Vec<u8>, u16>, strings: &mut Strings) -> Vec<u8> {
    const DEFINITION: u32 = 20;
    const NAME: u32 = 8;
    let base = std::iter::once((soname, 1, 1u16));
    let versions = index.iter().map(|(version, number)| (version.as_slice(), *number, 0));
    let mut out = Vec::new();
    let last = index.len();
    for (at, (name, number, flags)) in base.chain(versions).enumerate() {
        let next = if at == last { 0 } else { DEFINITION + NAME };
        for half in [1, flags, number, 1] {
            out.extend(half.to_le_bytes());
        }
        for word in [hash(name), DEFINITION, next, strings.add(name), 0] {
            out.extend(word.to_le_bytes());
        }
    }
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// `DT_HASH`: gABI figure 5-12.
fn hash_table(functions: &BTreeSet<Versioned>) -> Vec<u8> {
    let symbols = functions.len() + 1;
    let buckets = functions.len().max(1);
    let mut first = vec![0u32; buckets];
    let mut chain = vec![0u32; symbols];
    for ((name, _), number) in functions.iter().zip(1u32..) {
        let bucket = hash(name) as usize % buckets;
        chain[number as usize] = std::mem::replace(&mut first[bucket], number);
    }
    let head = [buckets as u32, symbols as u32];
    head.into_iter().chain(first).chain(chain).flat_map(u32::to_le_bytes).collect()
}

/// gABI figure 5-13.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(*byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::{Elf, Limits, ObjectKind};

    #[test]
    fn hashes_are_those_of_the_gabi() {
        assert_eq!(hash(b"printf"), 0x077905a6);
        assert_eq!(hash(b"GLIBC_2.2.5"), 0x0969_1a75);
    }

    #[test]
    fn it_is_read_back_and_its_bytes_are_pinned() {
        let functions = [("a", "V_1"), ("b", "V_1"), ("c", "V_2")];
        let functions = functions.map(|(name, version)| (name.into(), version.into())).into();
        let bytes = failing_library(b"libno.so.1", Class::Elf64, 62, &functions).unwrap();
        let elf = Elf::open(&bytes, Limits::default()).unwrap();
        assert_eq!((elf.kind(), elf.machine()), (ObjectKind::Shared, 62));
        let dynamic = elf.dynamic().unwrap().unwrap();
        assert_eq!(dynamic.soname.as_deref(), Some(&b"libno.so.1"[..]));
        assert!(dynamic.needed.is_empty());
        let digest = pintle_model::Digest::of(&bytes).to_string();
        insta::assert_snapshot!(digest, @"092cd9baac9ddd96d97ef5aa7add472b0e039b35909e159d432f7b5cb671b0c5");
        assert_eq!(failing_library(b"x", Class::Elf64, 40, &functions), None);
    }
}
