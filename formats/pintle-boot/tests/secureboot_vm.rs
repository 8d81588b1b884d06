//! The firmware's own verdict: OVMF in setup mode, keys enrolled by systemd-boot, then only what db's key signed starts.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_boot::secureboot::{SignatureList, Update, Variable};
use pintle_boot::sign::{Signer, Subject, signing_pair};
use pintle_boot::uki::{Sections, assemble};
use pintle_model::{Blob, Digest, NoContents};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use uuid::{Uuid, uuid};

const OWNER: Uuid = uuid!("2f7a1c7e-7f0c-4f43-9e0a-0e5d8a6f6b11");
const NOW: i64 = 1_795_178_096;
const BOOT_FILES: &str = "/usr/lib/systemd/boot/efi";
const FIRMWARE: &str = "/usr/share/OVMF";
/// What the program prints that stands in for a kernel.
const STARTED: &str = "PINTLE-STARTED";
/// A machine without KVM, on a busy host.
const PATIENCE: Duration = Duration::from_secs(400);

fn signer(name: &str) -> Signer {
    let mut count = 0_u64;
    let mut noise = |out: &mut [u8]| {
        for byte in out {
            *byte = Digest::of(format!("{name} {count}").as_bytes()).as_bytes()[0];
            count += 1;
        }
    };
    let subject = Subject { name, from: NOW, until: NOW + 86400 };
    let pair = signing_pair(&mut noise, &subject).unwrap();
    Signer::new(&pair.private, &pair.public).unwrap()
}

fn boot_file(name: &str) -> Vec<u8> {
    let path = format!("{BOOT_FILES}/{name}");
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}: run `cargo xtask test`"))
}

/// The smallest EFI program that says something and stays: PE32+ of one section.
fn program() -> Vec<u8> {
    // mov rcx,[rdx+0x40] (ConOut); lea rdx,[rip+text]; sub rsp,0x28; call [rcx+8] (OutputString); jmp $
    let code = [
        0x48, 0x8b, 0x4a, 0x40, 0x48, 0x8d, 0x15, 0x09, 0, 0, 0, 0x48, 0x83, 0xec, 0x28, 0xff, 0x51, 0x08,
        0xeb, 0xfe,
    ];
    let mut out = vec![0; 0x400];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes());
    // Machine, one section, optional header of 240 bytes, executable with large addresses.
    put(0x40, b"PE\0\0\x64\x86\x01\0");
    put(0x54, &[0xf0, 0, 0x22, 0]);
    let optional = 0x58;
    put(optional, &0x20b_u16.to_le_bytes());
    for (at, value) in [
        (4, 0x200_u32),
        (16, 0x1000),
        (20, 0x1000),
        (32, 0x1000),
        (36, 0x200),
        (56, 0x2000),
        (60, 0x200),
        (108, 16),
    ] {
        put(optional + at, &value.to_le_bytes());
    }
    put(optional + 68, &10_u16.to_le_bytes());
    // The stub takes kernels of image version 1 and later.
    put(optional + 44, &1_u16.to_le_bytes());
    let section = optional + 240;
    put(section, b".text");
    for (at, value) in [(8, 0x200_u32), (12, 0x1000), (16, 0x200), (20, 0x200), (36, 0x6000_0020)] {
        put(section + at, &value.to_le_bytes());
    }
    put(0x200, &code);
    let text: Vec<u8> = format!("{STARTED}\r\n\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(0x200 + code.len(), &text);
    out
}

fn uki() -> Vec<u8> {
    let linux = Blob::inline(program());
    let sections = Sections {
        os_release: b"ID=toy\nPRETTY_NAME=toy\nVERSION_ID=1\n",
        cmdline: "quiet",
        device_tree: None,
        uname: "6.12.1",
        pcr_key: "",
        pcr_signature: "",
        linux: &linux,
        initrd: None,
    };
    let image = assemble(&boot_file("linuxx64.efi.stub"), &sections, &NoContents).unwrap();
    image.read(&NoContents, 1 << 30).unwrap()
}

fn sign(image: &[u8], signer: &Signer) -> Vec<u8> {
    signer.sign(&Blob::inline(image), &NoContents).unwrap().read(&NoContents, 1 << 30).unwrap()
}

/// A machine whose disk is a folder and whose firmware keeps its variables in a file.
struct Machine {
    folder: tempfile::TempDir,
}

/// It is on until this is dropped.
struct Running {
    qemu: Child,
    lines: Receiver<Vec<u8>>,
    seen: String,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = format!("{FIRMWARE}/OVMF_VARS_4M.fd");
        let copied = fs::copy(&variables, folder.path().join("variables"));
        copied.unwrap_or_else(|error| panic!("{variables}: {error}: run `cargo xtask test`"));
        Self { folder }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path: PathBuf = self.folder.path().join("esp").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn start(&self) -> Running {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let code = format!("if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}/OVMF_CODE_4M.secboot.fd");
        let variables = format!("if=pflash,unit=1,format=raw,file={}", at("variables"));
        let disk = format!("format=raw,file=fat:rw:{}", at("esp"));
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-machine", "q35,smm=on,accel=tcg", "-m", "256", "-display", "none", "-nic", "none"])
            .args([
                "-global",
                "driver=cfi.pflash01,property=secure,value=on",
                "-serial",
                "stdio",
                "-no-reboot",
            ])
            .args(["-drive", &code, "-drive", &variables, "-drive", &disk])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut qemu =
            command.spawn().unwrap_or_else(|error| panic!("QEMU: {error}: run `cargo xtask test`"));
        let mut out = qemu.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Running { qemu, lines, seen: String::new() }
    }
}

impl Running {
    /// Waits for one of the texts on the console; `None` when the machine goes off.
    fn until(&mut self, texts: &[&'static str]) -> Option<&'static str> {
        let begun = Instant::now();
        loop {
            if let Some(found) = texts.iter().find(|text| self.seen.contains(**text)) {
                return Some(found);
            }
            match self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("nothing of {texts:?} in {}", self.seen),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.qemu.kill());
        drop(self.qemu.wait());
    }
}

#[test]
fn firmware_takes_the_keys_and_then_starts_only_what_they_signed() {
    assert!(Path::new(BOOT_FILES).exists(), "package systemd-boot-efi: run `cargo xtask test`");
    let (pk, kek, db, other) = (signer("PK"), signer("KEK"), signer("db"), signer("other"));
    let machine = Machine::new();
    let update = |variable, of: &Signer, by: &Signer| {
        let lists = vec![SignatureList::certificate(OWNER, &of.certificate().unwrap())];
        Update::sign(variable, lists, NOW, by).unwrap().bytes()
    };
    machine.put("loader/keys/auto/PK.auth", &update(Variable::Pk, &pk, &pk));
    machine.put("loader/keys/auto/KEK.auth", &update(Variable::Kek, &kek, &pk));
    machine.put("loader/keys/auto/db.auth", &update(Variable::Db, &db, &kek));
    machine.put("loader/loader.conf", b"timeout 1\nsecure-boot-enroll force\n");
    let (loader, image) = (boot_file("systemd-bootx64.efi"), uki());
    machine.put("EFI/BOOT/BOOTX64.EFI", &sign(&loader, &db));
    let entry = "EFI/Linux/toy.efi";

    // In setup mode anything starts; systemd-boot enrols and turns the machine off and on, which ends QEMU here.
    machine.put(entry, &image);
    let mut first = machine.start();
    assert_eq!(first.until(&[STARTED, "Error"]), None, "{}", first.seen);
    drop(first);

    // systemd-boot says what the firmware said of the image.
    let outcome = |image: &[u8]| {
        machine.put(entry, image);
        let mut running = machine.start();
        let refusals = ["toy.efi: Access Denied", "toy.efi: Security Violation"];
        let found = running.until(&[STARTED, refusals[0], refusals[1], "failed to start"]);
        match found {
            Some(STARTED) => true,
            Some(text) if refusals.contains(&text) => false,
            _ => panic!("neither started nor refused: {}", running.seen),
        }
    };
    assert!(outcome(&sign(&image, &db)), "signed by db's key");
    assert!(!outcome(&image), "not signed");
    assert!(!outcome(&sign(&image, &other)), "signed by a key that nobody enrolled");
    assert!(!outcome(&sign(&image, &kek)), "signed by the key that only changes db");
    let mut flipped = sign(&image, &db);
    let at = flipped.windows(8).position(|bytes| bytes == [b'P', 0, b'I', 0, b'N', 0, b'T', 0]).unwrap();
    flipped[at] ^= 0x20;
    assert!(!outcome(&flipped), "one bit of its content");
    // The loader itself.
    machine.put("EFI/BOOT/BOOTX64.EFI", &loader);
    let mut running = machine.start();
    assert_ne!(
        running.until(&[STARTED, "ccess Denied", "ecurity Violation"]),
        Some(STARTED),
        "{}",
        running.seen
    );
}
