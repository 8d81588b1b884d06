//! Mistakes of the author and of the machine: each is answered with the place, the next step and the exit status of
//! its kind, and leaves nothing half-written.

use crate::common::finish;
use crate::toy::{Toy, base, listing};
use insta::assert_snapshot;
use pintle_testkit::archive::toy;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

/// What `pintle check` says to a definition with `text` in it.
fn check(text: &str) -> String {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.definition().join("system.toml"), text).unwrap();
    toy.fails(toy.pintle().args(["check", "definition"]))
}

#[test]
fn an_unknown_option_has_a_neighbour() {
    assert_snapshot!(check("name = \"web\"\n\n[base]\nhostnam = \"web1\"\n"), @r#"
    exit 3
    error: the definition has a mistake

    error: unknown option `base.hostnam`
     --> system.toml:4:1
      |
    4 | hostnam = "web1"
      | ^^^^^^^ `base` has no such option
      = help: did you mean `hostname`?
      = doc: base.hostname (hostname, default "{{ system.name | replace('_', '-') }}"): Name of the host.
      = doc: example: hostname = "web1.example.org"
      next: `pintle options NAME` prints the reference of a module
    "#);
}

#[test]
fn a_value_has_a_type() {
    assert_snapshot!(check("name = \"web\"\n\n[base]\nhostname = 5\n"), @r#"
    exit 3
    error: the definition has a mistake

    error: `base.hostname` must be a host name of letters, digits, `-` and `.`, at most 64 long
     --> system.toml:4:12
      |
    4 | hostname = 5
      |            ^ this is a whole number
      = doc: base.hostname (hostname, default "{{ system.name | replace('_', '-') }}"): Name of the host.
      = doc: example: hostname = "web1.example.org"
      next: `pintle options NAME` prints the reference of a module
    "#);
}

#[test]
fn the_definition_is_missing() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.pintle().args(["build", "nowhere"])), @"
    exit 3
    error: there is no definition at nowhere
      next: pintle new NAME, or name a definition: pintle check PATH
    ");
    fs::create_dir(toy.folder().join("empty")).unwrap();
    assert_snapshot!(toy.fails(toy.pintle().arg("build").arg("empty")), @"
    exit 3
    error: there is no definition at empty/system.toml
      next: pintle new NAME, or name a definition: pintle check PATH
    ");
}

#[test]
fn standard_input_is_empty() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.pintle().args(["build", "-"]).stdin(Stdio::null())), @"
    exit 3
    error: standard input is empty, where an evaluated definition (JSON) was to come
      next: pintle show DEFINITION prints such a document
    ");
}

#[test]
fn a_document_is_no_json() {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.definition().join("toy.json"), "{\"schema\": 1,\n  name: 5}").unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.json:2:3: this is not JSON: key must be a string
    ");
    toy.define("relative/mirror", &[], json!({}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: the mirror of suite `trixie` is not usable
      because: `relative/mirror` is no mirror; write http://…, https://…, file:///… or an absolute path
    ");
    toy.define("/", &[], json!({"kernal": {}}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.json:1:54: at `kernal`: unknown field `kernal`, expected one of `schema`, `name`, `version`, `arch`, `source`, `packages`, `accept`, `kernel`, `image`, `files`, `users`, `groups`, `services`, `units`, `checks`, `health`, `slim`
    ");
}

#[test]
fn a_package_is_misspelt() {
    let archive = base().package("nginx 1.26.3-3").package("nginx-common 1.26.3-3");
    let toy = Toy::new(&archive, &["ngnix", "no such thing"]);
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.json: at `packages[1]`: `no such thing` is not a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)
    ");
    toy.define(&toy.mirror().display().to_string(), &["ngnix"], json!({}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: no package `ngnix` in trixie; did you mean `nginx`?
    ");
}

#[test]
fn packages_do_not_go_together() {
    let archive = base()
        .package("app 2 depends: libfoo (>= 3), tool")
        .package("libfoo 2")
        .package("tool 1 depends: helper")
        .package("helper 1 conflicts: libfoo");
    let toy = Toy::new(&archive, &["app"]);
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: `app` cannot be installed
    └─ app 2 (asked for) needs libfoo (>= 3): there is 2 in trixie
    ");
    let archive =
        base().package("app 2 depends: libfoo, tool").package("libfoo 2").package("tool 1 conflicts: libfoo");
    let toy = Toy::new(&archive, &["app"]);
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: `app` cannot be installed
    └─ app 2 (asked for) needs tool
       └─ tool 1 has `Conflicts: libfoo`, which is libfoo 2 (needed by app 2, asked for)
    ");
}

#[test]
fn no_mirror_is_known() {
    let toy = Toy::new(&base(), &[]);
    let source = json!({"debian": {"suites": [{"name": "trixie", "components": ["main"]}]}});
    toy.define("", &[], json!({"source": source}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: this machine's apt sources name no Debian archive for suite `trixie`: set `source.mirror` in the definition to the URL or folder of a mirror
    ");
}

#[test]
fn the_lock_is_missing_or_answers_another_definition() {
    let archive = base().package("one 1").package("two 1");
    let toy = Toy::new(&archive, &["one"]);
    assert_snapshot!(toy.fails(toy.build().arg("--locked")), @"
    exit 3
    error: there is no lock at definition/toy.lock
      next: pintle lock, and keep the file with the definition
    ");
    toy.builds();
    toy.define(&toy.mirror().display().to_string(), &["one", "two"], json!({}));
    assert_snapshot!(toy.fails(toy.build().arg("--locked")), @"
    exit 3
    error: definition/toy.lock does not answer the definition as it is now
      next: pintle lock shows and writes what changes
    ");
}

#[test]
fn the_lock_is_of_another_time_or_damaged() {
    let toy = Toy::new(&base(), &[]);
    toy.builds();
    let text = fs::read_to_string(toy.lock()).unwrap();
    fs::write(toy.lock(), text.replacen("version = 1", "version = 7", 1)).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.lock is not a lock
      because: the lock has format 7, this program reads 1: a newer pintle wrote it, use that one
      next: take it from version control, or remove it and run pintle lock
    ");
    fs::write(toy.lock(), text.replacen("sha256 = \"", "sha256 = \"z", 1)).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.lock is not a lock
      because: line 21: `z2eaddc6047cbd7f1dbcb72ec95290167d10a0c2f12f66dd311e08a50b81296b2` is not a SHA-256 digest (64 hexadecimal digits)
      next: take it from version control, or remove it and run pintle lock
    ");
    fs::write(toy.lock(), format!("<<<<<<< HEAD\n{text}")).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.lock is not a lock
      because: line 1: key with no value, expected `=`
      next: take it from version control, or remove it and run pintle lock
    ");
    fs::write(toy.lock(), b"\xff\xfe").unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: definition/toy.lock is not a lock: it is not UTF-8 text
      next: take it from version control, or remove it and run pintle lock
    ");
}

#[test]
fn two_packages_ship_one_path() {
    let archive = base().package("one 1").file("/usr/bin/tool", 0o755, "#!/bin/sh\n").package("two 2").file(
        "/usr/bin/tool",
        0o755,
        "#!/bin/sh\nexit\n",
    );
    assert_snapshot!(Toy::new(&archive, &["one", "two"]).refused(), @"
    exit 3
    made the lock: 4 packages; keep it with the definition
    error: /usr/bin/tool is shipped by both package one 1 and package two 2, and neither replaces the other or diverts it
      next: take one of the two packages out of the definition
    ");
}

#[test]
fn a_maintainer_script_is_not_covered() {
    let script = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n    frobnicate --all /var/lib/app\n    \
                  adduser --system app\nfi\n";
    let archive = base().package("app 1.2-3").control("postinst", script);
    assert_snapshot!(Toy::new(&archive, &["app"]).refused(), @r#"
    exit 3
    error: the postinst of package app 1.2-3 is not covered: these lines are not understood
         4 | frobnicate --all /var/lib/app
      They may concern: programs whose effect is not known.
      Nothing was run. Write a recipe, `recipes/app.toml` beside the definition, that says what the script does to the files, starting with

          package = "app"
          why = "what the script does, and what stands in for it"

          [[script]]
          name = "postinst"
          version = "1.2-3"
          sha256 = "c8afb8e12e9a46b39823bd6bac5b9ff71ffb535785947a2657bc08cd07fb76fe"
          lines = """
          8257 f22e 8504 41de b4bd
          """
      or, if it does not matter for this system, accept it in the definition:

          [[accept]]
          package = "app"
          reason = "…"
    "#);
}

#[test]
fn a_private_key_is_in_the_tree() {
    let toy = Toy::new(&base(), &[]);
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n";
    let file = json!({"path": "/etc/ssl/site.pem", "content": {"text": key}, "origin": "system.toml:7:1"});
    toy.define(&toy.mirror().display().to_string(), &[], json!({"files": [file]}));
    assert_snapshot!(toy.refused(), @"
    exit 4
    made the lock: 2 packages; keep it with the definition
    error: /etc/ssl/site.pem must not be in an image: a private key (from the definition (system.toml:7:1))
      next: let the machine make it at first boot, or bring it there afterwards: whoever has the image has the secret
    ");
}

#[test]
fn a_file_to_copy_is_missing() {
    let toy = Toy::new(&base(), &[]);
    let file = json!({"path": "/srv/site", "content": {"copy": "site"}, "origin": "system.toml:7:1"});
    toy.define(&toy.mirror().display().to_string(), &[], json!({"files": [file]}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    made the lock: 2 packages; keep it with the definition
    error: system.toml:7:1: cannot copy `site` to /srv/site
      because: cannot read definition/site
      because: No such file or directory (os error 2)
    ");
}

#[test]
fn a_recipe_of_the_users_is_wrong() {
    let toy = Toy::new(&base(), &[]);
    fs::create_dir(toy.definition().join("recipes")).unwrap();
    fs::write(toy.definition().join("recipes/app.toml"), "package = 5\n").unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: recipe recipes/app.toml is not valid
      because: TOML parse error at line 1, column 11
          |
        1 | package = 5
          |           ^
        invalid type: integer `5`, expected a string
    ");
}

#[test]
fn an_environment_variable_is_wrong() {
    let toy = Toy::new(&base(), &[]);
    assert_snapshot!(toy.fails(toy.build().env("PINTLE_STALL_SECONDS", "soon")), @"
    exit 2
    error: PINTLE_STALL_SECONDS is `soon`, which is no number of seconds
      next: PINTLE_STALL_SECONDS=30 pintle …
    ");
    assert_snapshot!(toy.fails(toy.build().env("http_proxy", "::")), @"
    exit 2
    error: the proxy `::` is not a URL such as http://host:3128; correct http_proxy or https_proxy
    ");
    let mut command = toy.build();
    command.env_remove("PINTLE_CACHE_DIR").env_remove("XDG_CACHE_HOME").env_remove("HOME");
    assert_snapshot!(toy.fails(&mut command), @"
    exit 1
    error: no folder for the cache: neither PINTLE_CACHE_DIR nor HOME is set
      next: PINTLE_CACHE_DIR=/var/tmp/pintle pintle …
    ");
}

#[test]
fn a_good_definition_builds() {
    let archive = base().package("app 1").file("/usr/bin/app", 0o755, "#!/bin/sh\n");
    let toy = Toy::new(&archive, &["app"]);
    toy.builds();
    let names: Vec<String> =
        listing(&toy.out()).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["toy.cdx.json", "toy.html", "toy.json", "toy.raw", "toy.spdx.json"]);
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
    assert_snapshot!(toy.fails(toy.build().args(["--format", "vdi"])), @"
    exit 2
    error: invalid value 'vdi' for '--format <FORMAT>': not an output format (known: raw, qcow2, qcow2-zstd, raw.gz, raw.zst, raw.xz, vhd, vmdk, digitalocean, ec2, gcp, azure, openstack, proxmox, tar, tar.gz, tar.zst, directory, oci, oci-archive)

    For more information, try '--help'.
    ");
    assert_snapshot!(toy.fails(toy.pintle().arg("biuld")), @"
    exit 2
    error: unrecognized subcommand 'biuld'

      tip: a similar subcommand exists: 'build'

    Usage: pintle [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(toy.fails(toy.pintle().args(["lock", "-"]).stdin(fs::File::open(toy.definition().join("toy.json")).unwrap())), @"
    exit 2
    error: a definition from standard input has no place for a lock
      next: name one with --lock-file PATH
    ");
}

#[test]
fn machines_are_told_the_same() {
    let toy = Toy::new(&toy(), &["nginx"]);
    let output = finish(toy.build().arg("--json"));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_snapshot!(String::from_utf8_lossy(&output.stdout).replace(&toy.folder().display().to_string(), "DIR"), @r#"
    {
      "error": {
        "details": null,
        "hints": [],
        "kind": "bad-input",
        "messages": [
          "no package `nginx` in trixie"
        ]
      }
    }
    "#);
}
