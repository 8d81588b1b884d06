//! `pintle mkfs`: the file system writers by themselves, judged by the tools of the file systems.

use crate::cli::{fails, fed, folder, within};
use crate::common::succeed;
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A folder with what file systems have trouble with.
fn source(dir: &Path) -> std::path::PathBuf {
    let source = dir.join("source");
    fs::create_dir_all(source.join("folder/deeper")).unwrap();
    fs::write(source.join("folder/file"), "some text\n").unwrap();
    fs::write(source.join("empty"), "").unwrap();
    fs::write(source.join("large"), crate::toy::noise(300_000)).unwrap();
    fs::hard_link(source.join("large"), source.join("folder/deeper/again")).unwrap();
    std::os::unix::fs::symlink("folder/file", source.join("link")).unwrap();
    // A hole of a gigabyte between two blocks.
    let sparse = fs::File::create(source.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"start", 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", 1 << 30).unwrap();
    succeed(
        Command::new("setfattr").args(["-n", "user.colour", "-v", "green"]).arg(source.join("folder/file")),
    );
    succeed(Command::new("chmod").arg("4751").arg(source.join("folder/file")));
    succeed(
        Command::new("touch").args(["--date", "2031-05-06 07:08:09 UTC"]).arg(source.join("folder/file")),
    );
    source
}

fn debugfs(image: &Path, request: &str) -> String {
    succeed(Command::new("debugfs").args(["-R", request]).arg(image))
}

/// The ext4 holds what [`source`] made.
fn sound_ext4(image: &Path) {
    succeed(Command::new("e2fsck").arg("-fn").arg(image));
    assert_eq!(debugfs(image, "cat /folder/file"), "some text\n");
    let stat = debugfs(image, "stat /folder/file");
    assert!(stat.contains("Mode:  04751") && stat.contains("mtime: 0x73623bd9"), "{stat}");
    assert!(debugfs(image, "ea_list /folder/file").contains("user.colour (5) = \"green\""));
    assert!(debugfs(image, "stat /large").contains("Links: 2"));
    assert!(debugfs(image, "stat /link").contains("Fast link dest: \"folder/file\""));
    let folder = tempfile::tempdir().unwrap();
    let dumped = folder.path().join("large");
    debugfs(image, &format!("dump /folder/deeper/again {}", dumped.display()));
    assert!(fs::read(dumped).unwrap() == crate::toy::noise(300_000), "every byte");
}

#[test]
fn ext4_from_folder_tar_and_standard_input() {
    let dir = folder();
    let source = source(dir.path());
    let mkfs = |from: &str, to: &str| {
        let mut command = within(dir.path());
        command.args(["mkfs", "ext4", from, to]);
        command
    };
    succeed(&mut mkfs("source", "one.img"));
    sound_ext4(&dir.path().join("one.img"));
    let sparse = debugfs(&dir.path().join("one.img"), "stat /sparse");
    assert!(sparse.contains("Size: 1073741827") && sparse.contains("Blockcount: 16"), "{sparse}");
    succeed(&mut mkfs("source", "two.img"));
    let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert!(bytes("one.img") == bytes("two.img"), "the same bytes from the same folder");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--exclude=./sparse", "--format=pax", "--xattrs", "--sort=name", "--file"]);
    succeed(tar.arg(dir.path().join("source.tar")).arg("-C").arg(&source).arg("."));
    succeed(Command::new("gzip").arg("--keep").arg(dir.path().join("source.tar")));
    fs::copy(dir.path().join("source.tar.gz"), dir.path().join("named-otherwise")).unwrap();
    let label = ["--uuid", "8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"];
    for from in ["source.tar", "source.tar.gz", "named-otherwise"] {
        succeed(mkfs(from, &format!("{from}.img")).args(label));
        sound_ext4(&dir.path().join(format!("{from}.img")));
        let output = fed(mkfs("-", "piped.img").args(label), &dir.path().join(from));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(bytes("piped.img") == bytes(&format!("{from}.img")), "from standard input: {from}");
    }
    assert!(bytes("source.tar.img") == bytes("named-otherwise.img"), "however it is packed");
}

#[test]
fn ext4_is_as_large_as_asked_and_as_named() {
    let dir = folder();
    fs::create_dir(dir.path().join("source")).unwrap();
    fs::write(dir.path().join("source/file"), "text").unwrap();
    let image = dir.path().join("data.img");
    let mut command = within(dir.path());
    command.args(["mkfs", "ext4", "source", "data.img", "--size", "64M", "--label", "data", "--root-owner"]);
    command.args(["--uuid", "8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d", "--epoch", "1700000000"]);
    let told: Value = serde_json::from_str(&succeed(command.arg("--json"))).unwrap();
    assert_eq!((told["size"].as_u64(), fs::metadata(&image).unwrap().len()), (Some(64 << 20), 64 << 20));
    succeed(Command::new("e2fsck").arg("-fn").arg(&image));
    let blkid = succeed(Command::new("blkid").args(["-p", "-o", "export"]).arg(&image));
    assert!(
        blkid.contains("LABEL=data") && blkid.contains("UUID=8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"),
        "{blkid}"
    );
    assert!(debugfs(&image, "stat /file").contains("User:     0   Group:     0"));
}

#[test]
fn vfat_from_folder_and_tar() {
    let dir = folder();
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("EFI/A long folder name")).unwrap();
    fs::write(source.join("EFI/A long folder name/Grüße.txt"), "hello\n").unwrap();
    fs::write(source.join("big.bin"), crate::toy::noise(200_000)).unwrap();
    let tar = dir.path().join("source.tar");
    succeed(Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&source).args(["EFI", "big.bin"]));
    for (from, to) in [("source", "one.img"), ("source", "two.img"), ("source.tar", "tar.img")] {
        succeed(
            within(dir.path())
                .args(["mkfs", "vfat", from, to, "--label", "esp", "--size", "40M", "-U"])
                .arg("8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"),
        );
        let image = dir.path().join(to);
        succeed(Command::new("fsck.vfat").arg("-n").arg(&image));
        let text = ["-i", image.to_str().unwrap(), "::EFI/A long folder name/Grüße.txt"];
        assert_eq!(succeed(Command::new("mtype").env("LC_ALL", "C.UTF-8").args(text)), "hello\n");
        let copy = dir.path().join("copy");
        succeed(Command::new("mcopy").args(["-n", "-i"]).arg(&image).arg("::big.bin").arg(&copy));
        assert!(fs::read(&copy).unwrap() == crate::toy::noise(200_000));
        fs::remove_file(copy).unwrap();
        assert!(
            succeed(Command::new("blkid").args(["-p", "-o", "export"]).arg(&image)).contains("LABEL=ESP")
        );
    }
    let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert!(bytes("one.img") == bytes("two.img"), "the same bytes from the same folder");
}

/// The EROFS holds what [`source`] made, as its own tools see it.
fn sound_erofs(image: &Path, source: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("tree");
    let extract = format!("--extract={}", into.display());
    let output = Command::new("fsck.erofs").arg(extract).arg(image).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Which forgets holes.
    succeed(Command::new("diff").args(["-r", "--no-dereference", "--exclude=sparse"]).arg(source).arg(&into));
    let stat = |path: &str| succeed(Command::new("dump.erofs").arg(format!("--path={path}")).arg(image));
    // (It does not show set-id bits.)
    assert!(stat("/folder/file").contains("Access: 0751/rwxr-x--x"), "{}", stat("/folder/file"));
    assert!(stat("/folder/file").contains("2031-05-06 07:08:09"), "{}", stat("/folder/file"));
    assert!(stat("/large").contains("Links: 2"));
    assert!(stat("/sparse").contains("Size: 1073741827") && stat("/sparse").contains("Layout: 4"));
}

#[test]
fn erofs_from_folder_tar_and_standard_input() {
    let dir = folder();
    let source = source(dir.path());
    let mkfs = |from: &str, to: &str, options: &[&str]| {
        let mut command = within(dir.path());
        command.args(["mkfs", "erofs", from, to]).args(options);
        command
    };
    let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let text = "some text that is not the same everywhere: 1234567890 ".repeat(10_000);
    fs::write(source.join("text"), text).unwrap();
    let mut sizes = Vec::new();
    for options in [&[][..], &["--pack-tails"], &["--compress", "lz4", "--align", "--cluster", "64K"]] {
        succeed(&mut mkfs("source", "one.img", options));
        sound_erofs(&dir.path().join("one.img"), &source);
        succeed(&mut mkfs("source", "two.img", options));
        assert!(bytes("one.img") == bytes("two.img"), "the same bytes from the same folder");
        sizes.push(bytes("one.img").len());
    }
    assert!(sizes[2] + 400_000 < sizes[1] && sizes[1] < sizes[0], "{sizes:?}");
    // All of them have what an ext4 of the same folder has; `pintle diff` reads zstd and fragments, too.
    succeed(within(dir.path()).args(["mkfs", "ext4", "source", "ext4.img"]));
    succeed(&mut mkfs("source", "zstd.img", &["--compress", "zstd"]));
    for image in ["one.img", "zstd.img"] {
        let told = succeed(within(dir.path()).args(["diff", "--json", "ext4.img", image]));
        let told: Value = serde_json::from_str(&told).unwrap();
        let files: Vec<&Value> = told["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
        assert_eq!(files, ["/lost+found"]);
    }
    let options = ["--label", "root", "--size", "8M", "-U", "8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"];
    succeed(&mut mkfs("source", "one.img", &options));
    sound_erofs(&dir.path().join("one.img"), &source);
    assert_eq!(bytes("one.img").len(), 8 << 20);
    let blkid = succeed(Command::new("blkid").args(["-p", "-o", "export"]).arg(dir.path().join("one.img")));
    assert!(blkid.contains("LABEL=root") && blkid.contains("UUID=8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"));
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sparse", "--format=pax", "--xattrs", "--sort=name", "--file"]);
    succeed(tar.arg(dir.path().join("source.tar")).arg("-C").arg(&source).arg("."));
    let options = ["--compress", "lz4", "--align", "-U", "8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"];
    succeed(&mut mkfs("source.tar", "tar.img", &options));
    sound_erofs(&dir.path().join("tar.img"), &source);
    let output = fed(&mut mkfs("-", "piped.img", &options), &dir.path().join("source.tar"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(bytes("tar.img") == bytes("piped.img"));
}

/// GNU tar has written sparse files in four ways; the holes are there in all of them.
#[test]
fn sparse_members_of_every_format_keep_their_holes() {
    let dir = folder();
    let long = format!("a folder/{}", "long ".repeat(40).trim_end());
    let path = dir.path().join("source").join(&long);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let sparse = fs::File::create(&path).unwrap();
    // More runs than the header and one further block of the old format have room for.
    for n in 0..60 {
        std::os::unix::fs::FileExt::write_all_at(&sparse, &crate::toy::noise(5000), n << 20).unwrap();
    }
    sparse.set_len(64 << 20).unwrap();
    fs::File::create(dir.path().join("source/hole")).unwrap().set_len(5 << 20).unwrap();
    let formats = [
        &["--format=gnu"][..],
        &["--format=posix", "--sparse-version=0.0"],
        &["--format=posix", "--sparse-version=0.1"],
    ];
    for (number, format) in
        formats.into_iter().chain([&["--format=posix", "--sparse-version=1.0"][..]]).enumerate()
    {
        let (tar, image) = (format!("{number}.tar"), dir.path().join(format!("{number}.img")));
        let mut pack = Command::new("tar");
        pack.args(["--sparse", "--sort=name"]).args(format).arg("-cf").arg(dir.path().join(&tar));
        succeed(pack.arg("-C").arg(dir.path().join("source")).arg("."));
        assert!(
            fs::metadata(dir.path().join(&tar)).unwrap().len() < 1 << 20,
            "{format:?} leaves the holes out"
        );
        succeed(within(dir.path()).args(["mkfs", "ext4", &tar]).arg(&image));
        succeed(Command::new("e2fsck").arg("-fn").arg(&image));
        let stat = debugfs(&image, &format!("stat \"/{long}\""));
        assert!(stat.contains("Size: 67108864") && stat.contains("Blockcount: 968"), "{format:?}: {stat}");
        assert!(debugfs(&image, "stat /hole").contains("Blockcount: 0"));
        let dumped = dir.path().join("dumped");
        debugfs(&image, &format!("dump \"/{long}\" {}", dumped.display()));
        succeed(Command::new("cmp").arg(&dumped).arg(&path));
    }
}

#[test]
fn sources_and_outputs_of_mkfs_that_will_not_do() {
    let dir = folder();
    let path = dir.path();
    fs::create_dir(path.join("source")).unwrap();
    fs::write(path.join("source/file"), "text").unwrap();
    fs::write(path.join("text"), "hello\n").unwrap();
    let same = ["--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=0755"];
    succeed(
        Command::new("tar").args(same).arg("-cf").arg(path.join("a.tar")).arg("-C").arg(path).arg("source"),
    );
    let tar = fs::read(path.join("a.tar")).unwrap();
    fs::write(path.join("cut.tar"), &tar[..700]).unwrap();
    succeed(Command::new("gzip").args(["--keep", "--no-name"]).arg(path.join("a.tar")));
    let gz = fs::read(path.join("a.tar.gz")).unwrap();
    fs::write(path.join("cut.tgz"), &gz[..60]).unwrap();
    let mkfs = |arguments: &[&str]| fails(within(path).arg("mkfs").args(arguments).stdin(Stdio::null()));
    assert_snapshot!(mkfs(&["ext4", "nowhere", "out.img"]), @"
    exit 3
    error: there is neither a folder nor an archive at nowhere
      next: the source is a folder or a tar archive (plain, gzip, xz or zstd), `-` such an archive on standard input
    ");
    assert_snapshot!(mkfs(&["ext4", "text", "out.img"]), @"
    exit 3
    error: cannot read the archive text
      because: the archive ends at byte 6, before its end mark
      next: the source is a folder or a tar archive (plain, gzip, xz or zstd), `-` such an archive on standard input
    ");
    assert_snapshot!(mkfs(&["ext4", "-", "out.img"]), @"
    exit 3
    error: cannot read the archive standard input
      because: the archive ends at byte 0, before its end mark
      next: the source is a folder or a tar archive (plain, gzip, xz or zstd), `-` such an archive on standard input
    ");
    assert_snapshot!(mkfs(&["ext4", "cut.tar", "out.img"]), @"
    exit 3
    error: cannot read the archive cut.tar
      because: the archive ends at byte 700, before its end mark
      next: the source is a folder or a tar archive (plain, gzip, xz or zstd), `-` such an archive on standard input
    ");
    // At which byte is the packer's choice.
    let said = mkfs(&["ext4", "cut.tgz", "out.img"]);
    assert!(
        said.starts_with(
            "exit 3\nerror: cannot read the archive cut.tgz\n  because: reading failed at byte "
        ),
        "{said}"
    );
    assert_snapshot!(mkfs(&["ext4", "source", "nowhere/out.img"]), @"
    exit 1
    error: cannot write nowhere/out.img: its directory does not exist; create it, or choose another path
    ");
    assert_snapshot!(mkfs(&["ext4", "a.tar", "source"]), @"
    exit 1
    error: cannot write source: a directory is in its place; remove it, or choose another path
    ");
    assert_snapshot!(mkfs(&["ext4", "source", "out.img", "--size", "10K"]), @"
    exit 3
    error: cannot make an ext4 file system
      because: content needs 319488 bytes (312 KiB), the file system has 10240 (10 KiB): 302 KiB more are needed
    ");
    assert_snapshot!(mkfs(&["ext4", "source", "out.img", "--size", "10Q"]), @"
    exit 2
    error: invalid value '10Q' for '--size <SIZE>': `10Q` is not a size (write a number of bytes, or a number with K, M, G or T: `512M`, `2G`)

    For more information, try '--help'.
    ");
    assert_snapshot!(mkfs(&["ext4", "source", "out.img", "--uuid", "12"]), @"
    exit 2
    error: invalid value '12' for '--uuid <UUID>': invalid length: found 2

    For more information, try '--help'.
    ");
    assert_snapshot!(mkfs(&["ext4", "source", "out.img", "--label", "a label that is too long"]), @"
    exit 3
    error: cannot make an ext4 file system
      because: label `a label that is too long` has 24 bytes, ext4 takes at most 16
    ");
    assert_snapshot!(mkfs(&["xfs", "source", "out.img"]), @"
    exit 2
    error: invalid value 'xfs' for '<KIND>'
      [possible values: ext4, vfat, erofs]

    For more information, try '--help'.
    ");
    assert_snapshot!(mkfs(&["erofs", "source", "out.img", "--size", "4K"]), @"
    exit 3
    error: cannot make an EROFS file system of 4096 bytes (4 KiB): the content needs 12288 (12 KiB)
    ");
    assert_snapshot!(mkfs(&["erofs", "source", "out.img", "--compress", "zstd,23"]), @"
    exit 2
    error: invalid value 'zstd,23' for '--compress <METHOD>': expected lz4, zstd, or zstd,LEVEL with a level from 1 to 22

    For more information, try '--help'.
    ");
    assert_snapshot!(mkfs(&["erofs", "source", "out.img", "--compress", "lz4", "--cluster", "5000"]), @"
    exit 3
    error: cannot make an EROFS file system
      because: compressed extents of 5000 bytes (4.9 KiB): EROFS takes powers of two from 8 KiB to 1 MiB
    ");
    assert_snapshot!(mkfs(&["erofs", "source", "out.img", "--cluster", "64K"]), @"
    exit 2
    error: the following required arguments were not provided:
      --compress <METHOD>

    Usage: pintle mkfs --compress <METHOD> --cluster <SIZE> <KIND> <SOURCE> <OUTPUT>

    For more information, try '--help'.
    ");
    assert_snapshot!(mkfs(&["erofs", "source", "out.img", "--align", "--pack-tails"]), @"
    exit 2
    error: the argument '--align' cannot be used with '--pack-tails'

    Usage: pintle mkfs --align <KIND> <SOURCE> <OUTPUT>

    For more information, try '--help'.
    ");
    assert_snapshot!(mkfs(&["ext4", "source", "out.img", "--compress", "lz4"]), @"
    exit 2
    error: --compress, --align and --pack-tails are of EROFS; other file systems do not have them
      next: pintle mkfs erofs SOURCE OUT
    ");
    std::os::unix::fs::symlink("file", path.join("source/link")).unwrap();
    assert_snapshot!(mkfs(&["vfat", "source", "out.img"]), @"
    exit 3
    error: cannot make a FAT file system
      because: /link is a symbolic link: FAT holds only files and directories
    ");
    assert!(!path.join("out.img").exists());
    let hidden: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with('.'))
        .collect();
    assert!(hidden.is_empty(), "nothing half-written: {hidden:?}");
}
