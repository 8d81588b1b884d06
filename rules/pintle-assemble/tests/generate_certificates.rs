//! The certificate authorities, judged by `openssl rehash` and `openssl x509`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod generate_host;

use generate_host::{add, bytes, link, run, store};
use pintle_assemble::generate::certificates::{apply, subject_hash};
use pintle_model::{Kind, NoContents, Timestamp, Tree, TreePath};
use proptest::prelude::*;
use std::path::Path;

const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);
const SHARED: &str = "usr/share/ca-certificates";

/// A certificate made once, so that results can be pinned: subject `C=XX, O=Pintle  Test, CN=Root 1`.
const FIXED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBwTCCAWegAwIBAgIUDCJM+9f1Wr96oXSv9oWyM+6zZXwwCgYIKoZIzj0EAwIw
NTELMAkGA1UEBhMCWFgxFTATBgNVBAoMDFBpbnRsZSAgVGVzdDEPMA0GA1UEAwwG
Um9vdCAxMCAXDTI2MTEyMDE3NTYzNVoYDzIxMjYxMDI3MTc1NjM1WjA1MQswCQYD
VQQGEwJYWDEVMBMGA1UECgwMUGludGxlICBUZXN0MQ8wDQYDVQQDDAZSb290IDEw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ4G+zvBzGBTMsVEn+hR5ouBcKDgOfJ
eTZczjXQA9ogNaN/wfvBAFCiaHOv9apS48Cmw79A9ok3YP4dqgw6mGt1o1MwUTAd
BgNVHQ4EFgQUXa4/bUSd+J7LiGHwFSamF2yLSt0wHwYDVR0jBBgwFoAUXa4/bUSd
+J7LiGHwFSamF2yLSt0wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF
AiACj9Q9SftRChttx+yg/93ck6SI+0ECDV/syFdT3y03QwIhANqbR1wB6ZLqabTU
Z+nj6gUaOgmOELuzRU3Il4IDfZ5o
-----END CERTIFICATE-----
";

/// A fresh self-signed certificate.
fn certificate(dir: &Path, subject: &str, options: &[&str]) -> String {
    let out = dir.join("fresh.pem");
    let arguments =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8"];
    let files = ["-keyout", "/dev/null", "-out", out.to_str().unwrap(), "-subj", subject];
    let output = run("openssl", "openssl", &[&arguments[..], &files, options].concat());
    assert!(output.status.success(), "{subject}: {output:?}");
    std::fs::read_to_string(out).unwrap()
}

/// Names and targets of the links in `/etc/ssl/certs`.
fn links(tree: &Tree) -> Vec<String> {
    let dir = TreePath::literal("etc/ssl/certs");
    let links = tree.walk_from(&dir).filter_map(|entry| match &entry.inode.kind {
        Kind::Symlink(target) => Some(format!("{} -> {}", entry.path.lossy(), target.escape_ascii())),
        _ => None,
    });
    links.map(|line| line["etc/ssl/certs/".len()..].to_owned()).collect()
}

#[test]
fn links_are_those_of_openssl_rehash() {
    let work = tempfile::tempdir().unwrap();
    let mut tree = Tree::new();
    let subjects = [
        ("plain", "/C=XX/O=Pintle/CN=Plain Root", &[][..]),
        ("spaces", "/O=  Many   inner    spaces  /CN= x ", &[]),
        ("case", "/O=mANY INNER SPACES/CN=X", &[]),
        ("letters", "/O=Größe Ünïcode €/CN=Ελληνικά ", &[]),
        ("many values", "/C=XX/O=b+OU=a/CN=Multi+serialNumber=7", &["-multivalue-rdn"]),
        ("mail", "/emailAddress=A@Example.org/DC=Example/CN=Mail (1), Inc", &[]),
    ];
    for (name, subject, options) in subjects {
        let mut text = certificate(work.path(), subject, options);
        if name == "plain" {
            text.truncate(text.trim_end().len());
        }
        add(&mut tree, &format!("{SHARED}/mozilla/{name}.crt"), text);
    }
    // The same subject twice, and the same certificate twice.
    add(&mut tree, &format!("{SHARED}/other/Root (1), a.crt"), certificate(work.path(), subjects[0].1, &[]));
    let again = bytes(&tree, &NoContents, &format!("{SHARED}/mozilla/case.crt"));
    add(&mut tree, "usr/local/share/ca-certificates/again.crt", again);
    add(
        &mut tree,
        "usr/local/share/ca-certificates/two.crt",
        FIXED.to_owned() + &certificate(work.path(), "/CN=2", &[]),
    );
    apply(&mut tree, &NoContents, EPOCH).unwrap();

    let judge = work.path().join("root");
    std::fs::create_dir(&judge).unwrap();
    store(&tree, &NoContents, &judge);
    let dir = judge.join("etc/ssl/certs");
    let ours = links(&tree);
    // Judged are the hashes only: the links to files of the system lead nowhere on this machine.
    for link in ours.iter().filter(|link| link.contains(".pem -> /")) {
        let (name, target) = link.split_once(" -> /").unwrap();
        std::fs::remove_file(dir.join(name)).unwrap();
        std::fs::copy(judge.join(target), dir.join(name)).unwrap();
    }
    for link in ours.iter().filter(|link| !link.contains(".pem -> /")) {
        std::fs::remove_file(dir.join(link.split_once(" -> ").unwrap().0)).unwrap();
    }
    let output = run("openssl", "openssl", &["rehash", dir.to_str().unwrap()]);
    let theirs: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap()).collect();
    let mut theirs: Vec<_> = theirs
        .iter()
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?;
            Some(format!("{} -> {}", entry.file_name().to_str()?, target.to_str()?))
        })
        .collect();
    theirs.sort();
    let mut hashes: Vec<_> = ours.into_iter().filter(|link| !link.contains(".pem -> /")).collect();
    hashes.sort();
    assert_eq!(hashes, theirs, "{output:?}");
    assert_eq!(hashes.len(), 7, "{hashes:?}");
}

#[test]
fn bundle_and_links_are_pinned() {
    let mut tree = Tree::new();
    let plain = FIXED.trim_end();
    add(&mut tree, &format!("{SHARED}/mozilla/Fixed_(Root)_1.crt"), plain);
    add(&mut tree, &format!("{SHARED}/readme.txt"), "no certificate");
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(
        bytes(&tree, &NoContents, "etc/ssl/certs/ca-certificates.crt"),
        format!("{plain}\n").into_bytes()
    );
    insta::assert_snapshot!(links(&tree).join("\n"), @r#"
    5b6ddc6c.0 -> Fixed_=Root=_1.pem
    Fixed_=Root=_1.pem -> /usr/share/ca-certificates/mozilla/Fixed_(Root)_1.crt
    "#);
    let config = String::from_utf8(bytes(&tree, &NoContents, "etc/ca-certificates.conf")).unwrap();
    assert!(config.ends_with("\n#\nmozilla/Fixed_(Root)_1.crt\n"), "{config}");
    // A second run finds its own configuration and links.
    let paths = tree.walk().count();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(tree.walk().count(), paths);
}

#[test]
fn configuration_chooses_and_local_ones_are_added() {
    let mut tree = Tree::new();
    add(&mut tree, &format!("{SHARED}/a.crt"), "A\n");
    add(&mut tree, &format!("{SHARED}/b.crt"), "B");
    add(&mut tree, &format!("{SHARED}/c.crt"), "C\n");
    add(&mut tree, "usr/local/share/ca-certificates/own/z.crt", "Z");
    link(&mut tree, "usr/local/share/ca-certificates/link.crt", "own/z.crt");
    add(&mut tree, "etc/ca-certificates.conf", "# comment\n\nc.crt\n!a.crt\nb.crt\n");
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(bytes(&tree, &NoContents, "etc/ssl/certs/ca-certificates.crt"), b"C\nB\nZ\nZ\n");
    assert!(tree.find("etc/ssl/certs/a.pem").is_none());
}

#[test]
fn errors_name_the_file() {
    let fails = |path: &str, text: &str| {
        let mut tree = Tree::new();
        add(&mut tree, &format!("{SHARED}/a.crt"), FIXED);
        add(&mut tree, path, text);
        apply(&mut tree, &NoContents, EPOCH).unwrap_err().to_string()
    };
    insta::assert_snapshot!(fails("etc/ca-certificates.conf", "a.crt\nold/gone.crt\n"), @"/etc/ca-certificates.conf:2: there is no /usr/share/ca-certificates/old/gone.crt");
    let begin = "-----BEGIN CERTIFICATE-----\n";
    insta::assert_snapshot!(fails(&format!("{SHARED}/x.crt"), begin), @"/etc/ssl/certs/x.pem is not a certificate: its end is missing");
    let end = "-----END CERTIFICATE-----\n";
    insta::assert_snapshot!(fails(&format!("{SHARED}/x.crt"), &format!("{begin}????\n{end}")), @"/etc/ssl/certs/x.pem is not a certificate: its base64 is damaged");
    insta::assert_snapshot!(fails(&format!("{SHARED}/x.crt"), &format!("{begin}MAAB\n{end}")), @"/etc/ssl/certs/x.pem is not a certificate: its subject cannot be read");
    let mut empty = Tree::new();
    apply(&mut empty, &NoContents, EPOCH).unwrap();
    assert_eq!(empty.walk().count(), 1);
}

/// The bytes of [`FIXED`].
fn fixed() -> Vec<u8> {
    let output = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(output.path(), FIXED).unwrap();
    run("openssl", "openssl", &["x509", "-outform", "DER", "-in", output.path().to_str().unwrap()]).stdout
}

#[test]
fn the_hash_is_openssls() {
    let output = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(output.path(), FIXED).unwrap();
    let judged = run(
        "openssl",
        "openssl",
        &["x509", "-noout", "-subject_hash", "-in", output.path().to_str().unwrap()],
    );
    let ours = format!("{:08x}\n", subject_hash(&fixed()).unwrap());
    assert_eq!(ours, String::from_utf8(judged.stdout).unwrap());
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_hash_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = subject_hash(&bytes);
    }
}

#[test]
fn damaged_certificates_end_in_a_hash_or_none() {
    let whole = fixed();
    for at in 0..whole.len() {
        let _ = subject_hash(&whole[..at]);
        for value in [0, 1, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x84, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let _ = subject_hash(&damaged);
        }
    }
}
