//! What the definition leaves out, before dpkg's own eyes.

use crate::common::succeed;
use crate::toy::{Toy, base};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package with everything that rules are about.
fn archive() -> pintle_testkit::archive::Archive {
    base()
        .package("tool 1")
        .file("/usr/bin/tool", 0o755, "#!/bin/sh\n")
        .file("/usr/share/doc/tool/README", 0o644, "R".repeat(9000))
        .file("/usr/share/doc/tool/examples/deep/one", 0o644, "1\n")
        .file("/usr/share/man/man1/tool.1.gz", 0o644, "m".repeat(3000))
        .file("/usr/share/locale/de/LC_MESSAGES/tool.mo", 0o644, "de\n")
        .file("/usr/share/locale/fr/LC_MESSAGES/tool.mo", 0o644, "fr\n")
        .control(
            "md5sums",
            "d41d8cd98f00b204e9800998ecf8427e  usr/share/doc/tool/README\n\
             01de6fb0aa9b4ab3a3b4ed5e4d1aa3c9  usr/share/man/man1/tool.1.gz\n",
        )
}

fn rules() -> Value {
    json!([
        {"name": "locales", "remove": ["/usr/share/locale/*"], "keep": ["/usr/share/locale/de/*"]},
        {"name": "docs", "remove": ["/usr/share/doc/*"], "keep": ["/usr/share/doc/*/copyright"]},
        {"name": "man", "remove": ["/usr/share/man/*"]},
    ])
}

/// The root file system, unpacked.
fn unpacked(toy: &Toy) -> PathBuf {
    let manifest: Value = serde_json::from_slice(&fs::read(toy.out().join("toy.json")).unwrap()).unwrap();
    let root = &manifest["disk"]["partitions"].as_array().unwrap().last().unwrap().clone();
    let image = toy.folder().join("root.img");
    let bytes = fs::read(toy.out().join("toy.raw")).unwrap();
    let (start, size) = (root["start"].as_u64().unwrap() as usize, root["size"].as_u64().unwrap() as usize);
    fs::write(&image, &bytes[start..start + size]).unwrap();
    let folder = toy.folder().join("root");
    fs::create_dir_all(&folder).unwrap();
    succeed(Command::new("debugfs").args(["-R", &format!("rdump / {}", folder.display())]).arg(&image));
    folder
}

fn there(root: &Path, path: &str) -> bool {
    root.join(path).symlink_metadata().is_ok()
}

#[test]
fn dpkg_misses_nothing_of_what_rules_left_out() {
    let toy = Toy::new(&archive(), &["tool"]);
    toy.define(&toy.mirror().display().to_string(), &["tool"], json!({"slim": rules()}));
    let said = toy.builds();
    assert!(
        said.contains("left out ") && said.contains("docs 8.8 KiB") && said.contains("man 2.9 KiB"),
        "{said}"
    );
    let root = unpacked(&toy);
    for kept in ["usr/bin/tool", "usr/share/doc/tool/copyright", "usr/share/locale/de/LC_MESSAGES/tool.mo"] {
        assert!(there(&root, kept), "{kept}");
    }
    for gone in [
        "usr/share/doc/tool/README",
        "usr/share/doc/tool/examples",
        "usr/share/man/man1",
        "usr/share/locale/fr",
    ] {
        assert!(!there(&root, gone), "{gone}");
    }
    let mut dpkg = Command::new("dpkg");
    assert_eq!(succeed(dpkg.arg(format!("--root={}", root.display())).arg("--verify")), "");
    let configuration = fs::read_to_string(root.join("etc/dpkg/dpkg.cfg.d/90-pintle-slim")).unwrap();
    let expected = "# What this image leaves out of packages. The last line that matches a path decides.\n\
        # locales\npath-exclude=/usr/share/locale/*\npath-include=/usr/share/locale/de/*\n\
        # docs\npath-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n\
        # man\npath-exclude=/usr/share/man/*\n";
    assert_eq!(configuration, expected);
}

/// The same package, installed by dpkg itself under the configuration that we write: the same files are there.
#[test]
fn dpkg_leaves_out_the_same() {
    let toy = Toy::new(&archive(), &["tool"]);
    toy.define(&toy.mirror().display().to_string(), &["tool"], json!({"slim": rules()}));
    toy.builds();
    let ours = unpacked(&toy);
    let theirs = toy.folder().join("theirs");
    fs::create_dir_all(theirs.join("var/lib/dpkg/updates")).unwrap();
    fs::create_dir_all(theirs.join("var/lib/dpkg/info")).unwrap();
    fs::write(theirs.join("var/lib/dpkg/status"), "").unwrap();
    let configuration = fs::read_to_string(ours.join("etc/dpkg/dpkg.cfg.d/90-pintle-slim")).unwrap();
    let options = configuration.lines().filter(|line| !line.starts_with('#')).map(|line| format!("--{line}"));
    let deb = succeed(Command::new("find").arg(toy.mirror()).args(["-name", "tool_*.deb"]));
    let mut dpkg = Command::new("dpkg");
    dpkg.arg(format!("--root={}", theirs.display())).args(options);
    dpkg.args(["--force-all", "--no-triggers", "--unpack"]).arg(deb.trim());
    succeed(&mut dpkg);
    let files = |root: &Path| {
        let said =
            succeed(Command::new("find").args(["usr/bin", "usr/share", "-type", "f"]).current_dir(root));
        let mut files: Vec<String> =
            said.lines().filter(|line| line.contains("/tool")).map(str::to_owned).collect();
        files.sort();
        files
    };
    assert_eq!(files(&ours), files(&theirs));
}

#[test]
fn a_pattern_that_matches_nothing_is_told() {
    let toy = Toy::new(&archive(), &["tool"]);
    let slim = json!([{"name": "own", "remove": ["/usr/share/nothing/*"]}]);
    toy.define(&toy.mirror().display().to_string(), &["tool"], json!({"slim": slim}));
    assert!(toy.builds().contains("note: slim.remove: nothing matches `/usr/share/nothing/*`"));
    let slim = json!([{"name": "own", "remove": ["usr/share"]}]);
    toy.define(&toy.mirror().display().to_string(), &["tool"], json!({"slim": slim}));
    let said = toy.refused();
    assert!(
        said.contains("at `slim[0]`: `usr/share` is no pattern of paths: it begins with `/` or `*`"),
        "{said}"
    );
}
