//! qcow2 images before qemu-img, which we did not write.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_disk::qcow2::{Compression, Options, Summary, Writer};
use pintle_model::{Blob, Bytes, Contents, Digest, NoContents, Sink, SourceId};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use std::fs::{self, File};
use std::io::{self, Cursor, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

const KINDS: [Compression; 3] = [Compression::None, Compression::Deflate(6), Compression::Zstd(3)];

fn qemu_img(arguments: &[&str]) -> String {
    let output = Command::new("qemu-img")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("qemu-img: {error}; `cargo xtask test` installs what the tests need"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "qemu-img {arguments:?}: {text}{errors}");
    text
}

/// A disk as calls of a sink.
type Calls = Vec<(u64, Vec<u8>)>;

fn image(size: u64, calls: &Calls, compression: Compression, threads: usize) -> (Vec<u8>, Summary) {
    let options = Options { size, compression, threads };
    let mut writer = Writer::new(Cursor::new(Vec::new()), &NoContents, options).unwrap();
    for (at, bytes) in calls {
        writer.write(*at, bytes).unwrap();
    }
    let (out, summary) = writer.finish().unwrap();
    assert_eq!(out.get_ref().len() as u64, summary.len);
    (out.into_inner(), summary)
}

fn raw(path: &Path, size: u64, calls: &Calls) {
    let mut file = File::create(path).unwrap();
    for (at, bytes) in calls {
        file.seek(SeekFrom::Start(*at)).unwrap();
        file.write_all(bytes).unwrap();
    }
    file.set_len(size.next_multiple_of(512)).unwrap();
}

/// qemu-img finds no fault and the same content.
fn check(size: u64, calls: &Calls, compression: Compression) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let (plain, qcow) = (folder.path().join("disk.raw"), folder.path().join("disk.qcow2"));
    let (bytes, summary) = image(size, calls, compression, 2);
    fs::write(&qcow, bytes).unwrap();
    raw(&plain, size, calls);
    let (plain, qcow) = (plain.to_str().unwrap(), qcow.to_str().unwrap());
    let report = qemu_img(&["check", "-f", "qcow2", qcow]);
    assert!(report.starts_with("No errors were found on the image.\n"), "{report}");
    assert_eq!(
        qemu_img(&["compare", "-f", "raw", "-F", "qcow2", plain, qcow]),
        "Images are identical.\n",
        "{size} {compression:?}"
    );
    let info = qemu_img(&["info", "-f", "qcow2", qcow]);
    let size = format!("({} bytes)", size.next_multiple_of(512));
    let kind = if matches!(compression, Compression::Zstd(_)) { "zstd" } else { "zlib" };
    for fact in ["compat: 1.1\n", "cluster_size: 65536\n", &size, &format!("compression type: {kind}\n")] {
        assert!(info.contains(fact), "{fact}: {info}");
    }
    summary
}

fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| step()).collect()
}

fn text(len: usize, seed: u32) -> Vec<u8> {
    let words: Vec<String> = noise(997, seed).iter().map(|n| format!("line {n} of {seed}\n")).collect();
    words.concat().into_bytes().into_iter().cycle().take(len).collect()
}

/// Text, noise, zeros and holes in every arrangement with cluster boundaries.
fn mixed() -> Calls {
    const C: u64 = 65_536;
    let mut calls = vec![
        (0, text(446, 1)),
        (510, vec![0x55, 0xAA]),
        (C - 3, text(6, 2)),
        (2 * C, text(C as usize, 3)),
        (3 * C, vec![0; C as usize]),
        (4 * C, noise(C as usize, 4)),
        (5 * C + 7, text(5 * C as usize, 5)),
        (12 * C, noise(3 * C as usize + 1, 6)),
        (16 * C - 1, vec![1]),
    ];
    // Text and noise by turns: compressed and plain clusters mix in the file.
    for n in 0..40u64 {
        let at = (20 + n) * C;
        let half = C as usize / 3 * 2;
        calls.push((at, if n % 3 == 0 { noise(half, n as u32) } else { text(C as usize, n as u32) }));
    }
    calls
}

#[test]
fn every_mix_passes() {
    for compression in KINDS {
        let summary = check(10 << 20, &mixed(), compression);
        assert_eq!(summary.compressed == 0, compression == Compression::None, "{summary:?}");
        assert!(summary.plain > 0 && summary.plain + summary.compressed > 50, "{summary:?}");
    }
}

#[test]
fn every_level_passes() {
    // Noise after noise: what does not shrink must not harm the clusters after it.
    let mut calls = mixed();
    calls.extend((64..160).map(|n: u64| {
        (n << 16, if n.is_multiple_of(5) { text(65_536, 1) } else { noise(65_536, n as u32) })
    }));
    for level in 0..=9 {
        check(10 << 20, &calls, Compression::Deflate(level));
    }
    for level in [1, 9, 19] {
        check(10 << 20, &calls, Compression::Zstd(level));
    }
}

#[test]
fn every_size_passes() {
    for compression in KINDS {
        for size in [1, 511, 512, 513, 65_535, 65_536, 65_537, 1 << 20] {
            check(size, &vec![(0, text(size as usize, 9))], compression);
            check(size, &Vec::new(), compression);
        }
        // More than one L2 table, and most of them absent.
        let far = [0, 512 << 20, (512 << 20) + 65_536, (5 << 30) - 1, (60 << 30) - 100];
        let calls: Calls = far.iter().map(|at| (*at, text(100, 1))).collect();
        let summary = check(60 << 30, &calls, compression);
        assert!(summary.len < 1 << 20, "{summary:?}");
    }
    check(0, &Vec::new(), Compression::None);
}

#[test]
fn refcounts_of_large_files_pass() {
    // More than 32768 clusters need a second refcount block. The data is one repeated cluster, so no memory is.
    struct Same;
    impl Contents for Same {
        fn read_exact_at(&self, _: SourceId, _: u64, out: &mut [u8]) -> io::Result<()> {
            out.fill(7);
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.qcow2");
    let size = 32_800 * 65_536;
    for compression in [Compression::Deflate(1), Compression::None] {
        let options = Options { size, compression, threads: 2 };
        let out = Discard { file: File::create(&path).unwrap() };
        let mut writer = Writer::new(out, &Same, options).unwrap();
        writer.copy(0, &Bytes::At { source: SourceId(1), offset: 0 }, 0, size).unwrap();
        let (_, summary) = writer.finish().unwrap();
        assert_eq!(summary.plain + summary.compressed, 32_800);
        let report = qemu_img(&["check", "-f", "qcow2", path.to_str().unwrap()]);
        assert!(report.starts_with("No errors were found on the image.\n"), "{report}");
    }
}

/// A file in which clusters of sevens become holes: the check of refcounts reads tables only.
struct Discard {
    file: File,
}

impl io::Write for Discard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.iter().all(|byte| *byte == 7) {
            self.file.seek(SeekFrom::Current(bytes.len() as i64))?;
            return Ok(bytes.len());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl io::Seek for Discard {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[test]
fn threads_change_nothing() {
    for compression in KINDS {
        let one = image(10 << 20, &mixed(), compression, 1);
        for threads in [0, 2, 5] {
            assert!(image(10 << 20, &mixed(), compression, threads) == one, "{compression:?} {threads}");
        }
    }
}

#[test]
fn the_bytes_are_pinned() {
    let digest = |compression| Digest::of(&image(10 << 20, &mixed(), compression, 2).0).hex();
    insta::assert_snapshot!(digest(Compression::None), @"44007a2c3939d15eb243b2fdaeca56bcb5494213cc18c7b63ce76800bfa4b60e");
    insta::assert_snapshot!(digest(Compression::Deflate(6)), @"afc11989365c26574bbca923fa296c186b36add035d4bbc4c4b895a8b0b5a72a");
    insta::assert_snapshot!(digest(Compression::Zstd(3)), @"c39aabf160d80aac38bd5cf74a24ace21adcbed82f402bd3c810996d9326a58b");
}

#[test]
fn bad_calls_are_refused() {
    let options = Options { size: 1000, compression: Compression::Deflate(6), threads: 2 };
    let mut writer = Writer::new(Cursor::new(Vec::new()), &NoContents, options).unwrap();
    writer.write(10, &[1; 10]).unwrap();
    insta::assert_snapshot!(writer.write(19, &[1]).unwrap_err(), @"the image writer went back from 20 to 19");
    insta::assert_snapshot!(writer.write(999, &[1; 2]).unwrap_err(), @"the image writer put 2 bytes at 999, past the end of the disk of 1000 bytes");
    let missing = Blob::at(SourceId(3), 0, 5);
    insta::assert_snapshot!(writer.blob(100, &missing).unwrap_err(), @"no content source 3");
    drop(writer);
    let large = Options { size: 1 << 52, ..options };
    let error = Writer::new(Cursor::new(Vec::new()), &NoContents, large).err().unwrap();
    insta::assert_snapshot!(error, @"a qcow2 image cannot have 4503599627370496 bytes: 2 PiB is the most");
}

fn piece() -> impl Strategy<Value = (u64, Vec<u8>)> {
    let gap = prop_oneof![3 => Just(0u64), 2 => 0u64..70_000, 1 => 0u64..700_000_000, 2 => (0u64..5).prop_map(|n| n * 65_536)];
    let data = prop_oneof![
        (0usize..200_000, 0u32..50).prop_map(|(len, seed)| text(len, seed)),
        (0usize..200_000, 0u32..50).prop_map(|(len, seed)| noise(len, seed)),
        (0usize..200_000).prop_map(|len| vec![0; len]),
    ];
    (gap, data)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_sparse_disks_pass(pieces in vec(piece(), 0..12), rest in 0u64..100_000, kind in 0usize..3) {
        let mut calls = Calls::new();
        let mut end = 0;
        for (gap, data) in pieces {
            let at = end + gap;
            end = at + data.len() as u64;
            calls.push((at, data));
        }
        check(end + rest, &calls, KINDS[kind]);
    }
}
