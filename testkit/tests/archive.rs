//! The toy archive before real judges: apt fetches and verifies it, dpkg reads its packages.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_testkit::archive::{Archive, Signer, ToySuite, toy};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn judge(program: &str, arguments: &[&str], root: &Path) -> Output {
    Command::new(program)
        .args(arguments)
        .env("APT_CONFIG", root.join("apt.conf"))
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|_| panic!("{program} is needed: run `cargo xtask test`, which installs the judges"))
}

fn archive() -> Archive {
    toy()
        .package("hello 1:2.10-3 depends: hello-data (= 2.10-3) | nothing; provides: greeting")
        .file("/usr/bin/hello", 0o755, "#!/bin/sh\necho hello\n")
        .control("postinst", "#!/bin/sh\nexit 0\n")
        .package("hello-data 2.10-3 arch: all; multi-arch: foreign")
}

/// What `apt-get update` says of the archive, and what it then would install.
fn apt(suite: &ToySuite) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for path in [
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "lib/apt/lists/partial",
        "cache/apt/archives/partial",
        "lib/dpkg",
    ] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    fs::write(root.join("lib/dpkg/status"), "").unwrap();
    fs::write(root.join("key.asc"), Signer::Archive.certificate()).unwrap();
    archive().write(&root.join("archive"), suite).unwrap();
    let shown = root.display();
    let source = format!("deb [signed-by={shown}/key.asc] file:{shown}/archive {} main\n", suite.name);
    fs::write(root.join("etc/apt/sources.list"), source).unwrap();
    let config = format!(
        "Dir \"{shown}\"; Dir::State \"{shown}/lib/apt\"; Dir::State::status \"{shown}/lib/dpkg/status\";\n\
         Dir::Cache \"{shown}/cache/apt\"; APT::Architecture \"amd64\"; APT::Architectures \"amd64\";\n\
         APT::Sandbox::User \"root\"; Acquire::Languages \"none\";\n"
    );
    fs::write(root.join("apt.conf"), config).unwrap();
    let update = judge("apt-get", &["update"], root);
    let install = judge("apt-get", &["-s", "install", "hello"], root);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&shown.to_string(), "ROOT");
    let installed = text(&install.stdout);
    let lines: Vec<&str> = installed.lines().filter(|line| line.starts_with("Inst ")).collect();
    (text(&update.stderr), lines.join("\n"))
}

#[test]
fn apt_takes_it() {
    let (said, installed) = apt(&ToySuite::new("toy"));
    assert_eq!(said, "");
    insta::assert_snapshot!(installed, @r#"
Inst hello-data (2.10-3 toy [all])
Inst hello (1:2.10-3 toy [amd64])
"#);
}

#[test]
fn apt_refuses_a_stranger_and_what_is_expired() {
    let (said, installed) = apt(&ToySuite { signer: Signer::Stranger, ..ToySuite::new("toy") });
    assert!(said.contains("NO_PUBKEY") && said.contains("is not signed"), "{said}");
    assert_eq!(installed, "");
    let expired = Some("Sun, 13 Sep 2026 00:00:00 UTC".to_owned());
    let (said, _) = apt(&ToySuite { valid_until: expired, ..ToySuite::new("toy") });
    assert!(said.contains("is expired"), "{said}");
}

#[test]
fn dpkg_reads_its_packages() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive();
    archive.write(folder.path(), &ToySuite::new("toy")).unwrap();
    let deb = folder.path().join(archive.deb_path("hello"));
    let deb = deb.to_str().unwrap();
    let text = |arguments: &[&str]| {
        let output = judge("dpkg-deb", arguments, folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    insta::assert_snapshot!(text(&["--field", deb]), @r#"
Package: hello
Version: 1:2.10-3
Architecture: amd64
Depends: hello-data (= 2.10-3) | nothing
Provides: greeting
Maintainer: Nobody <nobody@example.org>
Description: toy package
"#);
    insta::assert_snapshot!(text(&["--contents", deb]), @r#"
drwxr-xr-x root/root         0 2024-01-01 00:00 ./
drwxr-xr-x root/root         0 2024-01-01 00:00 ./usr/
drwxr-xr-x root/root         0 2024-01-01 00:00 ./usr/share/
drwxr-xr-x root/root         0 2024-01-01 00:00 ./usr/share/doc/
drwxr-xr-x root/root         0 2024-01-01 00:00 ./usr/share/doc/hello/
-rw-r--r-- root/root        25 2024-01-01 00:00 ./usr/share/doc/hello/copyright
drwxr-xr-x root/root         0 2024-01-01 00:00 ./usr/bin/
-rwxr-xr-x root/root        21 2024-01-01 00:00 ./usr/bin/hello
"#);
    assert!(text(&["--info", deb, "postinst"]).starts_with("#!/bin/sh"));
}

#[test]
fn the_same_archive_has_the_same_bytes() {
    let packages = archive().packages_text();
    assert_eq!(packages, archive().packages_text());
    insta::assert_snapshot!(pintle_model::Digest::of(packages.as_bytes()).hex(), @"4f63b1754252b631e8812b4c38d1c9ca3e99437eff4ccb7393be5aca6001b70b");
}
