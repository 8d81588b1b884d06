//! GnuPG in a home of its own, with a clock of its own.

use pgp::composed::{Deserializable as _, SignedPublicKey, SignedPublicSubKey, SignedSecretKey};
use pgp::packet::{KeyFlags, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password, Timestamp};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The present of these tests.
pub(crate) const NOW: i64 = 1_780_000_000;
pub(crate) const YEAR: i64 = 365 * 86_400;

pub(crate) struct Gpg {
    home: tempfile::TempDir,
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent of this home would outlive the test.
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).output();
    }
}

impl Gpg {
    pub(crate) fn new() -> Self {
        let private = std::fs::Permissions::from_mode(0o700);
        Self { home: tempfile::Builder::new().prefix("gpg").permissions(private).tempdir().unwrap() }
    }

    fn command(&self, at: i64) -> Command {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path());
        command.args(["--batch", "--yes", "--quiet", "--no-auto-check-trustdb", "--trust-model", "always"]);
        command.args(["--pinentry-mode", "loopback", "--passphrase", ""]);
        command.arg(format!("--faked-system-time={at}!"));
        command
    }

    fn finish(mut command: Command, input: &[u8]) -> Output {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().expect("gpg is missing: `cargo xtask test` installs what the tests need");
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    fn run(command: Command, input: &[u8]) -> Vec<u8> {
        let shown = format!("{command:?}");
        let output = Self::finish(command, input);
        assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    pub(crate) fn run_at(&self, at: i64, arguments: &[&str]) -> Vec<u8> {
        let mut command = self.command(at);
        command.args(arguments);
        Self::run(command, b"")
    }

    /// A new primary key; its fingerprint.
    pub(crate) fn key(&self, algorithm: &str, usage: &str, at: i64, expire: &str) -> String {
        self.run_at(at, &["--quick-generate-key", "Toy <toy@toy.test>", algorithm, usage, expire]);
        self.fingerprints("fpr")[0].clone()
    }

    pub(crate) fn subkey(&self, key: &str, algorithm: &str, usage: &str, at: i64, expire: &str) {
        self.run_at(at, &["--quick-add-key", key, algorithm, usage, expire]);
    }

    fn fingerprints(&self, record: &str) -> Vec<String> {
        let list = self.run_at(NOW, &["--with-colons", "--with-subkey-fingerprint", "--list-keys"]);
        let list = String::from_utf8(list).unwrap();
        let lines = list.lines().filter(|line| line.starts_with(record));
        lines.map(|line| line.split(':').nth(9).unwrap().to_owned()).collect()
    }

    pub(crate) fn export(&self) -> Vec<u8> {
        self.run_at(NOW, &["--export"])
    }

    pub(crate) fn export_secret(&self) -> Vec<u8> {
        self.run_at(NOW, &["--export-secret-keys"])
    }

    pub(crate) fn import(&self, keys: &[u8]) {
        let mut command = self.command(NOW);
        command.arg("--import");
        Self::run(command, keys);
    }

    pub(crate) fn clearsign(&self, text: &str, at: i64, more: &[&str]) -> Vec<u8> {
        let mut command = self.command(at);
        command.args(more).arg("--clearsign");
        Self::run(command, text.as_bytes())
    }

    pub(crate) fn clearsign_by_all(&self, text: &str, at: i64) -> Vec<u8> {
        let users: Vec<String> =
            self.fingerprints("fpr").into_iter().map(|f| format!("--local-user={f}")).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        self.clearsign(text, at, &users)
    }

    /// Imports the revocation certificate that was made along with the key.
    pub(crate) fn revoke(&self, key: &str) {
        let path = self.home.path().join("openpgp-revocs.d").join(format!("{key}.rev"));
        // A colon keeps people from importing it by accident.
        let armored = std::fs::read_to_string(path).unwrap().replace(":-----BEGIN", "-----BEGIN");
        self.import(armored.as_bytes());
    }

    fn edit(&self, key: &str, commands: &str) {
        let mut command = self.command(NOW - 3600);
        command.args(["--command-fd", "0", "--no-batch", "--no-tty", "--expert", "--edit-key", key]);
        Self::run(command, commands.as_bytes());
    }

    pub(crate) fn revoke_subkey(&self, key: &str) {
        self.edit(key, "key 1\nrevkey\ny\n0\n\ny\nsave\n");
    }

    /// Makes a key that signs and certifies one that only certifies.
    pub(crate) fn change_usage(&self, key: &str) {
        self.edit(key, "change-usage\nS\nQ\nsave\n");
    }

    pub(crate) fn gpgv_accepts(&self, document: &[u8], public: &[u8]) -> bool {
        let ring: PathBuf = self.home.path().join("trusted.gpg");
        std::fs::write(&ring, public).unwrap();
        let file = self.home.path().join("document");
        std::fs::write(&file, document).unwrap();
        let mut command = Command::new("gpgv");
        command.arg("--homedir").arg(self.home.path()).arg("--keyring").arg(ring).arg(file);
        let output =
            command.output().expect("gpgv is missing: `cargo xtask test` installs what the tests need");
        output.status.success()
    }
}

/// The thief's certificate with the victim's signing subkey under it: bound by the thief, not vouched for by the subkey.
pub(crate) fn adopt(thief: &[u8], victim: &[u8]) -> Vec<u8> {
    let thief = SignedSecretKey::from_bytes(thief).unwrap();
    let victim = SignedPublicKey::from_bytes(victim).unwrap();
    let subkey = victim.public_subkeys[0].key.clone();
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let mut config = SignatureConfig::v4(
        SignatureType::SubkeyBinding,
        thief.primary_key.algorithm(),
        pgp::crypto::hash::HashAlgorithm::Sha256,
    );
    config.hashed_subpackets = [
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(u32::try_from(NOW - YEAR).unwrap())),
        SubpacketData::IssuerFingerprint(thief.primary_key.fingerprint()),
        SubpacketData::KeyFlags(flags),
    ]
    .map(|data| Subpacket::regular(data).unwrap())
    .to_vec();
    let public = thief.to_public_key();
    let binding = config
        .sign_subkey_binding(&thief.primary_key, &public.primary_key, &Password::empty(), &subkey)
        .unwrap();
    let subkeys = vec![SignedPublicSubKey::new(subkey, vec![binding])];
    SignedPublicKey::new(public.primary_key, public.details, subkeys).to_bytes().unwrap()
}
