//! Signatures against checkers we did not write: sbverify and osslsigncode, with keys made by openssl.
#![allow(missing_docs, clippy::unwrap_used)]

use pintle_boot::sign::{BadSignature, SignError, Signer, authenticode_digest, signature};
use pintle_boot::uki::{Sections, assemble};
use pintle_model::{Blob, NoContents};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const BOOT_FILES: &str = "/usr/lib/systemd/boot/efi";

fn finish(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask test`"))
}

fn run(command: &mut Command) -> String {
    let output = finish(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with `NAME.key` and `NAME.crt`, made once.
fn keys() -> &'static Path {
    static KEYS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, kind: &[&str]| {
            let (key, certificate) =
                (folder.path().join(format!("{name}.key")), folder.path().join(format!("{name}.crt")));
            let mut command = Command::new("openssl");
            command
                .args(["req", "-new", "-x509", "-sha256", "-nodes", "-days", "3650", "-subj"])
                .arg(format!("/CN={name}/"));
            run(command.arg("-newkey").args(kind).arg("-keyout").arg(key).arg("-out").arg(certificate));
        };
        make("db", &["rsa:2048"]);
        make("other", &["rsa:4096"]);
        make("short", &["rsa:1024"]);
        make("ec", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        folder
    };
    KEYS.get_or_init(make).path()
}

fn text(name: &str) -> String {
    fs::read_to_string(keys().join(name)).unwrap()
}

fn signer(name: &str) -> Signer {
    Signer::new(&text(&format!("{name}.key")), &text(&format!("{name}.crt"))).unwrap()
}

fn boot_file(name: &str) -> Vec<u8> {
    let path = format!("{BOOT_FILES}/{name}");
    fs::read(&path)
        .unwrap_or_else(|error| panic!("{path} (package systemd-boot-efi): {error}: run `cargo xtask test`"))
}

fn sign(image: &[u8], name: &str) -> Vec<u8> {
    let signed = signer(name).sign(&Blob::inline(image), &NoContents).unwrap();
    signed.read(&NoContents, 1 << 30).unwrap()
}

/// A unified kernel image of some size that is no multiple of anything; systemd-boot itself stands in for the kernel.
fn uki() -> Vec<u8> {
    let linux = Blob::inline(boot_file("systemd-bootx64.efi"));
    let initrd = Blob::inline((0..2_100_001_u32).map(|n| (n >> 3) as u8).collect::<Vec<_>>());
    let sections = Sections {
        os_release: b"ID=toy\n",
        cmdline: "quiet",
        device_tree: None,
        uname: "6.12.1",
        pcr_key: "",
        pcr_signature: "",
        linux: &linux,
        initrd: Some(&initrd),
    };
    let image = assemble(&boot_file("linuxx64.efi.stub"), &sections, &NoContents).unwrap();
    image.read(&NoContents, 1 << 30).unwrap()
}

fn put(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("image.efi");
    fs::write(&path, bytes).unwrap();
    path
}

fn sbverify(image: &[u8], name: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), image);
    finish(Command::new("sbverify").arg("--cert").arg(keys().join(format!("{name}.crt"))).arg(path))
}

#[test]
fn sbverify_and_osslsigncode_accept_what_is_signed() {
    for (what, image) in [("systemd-boot", boot_file("systemd-bootx64.efi")), ("a UKI", uki())] {
        for key in ["db", "other"] {
            let signed = sign(&image, key);
            let output = sbverify(&signed, key);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(output.status.success() && said.contains("Signature verification OK"), "{what}: {said}");
            let folder = tempfile::tempdir().unwrap();
            let path = put(folder.path(), &signed);
            let certificate = keys().join(format!("{key}.crt"));
            let mut judge = Command::new("osslsigncode");
            let said = run(judge.arg("verify").arg("-CAfile").arg(certificate).arg(path));
            assert!(
                said.contains("Succeeded") && !said.to_lowercase().contains("mismatch"),
                "{what}: {said}"
            );
        }
    }
}

/// osslsigncode computes the digest itself and prints it.
#[test]
fn the_digest_is_the_one_others_compute() {
    let folder = tempfile::tempdir().unwrap();
    let image = uki();
    let path = put(folder.path(), &sign(&image, "db"));
    let said =
        run(Command::new("osslsigncode").arg("verify").arg("-CAfile").arg(keys().join("db.crt")).arg(path));
    let ours = authenticode_digest(&Blob::inline(image), &NoContents).unwrap().hex().to_uppercase();
    let line = said
        .lines()
        .find(|line| line.starts_with("Calculated message digest"))
        .unwrap_or_else(|| panic!("{said}"));
    assert!(line.trim_end().ends_with(&ours), "{line}\n{ours}");
}

#[test]
fn a_changed_byte_or_another_key_is_refused() {
    let signed = sign(&uki(), "db");
    assert!(!sbverify(&signed, "other").status.success());
    // In the stub's code, in the initrd, in the last byte before the signature, in the signature.
    let end = signed.len() - 1600;
    for at in [0x500, signed.len() / 2, end - 600, signed.len() - 300] {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        assert!(!sbverify(&changed, "db").status.success(), "byte {at}");
    }
}

/// What a reader finds in `image`: the signer's name, and whether it is good.
fn found(image: &[u8]) -> Option<(String, Result<(), BadSignature>)> {
    let found = signature(&Blob::inline(image), &NoContents).unwrap()?;
    Some((found.signer.map(|(name, _)| name).unwrap_or_default(), found.checked))
}

/// Signatures of three tools are read, and their changes found wherever sbverify finds them.
#[test]
fn signatures_are_checked_as_others_check_them() {
    let (folder, image) = (tempfile::tempdir().unwrap(), uki());
    assert!(found(&image).is_none());
    let (from, to) = (put(folder.path(), &image), folder.path().join("signed.efi"));
    let (key, crt) = (keys().join("db.key"), keys().join("db.crt"));
    let mut sbsign = Command::new("sbsign");
    run(sbsign.arg("--key").arg(&key).arg("--cert").arg(&crt).arg("--output").arg(&to).arg(&from));
    let theirs = fs::read(&to).unwrap();
    fs::remove_file(&to).unwrap();
    let mut other = Command::new("osslsigncode");
    other.args(["sign", "-h", "sha256", "-key"]).arg(&key).arg("-certs").arg(&crt);
    run(other.arg("-in").arg(&from).arg("-out").arg(&to));
    for (tool, signed) in
        [("ours", sign(&image, "db")), ("sbsign", theirs), ("osslsigncode", fs::read(&to).unwrap())]
    {
        let (name, checked) = found(&signed).unwrap();
        assert!(name == "CN=db" && checked.is_ok(), "{tool}: {name}: {checked:?}");
        let mut changed = signed.clone();
        changed[0x500] ^= 1;
        assert!(matches!(found(&changed), Some((_, Err(BadSignature::OtherBytes)))), "{tool}");
        // The digest in the signature is put right as well: it is not what was signed.
        let was = authenticode_digest(&Blob::inline(image.as_slice()), &NoContents).unwrap();
        let at = signed.windows(32).rposition(|bytes| bytes == was.as_bytes()).unwrap();
        let mut image = image.clone();
        image[0x500] ^= 1;
        let is = authenticode_digest(&Blob::inline(image), &NoContents).unwrap();
        changed[at..at + 32].copy_from_slice(is.as_bytes());
        assert!(matches!(found(&changed), Some((_, Err(BadSignature::OtherBytes)))), "{tool}");
    }
    // A good signature of one key with the name of another.
    let signed = sign(&image, "db");
    let end = signed.len() - 60;
    let mut changed = signed;
    changed[end] ^= 1;
    assert!(matches!(found(&changed), Some((_, Err(BadSignature::OtherKey)))));
}

#[test]
fn the_same_image_gets_the_same_signature_and_a_right_checksum() {
    let image = uki();
    let signed = sign(&image, "db");
    assert_eq!(signed, sign(&image, "db"));
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), &signed);
    let script = "import pefile, sys; pe = pefile.PE(sys.argv[1]); print(pe.verify_checksum())";
    assert_eq!(run(Command::new("/usr/bin/python3").args(["-c", script]).arg(path)).trim(), "True");
    // sbsign's own signature covers the same digest: ours goes and theirs comes without a complaint.
    let listed = folder.path().join("theirs.efi");
    let path = put(folder.path(), &image);
    let mut theirs = Command::new("sbsign");
    theirs.arg("--key").arg(keys().join("db.key")).arg("--cert").arg(keys().join("db.crt"));
    let output = finish(theirs.arg("--output").arg(&listed).arg(path));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("gap") && !said.contains("remaining"), "{said}");
}

#[test]
fn keys_and_images_that_cannot_be_used_are_told_apart() {
    let error =
        |key: &str, certificate: &str| Signer::new(&text(key), &text(certificate)).unwrap_err().to_string();
    insta::assert_snapshot!(error("db.crt", "db.crt"), @"the key is no RSA private key in PEM (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`, not encrypted)");
    insta::assert_snapshot!(error("ec.key", "ec.crt"), @"the key is no RSA private key in PEM (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`, not encrypted)");
    insta::assert_snapshot!(error("db.key", "db.key"), @"the certificate is no X.509 certificate in PEM (`BEGIN CERTIFICATE`)");
    insta::assert_snapshot!(error("db.key", "other.crt"), @"the certificate is for another key");
    insta::assert_snapshot!(error("short.key", "short.crt"), @"the key has 1024 bits; firmware takes RSA keys of 2048 to 4096 bits");
    assert_eq!(format!("{:?}", signer("db")), "Signer(CN=db)");
    // The old form of a key, as many guides make it.
    let old = run(Command::new("openssl").args(["rsa", "-traditional", "-in"]).arg(keys().join("db.key")));
    assert!(old.contains("BEGIN RSA PRIVATE KEY"));
    Signer::new(&old, &text("db.crt")).unwrap();

    let refused =
        |image: &[u8]| signer("db").sign(&Blob::inline(image), &NoContents).unwrap_err().to_string();
    insta::assert_snapshot!(refused(b"no image"), @"it is no PE image");
    insta::assert_snapshot!(refused(&sign(&boot_file("systemd-bootx64.efi"), "db")), @"it bears a signature already; take the unsigned one");
    // A section moved away from the others.
    let mut gap = boot_file("systemd-bootx64.efi");
    let at = gap.windows(8).position(|name| name == b".sdmagic").unwrap() + 20;
    gap[at + 1] += 2;
    insta::assert_snapshot!(refused(&gap), @"its section `.sdmagic` begins at byte 123392, where byte 122880 was expected: tools would disagree about what a signature covers");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A signature with bytes changed is read or refused, and never good where sbverify's rules would not have it so.
    #[test]
    fn mutated_signatures_never_panic(changes in proptest::collection::vec((0usize..1400, 1u8..), 1..4)) {
        static SIGNED: OnceLock<Vec<u8>> = OnceLock::new();
        let signed = SIGNED.get_or_init(|| sign(&boot_file("systemd-bootx64.efi"), "db"));
        let mut image = signed.clone();
        let from = image.len() - 1400;
        for (at, by) in changes {
            image[from + at] ^= by;
        }
        let _ = signature(&Blob::inline(image), &NoContents);
    }

    /// An image with bytes of its headers changed is signed or refused; what is signed still reads as an image.
    #[test]
    fn mutated_images_never_panic(changes in proptest::collection::vec((0usize..0x400, any::<u8>()), 1..8), cut in 0usize..140_000) {
        let mut image = boot_file("systemd-bootx64.efi");
        for (at, value) in changes {
            image[at] = value;
        }
        image.truncate(image.len() - cut);
        match signer("db").sign(&Blob::inline(image), &NoContents) {
            Ok(signed) => {
                let found = signature(&signed, &NoContents).unwrap().unwrap();
                prop_assert!(found.checked.is_ok(), "{:?}", found.checked);
                let again = signer("db").sign(&signed, &NoContents);
                prop_assert!(matches!(again, Err(SignError::Signed)), "{again:?}");
            }
            Err(error) => prop_assert!(!matches!(error, SignError::Read(_)), "{error:?}"),
        }
    }
}
