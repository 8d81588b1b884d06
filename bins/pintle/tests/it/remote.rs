//! Builds on another machine: the same bytes, nothing copied twice, and nothing left when it goes wrong.

use crate::common::{cache, finish, succeed, web};
use crate::sshd::{Builder, cut_after, program};
use crate::toy::{Fault, Toy, base, listing, noise};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A world with a package of some size, whose mirror only this side has.
fn world() -> Toy {
    let archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(3 << 20));
    let toy = Toy::new(&archive, &["app"]);
    toy.define("../mirror", &["app"], json!({}));
    toy
}

/// `pintle build` of the definition, by the program that is copied.
fn build(toy: &Toy) -> Command {
    let mut command = toy.in_world(Command::new(program()));
    command.args(["build", "definition/toy.json"]);
    command
}

/// The same on `builder`.
fn on(toy: &Toy, builder: &Builder) -> Command {
    through(toy, builder, builder.port)
}

fn through(toy: &Toy, builder: &Builder, port: u16) -> Command {
    let mut command = build(toy);
    builder.uses(&mut command, port);
    command
}

/// The report of a build that must succeed.
fn report(command: &mut Command) -> Value {
    serde_json::from_str(&succeed(command.arg("--json"))).unwrap()
}

/// What a build that must fail says, with placeholders for what differs.
fn refused(toy: &Toy, builder: &Builder, command: &mut Command) -> String {
    plain(&toy.fails(command), builder)
}

fn plain(text: &str, builder: &Builder) -> String {
    let user = succeed(Command::new("id").arg("-un"));
    let text = text.replace(&builder.folder().display().to_string(), "BUILDER");
    let text = text.replace(&format!("{}@127.0.0.1", user.trim()), "me@127.0.0.1");
    text.replace(&builder.port.to_string(), "PORT")
}

/// Every file below a folder, with its bytes' digest.
fn digests(folder: &Path) -> String {
    succeed(
        Command::new("sh")
            .current_dir(folder)
            .args(["-c", "find . -type f -exec sha256sum {} + | sort -k 2"]),
    )
}

/// Builds here and there: the same.
fn both(toy: &Toy, builder: &Builder, arguments: &[&str]) -> Value {
    let (here, there) = (toy.folder().join("here"), toy.folder().join("over there"));
    let mut local = report(build(toy).args(["--output", "here"]).args(arguments));
    let mut remote = report(on(toy, builder).args(["--output", "over there"]).args(arguments));
    assert_eq!(digests(&here), digests(&there));
    let traffic = remote["builder"].take();
    for (report, folder) in [(&mut local, "here"), (&mut remote, "over there")] {
        report.as_object_mut().unwrap().remove("steps");
        report.as_object_mut().unwrap().remove("builder");
        let text = report.to_string().replace("'over there/toy", "over there/toy").replace(".raw' ", ".raw ");
        *report = serde_json::from_str(&text.replace(&format!("{folder}/"), "OUT/")).unwrap();
    }
    assert_eq!(local, remote, "the same report");
    traffic
}

#[test]
fn the_same_bytes_and_nothing_is_copied_twice() {
    let (toy, builder) = (world(), Builder::new());
    let first = both(&toy, &builder, &[]);
    assert!(first["program"].as_u64().unwrap() > 1 << 20, "{first}");
    assert_eq!(first["packages"], 3);
    assert!(first["package_bytes"].as_u64().unwrap() > 3 << 20, "{first}");
    assert!(first["machine"].as_str().unwrap().contains("Linux"), "{first}");
    let second = both(&toy, &builder, &[]);
    for nothing in ["program", "packages", "package_bytes"] {
        assert_eq!(second[nothing], 0, "{second}");
    }
    assert!(second["definition"].as_u64().unwrap() < 20_000, "{second}");
    assert!(second["received"].as_u64().unwrap() > 3 << 20, "{second}");
    assert_eq!(builder.scratch(), 0);
    // What was copied is not taken on trust: a damaged program is copied again.
    let copied = fs::read_dir(builder.cache().join("bin")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&copied).unwrap();
    bytes[5000] ^= 1;
    fs::write(&copied, bytes).unwrap();
    assert!(report(&mut on(&toy, &builder))["builder"]["program"].as_u64().unwrap() > 1 << 20);
}

#[test]
fn every_format_comes_back() {
    let (toy, builder) = (world(), Builder::new());
    let formats = ["raw", "vmdk", "qcow2", "raw.gz", "vhd", "oci", "oci-archive", "tar.zst"];
    let mut arguments: Vec<&str> = formats.iter().flat_map(|format| ["--format", format]).collect();
    arguments.extend(["--sbom", "spdx", "--no-report"]);
    both(&toy, &builder, &arguments);
    let said = refused(&toy, &builder, on(&toy, &builder).args(["--format", "directory"]));
    assert_snapshot!(said, @"
    exit 2
    error: the format `directory` cannot be built elsewhere: owners and devices would be lost on the way
      next: ask for `tar`, which holds all of it, or build it here: --builder here
    ");
}

#[test]
fn holes_cost_nothing_on_the_way_and_nothing_on_the_disk() {
    let (toy, builder) = (Toy::new(&base(), &[]), Builder::new());
    let image = json!({"bios": false, "uefi": false, "free": 0, "size": 256 << 20});
    toy.define("../mirror", &[], json!({"image": image}));
    let traffic = both(&toy, &builder, &[]);
    assert!(traffic["received"].as_u64().unwrap() < 2 << 20, "{traffic}");
    let size = |folder: &str| {
        let file = fs::metadata(toy.folder().join(folder).join("toy.raw")).unwrap();
        assert_eq!(file.len(), 256 << 20);
        file.blocks() * 512
    };
    assert!(size("over there") <= size("here") + (1 << 20));
}

#[test]
fn what_lies_beside_the_definition_comes_along() {
    let archive = base().package("app 1").control("postinst", "#!/bin/sh\nset -e\nfrobnicate --all\n");
    let (toy, builder) = (Toy::new(&archive, &["app"]), Builder::new());
    let site = toy.definition().join("it's a \"site\"");
    fs::create_dir_all(site.join("deep/er")).unwrap();
    fs::write(site.join("deep/er/$HOME `id`"), "text").unwrap();
    fs::hard_link(site.join("deep/er/$HOME `id`"), site.join("again")).unwrap();
    std::os::unix::fs::symlink("deep/er", site.join("link")).unwrap();
    succeed(Command::new("touch").args(["-d", "1999-12-31 23:59:59.5 UTC"]).arg(site.join("again")));
    let holes = fs::File::create(site.join("holes")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holes, b"data", 3 << 20).unwrap();
    holes.set_len(9 << 20).unwrap();
    let tool = toy.folder().join("tool.sh");
    fs::write(&tool, "#!/bin/sh\n").unwrap();
    succeed(Command::new("chmod").arg("755").arg(&tool));
    fs::create_dir(toy.definition().join("recipes")).unwrap();
    let missing = finish(toy.pintle().args(["recipe", "check", "definition/toy.json"]));
    let table = crate::recipe::table(&String::from_utf8(missing.stdout).unwrap());
    let recipe = format!("package = \"app\"\nwhy = \"It is a toy.\"\n{table}");
    fs::write(toy.definition().join("recipes/app.toml"), recipe).unwrap();
    let mode = |mode: &str, path: &Path| succeed(Command::new("chmod").arg(mode).arg(path));
    mode("4750", &site.join("again"));
    mode("1500", &site.join("deep"));
    let file =
        |path: &str, copy: &str| json!({"path": path, "content": {"copy": copy}, "origin": "toy.json"});
    let files = [
        file("/srv/site", "it's a \"site\""),
        file("/usr/bin/tool", "../tool.sh"),
        file("/srv/one", "it's a \"site\"/holes"),
    ];
    toy.define(&toy.mirror().display().to_string(), &["app"], json!({"files": files}));
    both(&toy, &builder, &["--format", "raw", "--format", "tar"]);
}

#[test]
fn a_mistake_is_found_before_anybody_is_asked() {
    let (toy, builder) = (world(), Builder::new());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let fails = |toy: &Toy| refused(toy, &builder, &mut through(toy, &builder, closed));
    toy.define("../mirror", &["app"], json!({"surprise": 1}));
    assert_snapshot!(fails(&toy), @"
    exit 3
    error: definition/toy.json:1:216: at `surprise`: unknown field `surprise`, expected one of `schema`, `name`, `version`, `arch`, `source`, `packages`, `accept`, `kernel`, `image`, `files`, `users`, `groups`, `services`, `units`, `checks`, `health`, `slim`
    ");
    let missing = json!([{"path": "/srv/site", "content": {"copy": "site"}, "origin": "toy.json:1:1"}]);
    toy.define("../mirror", &["app"], json!({"files": missing}));
    assert_snapshot!(fails(&toy), @"
    exit 3
    error: toy.json:1:1: cannot copy `site` to /srv/site
      because: cannot read definition/site
      because: No such file or directory (os error 2)
    ");
    toy.define("../mirror", &["nothing"], json!({}));
    assert!(fails(&toy).contains("nothing"), "the lock is made here");
    toy.define("../mirror", &["app"], json!({}));
    let said = refused(&toy, &builder, through(&toy, &builder, closed).arg("--locked"));
    assert_snapshot!(said, @"
    exit 3
    error: there is no lock at definition/toy.lock
      next: pintle lock, and keep the file with the definition
    ");
    assert!(!toy.lock().exists());
    // Now it is asked.
    let said = fails(&toy).replace(&closed.to_string(), "CLOSED");
    assert_snapshot!(said, @"
    exit 1
    made the lock: 3 packages; keep it with the definition
    error: ssh://me@127.0.0.1:PORT cannot log in
      ssh: connect to host 127.0.0.1 port CLOSED: Connection refused
      next: try `ssh HOST true`: what works there works here
    ");
    assert!(toy.lock().exists(), "it was made before");
}

#[test]
fn a_builder_fetches_by_itself_where_it_can() {
    let (toy, builder) = (world(), Builder::new());
    let server = toy.serve(&["app"]);
    succeed(&mut build(&toy));
    let before = server.requests().len();
    let traffic = report(&mut on(&toy, &builder))["builder"].take();
    assert_eq!(traffic["packages"], 0, "{traffic}");
    assert_eq!(server.requests().len() - before, 3, "the packages, and nothing else");
    // One that may not, or whose mirror is gone, gets them from here.
    let other = Builder::new();
    let traffic = report(on(&toy, &other).arg("--builder-push"))["builder"].take();
    assert_eq!(traffic["packages"], 3, "{traffic}");
    let third = Builder::new();
    server.fault("pool", Fault::Missing);
    let output = finish(&mut on(&toy, &third));
    assert!(output.status.success());
    let said = plain(&toy.plain(&output), &third);
    assert!(
        said.contains("sending 3 packages from here, which the builder does not get itself: cannot fetch"),
        "{said}"
    );
}

#[test]
fn what_fails_there_is_said_here() {
    let archive = base().package("app 1").file("/usr/bin/app", 0o755, "one");
    let archive = archive.package("other 1").file("/usr/bin/app", 0o755, "two");
    let (toy, builder) = (Toy::new(&archive, &["app", "other"]), Builder::new());
    succeed(toy.pintle().args(["lock", "definition/toy.json"]));
    assert_snapshot!(refused(&toy, &builder, &mut on(&toy, &builder)), @"
    exit 3
    note: ssh://me@127.0.0.1:PORT copying this program there, once
    error: ssh://me@127.0.0.1:PORT nothing was built there
      because: /usr/bin/app is shipped by both package app 1 and package other 1, and neither replaces the other or diverts it
      next: take one of the two packages out of the definition
    ");
    assert_eq!(builder.scratch(), 0);
}

#[test]
fn a_connection_that_is_cut_leaves_nothing() {
    let (toy, builder) = (world(), Builder::new());
    succeed(toy.pintle().args(["lock", "definition/toy.json"]));
    let port = cut_after(builder.port, 1 << 20);
    let said = refused(&toy, &builder, &mut through(&toy, &builder, port));
    assert!(said.contains("the connection was lost; nothing was written\n"), "{said}");
    assert!(
        said.ends_with(
            "next: run the command again: what the builder has fetched and unpacked is still there"
        ),
        "{said}"
    );
    assert_eq!(listing(&toy.out()), [""; 0], "not even something partial");
    builder.is_clean();
    let traffic = report(&mut on(&toy, &builder))["builder"].take();
    assert_eq!((&traffic["program"], &traffic["packages"]), (&json!(0), &json!(0)), "{traffic}");
}

/// Starts a build that hangs there in a download; its process.
fn hanging(toy: &Toy, builder: &Builder, server: &crate::toy::Server) -> std::process::Child {
    server.heal();
    server.fault("pool", Fault::Hang);
    let child = on(toy, builder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn said(toy: &Toy, builder: &Builder, output: &Output) -> String {
    plain(&toy.plain(output), builder)
}

#[test]
fn ctrl_c_ends_both_sides() {
    let (toy, builder) = (world(), Builder::new());
    let server = toy.serve(&["app"]);
    succeed(&mut build(&toy));
    fs::remove_dir_all(toy.out()).unwrap();
    let child = hanging(&toy, &builder, &server);
    assert_eq!(builder.scratch(), 1);
    succeed(Command::new("kill").arg("-INT").arg(child.id().to_string()));
    let output = child.wait_with_output().unwrap();
    assert_snapshot!(said(&toy, &builder, &output), @"
    exit 1
    note: ssh://me@127.0.0.1:PORT copying this program there, once
    error: ssh://me@127.0.0.1:PORT stopped; nothing was written, and nothing is left on the builder but its cache
    ");
    assert_eq!(listing(&toy.out()), [""; 0]);
    builder.is_clean();
    server.heal();
    report(&mut on(&toy, &builder));
}

#[test]
fn a_builder_that_is_killed_is_told_from_a_connection_that_is_lost() {
    let (toy, builder) = (world(), Builder::new());
    let server = toy.serve(&["app"]);
    succeed(&mut build(&toy));
    fs::remove_dir_all(toy.out()).unwrap();
    let child = hanging(&toy, &builder, &server);
    builder.kill();
    let output = child.wait_with_output().unwrap();
    assert_snapshot!(said(&toy, &builder, &output), @"
    exit 1
    note: ssh://me@127.0.0.1:PORT copying this program there, once
    error: ssh://me@127.0.0.1:PORT the build there ended without a word; nothing was written
      next: see on the builder whether it ran out of memory (journalctl -k); what it has fetched is still there
    ");
    assert_eq!(listing(&toy.out()), [""; 0]);
    assert_eq!(builder.scratch(), 1, "nobody was there to remove it");
    server.heal();
    report(&mut on(&toy, &builder));
    assert_eq!(builder.scratch(), 0, "the next run did");
}

#[test]
fn a_login_that_fails_says_what_ssh_said() {
    let (toy, builder) = (world(), Builder::new());
    succeed(toy.pintle().args(["lock", "definition/toy.json"]));
    builder.knows("other-key");
    let text = refused(&toy, &builder, &mut on(&toy, &builder));
    assert!(text.contains("Host key verification failed"), "{text}");
    assert!(text.contains("next: find out why its key changed"), "{text}");
    builder.knows("host-key");
    let key = fs::read_to_string(builder.folder().join("key.pub")).unwrap();
    let refusal = "command=\"echo This account is currently not available.; exit 1\"";
    fs::write(builder.folder().join("authorized_keys"), format!("{refusal} {key}")).unwrap();
    assert_snapshot!(refused(&toy, &builder, &mut on(&toy, &builder)), @"
    exit 1
    error: ssh://me@127.0.0.1:PORT the login does not give a shell (sh) that runs commands
      This account is currently not available.
      next: give the user a login shell there, or name another user
    ");
    fs::write(builder.folder().join("authorized_keys"), "").unwrap();
    assert_snapshot!(refused(&toy, &builder, &mut on(&toy, &builder)), @"
    exit 1
    error: ssh://me@127.0.0.1:PORT cannot log in
      me@127.0.0.1:PORT Permission denied (publickey).
      next: try `ssh HOST true`; a key is named by `IdentityFile` in ~/.ssh/config, or --builder-option IdentityFile=FILE
    ");
}

#[test]
fn a_machine_that_will_not_do_is_told_before_anything_is_copied() {
    let toy = world();
    succeed(toy.pintle().args(["lock", "definition/toy.json"]));
    let mut said = Vec::new();
    for (tool, script) in [
        ("uname", "[ \"$1\" = -m ] && echo riscv64 || echo Linux 6.6.6"),
        ("getconf", "echo glibc 2.17"),
        ("df", "echo Filesystem; echo none 100 99 1000 99% /"),
        ("mkdir", "echo 'mkdir: no' >&2; exit 1"),
    ] {
        let builder = Builder::with_tool(tool, script);
        let text = refused(&toy, &builder, &mut on(&toy, &builder));
        // What the program needs depends on what it was built with.
        said.push(
            text.lines()
                .map(|line| line.split(", and ").next().unwrap_or(line))
                .collect::<Vec<_>>()
                .join("\n"),
        );
        assert!(!builder.cache().join("bin").exists() || listing(&builder.cache().join("bin")).is_empty());
    }
    assert_snapshot!(said.join("\n\n"), @"
    exit 1
    error: ssh://me@127.0.0.1:PORT it is a machine of kind riscv64
      next: name a builder with the same processor as this machine, or start the build there

    exit 1
    error: ssh://me@127.0.0.1:PORT its C library is `glibc 2.17`
      next: name a builder with a newer release, or use a pintle that was built on one as old as the builder's

    exit 1
    error: ssh://me@127.0.0.1:PORT it has 1000 KiB free for its cache BUILDER/home/.cache/pintle
      next: free some space on the builder (its cache may be removed whole), or set PINTLE_CACHE_DIR there

    exit 1
    error: ssh://me@127.0.0.1:PORT its cache BUILDER/home/.cache/pintle cannot be written: mkdir: no
      next: set PINTLE_CACHE_DIR on the builder to a folder that the user may write to
    ");
    // One that takes the program, and cannot run it.
    let builder = Builder::with_tool("chmod", "exec /bin/chmod 644 \"$2\"");
    let text = refused(&toy, &builder, &mut on(&toy, &builder));
    assert!(text.contains("this program cannot be put there: it does not run:"), "{text}");
    assert!(listing(&builder.cache().join("bin")).is_empty());
}

#[test]
fn addresses_and_options_are_checked_first() {
    let toy = world();
    let text = |arguments: &[&str]| toy.fails(build(&toy).args(arguments));
    assert_snapshot!(text(&["--builder", "build.example"]), @"
    exit 2
    error: invalid value 'build.example' for '--builder <ADDRESS>': `build.example` names no builder: write ssh://[user@]host[:port]

    For more information, try '--help'.
    ");
    assert_snapshot!(text(&["--builder", "ssh://-oProxyCommand=id"]), @"
    exit 2
    error: invalid value 'ssh://-oProxyCommand=id' for '--builder <ADDRESS>': `ssh://-oProxyCommand=id` names no builder: write ssh://[user@]host[:port]

    For more information, try '--help'.
    ");
    assert_snapshot!(text(&["--builder-option", "yes"]), @"
    exit 2
    error: invalid value 'yes' for '--builder-option <KEY=VALUE>': write KEY=VALUE, as in ssh_config(5)

    For more information, try '--help'.
    ");
    // The variable counts, and the option more.
    let mut command = build(&toy);
    assert!(toy.fails(command.env("PINTLE_BUILDER", "nowhere")).contains("`nowhere` names no builder"));
    succeed(build(&toy).env("PINTLE_BUILDER", "nowhere").args(["--builder", "here"]));
    succeed(build(&toy).env("PINTLE_BUILDER", ""));
}

#[test]
fn the_example_is_the_same_from_a_builder() {
    let builder = Builder::new();
    let folder = tempfile::tempdir().unwrap();
    let build = |output: &str| {
        let mut command = Command::new(program());
        command.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1").current_dir(folder.path());
        // The last is the second again, for a platform.
        command.args(["build", "--locked", "--format", "raw", "--format", "qcow2", "--format", "openstack"]);
        command.arg("--output").arg(output).arg(&web().folder);
        command
    };
    let here = report(&mut build("here"));
    let mut command = build("there");
    builder.uses(&mut command, builder.port);
    let mut there = report(command.arg("--builder-push"));
    let traffic = there["builder"].take();
    assert_eq!(digests(&folder.path().join("here")), digests(&folder.path().join("there")));
    let next = there["next"].to_string().replace("there/", "here/");
    assert_eq!(here["next"].to_string(), next, "commands name files as they are here");
    assert!(traffic["packages"].as_u64().unwrap() > 100, "{traffic}");
    assert!(
        traffic["received"].as_u64().unwrap() < web().manifest["size"]["bytes"].as_u64().unwrap(),
        "{traffic}"
    );
}
