//! A machine with a store, a profile and toy systems in it.

use pintle_boot::sign::Signer;
use pintle_flows::install::{
    Effects, EntryKind, InstallError, InstallRequest, Installed, MenuEditor, install,
};
use pintle_world::esp::Esp;
use pintle_world::initrd_secrets::{InitrdSecrets, SecretsError};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Of the package systemd-boot-efi.
pub(crate) const BOOT_FILES: &str = "/usr/lib/systemd/boot/efi";

/// A kernel that both the EFI stub and a reader of x86 kernels take, with `mark` in it.
pub(crate) fn kernel(mark: &str) -> Vec<u8> {
    let mut image = vec![0; 0x1200];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &[0x40]);
    put(0x40, b"PE\0\0\x64\x86\x01\0");
    put(0x40 + 20, &[240, 0, 0x22, 0]);
    let optional = 0x40 + 24;
    for (at, value) in
        [(0, 0x20b_u32), (32, 0x1000), (36, 0x200), (56, 0x3000), (60, 0x200), (68, 10), (108, 16)]
    {
        put(optional + at, &value.to_le_bytes());
    }
    let section = optional + 240;
    put(section, b".text");
    for (at, value) in [(8, 0x1000_u32), (12, 0x1000), (16, 0x1000), (20, 0x200), (36, 0x6000_0020)] {
        put(section + at, &value.to_le_bytes());
    }
    // The setup header of x86 (Linux Documentation/arch/x86/boot.rst).
    put(0x1f1, &[4]);
    put(0x1fe, &[0x55, 0xaa]);
    put(0x202, b"HdrS\x0f\x02");
    put(0x20e, &0x100_u16.to_le_bytes());
    put(0x238, &2047_u32.to_le_bytes());
    put(0x300, b"6.12.1-toy (somebody) #1\0");
    put(0x400, mark.as_bytes());
    image
}

/// The path of the store called `name`.
pub(crate) fn store_path(name: &str) -> String {
    format!("/nix/store/{}-{name}", "0".repeat(32))
}

pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

/// What a run is told beside the default.
#[derive(Clone, Copy)]
pub(crate) struct Wishes<'a> {
    pub(crate) kind: EntryKind,
    pub(crate) limit: Option<usize>,
    pub(crate) signer: Option<&'a Signer>,
    pub(crate) effects: Effects,
}

impl Default for Wishes<'_> {
    fn default() -> Self {
        Self { kind: EntryKind::Uki, limit: None, signer: None, effects: Effects::Done }
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(machine.at("/nix/var/nix/profiles")).unwrap();
        machine
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> String {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
        path.to_owned()
    }

    /// What boots a system called `name` with the kernel `kernel`.
    fn boot(&self, name: &str, kernel_name: &str) -> Value {
        let toplevel = store_path(name);
        self.put(&format!("{toplevel}/init"), b"#!/bin/sh\n");
        self.put(
            &format!("{toplevel}/etc/os-release"),
            format!("ID=nixos\nVERSION_ID=\"{name}\"\n").as_bytes(),
        );
        json!({
            "system": "x86_64-linux", "label": format!("NixOS {name}"), "kernelParams": ["quiet"],
            "init": format!("{toplevel}/init"), "toplevel": toplevel,
            "kernel": self.put(&store_path(kernel_name), &kernel(kernel_name)),
            "initrd": self.put(&store_path(&format!("initrd-{name}")), format!("initrd of {name}").repeat(200).as_bytes()),
        })
    }

    /// Makes a system with one specialisation; `change` may change its bootspec.
    pub(crate) fn system(&self, name: &str, kernel: &str, change: impl FnOnce(&mut Value)) -> String {
        let debug = self.boot(&format!("{name}-debug"), kernel);
        let mut document = json!({
            "org.nixos.bootspec.v1": self.boot(name, kernel),
            "org.nixos.specialisation.v1": {"debug": {"org.nixos.bootspec.v1": debug}},
            "org.nixos.systemd-boot": {"sortKey": "toy"},
        });
        change(&mut document);
        self.put(&format!("{}/boot.json", store_path(name)), document.to_string().as_bytes());
        store_path(name)
    }

    /// Makes the profile be of these generations, and lead to the last named.
    pub(crate) fn profile(&self, generations: &[(u32, &str)]) {
        let folder = self.at("/nix/var/nix/profiles");
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir_all(&folder).unwrap();
        for (number, name) in generations {
            symlink(store_path(name), folder.join(format!("system-{number}-link"))).unwrap();
        }
        if let Some((number, _)) = generations.last() {
            symlink(format!("system-{number}-link"), folder.join("system")).unwrap();
        }
    }

    pub(crate) fn install(
        &self,
        name: &str,
        wishes: &Wishes<'_>,
        esp: &mut dyn Esp,
    ) -> Result<Installed, InstallError> {
        self.install_from(name, wishes, esp, Path::new(BOOT_FILES))
    }

    pub(crate) fn install_from(
        &self,
        name: &str,
        wishes: &Wishes<'_>,
        esp: &mut dyn Esp,
        boot_files: &Path,
    ) -> Result<Installed, InstallError> {
        let request = InstallRequest {
            toplevel: &store_path(name),
            root: self.folder.path(),
            profile: Path::new("/nix/var/nix/profiles/system"),
            limit: wishes.limit,
            timeout: 3,
            editor: MenuEditor::Allowed,
            kind: wishes.kind,
            loader_folder: Some(boot_files),
            signer: wishes.signer,
            effects: wishes.effects,
        };
        install(&request, esp, &mut NoSecrets)
    }
}

/// For systems that have none.
struct NoSecrets;

impl InitrdSecrets for NoSecrets {
    fn add(&mut self, program: &Path, _initrd: &Path) -> Result<PathBuf, SecretsError> {
        panic!("{} must not be run: the machine is elsewhere", program.display())
    }
}
