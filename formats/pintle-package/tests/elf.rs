//! ELF reading: against `readelf`, and against any bytes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use pintle_package::elf::{
    Class, DlopenPriority, Elf, ElfError, Limits, ObjectKind, dlopen_entries, failing_library, notes,
};
use pintle_package::modinfo::{Modinfo, Symbols, module_name, normal_alias};
use proptest::prelude::*;
use std::process::Command;

fn readelf(arguments: &[&str]) -> String {
    let output = Command::new("readelf").args(arguments).env("LC_ALL", "C").output();
    let output = output.expect("readelf is missing: run `cargo xtask test`, which installs binutils");
    String::from_utf8(output.stdout).unwrap()
}

/// The names in brackets of the lines of `readelf -d` with `tag`.
fn bracketed(text: &str, tag: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| line.contains(tag));
    lines.filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.as_bytes().to_vec())).collect()
}

fn check_against_readelf(path: &str) {
    let bytes = std::fs::read(path).unwrap();
    let elf = Elf::open(&bytes, Limits::default()).unwrap();
    let dynamic = elf.dynamic().unwrap().unwrap();
    let judged = readelf(&["-d", "-W", path]);
    assert_eq!(dynamic.needed, bracketed(&judged, "(NEEDED)"), "{path}");
    assert_eq!(dynamic.soname.into_iter().collect::<Vec<_>>(), bracketed(&judged, "(SONAME)"), "{path}");
    assert_eq!(dynamic.runpath.join(&b':'), bracketed(&judged, "(RUNPATH)").concat(), "{path}");
    let interpreter = readelf(&["-l", "-W", path]);
    let interpreter =
        interpreter.lines().find_map(|line| line.trim().strip_prefix("[Requesting program interpreter: "));
    let found = elf.interpreter().unwrap().map(|name| String::from_utf8(name).unwrap());
    assert_eq!(found.as_deref(), interpreter.map(|name| name.trim_end_matches(']')), "{path}");
    let judged = readelf(&["-S", "-W", path]);
    for section in elf.sections().unwrap().iter().skip(1) {
        let name = String::from_utf8(section.name.clone()).unwrap();
        let wanted = format!("{:06x} {:06x}", section.offset, section.size);
        let line =
            judged.lines().find(|line| line.split(']').nth(1).is_some_and(|l| l.trim().starts_with(&name)));
        assert!(judged.contains(&wanted), "{path}: {name}: {wanted} not in {line:?}");
    }
}

#[test]
fn programs_and_libraries_read_as_readelf_reads_them() {
    let libc = readelf(&["-d", "/bin/sh"]);
    assert!(libc.contains("libc.so.6"), "{libc}");
    for path in ["/bin/sh", "/bin/mount", "/usr/bin/openssl"] {
        check_against_readelf(path);
    }
    let own = std::env::current_exe().unwrap();
    check_against_readelf(own.to_str().unwrap());
}

/// Those that `readelf` lists as undefined, by the library that its version table names.
#[test]
fn imports_are_those_readelf_lists() {
    for path in ["/usr/bin/kmod", "/usr/bin/openssl"] {
        let bytes = std::fs::read(path).unwrap();
        let imports = Elf::open(&bytes, Limits::default()).unwrap().imports().unwrap();
        let judged = readelf(&["-W", "--dyn-syms", path]);
        let undefined = judged.lines().filter(|line| line.contains(" UND ") && line.contains('@')).count();
        assert_eq!(imports.len(), undefined, "{path}");
        for import in &imports {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let wanted = format!(" UND {}@{} ", text(&import.name), text(&import.version));
            let line = judged.lines().find(|line| format!("{line} ").contains(&wanted));
            assert_eq!(line.unwrap().contains(" FUNC "), import.function, "{path}: {wanted}");
        }
        let libraries = judged_needs(path);
        assert!(imports.iter().all(|import| libraries.contains(&import.library)), "{path}");
    }
}

fn judged_needs(path: &str) -> Vec<Vec<u8>> {
    bracketed(&readelf(&["-d", "-W", path]), "(NEEDED)")
}

/// The dynamic loader links kmod, all symbols at once, with a libcrypto that only fails; what needs no cryptography
/// works, and what does fails without a crash.
#[test]
fn the_loader_takes_a_failing_library_for_the_real_one() {
    let bytes = std::fs::read("/usr/bin/kmod").unwrap();
    let elf = Elf::open(&bytes, Limits::default()).unwrap();
    let imports = elf.imports().unwrap();
    let crypto = imports.into_iter().filter(|import| import.library == b"libcrypto.so.3");
    let functions: std::collections::BTreeSet<_> =
        crypto.map(|import| (import.name, import.version)).collect();
    assert!(functions.len() > 10);
    let library = failing_library(b"libcrypto.so.3", elf.class(), elf.machine(), &functions).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libcrypto.so.3");
    std::fs::write(&path, library).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("LD_LIBRARY_PATH", folder.path()).env("LD_BIND_NOW", "1");
        let output = command.output().unwrap();
        (output.status, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (status, text) = run("/usr/bin/ldd", &["-r", "/usr/bin/kmod"]);
    let taken = format!("libcrypto.so.3 => {}", path.display());
    assert!(status.success() && text.contains(&taken) && !text.contains("undefined"), "{text}");
    let (status, text) = run("/usr/bin/kmod", &["--version"]);
    assert!(status.success() && text.starts_with("kmod version"), "{text}");
    let text = readelf(&["-W", "-l", "-d", "-D", "-s", path.to_str().unwrap()]);
    assert!(text.contains("PKCS7_free") && !text.contains("Warning"), "{text}");
}

#[test]
fn other_files_are_told_apart() {
    let open = |bytes: &[u8]| Elf::open(&bytes, Limits::default()).map(|_| ()).unwrap_err();
    assert!(matches!(open(b"#!/bin/sh\necho hello to you"), ElfError::NotElf));
    assert!(matches!(open(b""), ElfError::NotElf));
    let mut header = [0_u8; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x02\x01");
    insta::assert_snapshot!(open(&header), @"unknown ELF byte order 2");
    header[4..6].copy_from_slice(&[9, 1]);
    insta::assert_snapshot!(open(&header), @"unknown ELF class 9");
    header[4] = 2;
    insta::assert_snapshot!(open(&header[..40]), @"the file header at byte 0: outside the file of 40 bytes");
    header[40] = 0xf0;
    header[58] = 64;
    header[60] = 3;
    let elf = Elf::open(&header, Limits::default()).unwrap();
    assert_eq!(elf.kind(), ObjectKind::Other(0));
    assert_eq!(elf.class(), Class::Elf64);
    insta::assert_snapshot!(elf.sections().unwrap_err(),
        @"the section headers at byte 240: outside the file of 64 bytes");
}

#[test]
fn dlopen_notes_are_read_and_strange_ones_skipped() {
    let note = |kind: u32, json: &[u8]| {
        let mut note = [4_u32, json.len() as u32, kind].map(u32::to_le_bytes).concat();
        note.extend_from_slice(b"FDO\0");
        note.extend_from_slice(json);
        note.resize(note.len().next_multiple_of(4), 0);
        note
    };
    let mut bytes =
        note(0x407c_0c0a, br#"[{"soname":["libkmod.so.2"],"feature":"kmod","priority":"recommended"}]"#);
    bytes.extend(note(0x407c_0c0a, b"[{]"));
    bytes.extend(note(1, br#"[{"soname":["no.so"]}]"#));
    bytes.extend(note(0x407c_0c0a, br#"[{"soname":["a.so.1","a.so.0"]}]"#));
    bytes.extend([9, 9, 9]);
    assert_eq!(notes(&bytes, 4).count(), 4);
    let entries = dlopen_entries(&bytes, 4);
    let shown: Vec<_> =
        entries.iter().map(|e| (e.soname.join(" "), e.feature.as_str(), e.priority)).collect();
    assert_eq!(
        shown,
        [
            ("libkmod.so.2".to_owned(), "kmod", DlopenPriority::Recommended),
            ("a.so.1 a.so.0".to_owned(), "", DlopenPriority::Suggested)
        ]
    );
}

#[test]
fn modinfo_strings_keep_their_order() {
    let info = Modinfo::parse(b"\0\0license=GPL\0alias=pci:a\0depends=a,b-c\0alias=x=y\0odd\0".to_vec());
    let entries: Vec<_> =
        info.entries().map(|(k, v)| [k, v].map(String::from_utf8_lossy).join("|")).collect();
    assert_eq!(entries, ["license|GPL", "alias|pci:a", "depends|a,b-c", "alias|x=y", "odd|"]);
    assert_eq!(info.values("alias").collect::<Vec<_>>(), [b"pci:a".as_slice(), b"x=y"]);
    assert_eq!(info.depends().collect::<Vec<_>>(), [b"a".as_slice(), b"b-c"]);
    assert_eq!(info.value("license"), Some(b"GPL".as_slice()));
    assert_eq!(module_name(b"kernel/arch/x86/crypto/crc32c-intel.ko.xz"), b"crc32c_intel");
    assert_eq!(normal_alias(b"a-b[0-9]-c").unwrap(), b"a_b[0-9]_c");
    assert!(normal_alias(b"a]").is_none() && normal_alias(b"a[").is_none());
}

/// Everything a fuzz target calls.
fn read_everything(bytes: &[u8]) {
    let Ok(elf) = Elf::open(&bytes, Limits::default()) else { return };
    let _ = (elf.dynamic().is_ok(), elf.interpreter().is_ok(), elf.dlopens().is_ok());
    if let Ok(sections) = elf.sections() {
        let _ = (Modinfo::read(&elf, &sections).is_ok(), Symbols::read(&elf, &sections).is_ok());
    }
}

/// A small valid file to mutate: the machine's `true`.
fn seed() -> &'static [u8] {
    static SEED: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SEED.get_or_init(|| std::fs::read("/bin/true").unwrap())
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.extend(&bytes);
        read_everything(&file);
        let _ = Modinfo::parse(bytes).depends().count();
    }

    #[test]
    fn damaged_files_end_in_a_value_or_an_error(
        edits in prop::collection::vec((prop::sample::select(vec![0_usize, 64, 512, 1 << 20]), any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut file = seed().to_vec();
        for (within, index, value) in edits {
            // Headers sit in the first and last bytes: damage them often.
            let len = file.len();
            let at = if within == 0 { len - 1 - index.index(1024) } else { index.index(within.min(len)) };
            file[at] = value;
        }
        if !whole {
            file.truncate(cut.index(file.len()));
        }
        read_everything(&file);
    }
}
