//! Packages that attack, or were damaged: each is refused with its place named, before memory or disk is taken.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod debs;

use debs::{Header, Memory, Tar, ar, ar_member, chain, control, deb, unpacked};
use pintle_model::Limit;
use pintle_package::deb::{DebError, Limits, unpack};
use std::io::Write as _;

fn refused(data: &Tar) -> String {
    chain(&unpacked(&deb(data)).unwrap_err())
}

fn xz(data: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

#[test]
fn paths_that_lead_elsewhere() {
    let path = |path: &str| refused(&Tar::new().file(path, b"x"));
    insta::assert_snapshot!(path("../etc/passwd"), @"in data.tar: a path is refused: `../etc/passwd` climbs out of the tree with `..`");
    insta::assert_snapshot!(path("usr/../../etc/passwd"), @"in data.tar: a path is refused: `usr/../../etc/passwd` climbs out of the tree with `..`");
    let long = "x".repeat(300);
    let by_pax = |path: &[u8]| refused(&Tar::new().pax(b'x', &[("path", path)]).file("short", b"x"));
    assert!(by_pax(long.as_bytes()).ends_with("has a name of more than 255 bytes"));
    assert!(by_pax("x/".repeat(3000).as_bytes()).ends_with("is longer than 4095 bytes"));
    insta::assert_snapshot!(by_pax(b"a\0b").replace('\0', "NUL"), @"in data.tar: a path is refused: `aNULb` contains a NUL byte");
    insta::assert_snapshot!(path("/etc/x"), @"in data.tar: the path `/etc/x` is absolute, where paths of packages start with `./`");
}

#[test]
fn links_that_lead_elsewhere() {
    let through = Tar::new().link("./a", b'2', "/etc").file("./a/passwd", b"x");
    insta::assert_snapshot!(refused(&through), @"/a/passwd lies below /a, which is no directory");
    let below_file = Tar::new().file("./a", b"x").directory("./a/b/c");
    insta::assert_snapshot!(refused(&below_file), @"/a/b/c lies below /a, which is no directory");
    insta::assert_snapshot!(refused(&Tar::new().link("./b", b'1', "./a")), @"/b is a hard link to /a, which is no earlier file of the package");
    insta::assert_snapshot!(refused(&Tar::new().link("./b", b'1', "../a")), @"in data.tar: a path is refused: `../a` climbs out of the tree with `..`");
    let to_link = Tar::new().link("./a", b'2', "/etc/shadow").link("./b", b'1', "./a");
    insta::assert_snapshot!(refused(&to_link), @"/b is a hard link to /a, which is no earlier file of the package");
    insta::assert_snapshot!(refused(&Tar::new().link("./b", b'2', "")), @"/b is a symbolic link with a bad target");
}

#[test]
fn the_same_path_twice() {
    insta::assert_snapshot!(refused(&Tar::new().file("./a", b"x").file("a", b"y")), @"/a is in it twice");
    insta::assert_snapshot!(refused(&Tar::new().directory("./a").file("./a", b"y")), @"/a is in it twice");
    let twice = unpacked(&deb(&Tar::new().directory("./a/").directory("./a"))).unwrap();
    assert_eq!(twice.entries.len(), 1);
    let modules =
        Tar::new().file("./usr/lib/modules/6/a.ko", b"x").file("./usr/lib/modules/6/a.ko.xz", &xz(b"y"));
    insta::assert_snapshot!(refused(&modules), @"/usr/lib/modules/6/a.ko is in it twice");
}

#[test]
fn a_member_that_claims_terabytes() {
    let header = Header::new("./big", b'0', 5 << 40);
    insta::assert_snapshot!(refused(&Tar::new().member(&header, b"")), @"in data.tar: ./big at byte 0: 5497558138880 is over the limit of 17179869184 bytes in one file");
    let by_pax = Tar::new().pax(b'x', &[("size", b"5497558138880")]).file("./big", b"");
    insta::assert_snapshot!(refused(&by_pax), @"in data.tar: ./big at byte 1024: 5497558138880 is over the limit of 17179869184 bytes in one file");
    let header = Header::new("x", b'x', 5 << 40);
    insta::assert_snapshot!(refused(&Tar::new().member(&header, b"")), @"in data.tar: a pax header at byte 0: 5497558138880 is over the limit of 1048576 bytes in an extended header");
    let header = Header::new("x", b'L', 5 << 30);
    insta::assert_snapshot!(refused(&Tar::new().member(&header, b"")), @"in data.tar: a long name at byte 0: 5368709120 is over the limit of 1048576 bytes in an extended header");
    let mut outer = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control().end())]);
    ar_member(&mut outer, "data.tar", b"little", 9_999_999_999);
    insta::assert_snapshot!(chain(&unpacked(&outer).unwrap_err()), @"the file ends at byte 2246, within member data.tar (9999999993 bytes are missing)");
}

#[test]
fn bombs() {
    let zeros = vec![0; 96 << 20];
    let bomb = |name, data: &[u8]| {
        let control = control().end();
        chain(
            &unpacked(&ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), (name, data)]))
                .unwrap_err(),
        )
    };
    let tar = Tar::new().file("./zeros", &zeros).end();
    insta::assert_snapshot!(bomb("data.tar.xz", &xz(&tar)), @"in data.tar.xz: reading failed at byte 73007616: unpacking goes over the limit of 400 bytes unpacked from each packed byte");
    let zst = zstd::encode_all(&tar[..], 1).unwrap();
    insta::assert_snapshot!(bomb("data.tar.zst", &zst), @"in data.tar.zst: reading failed at byte 68288512: unpacking goes over the limit of 400 bytes unpacked from each packed byte");

    let limits = Limits { module: Limit::new(1 << 20, "bytes in one kernel module"), ..Limits::default() };
    let module = Tar::new().file("./usr/lib/modules/6/zeros.ko.xz", &xz(&zeros));
    let error = unpack(&deb(&module)[..], &limits, &mut Memory::default()).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"the kernel module /usr/lib/modules/6/zeros.ko cannot be unpacked: unpacking goes over the limit of 1048576 bytes in one kernel module");

    let limits =
        Limits { total: Limit::new(100_000, "bytes unpacked from one package"), ..Limits::default() };
    let tar = Tar::new().file("./noise", &[7; 200_000]);
    let error = unpack(&deb(&tar)[..], &limits, &mut Memory::default()).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"in data.tar: reading failed at byte 65536: unpacking goes over the limit of 100000 bytes unpacked from one package");

    let limits = Limits { entries: Limit::new(3, "files in one package"), ..Limits::default() };
    let tar = (0..9).fold(Tar::new(), |tar, n| tar.file(&format!("./{n}"), b""));
    let error = unpack(&deb(&tar)[..], &limits, &mut Memory::default()).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"/3: 4 is over the limit of 3 files in one package");
}

#[test]
fn a_package_that_ends_early() {
    let data = xz(&Tar::new().file("./usr/bin/toy", &[7; 100_000]).file("./usr/bin/toy2", b"x").end());
    let whole = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control().end()), ("data.tar.xz", &data)]);
    unpacked(&whole).unwrap();
    for end in 0..whole.len() - 4 {
        unpacked(&whole[..end]).unwrap_err();
    }
    let at = |end: usize| chain(&unpacked(&whole[..end]).unwrap_err());
    insta::assert_snapshot!(at(0), @"the file ends at byte 0, within its first line");
    insta::assert_snapshot!(at(40), @"the file ends at byte 40, within the member header at byte 8");
    insta::assert_snapshot!(at(500), @"the file ends at byte 500, within member control.tar (1680 bytes are missing)");
    insta::assert_snapshot!(at(whole.len() - 40), @"the file ends at byte 2436, within member data.tar.xz (40 bytes are missing)");
    // The inner archive may end early in a whole outer one.
    let tar = Tar::new().file("./usr/bin/toy", &[7; 100_000]).end();
    let cut = |end: usize| {
        let control = control().end();
        let members: [(&str, &[u8]); 3] =
            [("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar.xz", &xz(&tar[..end]))];
        chain(&unpacked(&ar(&members)).unwrap_err())
    };
    insta::assert_snapshot!(cut(50_000), @"in data.tar.xz: the archive ends at byte 50000, within ./usr/bin/toy");
    insta::assert_snapshot!(cut(tar.len() - 1024), @"in data.tar.xz: the archive ends at byte 100864, before its end mark");
    insta::assert_snapshot!(cut(100), @"in data.tar.xz: the archive ends at byte 100, before its end mark");
}

#[test]
fn damaged_parts() {
    let control = control().end();
    let good = Tar::new().file("./a", b"x").end();
    let with = |members: &[(&str, &[u8])]| chain(&unpacked(&ar(members)).unwrap_err());
    let version: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    let control: (&str, &[u8]) = ("control.tar", &control);
    insta::assert_snapshot!(with(&[]), @"it has no debian-binary");
    insta::assert_snapshot!(with(&[control]), @"it has no debian-binary");
    insta::assert_snapshot!(with(&[("debian-binary", b"3.0\n")]), @"format version \"3.0\\n\" is not understood (only 2.x is)");
    insta::assert_snapshot!(with(&[version]), @"it has no control.tar");
    insta::assert_snapshot!(with(&[version, control]), @"it has no data.tar");
    insta::assert_snapshot!(with(&[version, ("data.tar", &good)]), @"it has no control.tar");
    insta::assert_snapshot!(with(&[version, control, ("surprise", b"")]), @"the member `surprise` is not understood");
    insta::assert_snapshot!(with(&[version, control, ("data.tar.bz2", b"")]), @"the compression of data.tar.bz2 is not understood (xz, zstd, gzip and none are)");
    insta::assert_snapshot!(with(&[version, control, ("data.tar.xz", b"no xz at all")]), @"in data.tar.xz: reading failed at byte 0: stream/file format not recognized");
    insta::assert_snapshot!(with(&[version, control, ("data.tar.gz", b"no gzip")]), @"in data.tar.gz: reading failed at byte 0: unexpected end of file");
    insta::assert_snapshot!(with(&[version, control, ("data.tar.zst", b"no zstd")]), @"in data.tar.zst: reading failed at byte 0: Unknown frame descriptor");
    insta::assert_snapshot!(with(&[version, control, ("data.tar", &[7; 512])]), @"in data.tar: the header at byte 0 has a wrong checksum");
    insta::assert_snapshot!(with(&[version, ("control.tar", &good)]), @"it has no control");
    let link = Tar::new().link("./postinst", b'2', "/bin/sh").end();
    insta::assert_snapshot!(with(&[version, ("control.tar", &link)]), @"the control file postinst is not a regular file");
    // Members with a leading underscore are for others.
    let more = ar(&[version, ("_gpgorigin", b"abc"), control, ("_x", b""), ("data.tar/", &good)]);
    assert_eq!(unpacked(&more).unwrap().entries.len(), 1);

    let mut flipped = xz(&good);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    with(&[version, control, ("data.tar.xz", &flipped)]);
    let module = Tar::new().file("./usr/lib/modules/6/a.ko.xz", b"no xz at all");
    insta::assert_snapshot!(refused(&module), @"the kernel module /usr/lib/modules/6/a.ko cannot be unpacked: stream/file format not recognized");
    // One of many, followed by what is sound.
    let sound = xz(b"module");
    let mut several = Tar::new();
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        let packed = if name == "c" { &sound[..sound.len() / 2] } else { &sound };
        several = several.file(&format!("./usr/lib/modules/6/{name}.ko.xz"), packed);
    }
    insta::assert_snapshot!(refused(&several), @"the kernel module /usr/lib/modules/6/c.ko cannot be unpacked: premature eof");
}

#[test]
fn headers_that_are_not_understood() {
    let sparse = Tar::new().member(&Header::new("./a", b'S', 0), b"");
    insta::assert_snapshot!(refused(&sparse), @"in data.tar: ./a at byte 0 is of a kind that is not understood (type `S`)");
    let sparse = Tar::new().pax(b'x', &[("GNU.sparse.major", b"1")]).file("./a", b"x");
    insta::assert_snapshot!(refused(&sparse), @"in data.tar: ./a at byte 1024 is of a kind that is not understood (type `S`)");
    let mut owner = Header::new("./a", b'0', 0);
    owner.put(108, b"00000x0\0");
    insta::assert_snapshot!(refused(&Tar::new().member(&owner, b"")), @"in data.tar: the header at byte 0 has a bad owner field");
    let owner = Tar::new().pax(b'x', &[("uid", b"99999999999")]).file("./a", b"x");
    insta::assert_snapshot!(refused(&owner), @"in data.tar: the header at byte 1024 has a bad owner field");
    let damaged = Tar::new().member(&Header::new("x", b'x', 9), b"99 path=a");
    insta::assert_snapshot!(refused(&damaged), @"in data.tar: the pax record at byte 512 is damaged");
    let endless = (0..40).fold(Tar::new(), |tar, _| tar.pax(b'x', &[("comment", b"x")]));
    insta::assert_snapshot!(refused(&endless), @"in data.tar: the next file at byte 17408: 17 is over the limit of 16 extended headers for one file");
    let mut sum = Tar::new().file("./a", b"x");
    sum.0[0] ^= 1;
    insta::assert_snapshot!(refused(&sum), @"in data.tar: the header at byte 0 has a wrong checksum");
}

#[test]
fn a_full_disk_is_told_apart_from_a_bad_package() {
    struct Full;
    impl pintle_model::PackSink for Full {
        fn begin(&mut self) -> std::io::Result<u64> {
            Ok(0)
        }
        fn append(&mut self, _: &[u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let error = unpack(&deb(&Tar::new().file("./a", b"x"))[..], &Limits::default(), &mut Full).unwrap_err();
    assert!(matches!(error, DebError::Store { .. }));
    insta::assert_snapshot!(chain(&error), @"/a cannot be kept: no storage space");
}
