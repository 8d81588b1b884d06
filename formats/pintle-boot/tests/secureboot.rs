//! Keys, lists of keys and their signed updates against programs we did not write: openssl, sbsigntool.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_boot::secureboot::{SignatureList, SignatureType, Update, Variable};
use pintle_boot::sign::{KeyPair, Signer, Subject, signing_key, signing_pair, update_key};
use pintle_model::{Blob, Digest, NoContents};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use uuid::{Uuid, uuid};

const OWNER: Uuid = uuid!("2f7a1c7e-7f0c-4f43-9e0a-0e5d8a6f6b11");
/// 2026-11-20 12:34:56, and ten years later.
const NOW: i64 = 1_795_178_096;
const LATER: i64 = NOW + 3652 * 86400;

/// Bytes that look random and are the same each time.
fn noise(seed: &str) -> impl FnMut(&mut [u8]) {
    let (seed, mut count) = (seed.to_owned(), 0_u64);
    move |out| {
        for byte in out {
            *byte = Digest::of(format!("{seed} {count}").as_bytes()).as_bytes()[0];
            count += 1;
        }
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject { name, from: NOW, until: LATER }
}

struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signer(&self, name: &str) -> Signer {
        let read = |extension: &str| fs::read_to_string(self.path(&format!("{name}.{extension}"))).unwrap();
        Signer::new(&read("key"), &read("crt")).unwrap()
    }

    fn certificate(&self, name: &str) -> Vec<u8> {
        self.signer(name).certificate().unwrap()
    }
}

/// PK, KEK and db, made once by the code under test.
fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let keys = Keys { folder: tempfile::tempdir().unwrap() };
        for name in ["PK", "KEK", "db"] {
            let pair = signing_pair(&mut noise(name), &subject(&format!("toy {name}"))).unwrap();
            fs::write(keys.path(&format!("{name}.key")), pair.private.as_bytes()).unwrap();
            fs::write(keys.path(&format!("{name}.crt")), pair.public).unwrap();
            let der = keys.certificate(name);
            fs::write(keys.path(&format!("{name}.der")), der).unwrap();
        }
        keys
    })
}

fn finish(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command.output().unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask test`"))
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = finish(Command::new(program).args(arguments).current_dir(folder));
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {text}{errors}");
    text.into_owned()
}

#[test]
fn openssl_reads_the_keys() {
    let folder = keys().folder.path();
    let shown = run("openssl", &["x509", "-in", "db.crt", "-noout", "-subject", "-issuer", "-dates"], folder);
    insta::assert_snapshot!(shown, @"
    subject=CN = toy db
    issuer=CN = toy db
    notBefore=Nov 20 12:34:56 2026 GMT
    notAfter=Nov 19 12:34:56 2036 GMT
    ");
    run("openssl", &["verify", "-CAfile", "db.crt", "db.crt"], folder);
    assert_eq!(keys().signer("db").validity(), (NOW, LATER));
    assert!(run("openssl", &["pkey", "-in", "db.key", "-check", "-noout"], folder).contains("Key is valid"));
    let text = run("openssl", &["x509", "-in", "PK.crt", "-noout", "-text"], folder);
    assert!(text.contains("Public-Key: (2048 bit)") && text.contains("sha256WithRSAEncryption"), "{text}");
    // After 2049, and with a name that is not ASCII.
    let far = Subject { name: "Schlüssel der Firma", from: NOW, until: NOW + 90 * 366 * 86400 };
    let pair = signing_pair(&mut noise("far"), &far).unwrap();
    fs::write(keys().path("far.crt"), &pair.public).unwrap();
    let arguments = ["x509", "-in", "far.crt", "-noout", "-subject", "-enddate", "-nameopt", "utf8"];
    insta::assert_snapshot!(run("openssl", &arguments, folder), @"
    subject=CN=Schlüssel der Firma
    notAfter=Jan 27 12:34:56 2117 GMT
    ");
}

#[test]
fn public_halves_are_those_openssl_finds() {
    let folder = tempfile::tempdir().unwrap();
    let pairs: [(&str, KeyPair); 2] = [
        ("rsa", signing_key(&mut noise("pcr")).unwrap()),
        ("ed25519", update_key(&mut noise("update")).unwrap()),
    ];
    for (name, pair) in pairs {
        fs::write(folder.path().join("key"), pair.private.as_bytes()).unwrap();
        assert_eq!(run("openssl", &["pkey", "-in", "key", "-pubout"], folder.path()), pair.public, "{name}");
    }
}

#[test]
fn the_same_random_bytes_give_the_same_keys_and_others_others() {
    let make = |seed: &str| update_key(&mut noise(seed)).unwrap().public;
    assert_eq!(make("one"), make("one"));
    assert_ne!(make("one"), make("two"));
    let made = signing_pair(&mut noise("db"), &subject("toy db")).unwrap();
    assert_eq!(made.public, fs::read_to_string(keys().path("db.crt")).unwrap());
}

#[test]
fn names_and_times_that_cannot_be_are_refused() {
    let error = |name: &str, from: i64, until: i64| {
        signing_pair(&mut noise("x"), &Subject { name, from, until }).map(|_| ()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(error("", NOW, LATER), @"`` cannot be the name in a certificate: 1 to 64 bytes, no control characters");
    insta::assert_snapshot!(error("two\nlines", NOW, LATER), @"
    `two
    lines` cannot be the name in a certificate: 1 to 64 bytes, no control characters
    ");
    insta::assert_snapshot!(error("x", LATER, NOW), @"a certificate cannot be valid from 2110710896 until 1795178096 (seconds since 1970)");
    insta::assert_snapshot!(error("x", -1, NOW), @"a certificate cannot be valid from -1 until 1795178096 (seconds since 1970)");
    insta::assert_snapshot!(error("x", NOW, i64::MAX), @"a certificate cannot be valid from 1795178096 until 9223372036854775807 (seconds since 1970)");
}

#[test]
fn sbverify_accepts_what_a_new_key_signed() {
    let path = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
    let image = fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}: run `cargo xtask test`"));
    let signed = keys().signer("db").sign(&Blob::inline(image), &NoContents).unwrap();
    fs::write(keys().path("signed.efi"), signed.read(&NoContents, 1 << 30).unwrap()).unwrap();
    let said = run("sbverify", &["--cert", "db.crt", "signed.efi"], keys().folder.path());
    assert!(said.contains("Signature verification OK"), "{said}");
    let other = Command::new("sbverify")
        .args(["--cert", "PK.crt", "signed.efi"])
        .current_dir(&keys().folder)
        .output();
    assert!(!other.unwrap().status.success());
}

/// As the kernel and systemd check of a root hash.
#[test]
fn openssl_verifies_detached_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let hash = Digest::of(b"root").hex();
    fs::write(folder.path().join("hash"), &hash).unwrap();
    fs::write(folder.path().join("p7s"), keys().signer("db").sign_detached(hash.as_bytes()).unwrap())
        .unwrap();
    let (db, pk) = (keys().path("db.crt"), keys().path("PK.crt"));
    let (db, pk) = (db.to_str().unwrap(), pk.to_str().unwrap());
    let verify = |by: &str| {
        let mut command = Command::new("openssl");
        command.args(["smime", "-verify", "-binary", "-inform", "DER", "-in", "p7s", "-content", "hash"]);
        command.args(["-purpose", "any", "-CAfile", by]).current_dir(folder.path());
        finish(&mut command)
    };
    let output = verify(db);
    assert!(
        output.status.success() && output.stdout == hash.as_bytes(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!verify(pk).status.success(), "another certificate");
    // systemd-repart makes the same of the same.
    let key = keys().path("db.key");
    let sign = [
        "smime", "-sign", "-binary", "-noattr", "-outform", "DER", "-in", "hash", "-out", "theirs", "-signer",
    ];
    run("openssl", &[&sign[..], &[db, "-inkey", key.to_str().unwrap()]].concat(), folder.path());
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("theirs") == read("p7s"), "every byte");
    fs::write(folder.path().join("hash"), Digest::of(b"another").hex()).unwrap();
    assert!(!verify(db).status.success(), "another hash");
}

#[test]
fn lists_are_those_of_sbsiglist() {
    let folder = keys().folder.path();
    let theirs = |kind: &str, file: &str| {
        let owner = OWNER.to_string();
        run("sbsiglist", &["--owner", &owner, "--type", kind, "--output", "theirs.esl", file], folder);
        fs::read(folder.join("theirs.esl")).unwrap()
    };
    let list = SignatureList::certificate(OWNER, &keys().certificate("db"));
    assert_eq!(SignatureList::bytes(&[list]), theirs("x509", "db.der"));
    let digests = [Digest::of(b"one"), Digest::of(b"two")];
    fs::write(folder.join("digest"), digests[0].as_bytes()).unwrap();
    assert_eq!(
        SignatureList::bytes(&[SignatureList::images(OWNER, &digests[..1])]),
        theirs("sha256", "digest")
    );
    // Several lists, one with several entries, read back.
    let lists = vec![
        SignatureList::certificate(OWNER, &keys().certificate("PK")),
        SignatureList::images(OWNER, &digests),
        SignatureList::certificate(OWNER, &keys().certificate("KEK")),
    ];
    assert_eq!(SignatureList::parse(&SignatureList::bytes(&lists)).unwrap(), lists);
    assert_eq!((lists[1].kind(), lists[1].entries().len()), (SignatureType::Sha256, 2));
}

/// Seconds since 1970 of a time as an update shows it.
fn seconds(time: &str) -> i64 {
    let said = run("date", &["--utc", "+%s", "--date", &format!("{time} UTC")], Path::new("/"));
    said.trim().parse().unwrap()
}

/// The same time given, sbvarsign signs the same bytes. It does so by way of signed attributes, which hold their digest; ours
/// is recovered by openssl from the signature itself.
#[test]
fn updates_are_those_of_sbvarsign() {
    let folder = keys().folder.path();
    for (variable, by) in
        [(Variable::Pk, "PK"), (Variable::Kek, "PK"), (Variable::Db, "KEK"), (Variable::Dbx, "KEK")]
    {
        assert_eq!(variable.changed_by().name(), by);
        let lists = vec![SignatureList::certificate(OWNER, &keys().certificate("db"))];
        fs::write(folder.join("list.esl"), SignatureList::bytes(&lists)).unwrap();
        let attributes =
            "NON_VOLATILE,BOOTSERVICE_ACCESS,RUNTIME_ACCESS,TIME_BASED_AUTHENTICATED_WRITE_ACCESS";
        let (key, certificate) = (format!("{by}.key"), format!("{by}.crt"));
        let arguments =
            ["--key", &key, "--cert", &certificate, "--attr", attributes, "--output", "theirs.auth"];
        run("sbvarsign", &[&arguments[..], &[variable.name(), "list.esl"]].concat(), folder);
        let theirs = Update::parse(&fs::read(folder.join("theirs.auth")).unwrap()).unwrap();
        let ours = Update::sign(variable, lists, seconds(&theirs.time()), &keys().signer(by)).unwrap();
        assert_eq!((ours.time(), &ours.lists), (theirs.time(), &theirs.lists));
        let message_digest = [0x31, 0x22, 0x04, 0x20];
        let at = theirs.signature().windows(4).position(|bytes| bytes == message_digest).unwrap() + 4;
        let signature = &ours.signature()[ours.signature().len() - 256..];
        fs::write(folder.join("signature"), signature).unwrap();
        let recover = ["pkeyutl", "-verifyrecover", "-certin", "-inkey", &certificate, "-in", "signature"];
        let recovered = finish(Command::new("openssl").args(recover).current_dir(folder)).stdout;
        assert!(recovered.ends_with(&theirs.signature()[at..at + 32]), "{}: {recovered:x?}", variable.name());
        // Both begin alike: version, SHA-256, no content, the same certificate.
        let same = |update: &Update| update.signature()[4..700].to_vec();
        assert_eq!(same(&ours), same(&theirs), "{}", variable.name());
        assert_eq!(Update::parse(&ours.bytes()).unwrap(), ours);
    }
}

#[test]
fn bytes_that_are_no_lists_and_updates_are_told_apart() {
    let lists = vec![SignatureList::images(OWNER, &[Digest::of(b"one")])];
    let bytes = SignatureList::bytes(&lists);
    let error = |bytes: &[u8]| SignatureList::parse(bytes).unwrap_err().to_string();
    insta::assert_snapshot!(error(&bytes[..75]), @"the signature list at byte 0 ends before it is complete");
    insta::assert_snapshot!(error(&[&bytes[..], b"x"].concat()), @"the signature list at byte 76 ends before it is complete");
    insta::assert_snapshot!(error(&[&bytes[..24], &[47][..], &bytes[25..]].concat()), @"the signature list at byte 0 has 48 bytes for entries of 47 bytes");
    insta::assert_snapshot!(error(&[&bytes[..16], &[0; 8][..], &bytes[24..]].concat()), @"the signature list at byte 0 ends before it is complete");
    insta::assert_snapshot!(error(&vec![0; (1 << 20) + 1]), @"more than 1048576 bytes in one list of keys");
    let update = Update::sign(Variable::Db, lists, NOW, &keys().signer("KEK")).unwrap();
    insta::assert_snapshot!(update.time(), @"2026-11-20 12:34:56");
    let bytes = update.bytes();
    let error = |bytes: &[u8]| Update::parse(bytes).unwrap_err().to_string();
    insta::assert_snapshot!(error(&bytes[..15]), @"it is no authenticated update of a variable: it ends before its content");
    insta::assert_snapshot!(error(&bytes[..600]), @"it is no authenticated update of a variable: it ends before its content");
    insta::assert_snapshot!(error(&bytes[..bytes.len() - 1]), @"the signature list at byte 0 ends before it is complete");
    insta::assert_snapshot!(error(&[&bytes[..20], &[1][..], &bytes[21..]].concat()), @"it is no authenticated update of a variable: it has no PKCS #7 signature");
    insta::assert_snapshot!(error(&[&bytes[..16], &[7, 0][..], &bytes[18..]].concat()), @"it is no authenticated update of a variable: its signature is shorter than its header");
    let time = Update::sign(Variable::Db, Vec::new(), -1, &keys().signer("KEK")).unwrap_err();
    insta::assert_snapshot!(time, @"-1 seconds since 1970 is no time from 1970 to 9999");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What parses is written as it was read.
    #[test]
    fn mutated_lists_and_updates_never_panic(changes in vec((0usize..1500, any::<u8>()), 0..4), cut in 0usize..1500) {
        static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
        let bytes = BYTES.get_or_init(|| {
            let lists = vec![SignatureList::images(OWNER, &[Digest::of(b"one"), Digest::of(b"two")])];
            Update::sign(Variable::Db, lists, NOW, &keys().signer("KEK")).unwrap().bytes()
        });
        let mut bytes = bytes.clone();
        for (at, value) in changes {
            let len = bytes.len();
            bytes[at % len] = value;
        }
        bytes.truncate(bytes.len().max(cut) - cut / 2);
        if let Ok(update) = Update::parse(&bytes) {
            prop_assert_eq!(update.bytes().len(), bytes.len());
            prop_assert_eq!(Update::parse(&update.bytes()).unwrap(), update);
        }
    }
}
