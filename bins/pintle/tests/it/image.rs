//! The image as the tools of the field see it.

use crate::common::{pintle, succeed, web};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

#[test]
fn partition_table_is_sound() {
    let said = succeed(Command::new("sgdisk").arg("-v").arg(&web().image));
    assert!(said.contains("No problems found"), "{said}");
    let said = succeed(Command::new("sfdisk").arg("--verify").arg(&web().image));
    assert!(said.contains("No errors detected"), "{said}");
}

#[test]
fn qcow2_is_sound_and_equal() {
    let built = web();
    succeed(Command::new("qemu-img").args(["check", "-q"]).arg(&built.qcow2));
    succeed(Command::new("qemu-img").args(["compare", "-q"]).arg(&built.image).arg(&built.qcow2));
}

#[test]
fn file_systems_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    partition("root", &root);
    succeed(Command::new("e2fsck").arg("-fn").arg(&root));
    let esp = folder.path().join("esp");
    partition("esp", &esp);
    succeed(Command::new("fsck.vfat").arg("-n").arg(&esp));
}

#[test]
fn the_unified_kernel_image_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let esp = folder.path().join("esp");
    partition("esp", &esp);
    let listing = succeed(Command::new("mdir").args(["-b", "-/", "-i"]).arg(&esp));
    let uki = listing
        .lines()
        .find(|line| line.contains("/EFI/Linux/") && line.trim_end().ends_with(".efi"))
        .expect("a UKI in the ESP")
        .trim()
        .to_owned();
    let copy = folder.path().join("uki.efi");
    succeed(Command::new("mcopy").arg("-i").arg(&esp).arg(&uki).arg(&copy));
    let size = std::fs::metadata(&copy).unwrap().len();
    assert!(size <= 20_000_000, "{size} bytes");
    succeed(Command::new("objdump").arg("-h").arg(&copy));
}

/// Copies a partition out of the image, by the manifest's word.
pub(crate) fn partition(role: &str, to: &Path) {
    let built = web();
    let partitions = built.manifest["disk"]["partitions"].as_array().unwrap();
    let found =
        partitions.iter().find(|p| p["role"] == role).unwrap_or_else(|| panic!("{role} in {partitions:?}"));
    let (start, size) = (found["start"].as_u64().unwrap(), found["size"].as_u64().unwrap());
    let image = File::open(&built.image).unwrap();
    let mut out = File::create(to).unwrap();
    let mut chunk = vec![0; 1 << 20];
    let mut at = 0;
    while at < size {
        let n = chunk.len().min((size - at) as usize);
        image.read_exact_at(&mut chunk[..n], start + at).unwrap();
        out.write_all(&chunk[..n]).unwrap();
        at += n as u64;
    }
}

#[test]
fn packed_outputs_hold_the_same_disk() {
    let built = web();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut build = pintle();
    build.args(["build", "--locked", "--offline", "--format", "raw.gz", "--format", "raw.zst", "--output"]);
    succeed(build.arg(&out).arg(&built.folder));
    let digest = built.manifest["outputs"][0]["sha256"].as_str().unwrap();
    for (tool, name) in [("gzip", "web.raw.gz"), ("zstd", "web.raw.zst")] {
        let script = format!("{tool} -dc {} | sha256sum", out.join(name).display());
        let said = succeed(Command::new("sh").args(["-c", &script]));
        assert!(said.starts_with(digest), "{name}: {said} is not {digest}");
    }
}
