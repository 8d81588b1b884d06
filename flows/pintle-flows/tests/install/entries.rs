//! What is on the partition is what the bootspecs say.

use crate::disk::{Disk, Recorder};
use crate::machine::{Machine, Wishes, kernel, store_path};
use pintle_boot::uki::{Pe, PeLimits};
use pintle_flows::install::{Effects, EntryKind};
use serde_json::json;
use std::fs;

/// The bytes of a section of a unified kernel image.
fn section(image: &[u8], name: &str) -> Vec<u8> {
    let pe = Pe::parse(image, image.len() as u64, &PeLimits::default()).unwrap();
    let section = pe.section(name).unwrap_or_else(|| panic!("no {name}"));
    image[section.raw_at as usize..][..section.data_len() as usize].to_vec()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Digests made short: they follow systemd's version.
fn names(disk: &Disk) -> String {
    let short = |path: &String| {
        let (stem, end) = path.rsplit_once('.').map_or((path.as_str(), ""), |(stem, end)| (stem, end));
        let digits = stem.rsplit_once('-').filter(|(_, digits)| digits.len() == 16);
        let stem = digits.map_or(stem.to_owned(), |(stem, _)| format!("{stem}-HASH"));
        if end.is_empty() { stem } else { format!("{stem}.{end}") }
    };
    let mut names: Vec<String> = disk.files.keys().map(short).collect();
    names.sort();
    names.join("\n")
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.system("one", "linux-a", |_| {});
    machine.system("two", "linux-a", |_| {});
    machine.profile(&[(1, "one"), (12, "two")]);
    machine
}

#[test]
fn a_unified_kernel_image_holds_what_the_bootspec_names() {
    let machine = machine();
    let mut esp = Recorder::default();
    let installed = machine.install("two", &Wishes::default(), &mut esp).unwrap();
    insta::assert_snapshot!(names(&esp.disk), @"
    EFI/BOOT/BOOTX64.EFI
    EFI/Linux/pintle-g1-HASH.efi
    EFI/Linux/pintle-g1-debug-HASH.efi
    EFI/Linux/pintle-g12-HASH.efi
    EFI/Linux/pintle-g12-debug-HASH.efi
    EFI/systemd/systemd-bootx64.efi
    loader/entries.srel
    loader/loader.conf
    ");
    assert_eq!(installed.entries.len(), 4);
    assert!(installed.warnings.is_empty());
    let image = &esp.disk.files[&installed.entries[0].path];
    assert_eq!(section(image, ".linux"), kernel("linux-a"));
    assert_eq!(section(image, ".initrd"), "initrd of two".repeat(200).as_bytes());
    assert_eq!(text(&section(image, ".cmdline")), format!("quiet init={}/init", store_path("two")));
    assert_eq!(text(&section(image, ".uname")), "6.12.1-toy");
    insta::assert_snapshot!(text(&section(image, ".osrel")), @r#"
    ID=nixos
    VERSION_ID="two"
    PRETTY_NAME="NixOS two"
    IMAGE_ID="toy"
    IMAGE_VERSION="Generation 12"
    "#);
    let conf = text(&esp.disk.files["loader/loader.conf"]).replace(&installed.default, "DEFAULT");
    insta::assert_snapshot!(conf, @"
    default DEFAULT
    timeout 3
    console-mode keep
    ");
}

#[test]
fn type_1_entries_share_kernels() {
    let machine = machine();
    let mut esp = Recorder::default();
    let wishes = Wishes { kind: EntryKind::Type1, ..Wishes::default() };
    let installed = machine.install("two", &wishes, &mut esp).unwrap();
    insta::assert_snapshot!(names(&esp.disk), @"
    EFI/BOOT/BOOTX64.EFI
    EFI/pintle/initrd-HASH
    EFI/pintle/initrd-HASH
    EFI/pintle/initrd-HASH
    EFI/pintle/initrd-HASH
    EFI/pintle/linux-HASH.efi
    EFI/systemd/systemd-bootx64.efi
    loader/entries.srel
    loader/entries/pintle-g1-HASH.conf
    loader/entries/pintle-g1-debug-HASH.conf
    loader/entries/pintle-g12-HASH.conf
    loader/entries/pintle-g12-debug-HASH.conf
    loader/loader.conf
    ");
    insta::assert_snapshot!(text(&esp.disk.files[&installed.entries[1].path]), @"
    title NixOS two-debug (debug)
    sort-key nixos
    version Generation 12
    linux /EFI/pintle/linux-e9776bde7d52ae9a.efi
    initrd /EFI/pintle/initrd-703f55dea9d06226
    options quiet init=/nix/store/00000000000000000000000000000000-two-debug/init
    ");
    let kernels: Vec<&Vec<u8>> =
        esp.disk.files.iter().filter(|(path, _)| path.contains("/linux-")).map(|(_, bytes)| bytes).collect();
    assert_eq!(kernels, [&kernel("linux-a")]);
}

#[test]
fn what_becomes_the_default_is_what_was_named() {
    let machine = machine();
    let default = |name: &str| {
        let installed = machine.install(name, &Wishes::default(), &mut Recorder::default()).unwrap();
        let entry = installed.entries.iter().find(|entry| entry.path.ends_with(&installed.default)).unwrap();
        (entry.generation, entry.title.clone())
    };
    assert_eq!(default("two"), (Some(12), "NixOS two".to_owned()));
    assert_eq!(default("one"), (Some(1), "NixOS one".to_owned()), "a rollback");
    // As `nixos-rebuild --specialisation debug` calls it; a specialisation has a bootspec of its own.
    let debug = json!({"org.nixos.bootspec.v1": {
        "system": "x86_64-linux", "label": "NixOS two-debug", "kernelParams": ["quiet"],
        "init": format!("{}/init", store_path("two-debug")), "toplevel": store_path("two-debug"),
        "kernel": store_path("linux-a"), "initrd": store_path("initrd-two-debug"),
    }});
    fs::write(machine.at(&format!("{}/boot.json", store_path("two-debug"))), debug.to_string()).unwrap();
    assert_eq!(default("two-debug"), (Some(12), "NixOS two-debug (debug)".to_owned()));
    machine.system("new", "linux-b", |_| {});
    assert_eq!(default("new"), (None, "NixOS new".to_owned()), "in no generation");
    machine.profile(&[]);
    assert_eq!(default("new"), (None, "NixOS new".to_owned()), "a machine without a profile");
}

#[test]
fn secrets_of_another_machine_are_an_error_for_the_default_and_no_entry_for_others() {
    let machine = machine();
    machine.system("secret", "linux-a", |document| {
        document["org.nixos.bootspec.v1"]["initrdSecrets"] = json!("/nix/store/x-append-initrd-secrets");
    });
    machine.profile(&[(1, "secret"), (2, "two")]);
    let mut esp = Recorder::default();
    let installed = machine.install("two", &Wishes::default(), &mut esp).unwrap();
    insta::assert_snapshot!(installed.warnings.join("\n"), @"generation 1 (NixOS secret) gets no entry: its initrd needs secrets of the machine (`boot.initrd.secrets`), which only a run on that machine can add (`nixos-enter`, without `--root`)");
    // Its specialisation has none.
    insta::assert_snapshot!(names(&esp.disk), @"
    EFI/BOOT/BOOTX64.EFI
    EFI/Linux/pintle-g1-debug-HASH.efi
    EFI/Linux/pintle-g2-HASH.efi
    EFI/Linux/pintle-g2-debug-HASH.efi
    EFI/systemd/systemd-bootx64.efi
    loader/entries.srel
    loader/loader.conf
    ");
    let before = esp.disk.clone();
    let error = machine.install("secret", &Wishes::default(), &mut esp).unwrap_err();
    insta::assert_snapshot!(error, @"NixOS secret would be the default, and cannot be started");
    assert_eq!(esp.disk, before);
}

#[test]
fn a_generation_that_cannot_be_read_keeps_what_it_has() {
    let machine = machine();
    let mut esp = Recorder::default();
    machine.install("two", &Wishes::default(), &mut esp).unwrap();
    let before = esp.disk.clone();
    fs::write(machine.at(&format!("{}/boot.json", store_path("one"))), "{").unwrap();
    let installed = machine.install("two", &Wishes::default(), &mut esp).unwrap();
    insta::assert_snapshot!(installed.warnings.join("\n"), @"generation 1 keeps the entries it has: boot.json is no JSON document: EOF while parsing an object at line 1 column 1");
    assert_eq!(esp.disk, before);
    // Its system is gone altogether: the entry could not start.
    fs::remove_dir_all(machine.at(&store_path("one"))).unwrap();
    let installed = machine.install("two", &Wishes::default(), &mut esp).unwrap();
    insta::assert_snapshot!(installed.warnings.join("\n"), @"generation 1 gets no entry: system-1-link leads to no store path");
    assert!(esp.disk.files.keys().all(|path| !path.contains("-g1-")));
}

#[test]
fn a_dry_run_says_what_a_real_one_does() {
    let machine = machine();
    let mut esp = Recorder::default();
    let dry = Wishes { effects: Effects::Planned, ..Wishes::default() };
    let planned = machine.install("two", &dry, &mut esp).unwrap();
    assert_eq!(esp.disk, Disk::default());
    assert_eq!(planned, machine.install("two", &Wishes::default(), &mut esp).unwrap());
    assert_eq!(planned.written.len(), esp.disk.files.len());
}

#[test]
fn what_is_no_system_is_said_so() {
    let machine = machine();
    let mut esp = Recorder::default();
    let mut error = |name: &str| machine.install(name, &Wishes::default(), &mut esp).unwrap_err().to_string();
    insta::assert_snapshot!(error("nothing"), @"/nix/store/00000000000000000000000000000000-nothing does not say how it starts");
    machine.system("arm", "linux-a", |document| {
        document["org.nixos.bootspec.v1"]["system"] = json!("riscv64-linux")
    });
    insta::assert_snapshot!(error("arm"), @"/nix/store/00000000000000000000000000000000-arm is for `riscv64-linux`; there are boot loaders for x86_64-linux and aarch64-linux");
    let nowhere =
        machine.install_from("one", &Wishes::default(), &mut esp, std::path::Path::new("/nonexistent"));
    insta::assert_snapshot!(nowhere.unwrap_err(), @"NixOS one would be the default, and cannot be started");
}
