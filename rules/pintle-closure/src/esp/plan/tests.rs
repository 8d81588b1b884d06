use super::*;

const DIGITS: [&str; 4] = ["0000000000000000", "1111111111111111", "2222222222222222", "3333333333333333"];

fn file(path: &str, len: usize) -> WantedFile {
    let bytes = vec![b'x'; len];
    WantedFile { path: path.to_owned(), digest: Digest::of(&bytes), blob: Blob::inline(bytes) }
}

/// A type #1 entry of generation `number` with an initrd of its own; kernels are shared by all.
fn entry(number: u32) -> WantedEntry {
    let own = DIGITS[number as usize];
    WantedEntry {
        number: Some(number),
        title: format!("NixOS {number}"),
        entry: file(&format!("loader/entries/pintle-g{number}-{own}.conf"), 100),
        files: vec![
            file(&format!("EFI/pintle/linux-{}.efi", DIGITS[0]), 3000),
            file(&format!("EFI/pintle/initrd-{own}"), 2000),
        ],
    }
}

fn wanted(numbers: &[u32]) -> Wanted {
    Wanted {
        entries: numbers.iter().map(|number| entry(*number)).collect(),
        conf: vec![file("loader/loader.conf", 50 + numbers[0] as usize)],
        ..Wanted::default()
    }
}

/// The partition after `plan(wanted)`, with `default` as the default.
fn after(numbers: &[u32]) -> Present {
    let wanted = wanted(numbers);
    let entries = wanted.entries.iter();
    let all = entries.flat_map(|entry| entry.files.iter().chain([&entry.entry])).chain(&wanted.conf);
    let mut present = Present { free: 1 << 20, cluster: 512, ..Present::default() };
    present.files = all.map(|file| (file.path.clone(), file.blob.len())).collect();
    present.folders = FOLDERS.map(str::to_owned).into();
    for entry in &wanted.entries {
        let text = format!("linux /{}\ninitrd /{}\n", entry.files[0].path, entry.files[1].path);
        present.texts.insert(entry.entry.path.clone(), text.into_bytes());
    }
    let default = names::split(&wanted.entries[0].entry.path).1;
    present.texts.insert(names::CONF.to_owned(), format!("timeout 3\ndefault {default}\n").into_bytes());
    present
}

fn same(mut present: Present, wanted: &Wanted) -> Present {
    let entries = wanted.entries.iter().flat_map(|entry| entry.files.iter().chain([&entry.entry]));
    let there = entries.filter(|file| present.files.get(&file.path) == Some(&file.blob.len()));
    present.same = there.map(|file| file.path.clone()).collect();
    present
}

fn shown(wanted: &Wanted, present: Present) -> String {
    let plan = plan(wanted, &same(present, wanted)).unwrap();
    let one = |step: &Step| match step {
        Step::MakeFolder(path) => format!("folder {path}"),
        Step::Write { path, file } => format!("write {path}: {} bytes", plan.files[*file].blob.len()),
        Step::Rename { to, .. } => format!("rename to {to}"),
        Step::Remove(path) => format!("remove {path}"),
        Step::Sync => "sync".to_owned(),
    };
    plan.steps.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_next_generation_comes_before_the_default_and_the_default_before_garbage() {
    insta::assert_snapshot!(shown(&wanted(&[2]), after(&[1])), @"
    write EFI/pintle/pintle-initrd-2222222222222222.tmp: 2000 bytes
    sync
    rename to EFI/pintle/initrd-2222222222222222
    sync
    write loader/entries/pintle-g2-2222222222222222.conf.tmp: 100 bytes
    sync
    rename to loader/entries/pintle-g2-2222222222222222.conf
    sync
    write loader/pintle-loader.conf.tmp: 52 bytes
    sync
    rename to loader/loader.conf
    sync
    remove loader/entries/pintle-g1-1111111111111111.conf
    sync
    remove EFI/pintle/initrd-1111111111111111
    sync
    ");
}

#[test]
fn a_rollback_changes_the_default_and_nothing_else() {
    insta::assert_snapshot!(shown(&wanted(&[1, 2]), after(&[2, 1])), @"
    write loader/pintle-loader.conf.tmp: 51 bytes
    sync
    rename to loader/loader.conf
    sync
    ");
}

#[test]
fn where_room_is_short_garbage_goes_first_but_for_the_old_default() {
    let present = Present { free: 5000, ..after(&[2, 1]) };
    insta::assert_snapshot!(shown(&wanted(&[3]), present), @"
    remove loader/entries/pintle-g1-1111111111111111.conf
    sync
    remove EFI/pintle/initrd-1111111111111111
    sync
    write EFI/pintle/pintle-initrd-3333333333333333.tmp: 2000 bytes
    sync
    rename to EFI/pintle/initrd-3333333333333333
    sync
    write loader/entries/pintle-g3-3333333333333333.conf.tmp: 100 bytes
    sync
    rename to loader/entries/pintle-g3-3333333333333333.conf
    sync
    write loader/pintle-loader.conf.tmp: 53 bytes
    sync
    rename to loader/loader.conf
    sync
    remove loader/entries/pintle-g2-2222222222222222.conf
    sync
    remove EFI/pintle/initrd-2222222222222222
    sync
    ");
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_done() {
    let present = Present { free: 6000, ..after(&[1]) };
    let wanted = wanted(&[1, 3, 2]);
    let error = plan(&wanted, &same(present, &wanted)).unwrap_err();
    insta::assert_snapshot!(error, @"the EFI system partition has no room for generation 2 (NixOS 2): 3.1 KiB more are needed (9 KiB for what is new, 5.9 KiB to be had). Nothing was changed. Remove old generations (`nix-env --profile … --delete-generations old`); 2 would fit (`--configuration-limit 2`)");
    let present = Present { free: 100, ..after(&[1]) };
    let error = plan(&wanted, &same(present, &wanted)).unwrap_err();
    insta::assert_snapshot!(error, @"the EFI system partition has no room for generation 1 (NixOS 1): 8.9 KiB more are needed (9 KiB for what is new, 100 B to be had). Nothing was changed. Make the partition larger, or take files from it that no entry needs");
}

#[test]
fn files_of_others_and_of_unreadable_generations_stay() {
    let mut present = after(&[2, 1]);
    let foreign = [
        "EFI/Linux/arch.efi",
        "EFI/pintle/notes",
        "loader/entries/nixos-generation-1.conf",
        "loader/random-seed",
    ];
    present.files.extend(foreign.map(|path| (path.to_owned(), 10)));
    present.files.insert(format!("loader/entries/pintle-{}.conf.tmp", "g1-0000000000000000"), 10);
    let mut only_three = wanted(&[3]);
    only_three.keep.insert(1);
    let plan = plan(&only_three, &same(present, &only_three)).unwrap();
    let removed: Vec<&str> = plan.removed().collect();
    assert_eq!(
        removed,
        [
            "loader/entries/pintle-g1-0000000000000000.conf.tmp",
            "loader/entries/pintle-g2-2222222222222222.conf",
            "EFI/pintle/initrd-2222222222222222",
        ]
    );
}

#[test]
fn what_is_damaged_is_written_anew_and_what_is_whole_is_left_alone() {
    let wanted = wanted(&[2, 1]);
    let mut present = same(after(&[2, 1]), &wanted);
    present.same.insert(names::CONF.to_owned());
    assert_eq!(plan(&wanted, &present).unwrap(), Plan::default());
    present.same.remove("EFI/pintle/initrd-2222222222222222");
    let plan = plan(&wanted, &present).unwrap();
    assert_eq!(plan.written().collect::<Vec<_>>(), ["EFI/pintle/initrd-2222222222222222"]);
}
