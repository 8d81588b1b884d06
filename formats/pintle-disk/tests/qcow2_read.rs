//! The reader before images that qemu-img made, and before damaged ones.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_disk::qcow2::read::{ReadError, Reader};
use proptest::prelude::{ProptestConfig, any, proptest};
use std::fs;
use std::io;
use std::process::Command;

fn open(bytes: &[u8]) -> Result<Reader<'_>, ReadError> {
    Reader::open(Box::new(move |offset, out| {
        let start = usize::try_from(offset).ok();
        let piece = start.and_then(|start| bytes.get(start..start.checked_add(out.len())?));
        out.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }))
}

/// Text, noise, a hole, a ragged end.
fn disk() -> Vec<u8> {
    let mut disk = Vec::new();
    let mut state = 1u32;
    for n in 0..3000u32 {
        disk.extend_from_slice(format!("line {n} of the disk\n").as_bytes());
    }
    disk.resize(1 << 20, 0);
    disk.extend((0..300_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    disk.resize(5 << 20, 0);
    disk.extend_from_slice(&[7; 512]);
    disk
}

fn convert(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (raw, qcow) = (folder.path().join("disk.raw"), folder.path().join("disk.qcow2"));
    fs::write(&raw, disk()).unwrap();
    let output = Command::new("qemu-img")
        .args(["convert", "-f", "raw", "-O", "qcow2"])
        .args(options)
        .args([&raw, &qcow])
        .output()
        .unwrap_or_else(|error| panic!("qemu-img: {error}; `cargo xtask test` installs what the tests need"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(qcow).unwrap()
}

#[test]
fn every_shape_of_qemu_img_reads_back() {
    let disk = disk();
    for options in [
        &["-o", "compat=0.10"][..],
        &["-o", "compat=1.1"],
        &["-c"],
        &["-c", "-o", "compression_type=zstd"],
        &["-c", "-o", "cluster_size=512"],
        &["-c", "-o", "cluster_size=2M"],
        &["-o", "cluster_size=4k,preallocation=metadata"],
    ] {
        let bytes = convert(options);
        let image = open(&bytes).unwrap();
        assert_eq!(image.size(), disk.len() as u64);
        let mut out = vec![9; disk.len()];
        image.read_exact_at(0, &mut out).unwrap();
        assert!(out == disk, "{options:?}");
        let mut piece = vec![0; 100_001];
        image.read_exact_at(65_000, &mut piece).unwrap();
        assert!(piece == disk[65_000..165_001], "{options:?}");
        assert!(image.read_exact_at(disk.len() as u64 - 5, &mut piece).is_err());
    }
}

#[test]
fn what_it_does_not_know_is_named() {
    let good = convert(&["-c"]);
    let said = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        open(&bad).map(|image| image.size()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(said(0, b"PK"), @"not a qcow2 image");
    insta::assert_snapshot!(said(4, &9u32.to_be_bytes()), @"the qcow2 image is of a version, which this reader does not know");
    insta::assert_snapshot!(said(8, &500u64.to_be_bytes()), @"the qcow2 image has a backing file, which this reader does not know");
    insta::assert_snapshot!(said(20, &63u32.to_be_bytes()), @"damaged qcow2 image: cluster size");
    insta::assert_snapshot!(said(24, &u64::MAX.to_be_bytes()), @"damaged qcow2 image: the first table is too short");
    insta::assert_snapshot!(said(32, &1u32.to_be_bytes()), @"the qcow2 image is encrypted, which this reader does not know");
    insta::assert_snapshot!(said(36, &u32::MAX.to_be_bytes()), @"more than 4194304 entries in the first table of a qcow2 image");
    insta::assert_snapshot!(said(72, &16u64.to_be_bytes()), @"the qcow2 image has an incompatible feature, which this reader does not know");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_never_panics(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6), head in any::<bool>()) {
        static IMAGE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| convert(&["-c", "-o", "cluster_size=512"]));
        let mut bytes = IMAGE.clone();
        for (at, byte) in changes {
            let within = if head { 4096 } else { bytes.len() };
            bytes[at.index(within)] = byte;
        }
        if let Ok(image) = open(&bytes) {
            let mut piece = vec![0; 20_000];
            for offset in [0, 60_000, image.size().saturating_sub(20_000)] {
                let _ = image.read_exact_at(offset, &mut piece);
            }
        }
    }
}
