//! FAT volumes before judges we did not write: fsck.vfat, mtools, blkid.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_fs::vfat::read::{Limits, Volume};
use pintle_fs::vfat::{FatType, Options, Summary, TOO_SMALL, layout, minimum_size, verify, write};
use pintle_model::{
    Attrs, Blob, Bytes, Count, Digest, InodeId, Kind, NoContents, Origin, Segment, Timestamp, Tree, TreePath,
    WriteAll,
};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

/// Runs a judge; its standard output.
fn judge(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("MTOOLSRC", "/dev/null")
        .output()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; `cargo xtask test` installs what the tests need")
        });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}{errors}", output.status);
    text
}

struct Maker {
    tree: Tree,
}

impl Maker {
    fn new() -> Self {
        Self { tree: Tree::new() }
    }

    fn attrs(secs: i64) -> Attrs {
        Attrs { mtime: Timestamp::from_secs(secs), ..Attrs::root(0o644) }
    }

    fn file(&mut self, path: &str, blob: Blob) -> InodeId {
        let by = self.tree.origin(Origin::Generated("test".into()));
        let path = TreePath::literal(path);
        self.tree.ensure_directory(&path.parent().unwrap(), Self::attrs(1_700_000_000), by).unwrap();
        self.tree.add(&path, Kind::File(blob), Self::attrs(1_700_000_001), by).unwrap()
    }
}

fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| step()).collect()
}

/// What an ESP holds, with some names that are harder.
fn esp() -> Tree {
    let mut maker = Maker::new();
    maker.file("EFI/BOOT/BOOTX64.EFI", Blob::inline(noise(90_001, 1)));
    let first = maker.file("EFI/Linux/web_1.0+3-0.efi", Blob::inline(noise(700_000, 2)));
    maker.tree.link(&TreePath::literal("EFI/Linux/web_1.0+2-1.efi"), first).unwrap();
    maker.file("loader/loader.conf", Blob::inline(*b"timeout 3\n"));
    maker.file("loader/entries.srel", Blob::inline(*b"type1\n"));
    maker.file("loader/random-seed", Blob::default());
    maker.file("Ünïcode Ärger – 日本語.txt", Blob::inline(*b"names\n"));
    maker.file("a name with spaces and more than one entry can hold.conf", Blob::inline(*b"x"));
    maker.file("UPPER.TXT", Blob::inline(*b"upper"));
    maker.file("upper~1.txt", Blob::inline(*b"lower"));
    let piece = Segment { at: 100_000, len: 3, bytes: Bytes::Inline((*b"end").into()) };
    maker.file("sparse", Blob::sparse(200_000, vec![piece]).unwrap());
    for n in 0..300 {
        maker.file(&format!("many/file number {n}"), Blob::inline(vec![n as u8; n]));
    }
    let by = maker.tree.origin(Origin::Nobody);
    maker.tree.ensure_directory(&TreePath::literal("empty/deep/er"), Maker::attrs(0), by).unwrap();
    maker.tree
}

fn options(size: u64) -> Options {
    Options {
        size,
        label: "ESP".into(),
        serial: 0x1234_ABCD,
        epoch: Timestamp::from_secs(1_700_000_000),
        hidden_sectors: 2048,
    }
}

/// Writes twice, and holds the writer to its promises.
fn image(tree: &Tree, options: &Options) -> (Vec<u8>, Summary) {
    let mut count = Count::default();
    let counted = write(tree, options, &mut count).unwrap();
    assert!(count.end <= options.size);
    let mut all = WriteAll::new(Vec::new(), &NoContents);
    let summary = write(tree, options, &mut all).unwrap();
    assert_eq!((summary, layout(tree, options).unwrap()), (counted, counted));
    let bytes = all.finish(options.size).unwrap();
    let mut volume = Volume::open(Cursor::new(&bytes), Limits::default()).unwrap();
    verify(tree, &NoContents, &mut volume).unwrap();
    assert_eq!((volume.serial(), volume.label().unwrap().as_deref()), (0x1234_ABCD, Some("ESP")));
    (bytes, summary)
}

/// Everything mtools copies out is what the tree says, and nothing else comes out.
fn compare_with_mtools(tree: &Tree, image: &Path, scratch: &Path) {
    let out = scratch.join("out");
    fs::create_dir(&out).unwrap();
    let count = tree.walk().count();
    if count > 1 {
        judge("mcopy", &["-s", "-m", "-n", "-i", image.to_str().unwrap(), "::/*", out.to_str().unwrap()]);
    }
    for entry in tree.walk() {
        let path = out.join(std::str::from_utf8(entry.path.as_bytes()).unwrap());
        let Kind::File(blob) = &entry.inode.kind else {
            assert!(path.is_dir(), "{}", entry.path);
            continue;
        };
        let expected = blob.read(&NoContents, u64::MAX).unwrap();
        assert!(fs::read(&path).unwrap() == expected, "{}", entry.path);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let secs = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        assert_eq!(secs, entry.inode.attrs.mtime.secs / 2 * 2, "{}", entry.path);
    }
    assert_eq!(walk(&out), count);
}

fn walk(path: &Path) -> usize {
    let below = |entry: fs::DirEntry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 };
    1 + fs::read_dir(path).unwrap().map(|entry| below(entry.unwrap())).sum::<usize>()
}

fn check(tree: &Tree, options: &Options) -> Summary {
    let (bytes, summary) = image(tree, options);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("esp.img");
    fs::write(&file, &bytes).unwrap();
    let path = file.to_str().unwrap();
    let report = judge("fsck.vfat", &["-n", "-v", path]);
    let used = summary.clusters - summary.free_clusters;
    assert!(report.contains(&format!(" files, {used}/{} clusters", summary.clusters)), "{report}{summary:?}");
    compare_with_mtools(tree, &file, scratch.path());
    let facts = judge("blkid", &["-p", "-o", "export", path]);
    let version = format!("VERSION={}\n", summary.fat);
    for fact in ["LABEL=ESP\n", "LABEL_FATBOOT=ESP\n", "UUID=1234-ABCD\n", "TYPE=vfat\n", &version] {
        assert!(facts.contains(fact), "{fact}{facts}");
    }
    summary
}

#[test]
fn an_esp_passes_every_judge_at_every_size() {
    let tree = esp();
    for (kib, fat, cluster) in [
        (4 << 10, FatType::Fat16, 512),
        (20 << 10, FatType::Fat16, 512),
        (33_100, FatType::Fat16, 1024),
        (34 << 10, FatType::Fat32, 512),
        (100 << 10, FatType::Fat32, 1024),
        (512 << 10, FatType::Fat32, 4096),
    ] {
        let summary = check(&tree, &options(kib << 10));
        assert_eq!((summary.fat, summary.cluster_size), (fat, cluster), "{kib} KiB");
        assert_eq!(summary.data_start % 4096, 0);
    }
}

#[test]
fn empty_volumes_are_good_volumes() {
    for size in [TOO_SMALL, 34 << 20] {
        check(&Tree::new(), &options(size));
    }
}

#[test]
fn a_label_may_be_absent() {
    let options = Options { label: String::new(), ..options(34 << 20) };
    let mut all = WriteAll::new(Vec::new(), &NoContents);
    write(&esp(), &options, &mut all).unwrap();
    let bytes = all.finish(options.size).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    judge("fsck.vfat", &["-n", file.path().to_str().unwrap()]);
    assert!(!judge("blkid", &["-p", "-o", "export", file.path().to_str().unwrap()]).contains("LABEL="));
    assert_eq!(Volume::open(Cursor::new(&bytes), Limits::default()).unwrap().label().unwrap(), None);
}

/// The reader on what others wrote: config drives are made by mkfs.vfat, small ones as FAT12.
#[test]
fn volumes_of_mkfs_and_mtools_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let large = scratch.path().join("large");
    fs::write(&large, noise(300_001, 5)).unwrap();
    let small = scratch.path().join("Meta Data.json");
    fs::write(&small, "{}").unwrap();
    for (bits, kib) in [(12, 1440), (16, 16 << 10), (32, 40 << 10)] {
        let file = scratch.path().join(format!("fat{bits}"));
        fs::File::create(&file).unwrap().set_len(kib << 10).unwrap();
        let image = file.to_str().unwrap();
        judge("mkfs.vfat", &["-F", &bits.to_string(), "-i", "0000CAFE", "-n", "config-2", image]);
        let at = |path: &str| format!("::{path}");
        judge("mmd", &["-i", image, &at("openstack"), &at("openstack/latest")]);
        for n in 0..10 {
            let to = at(&format!("openstack/latest/user_data number {n}"));
            judge("mcopy", &["-i", image, small.to_str().unwrap(), &to]);
        }
        judge("mdel", &["-i", image, &at("openstack/latest/user_data number 7")]);
        // Falls into the hole the deleted file left, so it is fragmented.
        judge("mcopy", &["-i", image, large.to_str().unwrap(), &at("openstack/latest/LARGE.BIN")]);
        judge("mcopy", &["-i", image, small.to_str().unwrap(), &at("openstack/latest/lower.txt")]);
        let mut volume = Volume::open(fs::File::open(&file).unwrap(), Limits::default()).unwrap();
        assert_eq!((volume.bits(), volume.serial()), (bits, 0xCAFE));
        assert_eq!(volume.label().unwrap().as_deref(), Some("config-2"));
        let listed = volume.list("/openstack/latest").unwrap();
        assert_eq!(listed.len(), 11);
        assert!(listed.iter().any(|entry| entry.name == "lower.txt"), "{listed:?}");
        assert_eq!(volume.read("OpenStack/latest/USER_DATA number 8", 2).unwrap(), b"{}");
        assert!(volume.read("openstack/latest/large.bin", 1 << 20).unwrap() == noise(300_001, 5));
        assert!(volume.read("openstack/latest/user_data number 7", 2).is_err());
    }
}

#[test]
fn the_minimum_is_enough_and_not_much_more() {
    for bytes in [0, 1, 2_000_000, 7_000_001, 31 << 20, 33 << 20, 40 << 20, 130 << 20] {
        let mut maker = Maker::new();
        for n in 0..3 {
            maker.file(&format!("file {n}"), Blob::sparse(bytes / 3, Vec::new()).unwrap());
        }
        let size = minimum_size(&maker.tree).unwrap();
        layout(&maker.tree, &options(size)).unwrap();
        assert!(size - bytes < 2_200_000 + bytes / 50, "{bytes} bytes in {size}");
        if bytes > 3_000_000 {
            assert!(layout(&maker.tree, &options((size - size / 50) / 512 * 512)).is_err());
        }
    }
}

#[test]
fn a_large_root_directory_of_fat16_grows() {
    let mut maker = Maker::new();
    for n in 0..2000 {
        maker.file(&format!("a rather long name that takes entries {n}"), Blob::inline(*b"x"));
    }
    let summary = check(&maker.tree, &options(minimum_size(&maker.tree).unwrap()));
    assert_eq!(summary.fat, FatType::Fat16);
    for n in 2000..16_400 {
        maker.file(&format!("a rather long name that takes entries {n}"), Blob::inline(*b"x"));
    }
    let error = layout(&maker.tree, &options(20 << 20)).unwrap_err();
    insta::assert_snapshot!(error, @"/ needs 81990 directory entries: FAT holds at most 65536 in this directory");
}

#[test]
fn the_bytes_are_pinned() {
    let tree = esp();
    let digest = |size| Digest::of(&image(&tree, &options(size)).0).hex();
    insta::assert_snapshot!(digest(4 << 20), @"4258ffd0afe648498073d0bbda4c473e05826efaabde1f30919b7429e52c3a31");
    insta::assert_snapshot!(digest(40 << 20), @"bbc55869430b7ae88151adecb0f9f3f469e1f3c6783036a246afc95035f58ae0");
}

#[test]
fn what_fat_cannot_hold_is_named() {
    let error = |path: &str, kind: Kind| {
        let mut maker = Maker::new();
        maker.file("EFI/readme", Blob::default());
        let by = maker.tree.origin(Origin::Nobody);
        maker.tree.add(&TreePath::literal(path), kind, Attrs::root(0o644), by).unwrap();
        let error = layout(&maker.tree, &options(4 << 20)).unwrap_err();
        let source =
            std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        format!("{error}{source}")
    };
    let file = |len| Kind::File(Blob::sparse(len, Vec::new()).unwrap());
    insta::assert_snapshot!(error("EFI/link", Kind::Symlink((*b"x").into())), @"/EFI/link is a symbolic link: FAT holds only files and directories");
    insta::assert_snapshot!(error("EFI/null", Kind::CharDevice { major: 1, minor: 3 }), @"/EFI/null is a character device: FAT holds only files and directories");
    insta::assert_snapshot!(error("EFI/a:b", file(0)), @r#"/EFI/a:b has a name that FAT cannot hold: the character ':' is not allowed (nor are control characters and `"*/:<>?\|`)"#);
    insta::assert_snapshot!(error("EFI/README", file(0)), @"/EFI/readme and `README` beside it are the same name to FAT, which ignores case");
    insta::assert_snapshot!(error("EFI/large", file(1 << 32)), @"/EFI/large has 4294967296 bytes: FAT holds files of at most 4294967295 bytes");
    insta::assert_snapshot!(error("EFI/large", file(4 << 20)), @"the content needs 4194816 bytes in clusters, the volume of 4194304 bytes has room for 4141056");
    let bad = |options: Options| layout(&Tree::new(), &options).unwrap_err();
    insta::assert_snapshot!(bad(options(1000)), @"a FAT volume cannot have 1000 bytes: it must be a multiple of 512");
    insta::assert_snapshot!(bad(options(1 << 20)), @"a FAT volume cannot have 1048576 bytes: it is too small for FAT16, which needs 4101 clusters (about 2.1 MiB)");
    insta::assert_snapshot!(bad(options(1 << 42)), @"a FAT volume cannot have 4398046511104 bytes: 2 TiB is the most");
    insta::assert_snapshot!(bad(Options { label: "esp".into(), ..options(4 << 20) }), @"`esp` is not a volume label (at most 11 upper-case letters, digits or `$%'-_@~!(){}^#&`)");
}
