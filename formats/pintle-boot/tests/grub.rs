//! GRUB images against GRUB's own `grub-mkimage` and `grub-script-check`, with the GRUB package of this machine.
#![allow(missing_docs, clippy::unwrap_used)]

use pintle_boot::cmdline::Cmdline;
use pintle_boot::grub::config::{MODULES, Menu, MenuEntry};
use pintle_boot::grub::{CoreSpec, GrubError, core_image, embed};
use pintle_model::Digest;
use proptest::prelude::*;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

const DIRECTORY: &str = "/usr/lib/grub/i386-pc";
const PREFIX: &str = "(,gpt3)/boot/grub";

fn installed(name: &str) -> Option<Vec<u8>> {
    assert!(
        Path::new(DIRECTORY).is_dir(),
        "{DIRECTORY} is missing (package grub-pc-bin): run `cargo xtask test`"
    );
    std::fs::read(Path::new(DIRECTORY).join(name)).ok()
}

fn run(command: &mut Command) {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error} (package grub-common): run `cargo xtask test`"));
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
}

/// What the decompressor of a core image puts into memory.
fn unpack(core: &[u8], decompressor: usize) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(core[512 + at..516 + at].try_into().unwrap()) as usize;
    let (packed, len) = (word(8), word(12));
    let stream = &core[512 + decompressor..];
    assert_eq!(stream.len(), packed, "the compressed size field covers the rest of the image");
    let mut reader = lzma_rust2::LzmaReader::new(stream, len as u64, 3, 0, 2, 1 << 26, None).unwrap();
    let mut payload = Vec::new();
    reader.read_to_end(&mut payload).unwrap();
    assert_eq!(payload.len(), len);
    payload
}

#[test]
fn the_core_holds_what_grub_mkimage_puts_in() {
    let temp = tempfile::tempdir().unwrap();
    let (config, memdisk, out) =
        (temp.path().join("early"), temp.path().join("memdisk"), temp.path().join("core"));
    let early = "search.fs_uuid 1-2 root hd0,gpt3\nset prefix=($root)/boot/grub\n";
    std::fs::write(&config, early).unwrap();
    std::fs::write(&memdisk, b"a disk").unwrap();
    run(Command::new("grub-mkimage")
        .args(["-O", "i386-pc", "-d", DIRECTORY, "-c"])
        .arg(&config)
        .arg("-m")
        .arg(&memdisk)
        // After -m, which sets a prefix of its own.
        .args(["-p", PREFIX, "-o"])
        .arg(&out)
        .args(MODULES));
    let theirs = std::fs::read(&out).unwrap();
    let spec = CoreSpec {
        modules: MODULES,
        prefix: PREFIX,
        early_config: Some(early),
        memdisk: Some(b"a disk"),
        ..CoreSpec::default()
    };
    let ours = core_image(&installed, &spec).unwrap();
    let decompressor = installed("lzma_decompress.img").unwrap().len();
    let (ours_in, theirs_in) = (unpack(&ours, decompressor), unpack(&theirs, decompressor));
    assert_eq!(ours_in.len(), theirs_in.len());
    let differs = ours_in.iter().zip(&theirs_in).position(|(a, b)| a != b);
    assert_eq!(differs, None, "first difference at {differs:x?} of {:x}", ours_in.len());
    // Beside the two sizes, boot sector code and decompressor are the package's.
    assert_eq!(ours[..500], theirs[..500]);
    assert_eq!(ours[512..520], theirs[512..520]);
    assert_eq!(ours[524..512 + decompressor], theirs[524..512 + decompressor]);
    // Packed in a quarter of the time that theirs takes.
    assert!(ours.len() <= theirs.len() + theirs.len() / 12, "{} against {}", ours.len(), theirs.len());
}

/// Bytes that do not compress (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn what_is_missing_is_named() {
    let spec = |modules| CoreSpec { modules, prefix: PREFIX, ..CoreSpec::default() };
    let error = |gone: &'static str| {
        let files = move |name: &str| if name == gone { None } else { installed(name) };
        core_image(&files, &spec(&["normal"])).unwrap_err()
    };
    for gone in ["kernel.img", "moddep.lst", "diskboot.img", "lzma_decompress.img", "crypto.mod"] {
        assert_eq!(error(gone), GrubError::Missing(gone.to_owned()));
    }
    insta::assert_snapshot!(error("normal.mod"), @"GRUB's file `normal.mod` is missing");
    insta::assert_snapshot!(core_image(&installed, &spec(&["nonsense"])).unwrap_err(), @"GRUB has no module `nonsense`");
    let huge = |name: &str| if name == "normal.mod" { Some(vec![0; (4 << 20) + 1]) } else { installed(name) };
    insta::assert_snapshot!(core_image(&huge, &spec(&["normal"])).unwrap_err(), @"GRUB's file `normal.mod` has 4194305 bytes, over the limit of 4194304 bytes");
    let noise = noise(1 << 19);
    let full = CoreSpec { memdisk: Some(&noise), ..spec(&["normal"]) };
    let error = core_image(&installed, &full).map(|core| core.len()).unwrap_err();
    assert!(matches!(error, GrubError::CoreTooBig { what: "the compressed image", .. }), "{error}");
    let nul = CoreSpec { early_config: Some("a\0b"), ..spec(&[]) };
    insta::assert_snapshot!(core_image(&installed, &nul).unwrap_err(), @"GRUB's early configuration holds a NUL byte");
}

#[test]
fn the_same_files_make_the_same_image_and_it_embeds() {
    let spec = CoreSpec { modules: MODULES, prefix: PREFIX, ..CoreSpec::default() };
    let core = core_image(&installed, &spec).unwrap();
    assert_eq!(core, core_image(&installed, &spec).unwrap());
    assert!(core.len() < 192 << 10, "{} bytes", core.len());
    let boot = installed("boot.img").unwrap();
    let made = embed(&boot, core, 2048).unwrap();
    assert_eq!(made.core.len() % 512, 0);
    let changed: Vec<_> = (0..440).filter(|at| boot[*at] != made.boot_code[*at]).collect();
    assert_eq!(changed, [0x5c, 0x5d, 0x66, 0x67], "0x64 holds 0xff already");
}

/// A package of GRUB files that are only as much as the format needs.
fn toy(name: &str) -> Option<Vec<u8>> {
    let mut elf = vec![0u8; 52 + 3 * 40];
    elf[..6].copy_from_slice(b"\x7fELF\x01\x01");
    elf[18] = 3;
    elf[32] = 52;
    elf[46] = 40;
    elf[48] = 3;
    // .text, .data behind a gap, .bss.
    for (n, section) in
        [[1u32, 6, 0x9000, 0, 40], [1, 3, 0x9040, 8, 20], [8, 3, 0x9054, 0, 4096]].iter().enumerate()
    {
        for (at, value) in [4, 8, 12, 16, 20].into_iter().zip(section) {
            elf[52 + n * 40 + at..][..4].copy_from_slice(&value.to_le_bytes());
        }
    }
    let mut boot = vec![0x90; 512];
    boot[0x66] = 0xeb;
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    Some(match name {
        "kernel.img" => elf,
        "moddep.lst" => b"normal: terminal boot\nterminal:\nboot: terminal\n".to_vec(),
        "diskboot.img" => vec![0xdb; 512],
        "lzma_decompress.img" => vec![0xdc; 600],
        "boot.img" => boot,
        "normal.mod" => b"module code ".repeat(300),
        "terminal.mod" | "boot.mod" => name.as_bytes().to_vec(),
        _ => return None,
    })
}

#[test]
fn the_bytes_are_pinned() {
    let spec =
        CoreSpec { modules: &["normal"], prefix: PREFIX, early_config: Some("x\n"), ..CoreSpec::default() };
    let core = core_image(&toy, &spec).unwrap();
    assert_eq!(unpack(&core, 600).len(), 84 + 12 + (8 + 3600) + (8 + 12) + (8 + 8) + (8 + 4) + (8 + 20));
    let made = embed(&toy("boot.img").unwrap(), core, 2048).unwrap();
    insta::assert_snapshot!(Digest::of(&made.core), @"fa51f1998935c3c5996f5fc17c902c81899c90a4d8a22d58930fd6ee3de75b9f");
    insta::assert_snapshot!(Digest::of(&made.boot_code), @"3368c4218fd2151c7713d4966218305dd331ed494d6fb35caeb5542f24a07c0f");
}

#[test]
fn grub_reads_the_menu() {
    let entry = |id: &str, words: &str| MenuEntry {
        id: id.into(),
        title: format!("It's $HOME \"{id}\" {{}};"),
        kernel: "/boot/vmlinuz-6.12.1".into(),
        initrd: Some("/boot/initrd.img-6.12.1".into()),
        cmdline: Cmdline::parse(words).unwrap(),
    };
    let menu = Menu {
        root_uuid: "c0ffee00-0000-4000-8000-000000000000".into(),
        timeout: 0,
        entries: vec![
            entry("demo", "root=PARTUUID=1 dyndbg=\"file a +p\" x={$y;&|<>#"),
            entry("rescue", "rescue"),
        ],
    };
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("grub.cfg");
    std::fs::write(&path, menu.render().unwrap()).unwrap();
    run(Command::new("grub-script-check").arg(&path));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Neither a mutated kernel nor a mutated dependency list may panic.
    #[test]
    fn mutated_files_never_panic(at in 0usize..40_000, value: u8, cut in 0usize..40_000, list in "[a-z: \\n]{0,200}") {
        let kernel = installed("kernel.img").unwrap();
        // The section table is at the end; half of the mutations go there and to the file header.
        let at = if at % 2 == 0 { kernel.len() - 1 - at % 300 } else { at % 64 };
        let files = |name: &str| match name {
            "kernel.img" => {
                let mut bytes = kernel.clone();
                bytes[at] = value;
                if cut < kernel.len() / 8 {
                    bytes.truncate(cut);
                }
                Some(bytes)
            }
            "moddep.lst" => Some(list.clone().into_bytes()),
            _ => installed(name),
        };
        let _ = core_image(&files, &CoreSpec { modules: &["a"], prefix: PREFIX, ..CoreSpec::default() });
    }

    #[test]
    fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), elf: bool) {
        let mut bytes = bytes;
        if elf && bytes.len() > 52 {
            bytes[..6].copy_from_slice(b"\x7fELF\x01\x01");
            bytes[18..20].copy_from_slice(&[3, 0]);
        }
        let files = |_: &str| Some(bytes.clone());
        let _ = core_image(&files, &CoreSpec::default());
        let _ = embed(&bytes, bytes.clone(), 34);
    }
}
