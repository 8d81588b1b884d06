//! Predicted PCRs and signed policies against systemd-measure, which we did not write; it asks a software TPM for policies.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_boot::measure::{Bank, Expected, PolicyKey, pcr11};
use pintle_boot::sign::{Signer, Subject, signing_key, signing_pair};
use pintle_boot::uki::{Sections, assemble};
use pintle_model::{Blob, Digest, NoContents};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BOOT_FILES: &str = "/usr/lib/systemd/boot/efi";
const MEASURE: &str = "/lib/systemd/systemd-measure";
const BANKS: [Bank; 3] = [Bank::Sha256, Bank::Sha384, Bank::Sha512];
const OS_RELEASE: &str = "ID=toy\nVERSION_ID=7\n";
const CMDLINE: &str = "quiet usrhash=00ff";

fn boot_file(name: &str) -> Vec<u8> {
    let path = format!("{BOOT_FILES}/{name}");
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}: run `cargo xtask test`"))
}

fn noise(seed: &str) -> impl FnMut(&mut [u8]) {
    let (seed, mut count) = (seed.to_owned(), 0_u64);
    move |out| {
        for byte in out {
            *byte = Digest::of(format!("{seed} {count}").as_bytes()).as_bytes()[0];
            count += 1;
        }
    }
}

/// An initrd that is longer than what is read at once.
fn initrd() -> Vec<u8> {
    (0..2_100_001_u32).map(|n| (n >> 3) as u8).collect()
}

/// A stub whose `.sbat` has another name: systemd 252's measures none, and has no option for it.
fn stub() -> Vec<u8> {
    let mut stub = boot_file("linuxx64.efi.stub");
    let at = stub.windows(8).position(|name| name == b".sbat\0\0\0").unwrap();
    stub[at..at + 5].copy_from_slice(b".none");
    stub
}

fn image(stub: &[u8], key: &str, signature: &str, uname: &str) -> Blob {
    let (linux, initrd) = (Blob::inline(boot_file("systemd-bootx64.efi")), Blob::inline(initrd()));
    let sections = Sections {
        os_release: OS_RELEASE.as_bytes(),
        cmdline: CMDLINE,
        device_tree: None,
        uname,
        pcr_key: key,
        pcr_signature: signature,
        linux: &linux,
        initrd: Some(&initrd),
    };
    assemble(stub, &sections, &NoContents).unwrap()
}

/// A software TPM for one client.
struct Tpm {
    process: Child,
    port: u16,
    _state: tempfile::TempDir,
}

impl Tpm {
    fn start() -> Self {
        // Its control channel is expected at the next port.
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port));
        let port = loop {
            let port = free(0).unwrap().local_addr().unwrap().port();
            if port < u16::MAX && free(port + 1).is_ok() {
                break port;
            }
        };
        let state = tempfile::tempdir().unwrap();
        let mut command = Command::new("swtpm");
        command
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear", "--tpmstate"])
            .arg(format!("dir={}", state.path().display()))
            .args(["--server", &format!("type=tcp,port={port}")])
            .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
            .stdin(Stdio::null());
        let process =
            command.spawn().unwrap_or_else(|error| panic!("swtpm: {error}: run `cargo xtask test`"));
        // The control channel takes any number of clients, the other one takes one.
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port + 1)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "swtpm does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, port, _state: state }
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What systemd-measure says of the same parts.
fn theirs(folder: &Path, verb: &str, more: &[&str]) -> Value {
    fs::write(folder.join("linux"), boot_file("systemd-bootx64.efi")).unwrap();
    fs::write(folder.join("initrd"), initrd()).unwrap();
    fs::write(folder.join("osrel"), OS_RELEASE).unwrap();
    fs::write(folder.join("cmdline"), CMDLINE).unwrap();
    let mut command = Command::new(MEASURE);
    command.args([
        verb,
        "--json=short",
        "--linux=linux",
        "--initrd=initrd",
        "--osrel=osrel",
        "--cmdline=cmdline",
    ]);
    command.args(BANKS.map(|bank| format!("--bank={}", bank.name()))).args(more).current_dir(folder);
    let output =
        command.output().unwrap_or_else(|error| panic!("{MEASURE}: {error}: run `cargo xtask test`"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_phase_is_what_systemd_measure_calculates() {
    let folder = tempfile::tempdir().unwrap();
    let key = PolicyKey::new(&signing_key(&mut noise("pcr")).unwrap().private).unwrap().public().unwrap();
    fs::write(folder.path().join("pcrpkey"), &key).unwrap();
    for (key, more) in [("", &[][..]), (&*key, &["--pcrpkey=pcrpkey"][..])] {
        let theirs = theirs(folder.path(), "calculate", more);
        let ours = pcr11(&image(&stub(), key, "", ""), &NoContents, &BANKS).unwrap();
        for Expected { bank, phases, .. } in ours {
            let listed = theirs[bank.name()].as_array().unwrap();
            assert_eq!(listed.len(), phases.len());
            for (theirs, (phase, value)) in listed.iter().zip(phases) {
                assert_eq!(
                    (theirs["phase"].as_str(), theirs["hash"].as_str()),
                    (Some(&*phase), Some(&*hex(&value)))
                );
            }
        }
    }
}

/// A TPM is told to check all of them by SHA-256; openssl does so.
fn signed_by_sha256(folder: &Path, entry: &Value) {
    let digits = entry["pol"].as_str().unwrap();
    let policy: Digest = digits.parse().unwrap();
    fs::write(folder.join("policy"), policy.as_bytes()).unwrap();
    fs::write(folder.join("signature.txt"), entry["sig"].as_str().unwrap()).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["base64", "-d", "-A", "-in", "signature.txt", "-out", "signature"]);
    run(&["dgst", "-sha256", "-verify", "pub", "-signature", "signature", "policy"]);
}

#[test]
fn signed_policies_are_those_of_systemd_measure() {
    let folder = tempfile::tempdir().unwrap();
    let pair = signing_key(&mut noise("pcr")).unwrap();
    fs::write(folder.path().join("key"), pair.private.as_bytes()).unwrap();
    fs::write(folder.path().join("pub"), &pair.public).unwrap();
    let tpm = Tpm::start();
    let device = format!("--tpm2-device=swtpm:host=127.0.0.1,port={}", tpm.port);
    let theirs =
        theirs(folder.path(), "sign", &["--private-key=key", "--public-key=pub", "--pcrpkey=pub", &device]);
    let key = PolicyKey::new(&pair.private).unwrap();
    assert_eq!(key.public().unwrap(), pair.public);
    let expected = pcr11(&image(&stub(), &pair.public, "", ""), &NoContents, &BANKS).unwrap();
    let ours = key.sign(&expected).unwrap();
    let read: Value = serde_json::from_str(&ours).unwrap();
    assert_eq!(read["sha256"], theirs["sha256"], "every signature");
    for bank in BANKS {
        let [ours, theirs] = [&read, &theirs].map(|document| document[bank.name()].as_array().unwrap());
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(
                ["pcrs", "pkfp", "pol"].iter().all(|field| ours[field] == theirs[field]),
                "{ours} {theirs}"
            );
            signed_by_sha256(folder.path(), ours);
        }
    }
    // Put into the image, and the image signed, they change nothing of what they are about.
    let with = image(&stub(), &pair.public, &ours, "");
    assert_eq!(pcr11(&with, &NoContents, &BANKS).unwrap(), expected);
    let db = signing_pair(&mut noise("db"), &Subject { name: "db", from: 0, until: 1 }).unwrap();
    let signed = Signer::new(&db.private, &db.public).unwrap().sign(&with, &NoContents).unwrap();
    assert_eq!(pcr11(&signed, &NoContents, &BANKS).unwrap(), expected);
    assert_eq!(format!("{key:?}"), "PolicyKey");
}

/// Sections that systemd 252 does not know: extended by hand, in the order of systemd 257's stub.
#[test]
fn newer_sections_are_measured_in_their_order() {
    let stub = boot_file("linuxx64.efi.stub");
    let image = image(&stub, "", "", "6.12.1");
    let bytes = image.read(&NoContents, 1 << 30).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("image")).unwrap().write_all(&bytes).unwrap();
    let mut dump = Command::new("objcopy");
    let dump =
        dump.args(["-O", "binary", "--only-section=.sbat", "image", "sbat"]).current_dir(folder.path());
    assert!(dump.status().unwrap().success());
    let sbat = fs::read(folder.path().join("sbat")).unwrap();
    let mut value = [0; 32];
    let mut extend = |data: &[u8]| {
        value = *Digest::of(&[&value[..], Digest::of(data).as_bytes()].concat()).as_bytes();
        value
    };
    for (name, data) in [
        (".linux\0", &*boot_file("systemd-bootx64.efi")),
        (".osrel\0", OS_RELEASE.as_bytes()),
        (".cmdline\0", CMDLINE.as_bytes()),
        (".initrd\0", &initrd()),
        (".uname\0", b"6.12.1"),
        (".sbat\0", &sbat),
    ] {
        extend(name.as_bytes());
        extend(data);
    }
    let expected = pcr11(&image, &NoContents, &[Bank::Sha256]).unwrap();
    for (word, (_, ours)) in
        ["enter-initrd", "leave-initrd", "sysinit", "ready"].iter().zip(&expected[0].phases)
    {
        assert_eq!(&extend(word.as_bytes())[..], &ours[..], "{word}");
    }
}

#[test]
fn what_cannot_be_known_is_refused() {
    let refused = |bytes: &[u8]| pcr11(&Blob::inline(bytes), &NoContents, &BANKS).unwrap_err().to_string();
    insta::assert_snapshot!(refused(b"no image"), @"it is no PE image");
    insta::assert_snapshot!(refused(&boot_file("linuxx64.efi.stub")), @"it is no unified kernel image: it has no section `.linux`");
    let bytes = image(&stub(), "", "", "6.12.1").read(&NoContents, 1 << 30).unwrap();
    let renamed = |name: &[u8; 8]| {
        let mut bytes = bytes.clone();
        let at = bytes.windows(8).position(|found| found == b".uname\0\0").unwrap();
        bytes[at..at + 8].copy_from_slice(name);
        refused(&bytes)
    };
    insta::assert_snapshot!(renamed(b".profile"), @"what is measured of it depends on the machine: it has a section `.profile`");
    insta::assert_snapshot!(renamed(b".hwids\0\0"), @"what is measured of it depends on the machine: it has a section `.hwids`");
    insta::assert_snapshot!(renamed(b".osrel\0\0"), @"it has more than one section `.osrel`");
    let mut longer = bytes.clone();
    let at = longer.windows(8).position(|found| found == b".uname\0\0").unwrap() + 11;
    longer[at] = 1;
    insta::assert_snapshot!(refused(&longer), @"its section `.uname` has 16777222 bytes in memory, and 512 in the file");
    insta::assert_snapshot!(PolicyKey::new("no key").unwrap_err(), @"the key is no RSA private key in PEM (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`, not encrypted)");
}
