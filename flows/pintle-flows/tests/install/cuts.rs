//! Whatever moment power fails in: something whole starts, and the next run repairs the rest.

use crate::disk::{Disk, Recorder, cuts};
use crate::machine::{BOOT_FILES, Machine, Wishes, store_path};
use pintle_flows::install::{EntryKind, InstallError};
use std::collections::BTreeMap;
use std::fs;

/// Numbers that look random and are the same in each run (Knuth's MMIX generator).
fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

/// The bytes that each path may have: those of whole runs. Names are made of contents but for a few.
type Good<'a> = Vec<&'a BTreeMap<String, Vec<u8>>>;

fn is_good(path: &str, disk: &Disk, good: &Good<'_>) -> bool {
    disk.files.get(path).is_some_and(|bytes| good.iter().any(|files| files.get(path) == Some(bytes)))
}

/// The entry is whole, with all that it refers to.
fn starts(path: &str, disk: &Disk, good: &Good<'_>) -> bool {
    if !is_good(path, disk, good) {
        return false;
    }
    if path.ends_with(".efi") {
        return true;
    }
    let text = String::from_utf8(disk.files[path].clone()).unwrap();
    let refers = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(key, _)| ["linux", "initrd"].contains(key));
    refers.map(|(_, value)| value.trim_start_matches('/')).all(|path| is_good(path, disk, good))
}

/// The firmware finds a boot loader, and that finds its default, whole.
fn assert_boots(disk: &Disk, good: &Good<'_>, context: &str) {
    let loaders = ["EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"];
    assert!(loaders.iter().any(|path| is_good(path, disk, good)), "no loader {context}");
    let conf = disk.files.get("loader/loader.conf").unwrap_or_else(|| panic!("no loader.conf {context}"));
    let conf = String::from_utf8(conf.clone()).unwrap();
    let default = conf.lines().find_map(|line| line.strip_prefix("default ")).unwrap();
    let paths = [format!("EFI/Linux/{default}"), format!("loader/entries/{default}")];
    assert!(
        paths.iter().any(|path| starts(path, disk, good)),
        "the default {default} does not start {context}"
    );
}

/// Cuts the run of `name` on `before` everywhere; returns the disk after it.
fn cut_everywhere(machine: &Machine, name: &str, wishes: &Wishes<'_>, before: &Disk) -> Disk {
    let mut whole = Recorder::on(before.clone());
    machine.install(name, wishes, &mut whole).unwrap();
    let after = whole.disk;
    let good = vec![&before.files, &after.files];
    let (mut states, mut refused) = (0, 0);
    let boots_before = !before.files.is_empty();
    cuts(before, &whole.ops, 4, numbers(7), |end, disk| {
        let context = format!("after {end} of {} effects towards {name}", whole.ops.len());
        if boots_before {
            assert_boots(&disk, &good, &context);
        }
        let mut again = Recorder::on(disk.clone());
        match machine.install(name, wishes, &mut again) {
            Err(InstallError::Twin { .. }) => {
                assert!(!disk.twins.is_empty() && again.ops.is_empty(), "refused {context}");
                refused += 1;
            }
            result => {
                result.unwrap_or_else(|error| panic!("{error} {context}"));
                assert_eq!(again.disk.folders, after.folders, "{context}");
                assert!(again.disk.files.keys().eq(after.files.keys()), "{context}");
                assert!(again.disk.files == after.files, "other bytes {context}");
                // What was one chain of clusters was not touched by one of its names.
                assert!(disk.twins.is_empty(), "{:?} {context}", disk.twins);
            }
        }
        states += 1;
    });
    assert!(states > 8 * whole.ops.len() && refused < states / 2, "{refused} of {states}");
    // A second run has nothing to do.
    let mut idle = Recorder::on(after.clone());
    let installed = machine.install(name, wishes, &mut idle).unwrap();
    assert!(
        idle.ops.is_empty() && installed.written.is_empty() && installed.removed.is_empty(),
        "{installed:?}"
    );
    after
}

fn machine() -> Machine {
    let machine = Machine::new();
    for (name, kernel) in [("one", "linux-a"), ("two", "linux-a"), ("three", "linux-b")] {
        machine.system(name, kernel, |_| {});
    }
    machine
}

/// The life of a machine, each step cut everywhere.
fn life(kind: EntryKind) {
    let machine = machine();
    let wishes = Wishes { kind, ..Wishes::default() };
    machine.profile(&[(1, "one")]);
    let disk = cut_everywhere(&machine, "one", &wishes, &Disk::default());
    machine.profile(&[(1, "one"), (2, "two")]);
    let disk = cut_everywhere(&machine, "two", &wishes, &disk);
    machine.profile(&[(2, "two"), (1, "one")]);
    let disk = cut_everywhere(&machine, "one", &wishes, &disk);
    machine.profile(&[(1, "one"), (2, "two"), (3, "three")]);
    let disk = cut_everywhere(&machine, "three", &wishes, &disk);
    // `nix-collect-garbage` of the old ones, then the next run.
    machine.profile(&[(3, "three")]);
    let disk = cut_everywhere(&machine, "three", &wishes, &disk);
    // From the other kind of entries to this one.
    let other = if kind == EntryKind::Uki { EntryKind::Type1 } else { EntryKind::Uki };
    machine.profile(&[(1, "one"), (3, "three")]);
    cut_everywhere(&machine, "three", &Wishes { kind: other, ..wishes }, &disk);
}

#[test]
fn unified_kernel_images_survive_every_cut() {
    life(EntryKind::Uki);
}

#[test]
fn type_1_entries_survive_every_cut() {
    life(EntryKind::Type1);
}

/// The disk after whole runs of `name` for this profile.
fn installed(machine: &Machine, profile: &[(u32, &str)], wishes: &Wishes<'_>) -> Disk {
    machine.profile(profile);
    let mut esp = Recorder::default();
    machine.install(profile.last().unwrap().1, wishes, &mut esp).unwrap();
    esp.disk
}

#[test]
fn where_room_is_short_old_generations_go_first_and_the_old_default_last() {
    let machine = machine();
    let wishes = Wishes { limit: Some(1), ..Wishes::default() };
    let all = Wishes::default();
    let mut disk = installed(&machine, &[(1, "one"), (2, "two")], &all);
    let one = disk
        .files
        .iter()
        .find(|(path, _)| path.contains("pintle-g1-"))
        .map(|(_, bytes)| bytes.len())
        .unwrap();
    // Neither all three fit nor two and what is written; without the first they do.
    disk.size = Some(disk.used() + one as u64 / 2 + 4 * 512);
    machine.profile(&[(1, "one"), (2, "two"), (3, "three")]);
    let error = machine.install("three", &all, &mut Recorder::on(disk.clone())).unwrap_err().to_string();
    assert!(error.contains("no room for generation 1 (NixOS one)"), "{error}");
    assert!(error.contains("`--configuration-limit 2`"), "{error}");
    let after = cut_everywhere(&machine, "three", &wishes, &disk);
    assert!(after.files.keys().all(|path| !path.contains("-g1-") && !path.contains("-g2-")));

    // Not even the new one beside the old default: nothing is done.
    let mut tight = installed(&machine, &[(1, "one")], &all);
    tight.size = Some(tight.used() + 512);
    machine.profile(&[(1, "one"), (2, "two")]);
    let mut esp = Recorder::on(tight);
    let error = machine.install("two", &all, &mut esp).unwrap_err().to_string();
    assert!(
        error.contains("no room for generation 2 (NixOS two)") && error.contains("Nothing was changed"),
        "{error}"
    );
    assert!(esp.ops.is_empty());
}

#[test]
fn boot_loaders_are_replaced_one_by_one_and_never_by_older_ones() {
    let machine = machine();
    let wishes = Wishes::default();
    let paths = ["EFI/systemd/systemd-bootx64.efi", "EFI/BOOT/BOOTX64.EFI"];
    let mut disk = installed(&machine, &[(1, "one")], &wishes);
    let current = disk.files[paths[0]].clone();
    let with_version = |version: &str| {
        let mark = b"systemd-boot ";
        let at = current.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len();
        let mut other = current.clone();
        other[at..at + version.len()].copy_from_slice(version.as_bytes());
        other
    };
    for path in paths {
        disk.files.insert(path.to_owned(), with_version("100"));
    }
    let after = cut_everywhere(&machine, "one", &wishes, &disk);
    assert!(paths.iter().all(|path| after.files[*path] == current));

    disk.files.insert(paths[0].to_owned(), with_version("999"));
    let foreign: Vec<u8> = fs::read(format!("{BOOT_FILES}/linuxx64.efi.stub")).unwrap();
    disk.files.insert(paths[1].to_owned(), foreign.clone());
    let mut esp = Recorder::on(disk.clone());
    let said = machine.install("one", &wishes, &mut esp).unwrap().warnings.join("\n");
    assert!(said.contains("is newer than the system's") && said.contains("it is not systemd-boot"), "{said}");
    assert!(esp.ops.is_empty());
    // Cut short it is nobody's.
    disk.files.insert(paths[1].to_owned(), foreign[..foreign.len() / 2].to_vec());
    let mut esp = Recorder::on(disk);
    machine.install("one", &wishes, &mut esp).unwrap();
    assert_eq!(esp.disk.files[paths[1]], current);
}

#[test]
fn a_damaged_entry_is_repaired_and_strangers_are_left_alone() {
    let machine = machine();
    let wishes = Wishes { kind: EntryKind::Type1, ..Wishes::default() };
    let whole = installed(&machine, &[(1, "one"), (2, "two")], &wishes);
    let mut disk = whole.clone();
    for bytes in disk.files.values_mut().filter(|bytes| bytes.len() > 2000) {
        *bytes.last_mut().unwrap() ^= 1;
    }
    disk.files.insert("EFI/Linux/mine.efi".into(), b"mine".to_vec());
    disk.files.insert("EFI/pintle/notes".into(), b"notes".to_vec());
    let mut esp = Recorder::on(disk);
    // The loaders' last byte is no part of their version.
    machine.install("two", &wishes, &mut esp).unwrap();
    esp.disk.files.remove("EFI/Linux/mine.efi").unwrap();
    esp.disk.files.remove("EFI/pintle/notes").unwrap();
    assert!(esp.disk.files == whole.files);
    assert!(whole.files.contains_key("loader/entries.srel") && !store_path("one").is_empty());
}
