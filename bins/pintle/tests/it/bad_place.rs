//! Places that cannot be written: taken, closed, too small, full. The program says which, and leaves nothing behind.

use crate::common::succeed;
use crate::toy::{Toy, base, listing, noise};
use insta::assert_snapshot;
use serde_json::json;
use std::fs;
use std::process::Command;

#[test]
fn the_disk_is_too_small() {
    let archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(4 << 20));
    let toy = Toy::new(&archive, &["app"]);
    let image = json!({"bios": false, "uefi": false, "free": 0, "size": 2 << 20});
    toy.define(&toy.mirror().display().to_string(), &["app"], json!({"image": image}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    made the lock: 3 packages; keep it with the definition
    error: the image cannot be laid out:
      `image.size` is 2 MiB, the image needs 7 MiB at least (7340032 bytes); most of it are the files of package app 1 (4.0 MiB), package base-passwd 3.6 (162 B), package base-files 13 (30 B)
    ");
}

#[test]
fn the_place_for_the_output_is_taken() {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.folder().join("taken"), "").unwrap();
    assert_snapshot!(toy.fails(toy.build().args(["--output", "taken"])), @"
    exit 1
    error: cannot write taken: a file is where a folder must be; remove it, or choose another path
    ");
    fs::create_dir_all(toy.out().join("toy.raw")).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot write out/toy.raw: a directory is in its place; remove it, or choose another path
    ");
}

/// A world that belongs to nobody, and the program started as nobody.
fn as_nobody(toy: &Toy) -> Command {
    let program = toy.folder().join("pintle");
    // By a process of its own: a descriptor for writing that another test's child inherits would make it busy.
    succeed(Command::new("cp").arg(env!("CARGO_BIN_EXE_pintle")).arg(&program));
    succeed(Command::new("chmod").args(["a+rx"]).arg(&program).arg(toy.folder()));
    fs::create_dir_all(toy.cache()).unwrap();
    if succeed(Command::new("id").arg("-u")).trim() == "0" {
        succeed(Command::new("chown").arg("-R").arg("65534:65534").arg(toy.cache()));
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]).arg(&program);
        return toy.in_world(command);
    }
    toy.in_world(Command::new(program))
}

#[test]
fn a_folder_may_not_be_written() {
    let toy = Toy::new(&base(), &[]);
    toy.builds();
    fs::remove_dir_all(toy.cache()).unwrap();
    fs::remove_dir_all(toy.out()).unwrap();
    let closed = toy.folder().join("closed");
    fs::create_dir(&closed).unwrap();
    let mut command = as_nobody(&toy);
    succeed(Command::new("chmod").arg("555").arg(&closed));
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json", "--output", "closed"])), @"
    exit 1
    error: cannot write closed/toy.raw: this is not allowed; choose a path you may write to
      because: permission denied
    ");
    assert_snapshot!(toy.fails(as_nobody(&toy).args(["build", "definition/toy.json", "--output", "closed/out"])), @"
    exit 1
    error: cannot write closed/out: this is not allowed; choose a path you may write to
      because: permission denied
    ");
    let mut command = as_nobody(&toy);
    command.env("PINTLE_CACHE_DIR", closed.join("cache"));
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json"])), @"
    exit 1
    error: cannot use the cache folder DIR/closed/cache/blobs; set PINTLE_CACHE_DIR to a folder you may write to
      because: Permission denied (os error 13)
    ");
    assert_eq!(listing(&closed), [""; 0]);
}

#[test]
fn the_lock_may_not_be_written() {
    let toy = Toy::new(&base(), &[]);
    succeed(Command::new("chmod").arg("555").arg(toy.definition()));
    let out = toy.folder().join("elsewhere");
    fs::create_dir(&out).unwrap();
    succeed(Command::new("chmod").arg("777").arg(&out));
    assert_snapshot!(toy.fails(as_nobody(&toy).args(["build", "definition/toy.json", "--output", "elsewhere"])), @"
    exit 1
    error: cannot write the lock
      because: cannot write definition/toy.lock: this is not allowed; choose a path you may write to
      because: permission denied
    ");
    assert_eq!(listing(&out), [""; 0]);
}

/// The program with the kernel saying "no space left" to some calls on regular files: what a full disk says, without
/// the privilege of mounting one.
fn on_full_disk(toy: &Toy, calls: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qqq", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
    command.arg("-e").arg(format!("inject={calls}:error=ENOSPC"));
    command.arg(env!("CARGO_BIN_EXE_pintle"));
    toy.in_world(command)
}

#[test]
fn the_disk_is_full() {
    let archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(300_000));
    let toy = Toy::new(&archive, &["app"]);
    toy.builds();
    fs::remove_dir_all(toy.out()).unwrap();
    let mut command = on_full_disk(&toy, "pwrite64,copy_file_range");
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json"])), @"
    exit 1
    error: no space left for out/toy.raw; free some space on its file system and run the command again
      because: no storage space
    ");
    // Compressed outputs go another way.
    for format in ["qcow2", "raw.gz", "raw.zst"] {
        let mut command = limited(&toy, 16);
        let said = toy.fails(command.args(["build", "definition/toy.json", "--format", format]));
        assert!(said.contains(&format!("cannot write out/toy.{format}: it would be larger than")), "{said}");
    }
    assert_eq!(listing(&toy.out()), [""; 0]);
}

/// The program with a limit on the size of files, in KiB.
fn limited(toy: &Toy, kib: u64) -> Command {
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_pintle"));
    toy.in_world(command)
}

#[test]
fn files_may_not_be_that_large() {
    let archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(300_000));
    let toy = Toy::new(&archive, &["app"]);
    assert_snapshot!(toy.fails(limited(&toy, 64).args(["build", "definition/toy.json"])), @"
    exit 1
    error: cannot keep package app in the cache
      because: cannot write DIR/cache: it would be larger than its file system or `ulimit -f` allows; choose another place
      because: file too large
      next: PINTLE_CACHE_DIR names another folder for the cache
    ");
    toy.builds();
    let mut command = limited(&toy, 64);
    assert_snapshot!(toy.fails(command.args(["mkfs", "ext4", "mirror", "new.img"])), @"
    exit 1
    error: cannot write new.img: it would be larger than its file system or `ulimit -f` allows; choose another place
      because: file too large
    ");
    assert!(!toy.folder().join("new.img").exists());
}

#[test]
fn ctrl_c_while_the_image_is_written() {
    let archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(300_000));
    let toy = Toy::new(&archive, &["app"]);
    toy.builds();
    let image = fs::read(toy.out().join("toy.raw")).unwrap();
    fs::remove_dir_all(toy.out()).unwrap();
    // The signal comes when the large file is copied into the image: once, while of other calls each thread has a first.
    let mut command = Command::new("strace");
    command.args(["-f", "-qqq", "-o", "/dev/null", "-e", "trace=copy_file_range"]);
    command.args(["-e", "inject=copy_file_range:signal=SIGINT:when=1", env!("CARGO_BIN_EXE_pintle")]);
    let mut command = toy.in_world(command);
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json"])), @"
    exit 1
    error: stopped; what was downloaded is kept, and the next run goes on from there
    ");
    toy.builds();
    assert!(
        image == fs::read(toy.out().join("toy.raw")).unwrap(),
        "the next build is as if nothing had been"
    );
}
