//! Mistakes of the author and of the machine: each is answered with the place, the next step and the exit status of
//! its kind, and leaves nothing half-written.

use crate::common::{finish, succeed};
use crate::toy::{Toy, base, listing, noise};
use insta::assert_snapshot;
use pintle_testkit::archive::toy;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What `pintle check` says to a definition with `text` in it.
fn check(text: &str) -> String {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.definition().join("system.toml"), text).unwrap();
    toy.fails(toy.pintle().args(["check", "definition"]))
}

#[test]
fn an_unknown_option_has_a_neighbour() {
    assert_snapshot!(check("[system]\nname = \"web\"\n\n[base]\nhostnam = \"web1\"\n"), @"");
}

#[test]
fn a_value_has_a_type() {
    assert_snapshot!(check("[system]\nname = \"web\"\n\n[base]\nhostname = 5\n"), @"");
}

#[test]
fn the_definition_is_missing() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.pintle().args(["build", "nowhere"])), @"");
    fs::create_dir(toy.folder().join("empty")).unwrap();
    assert_snapshot!(toy.fails(toy.pintle().arg("build").arg("empty")), @"");
}

#[test]
fn standard_input_is_empty() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.pintle().args(["build", "-"]).stdin(Stdio::null())), @"");
}

#[test]
fn a_document_is_no_json() {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.definition().join("toy.json"), "{\"schema\": 1,\n  name: 5}").unwrap();
    assert_snapshot!(toy.refused(), @"");
    toy.define("relative/mirror", &[], json!({}));
    assert_snapshot!(toy.refused(), @"");
    toy.define("/", &[], json!({"kernal": {}}));
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn a_package_is_misspelt() {
    let archive = base().package("nginx 1.26.3-3").package("nginx-common 1.26.3-3");
    let toy = Toy::new(&archive, &["ngnix", "no such thing"]);
    assert_snapshot!(toy.refused(), @"");
    toy.define(&toy.mirror().display().to_string(), &["ngnix"], json!({}));
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn packages_do_not_go_together() {
    let archive = base()
        .package("app 2 depends: libfoo (>= 3), tool")
        .package("libfoo 2")
        .package("tool 1 depends: helper")
        .package("helper 1 conflicts: libfoo");
    let toy = Toy::new(&archive, &["app"]);
    assert_snapshot!(toy.refused(), @"");
    let archive = base().package("app 2 depends: libfoo, tool").package("libfoo 2").package("tool 1 conflicts: libfoo");
    let toy = Toy::new(&archive, &["app"]);
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn no_mirror_is_known() {
    let toy = Toy::new(&base(), &[]);
    let source = json!({"debian": {"suites": [{"name": "trixie", "components": ["main"]}]}});
    toy.define("", &[], json!({"source": source}));
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn the_lock_is_missing_or_answers_another_definition() {
    let archive = base().package("one 1").package("two 1");
    let toy = Toy::new(&archive, &["one"]);
    assert_snapshot!(toy.fails(toy.build().arg("--locked")), @"");
    toy.builds();
    toy.define(&toy.mirror().display().to_string(), &["one", "two"], json!({}));
    assert_snapshot!(toy.fails(toy.build().arg("--locked")), @"");
}

#[test]
fn the_lock_is_of_another_time_or_damaged() {
    let toy = Toy::new(&base(), &[]);
    toy.builds();
    let text = fs::read_to_string(toy.lock()).unwrap();
    fs::write(toy.lock(), text.replacen("version = 1", "version = 7", 1)).unwrap();
    assert_snapshot!(toy.refused(), @"");
    fs::write(toy.lock(), text.replacen("sha256 = \"", "sha256 = \"z", 1)).unwrap();
    assert_snapshot!(toy.refused(), @"");
    fs::write(toy.lock(), format!("<<<<<<< HEAD\n{text}")).unwrap();
    assert_snapshot!(toy.refused(), @"");
    fs::write(toy.lock(), b"\xff\xfe").unwrap();
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn two_packages_ship_one_path() {
    let archive = base()
        .package("one 1")
        .file("/usr/bin/tool", 0o755, "#!/bin/sh\n")
        .package("two 2")
        .file("/usr/bin/tool", 0o755, "#!/bin/sh\nexit\n");
    assert_snapshot!(Toy::new(&archive, &["one", "two"]).refused(), @"");
}

#[test]
fn a_maintainer_script_is_not_covered() {
    let script = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n    frobnicate --all /var/lib/app\n    \
                  adduser --system app\nfi\n";
    let archive = base().package("app 1.2-3").control("postinst", script);
    assert_snapshot!(Toy::new(&archive, &["app"]).refused(), @"");
}

#[test]
fn a_private_key_is_in_the_tree() {
    let toy = Toy::new(&base(), &[]);
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n";
    let file = json!({"path": "/etc/ssl/site.pem", "content": {"text": key}, "origin": "system.toml:7:1"});
    toy.define(&toy.mirror().display().to_string(), &[], json!({"files": [file]}));
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn a_file_to_copy_is_missing() {
    let toy = Toy::new(&base(), &[]);
    let file = json!({"path": "/srv/site", "content": {"copy": "site"}, "origin": "system.toml:7:1"});
    toy.define(&toy.mirror().display().to_string(), &[], json!({"files": [file]}));
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn a_recipe_of_the_users_is_wrong() {
    let toy = Toy::new(&base(), &[]);
    fs::create_dir(toy.definition().join("recipes")).unwrap();
    fs::write(toy.definition().join("recipes/app.toml"), "package = 5\n").unwrap();
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn the_disk_is_too_small() {
    let archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(4 << 20));
    let toy = Toy::new(&archive, &["app"]);
    let image = json!({"bios": false, "uefi": false, "free": 0, "size": 2 << 20});
    toy.define(&toy.mirror().display().to_string(), &["app"], json!({"image": image}));
    assert_snapshot!(toy.refused(), @"");
}

#[test]
fn the_place_for_the_output_is_taken() {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.folder().join("taken"), "").unwrap();
    assert_snapshot!(toy.fails(toy.build().args(["--output", "taken"])), @"");
    fs::create_dir_all(toy.out().join("toy.raw")).unwrap();
    assert_snapshot!(toy.refused(), @"");
}

/// A world that belongs to nobody, and the program started as nobody.
fn as_nobody(toy: &Toy) -> Command {
    let program = toy.folder().join("pintle");
    fs::copy(env!("CARGO_BIN_EXE_pintle"), &program).unwrap();
    succeed(Command::new("chmod").args(["a+rx"]).arg(&program).arg(toy.folder()));
    fs::create_dir_all(toy.cache()).unwrap();
    if fs::write("/proc/self/comm", "it").is_ok() && rustix_root() {
        succeed(Command::new("chown").arg("-R").arg("65534:65534").arg(toy.cache()));
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]).arg(&program);
        return toy.in_world(command);
    }
    toy.in_world(Command::new(program))
}

fn rustix_root() -> bool {
    succeed(Command::new("id").arg("-u")).trim() == "0"
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
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json", "--output", "closed"])), @"");
    assert_snapshot!(toy.fails(as_nobody(&toy).args(["build", "definition/toy.json", "--output", "closed/out"])), @"");
    let mut command = as_nobody(&toy);
    command.env("PINTLE_CACHE_DIR", closed.join("cache"));
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json"])), @"");
    assert_eq!(listing(&closed), [""; 0]);
}

#[test]
fn the_lock_may_not_be_written() {
    let toy = Toy::new(&base(), &[]);
    succeed(Command::new("chmod").arg("555").arg(toy.definition()));
    let out = toy.folder().join("elsewhere");
    fs::create_dir(&out).unwrap();
    succeed(Command::new("chmod").arg("777").arg(&out));
    assert_snapshot!(toy.fails(as_nobody(&toy).args(["build", "definition/toy.json", "--output", "elsewhere"])), @"");
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
    assert_snapshot!(toy.fails(command.args(["build", "definition/toy.json"])), @"");
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
    assert_snapshot!(toy.fails(limited(&toy, 64).args(["build", "definition/toy.json"])), @"");
    toy.builds();
    let mut command = limited(&toy, 64);
    assert_snapshot!(toy.fails(command.args(["mkfs", "ext4", "mirror", "new.img"])), @"");
    assert!(!toy.folder().join("new.img").exists());
}

#[test]
fn an_environment_variable_is_wrong() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.build().env("PINTLE_STALL_SECONDS", "soon")), @"");
    assert_snapshot!(toy.fails(toy.build().env("http_proxy", "::").env_remove("no_proxy")), @"");
    let mut command = toy.build();
    command.env_remove("PINTLE_CACHE_DIR").env_remove("XDG_CACHE_HOME").env_remove("HOME");
    assert_snapshot!(toy.fails(&mut command), @"");
}

#[test]
fn a_good_definition_builds() {
    let archive = base().package("app 1").file("/usr/bin/app", 0o755, "#!/bin/sh\n");
    let toy = Toy::new(&archive, &["app"]);
    toy.builds();
    let names: Vec<String> = listing(&toy.out()).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["toy.json", "toy.raw"]);
    // The next one neither needs the mirror nor changes the lock.
    fs::rename(toy.mirror(), toy.folder().join("away")).unwrap();
    let lock = fs::read(toy.lock()).unwrap();
    let output = finish(toy.build().args(["--locked", "--offline"]));
    assert!(output.status.success(), "{}", toy.plain(&output));
    assert_eq!(lock, fs::read(toy.lock()).unwrap());
    // Without a place for the lock it is made anew, and said so.
    let document = fs::File::open(toy.definition().join("toy.json")).unwrap();
    fs::rename(toy.folder().join("away"), toy.mirror()).unwrap();
    fs::copy(toy.definition().join("archive.asc"), toy.folder().join("archive.asc")).unwrap();
    let output = finish(toy.pintle().args(["build", "-", "--output", "piped"]).stdin(document));
    assert!(output.status.success(), "{}", toy.plain(&output));
    let image = |folder: &str| fs::read(PathBuf::from(toy.folder()).join(folder).join("toy.raw")).unwrap();
    assert!(image("out") == image("piped"), "the same image");
}

#[test]
fn the_command_line_is_wrong() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.build().args(["--format", "vmdk"])), @"");
    assert_snapshot!(toy.fails(toy.pintle().arg("biuld")), @"");
    assert_snapshot!(toy.fails(toy.pintle().args(["lock", "-"]).stdin(fs::File::open(toy.definition().join("toy.json")).unwrap())), @"");
}

#[test]
fn machines_are_told_the_same() {
    let toy = Toy::new(&toy(), &["nginx"]);
    let output = finish(toy.build().arg("--json"));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_snapshot!(String::from_utf8_lossy(&output.stdout).replace(&toy.folder().display().to_string(), "DIR"), @"");
}
