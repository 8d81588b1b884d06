//! Unified kernel images against readers we did not write: binutils, pefile, sbsign and sbverify, on the stub of the
//! package systemd-boot-efi of this machine and a kernel made here.
#![allow(missing_docs, clippy::unwrap_used)]

use pintle_boot::uki::{LinuxHeader, Pe, PeLimits, Sections, UkiError, assemble};
use pintle_model::{Blob, Digest, NoContents};
use proptest::prelude::*;
use std::process::Command;

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

fn run(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask test`"));
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn stub() -> Vec<u8> {
    std::fs::read(STUB)
        .unwrap_or_else(|error| panic!("{STUB} (package systemd-boot-efi): {error}: run `cargo xtask test`"))
}

/// An EFI program with one section per name, as small as the format allows.
fn toy(sections: &[(&str, &[u8])], room: usize) -> Vec<u8> {
    let mut image = vec![0; 0x40];
    image[..2].copy_from_slice(b"MZ");
    image[0x3c] = 0x40;
    image.extend_from_slice(b"PE\0\0\x64\x86");
    image.extend_from_slice(&(sections.len() as u16).to_le_bytes());
    image.extend_from_slice(&[0; 12]);
    image.extend_from_slice(&[240, 0, 0x22, 0]);
    let mut optional = vec![0; 240];
    let headers = (0x40 + 24 + 240 + (sections.len() + room) * 40).next_multiple_of(512) as u32;
    let put = |optional: &mut Vec<u8>, at: usize, value: u32| {
        optional[at..at + 4].copy_from_slice(&value.to_le_bytes());
    };
    for (at, value) in [(0, 0x20b), (16, 0x1000), (32, 0x1000), (36, 0x200), (60, headers), (108, 16)] {
        put(&mut optional, at, value);
    }
    put(&mut optional, 56, 0x1000 * (sections.len() as u32 + 1));
    put(&mut optional, 68, 0x0160_000a);
    image.extend_from_slice(&optional);
    let mut data = Vec::new();
    for (n, (name, bytes)) in sections.iter().enumerate() {
        let mut entry = [0; 40];
        entry[..name.len()].copy_from_slice(name.as_bytes());
        let raw_len = bytes.len().next_multiple_of(512) as u32;
        let raw_at = headers + data.len() as u32;
        for (at, value) in [
            (8, bytes.len() as u32),
            (12, 0x1000 * (n as u32 + 1)),
            (16, raw_len),
            (20, raw_at),
            (36, 0x6000_0020),
        ] {
            entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        image.extend_from_slice(&entry);
        data.extend_from_slice(bytes);
        data.resize(data.len().next_multiple_of(512), 0);
    }
    image.resize(headers as usize, 0);
    image.extend(data);
    image
}

fn toy_kernel() -> Blob {
    Blob::inline(toy(&[(".text", b"code"), (".sbat", b"sbat,1,SBAT Version\nlinux,1,Toy\n\0\0")], 0))
}

fn sections<'a>(linux: &'a Blob, initrd: &'a Blob) -> Sections<'a> {
    Sections {
        os_release: b"ID=toy\nVERSION_ID=1\n",
        cmdline: "root=PARTUUID=1 rw",
        device_tree: None,
        uname: "6.12.1-toy",
        pcr_key: "",
        pcr_signature: "",
        linux,
        initrd: Some(initrd),
    }
}

fn build(stub: &[u8]) -> Vec<u8> {
    let (linux, initrd) = (toy_kernel(), Blob::inline((0..5000u32).map(|n| n as u8).collect::<Vec<_>>()));
    let uki = assemble(stub, &sections(&linux, &initrd), &NoContents).unwrap();
    uki.read(&NoContents, 1 << 30).unwrap()
}

#[test]
fn every_reader_finds_the_sections() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("toy.efi");
    std::fs::write(&path, build(&stub())).unwrap();
    let listed = run(Command::new("objdump").arg("-h").arg(&path));
    let names: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let names: Vec<_> = names.into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(names.ends_with(&[".osrel", ".cmdline", ".uname", ".linux", ".initrd"]), "{names:?}");
    for (section, expect) in [
        (".cmdline", b"root=PARTUUID=1 rw".to_vec()),
        (".linux", toy_kernel().read(&NoContents, 1 << 20).unwrap()),
        (".initrd", (0..5000u32).map(|n| n as u8).collect()),
    ] {
        let out = temp.path().join("section");
        run(Command::new("objcopy")
            .arg("--dump-section")
            .arg(format!("{section}={}", out.display()))
            .arg(&path)
            .arg(temp.path().join("copy")));
        let found = std::fs::read(&out).unwrap();
        assert!(found == expect, "{section}: {} bytes", found.len());
    }
    let sbat = run(Command::new("objdump").args(["-s", "-j", ".sbat"]).arg(&path));
    assert!(sbat.contains("linux,1,"), "{sbat}");
    // The checksum, warnings, and the place of sections by pefile, which systemd's own tools use.
    let script = "import pefile,sys\n\
        pe=pefile.PE(sys.argv[1],fast_load=True)\n\
        assert pe.verify_checksum(), 'checksum'\n\
        assert not pe.get_warnings(), pe.get_warnings()\n\
        end=0\n\
        for s in pe.sections:\n\
        \x20   assert s.VirtualAddress>=end, s.Name\n\
        \x20   end=s.VirtualAddress+s.Misc_VirtualSize\n\
        assert pe.OPTIONAL_HEADER.SizeOfImage>=end\n";
    run(Command::new("/usr/bin/python3").arg("-c").arg(script).arg(&path));
}

#[test]
fn it_can_be_signed_and_verified() {
    let temp = tempfile::tempdir().unwrap();
    let file = |name: &str| temp.path().join(name);
    std::fs::write(file("toy.efi"), build(&stub())).unwrap();
    let listed = Command::new("sbverify").arg("--list").arg(file("toy.efi")).output();
    let listed = listed.unwrap_or_else(|error| panic!("sbverify: {error}: run `cargo xtask test`"));
    let said = [listed.stdout, listed.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("No signature table present"));
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "36500", "-keyout",
        ])
        .arg(file("key"))
        .arg("-out")
        .arg(file("cert")));
    run(Command::new("sbsign")
        .arg("--key")
        .arg(file("key"))
        .arg("--cert")
        .arg(file("cert"))
        .arg(file("toy.efi")));
    run(Command::new("sbverify").arg("--cert").arg(file("cert")).arg(file("toy.efi.signed")));
    let signed = std::fs::read(file("toy.efi.signed")).unwrap();
    let linux = toy_kernel();
    let error = assemble(&signed, &sections(&linux, &linux), &NoContents).unwrap_err();
    insta::assert_snapshot!(error, @"systemd's EFI stub cannot be used: it is signed, and the signature would not hold for what is built on it");
}

#[test]
fn the_bytes_are_pinned() {
    let bytes = build(&toy(&[(".text", b"stub"), (".sbat", b"sbat,1,SBAT Version\nstub,1\n")], 6));
    insta::assert_snapshot!(Digest::of(&bytes), @"4bf3635e14f6d082ca1df67466cf0534231f70f7f048e90222d55ce8482c59aa");
}

#[test]
fn what_cannot_be_built_is_explained() {
    let (good, linux) = (toy(&[(".text", b"stub")], 12), toy_kernel());
    let error = |stub: &[u8], linux: &Blob| {
        let error = assemble(stub, &sections(linux, linux), &NoContents).unwrap_err();
        std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    };
    insta::assert_snapshot!(error(b"MZ", &linux), @"systemd's EFI stub cannot be used: the PE DOS header ends at byte 64, beyond the 2 bytes there are");
    insta::assert_snapshot!(error(b"#!/bin/sh", &linux), @"systemd's EFI stub cannot be used: not a PE image: it does not begin with `MZ`");
    insta::assert_snapshot!(error(&toy(&[(".linux", b"x")], 8), &linux), @"systemd's EFI stub cannot be used: it holds a kernel already");
    insta::assert_snapshot!(error(&toy(&[], 8), &linux), @"systemd's EFI stub cannot be used: it has no sections");
    insta::assert_snapshot!(error(&toy(&[("a", b"a".as_slice()); 4], 0), &linux), @"systemd's EFI stub has room for 0 sections in its headers, 5 are needed");
    insta::assert_snapshot!(error(&toy(&[("a", b"a".as_slice()); 97], 6), &linux), @"systemd's EFI stub cannot be used: 97 sections in one PE image, over the limit of 96");
    insta::assert_snapshot!(error(&good, &Blob::inline(*b"\x7fELF")), @"the kernel is no EFI program (built without CONFIG_EFI_STUB?): not a PE image: it does not begin with `MZ`");
    let mut other = linux.read(&NoContents, 1 << 20).unwrap();
    other[0x44..0x46].copy_from_slice(&[0x64, 0xaa]);
    insta::assert_snapshot!(error(&good, &Blob::inline(other)), @"the kernel is for machine 0xaa64, systemd's EFI stub for 0x8664");
    insta::assert_snapshot!(error(&toy(&[(".sbat", &[b'x'; 500])], 8), &linux), @"the SBAT lines of stub and kernel do not fit in the 512 bytes that systemd's EFI stub has for them");
    insta::assert_snapshot!(error(&good[..0x300], &linux), @"systemd's EFI stub cannot be used: PE section `.text` lies at bytes 1024 to 1536 of a file of 768 bytes");
    let huge = Blob::sparse(5 << 30, Vec::new()).unwrap();
    let parts = Sections { initrd: Some(&huge), ..sections(&linux, &linux) };
    insta::assert_snapshot!(assemble(&good, &parts, &NoContents).unwrap_err(), @"the unified kernel image would be larger than 4 GiB at section `.initrd`");
}

#[test]
fn a_kernel_without_nx_takes_the_flag_from_the_image() {
    let mut kernel = toy_kernel().read(&NoContents, 1 << 20).unwrap();
    let flags = |image: &[u8]| {
        Pe::parse(image, image.len() as u64, &PeLimits::default()).unwrap().dll_characteristics
    };
    assert_eq!(flags(&build(&toy(&[("a", b"a")], 8))), 0x160);
    kernel[0x40 + 24 + 70] = 0;
    kernel[0x40 + 24 + 71] = 0;
    let linux = Blob::inline(kernel);
    let uki = assemble(&toy(&[("a", b"a")], 8), &sections(&linux, &linux), &NoContents).unwrap();
    assert_eq!(flags(&uki.read(&NoContents, 1 << 20).unwrap()), 0x060);
}

/// A setup header of protocol 2.15 with `version` as its version text.
fn bzimage(version: &[u8]) -> Vec<u8> {
    let mut head = vec![0; 0x400];
    head[0x1f1] = 3;
    head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    head[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
    head[0x20e..0x210].copy_from_slice(&[0, 1]);
    head[0x211] = 1;
    head[0x238..0x23c].copy_from_slice(&2047u32.to_le_bytes());
    head[0x300..0x300 + version.len()].copy_from_slice(version);
    head
}

#[test]
fn kernels_name_their_release() {
    let header = LinuxHeader::parse(&bzimage(b"6.12.1+deb13-cloud-amd64 (x@y) #1 SMP\0")).unwrap();
    assert_eq!(
        (header.release.as_str(), header.cmdline_max, header.protocol),
        ("6.12.1+deb13-cloud-amd64", 2047, 0x20f)
    );
    assert!(header.big);
    let error = |bytes: &[u8]| LinuxHeader::parse(bytes).unwrap_err();
    insta::assert_snapshot!(error(&[0; 100]), @"not a Linux kernel image for x86: it is shorter than a setup header");
    insta::assert_snapshot!(error(&[0; 1024]), @"not a Linux kernel image for x86: its setup header has no signature");
    insta::assert_snapshot!(error(&bzimage(b"")), @"the kernel image has no version text that can be read");
    insta::assert_snapshot!(error(&bzimage(b"6.12\n\0")), @"the kernel image has no version text that can be read");
    let mut beyond = bzimage(b"6.12\0");
    beyond[0x20f] = 0x80;
    assert!(LinuxHeader::parse(&beyond).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_headers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1200), file_len: u64) {
        let _ = Pe::parse(&bytes, file_len, &PeLimits::default());
        let _ = LinuxHeader::parse(&bytes);
    }

    /// A stub or kernel with bytes changed gives an image or an error; an image can be read back.
    #[test]
    fn mutated_parts_never_panic(changes in proptest::collection::vec((0usize..0x300, any::<u8>()), 1..6), which: bool, cut in 0usize..4000) {
        let mut stub = toy(&[(".text", b"stub"), (".sbat", b"sbat,1\nstub,1\n")], 8);
        let mut kernel = toy_kernel().read(&NoContents, 1 << 20).unwrap();
        let target = if which { &mut stub } else { &mut kernel };
        for (at, value) in changes {
            let at = at % target.len();
            target[at] = value;
        }
        target.truncate(target.len().max(cut) - cut / 4);
        let linux = Blob::inline(kernel);
        match assemble(&stub, &sections(&linux, &linux), &NoContents) {
            Ok(uki) => {
                let bytes = uki.read(&NoContents, 1 << 32).unwrap();
                prop_assert!(Pe::parse(&bytes, bytes.len() as u64, &PeLimits::default()).is_ok());
            }
            Err(error) => prop_assert!(!matches!(error, UkiError::Read(_)), "{error:?}"),
        }
    }
}
