//! `pintle keys`: judged by openssl and sbsigntool; what firmware says is in the tests of `pintle-boot`.

use crate::cli::{fails, folder, within};
use crate::common::{finish, succeed};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn openssl(dir: &Path, arguments: &[&str]) -> String {
    succeed(Command::new("openssl").args(arguments).current_dir(dir))
}

/// The certificates in a list, found by the way DER begins; what openssl says of their subjects.
fn subjects(dir: &Path, auth: &str) -> Vec<String> {
    let bytes = fs::read(dir.join(auth)).unwrap();
    // Behind the time: the length of the signature, then lists.
    let mut lists = &bytes[16 + u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize..];
    let mut found = Vec::new();
    while !lists.is_empty() {
        let len = u32::from_le_bytes(lists[16..20].try_into().unwrap()) as usize;
        fs::write(dir.join("one.der"), &lists[44..len]).unwrap();
        let said = openssl(dir, &["x509", "-inform", "DER", "-in", "one.der", "-noout", "-subject"]);
        found.push(said.trim().rsplit('=').next().unwrap().trim().to_owned());
        lists = &lists[len..];
    }
    found
}

#[test]
fn keys_are_made_once_and_only_for_their_owner() {
    let dir = folder();
    let new = ["--json", "keys", "new", "keys", "--name", "Toy", "--days", "30"];
    let made: Value = serde_json::from_str(&succeed(within(dir.path()).args(new))).unwrap();
    let files: Vec<&str> =
        made["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_snapshot!(files.join(" "), @"PK.key PK.crt KEK.key KEK.crt db.key db.crt pcr.key pcr.pub update.key update.pub enrol/PK.auth enrol/KEK.auth enrol/db.auth");
    let keys = dir.path().join("keys");
    let mode = |name: &str| fs::metadata(keys.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(""), 0o700);
    assert!(files.iter().all(|name| mode(name) == 0o600));
    for name in ["PK", "KEK", "db", "pcr", "update"] {
        openssl(&keys, &["pkey", "-in", &format!("{name}.key"), "-check", "-noout"]);
    }
    let fingerprint = openssl(&keys, &["x509", "-in", "db.crt", "-noout", "-fingerprint", "-sha256"]);
    let fingerprint = fingerprint.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(made["fingerprints"][2], Value::String(fingerprint));
    openssl(&keys, &["x509", "-in", "db.crt", "-noout", "-checkend", &(29 * 86400).to_string()]);
    let month = ["x509", "-in", "db.crt", "-noout", "-checkend", &(31 * 86400).to_string()];
    assert!(!finish(Command::new("openssl").args(month).current_dir(&keys)).status.success(), "30 days");
    // Others are others.
    succeed(within(dir.path()).args(["keys", "new", "again", "--name", "Toy"]));
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert!(
        ["PK.key", "update.key"]
            .iter()
            .all(|name| read(&format!("keys/{name}")) != read(&format!("again/{name}")))
    );

    let before = read("keys/PK.key");
    assert_snapshot!(fails(within(dir.path()).args(["keys", "new", "keys"])), @"
    exit 4
    error: keys exists already; nothing was changed
      next: choose another name
    ");
    assert!(read("keys/PK.key") == before);
    assert_snapshot!(fails(within(dir.path()).args(["keys", "new", "no/keys"])), @"
    exit 1
    error: cannot write no/keys: its directory does not exist; create it, or choose another path
    ");
    assert_snapshot!(fails(within(dir.path()).args(["keys", "new", "other", "--name", &"x".repeat(63)])), @"
    exit 3
    error: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx PK` cannot be the name in a certificate: 1 to 64 bytes, no control characters
    ");
    assert!(!dir.path().join("other").exists());
}

#[test]
fn lists_can_hold_the_certificates_of_others_and_keys_be_exchanged() {
    let dir = folder();
    succeed(within(dir.path()).args(["keys", "new", "old", "--name", "Old"]));
    succeed(within(dir.path()).args(["keys", "new", "new", "--name", "New"]));
    assert_eq!(subjects(dir.path(), "old/enrol/PK.auth"), ["Old PK"]);
    assert_eq!(subjects(dir.path(), "old/enrol/db.auth"), ["Old db"]);
    openssl(dir.path(), &["x509", "-in", "new/db.crt", "-outform", "DER", "-out", "new.der"]);
    for also in ["new/db.crt", "new.der"] {
        let out = format!("both-{}", also.len());
        succeed(within(dir.path()).args(["keys", "enrol", "old", &out, "--also", also]));
        assert_eq!(subjects(dir.path(), &format!("{out}/db.auth")), ["Old db", "New db"]);
        assert_eq!(subjects(dir.path(), &format!("{out}/KEK.auth")), ["Old KEK"]);
    }
    assert_snapshot!(fails(within(dir.path()).args(["keys", "enrol", "old", "out", "--also", "old/db.key"])), @r#"
    exit 3
    error: the certificate in old/db.key cannot be used
      because: it is no X.509 certificate in PEM or DER
      because: PEM error: unexpected PEM type label: expecting "CERTIFICATE"
    "#);
    fs::set_permissions(dir.path().join("old/KEK.key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_snapshot!(fails(within(dir.path()).args(["keys", "enrol", "old", "out"])), @"
    exit 4
    error: others can read the secret key in old/KEK.key (mode 0640)
      next: chmod 600 old/KEK.key
    ");
    fs::set_permissions(dir.path().join("old/KEK.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(dir.path().join("new/db.crt"), dir.path().join("old/db.crt")).unwrap();
    assert_snapshot!(fails(within(dir.path()).args(["keys", "enrol", "old", "out"])), @"
    exit 3
    error: the key or the certificate of db cannot be used
      because: the certificate is for another key
    ");
    assert!(!dir.path().join("out").exists());
}
