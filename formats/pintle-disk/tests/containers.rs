//! VHD and VMDK images, and gzip, before programs that we did not write.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_disk::{gzip, vhd, vmdk, xz};
use pintle_model::Digest;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program}: {error}; `cargo xtask test` installs what the tests need")
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program} {arguments:?}: {text}{errors}");
    text
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| step()).collect()
}

/// Text, a hole over two grain tables of VMDK, noise at the very end.
fn disk(mib: usize) -> Vec<u8> {
    let mut bytes = b"Contrariwise, if it was so, it might be. ".repeat(40_000);
    bytes.resize(mib << 20, 0);
    let tail = noise(300_000);
    let start = bytes.len() - tail.len();
    bytes[start..].copy_from_slice(&tail);
    bytes
}

/// qemu-img finds the same disk in `image`.
fn same(raw: &Path, image: &Path, format: &str) {
    let (raw, image) = (raw.to_str().unwrap(), image.to_str().unwrap());
    let said = run("qemu-img", &["compare", "-f", "raw", "-F", format, raw, image]);
    assert_eq!(said, "Images are identical.\n");
}

#[test]
fn fixed_vhd_is_the_disk_with_a_footer() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, image) = (folder.path().join("disk.raw"), folder.path().join("disk.vhd"));
    // The second has no geometry that gives exactly its size.
    for mib in [3, 97] {
        let bytes = disk(mib);
        let size = bytes.len() as u64;
        let footer = vhd::Footer { size, uuid: *b"0123456789abcdef", epoch: 1_763_596_800 };
        fs::write(&raw, &bytes).unwrap();
        fs::write(&image, [&bytes[..], &footer.bytes()].concat()).unwrap();
        let info = run("qemu-img", &["info", "-f", "vpc", image.to_str().unwrap()]);
        assert!(info.contains(&format!("({size} bytes)")), "{info}");
        same(&raw, &image, "vpc");
    }
    let footer = vhd::Footer { size: 3 << 20, uuid: [7; 16], epoch: 1_763_596_800 };
    insta::assert_snapshot!(Digest::of(&footer.bytes()).hex(), @"03a84f46dff9d04c94d2ed929df87c05d5811a36a5acfb23e5503aab2d9fac1d");
}

fn vmdk_of(bytes: &[u8], threads: usize) -> Vec<u8> {
    let options = vmdk::Options { size: bytes.len() as u64, id: 0x1234_5678, level: 6, threads };
    let mut writer = vmdk::Writer::new(Vec::new(), options).unwrap();
    for (index, part) in bytes.chunks(1 << 20).enumerate() {
        writer.write((index as u64) << 20, part).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn stream_optimized_vmdk_is_sound_and_equal() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, image) = (folder.path().join("disk.raw"), folder.path().join("disk.vmdk"));
    for bytes in [disk(3), disk(97), vec![0; 1 << 20]] {
        let packed = vmdk_of(&bytes, 2);
        assert!(packed == vmdk_of(&bytes, 5), "threads change nothing");
        fs::write(&raw, &bytes).unwrap();
        fs::write(&image, packed).unwrap();
        let path = image.to_str().unwrap();
        let said = run("qemu-img", &["check", "-f", "vmdk", path]);
        assert!(said.starts_with("No errors were found on the image.\n"), "{said}");
        let info = run("qemu-img", &["info", "-f", "vmdk", path]);
        assert!(info.contains("create type: streamOptimized"), "{info}");
        same(&raw, &image, "vmdk");
    }
}

#[test]
fn vmdk_takes_whole_grains_in_order_only() {
    let options = vmdk::Options { size: 1 << 20, id: 1, level: 6, threads: 1 };
    let mut writer = vmdk::Writer::new(Vec::new(), options).unwrap();
    let grain = vec![1; vmdk::GRAIN];
    writer.write(vmdk::GRAIN as u64, &grain).unwrap();
    for (at, bytes) in [(vmdk::GRAIN as u64, &grain[..]), (1 << 20, &grain), (1 << 19, &grain[..512])] {
        writer.write(at, bytes).unwrap_err();
    }
    let odd = vmdk::Options { size: 1000, ..options };
    insta::assert_snapshot!(vmdk::Writer::new(Vec::new(), odd).unwrap_err(), @"a stream-optimized VMDK image cannot have 1000 bytes: whole 64 KiB, and less than 2 TiB");
}

#[test]
fn gzip_and_xz_are_sound_and_the_same_by_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [disk(9), Vec::new(), vec![0; 4 << 20]] {
        fs::write(folder.path().join("disk"), &bytes).unwrap();
        for tool in ["gzip", "xz"] {
            let pack = |threads| {
                if tool == "gzip" {
                    let mut writer = gzip::Writer::new(Vec::new(), 6, threads).unwrap();
                    writer.write_all(&bytes).unwrap();
                    return writer.finish().unwrap();
                }
                let mut writer = xz::Writer::new(Vec::new(), 2, threads).unwrap();
                writer.write_all(&bytes).unwrap();
                writer.finish().unwrap()
            };
            let packed = pack(2);
            assert!(packed == pack(1) && packed == pack(5), "{tool}");
            let path = folder.path().join("packed");
            fs::write(&path, packed).unwrap();
            let script = format!("{tool} -dc < {} | cmp - {}/disk", path.display(), folder.path().display());
            run("sh", &["-c", &script]);
        }
    }
}
