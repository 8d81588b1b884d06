//! Partition tables before judges we did not write: sgdisk and sfdisk.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_disk::gpt::read::{Damage, Found, Health, read};
use pintle_disk::gpt::{Partition, Request, Table, attributes, place, types};
use pintle_model::{Arch, Digest};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, prop_oneof, proptest};
use std::fs::File;
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use uuid::{Uuid, uuid};

const DISK: Uuid = uuid!("d17e64b6-0c4e-4c5b-9d56-2d5c1d6a1f00");

fn judge(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; `cargo xtask test` installs what the tests need")
        });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program} {arguments:?}: {text}{errors}");
    text
}

fn request(number: u8, type_guid: Uuid, name: &str, attributes: u64, size: u64) -> Request {
    let guid = Uuid::from_bytes([number; 16]);
    Request { type_guid, guid, name: name.into(), attributes, size }
}

/// What a server's image has.
fn requests() -> Vec<Request> {
    vec![
        request(1, types::BIOS_BOOT, "bios", 0, 1 << 20),
        request(2, types::ESP, "esp", attributes::NO_AUTO, 100 << 20),
        request(3, types::LINUX, "usr-a – größer 日本", attributes::READ_ONLY, 123_456_789),
        request(4, Arch::Amd64.root_partition_type(), "root", attributes::GROW_FILE_SYSTEM, 512),
        request(
            5,
            types::VAR,
            &"x".repeat(36),
            attributes::REQUIRED | attributes::LEGACY_BIOS_BOOTABLE,
            3 << 20,
        ),
    ]
}

fn save(table: &Table, path: &Path) {
    let mut file = File::create(path).unwrap();
    file.write_all(&table.primary()).unwrap();
    file.seek(SeekFrom::Start(table.backup_offset())).unwrap();
    file.write_all(&table.backup()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), table.sectors() * 512);
}

#[test]
fn sgdisk_and_sfdisk_accept_every_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let image = path.to_str().unwrap();
    let many = (0..128).map(|n| request(n, types::LINUX, &format!("p{n}"), 0, 4096)).collect();
    for (requests, sectors) in [
        (requests(), None),
        (requests(), Some(60 * 2 * 1024 * 1024)),
        // Past 2 TiB the protective MBR cannot cover the disk.
        (requests(), Some(5 << 32)),
        (many, None),
        (Vec::new(), Some(4096)),
    ] {
        let table = place(DISK, requests, sectors).unwrap();
        save(&table, &path);
        assert!(judge("sgdisk", &["-v", image]).contains("No problems found."));
        judge("sfdisk", &["--verify", image]);
    }
}

#[test]
fn sfdisk_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    save(&place(DISK, requests(), None).unwrap(), &path);
    let json = judge("sfdisk", &["-J", path.to_str().unwrap()]).replace(path.to_str().unwrap(), "disk");
    let json: Vec<&str> = json.split_whitespace().collect();
    insta::assert_snapshot!(json.join(" ").replace("[ {", "[\n{").replace("},{", "},\n{"), @r#"
    { "partitiontable": { "label": "gpt", "id": "D17E64B6-0C4E-4C5B-9D56-2D5C1D6A1F00", "device": "disk", "unit": "sectors", "firstlba": 34, "lastlba": 460766, "sectorsize": 512, "partitions": [
    { "node": "disk1", "start": 2048, "size": 2048, "type": "21686148-6449-6E6F-744E-656564454649", "uuid": "01010101-0101-0101-0101-010101010101", "name": "bios" },
    { "node": "disk2", "start": 4096, "size": 204800, "type": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "uuid": "02020202-0202-0202-0202-020202020202", "name": "esp", "attrs": "GUID:63" },
    { "node": "disk3", "start": 208896, "size": 241127, "type": "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "uuid": "03030303-0303-0303-0303-030303030303", "name": "usr-a – größer 日本", "attrs": "GUID:60" },
    { "node": "disk4", "start": 450560, "size": 1, "type": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "uuid": "04040404-0404-0404-0404-040404040404", "name": "root", "attrs": "GUID:59" },
    { "node": "disk5", "start": 452608, "size": 6144, "type": "4D21B016-B534-45C2-A9FB-5C16E091FD2D", "uuid": "05050505-0505-0505-0505-050505050505", "name": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "attrs": "RequiredPartition LegacyBIOSBootable" } ] } }
    "#);
}

#[test]
fn boot_code_is_kept_and_changes_nothing_else() {
    let table = place(DISK, requests(), None).unwrap();
    let with = table.clone().with_boot_code([0xEB; 440]).primary();
    assert_eq!(with[..440], [0xEB; 440]);
    assert_eq!(with[440..], table.primary()[440..]);
}

#[test]
fn the_bytes_are_pinned() {
    let table = place(DISK, requests(), None).unwrap();
    assert_eq!((table.primary().len(), table.backup().len()), (34 * 512, 33 * 512));
    insta::assert_snapshot!(Digest::of(&table.primary()).hex(), @"6482a03a2d0a13405def5eeafbedf02f6270642c30dd03a163cfe9c6d7c6eed1");
    insta::assert_snapshot!(Digest::of(&table.backup()).hex(), @"2535bf9d6234ffcb00b2437b70311bacd056417f1e07403d85bd9adbca152f49");
}

fn partition(first: u64, last: u64) -> Partition {
    let guid = Uuid::from_u64_pair(first, last);
    Partition { type_guid: types::LINUX, guid, name: String::new(), first, last, attributes: 0 }
}

#[test]
fn bad_tables_are_refused() {
    let error = |partitions| Table::new(DISK, 4096, partitions).unwrap_err();
    insta::assert_snapshot!(Table::new(DISK, 67, vec![]).unwrap_err(), @"a disk of 67 sectors is too small for a GPT (68 at least)");
    insta::assert_snapshot!(Table::new(DISK, u64::MAX, vec![]).unwrap_err(), @"a disk of 18446744073709551615 sectors is too large: its end has no byte offset");
    insta::assert_snapshot!(error(vec![partition(40, 50); 129]), @"129 partitions are too many for a GPT (128 at most)");
    insta::assert_snapshot!(error(vec![partition(40, 50), partition(33, 35)]), @"partition 2 has sectors 33 to 35, outside of 34 to 4062");
    insta::assert_snapshot!(error(vec![partition(40, 4063)]), @"partition 1 has sectors 40 to 4063, outside of 34 to 4062");
    insta::assert_snapshot!(error(vec![partition(60, 59)]), @"partition 1 has sectors 60 to 59, outside of 34 to 4062");
    insta::assert_snapshot!(error(vec![partition(90, 99), partition(40, 60), partition(60, 70)]), @"partitions 2 and 3 overlap");
    let same = Partition { guid: partition(40, 50).guid, ..partition(60, 70) };
    insta::assert_snapshot!(error(vec![partition(40, 50), same]), @"partitions 1 and 2 have the same GUID");
    insta::assert_snapshot!(error(vec![Partition { name: "é".repeat(37), ..partition(40, 50) }]), @"partition 1 has the name `ééééééééééééééééééééééééééééééééééééé`: 36 UTF-16 units without NUL are the most");
    insta::assert_snapshot!(error(vec![Partition { type_guid: Uuid::nil(), ..partition(40, 50) }]), @"partition 1 has no type");
    let place =
        |size, sectors| place(DISK, vec![request(1, types::ESP, "esp", 0, size)], sectors).unwrap_err();
    insta::assert_snapshot!(place(0, None), @"partition 1 has size 0");
    insta::assert_snapshot!(place(u64::MAX, None), @"the partitions together are larger than a disk can be");
    insta::assert_snapshot!(place(1 << 20, Some(4128)), @"the disk has 4128 sectors of 512 bytes, its partitions need 4129");
}

fn disk(table: &Table) -> Vec<u8> {
    let mut disk = table.primary();
    disk.resize(table.backup_offset() as usize, 0);
    disk.extend(table.backup());
    disk
}

fn found(disk: &[u8]) -> Found {
    read(&mut Cursor::new(disk)).unwrap()
}

fn small() -> Table {
    let requests = vec![
        request(1, types::ESP, "esp", attributes::NO_AUTO, 70_000),
        request(2, types::LINUX, "root", attributes::GROW_FILE_SYSTEM, 1 << 20),
    ];
    place(DISK, requests, None).unwrap()
}

#[test]
fn damage_is_survived_or_told() {
    let table = small();
    let good = disk(&table);
    let damaged = |edits: &[(usize, u8)]| {
        let mut disk = good.clone();
        for (at, value) in edits {
            disk[*at] ^= value;
        }
        disk
    };
    let end = good.len() - 512;
    let list: Vec<Partition> = found(&good).partitions.into_values().collect();
    assert_eq!(
        (list.as_slice(), found(&good).disk, found(&good).health),
        (table.partitions(), DISK, Health::Good)
    );
    for (edits, health) in [
        (vec![(512, 1)], Health::NoPrimary(Damage::Header("no signature"))),
        (vec![(600, 1)], Health::NoPrimary(Damage::Header("bad header checksum"))),
        (vec![(1024, 1)], Health::NoPrimary(Damage::Header("bad checksum of the entries"))),
        (vec![(end, 1)], Health::NoBackup(Damage::Header("no signature"))),
    ] {
        let found = found(&damaged(&edits));
        assert_eq!(found.health, health);
        assert!(found.partitions.into_values().eq(table.partitions().iter().cloned()));
    }
    insta::assert_snapshot!(read(&mut Cursor::new(damaged(&[(512, 1), (end + 20, 1)]))).unwrap_err(), @"no GUID partition table: primary: no signature; backup: bad header checksum");
    insta::assert_snapshot!(read(&mut Cursor::new([0; 100])).unwrap_err(), @"no GUID partition table: primary: it lies past the end of the disk; backup: it lies past the end of the disk");
    // A disk that has grown keeps its backup where it was; one cut short has lost it.
    let grown = [&*good, &[0; 1 << 20]].concat();
    assert_eq!((found(&grown).health, found(&grown).backup_at), (Health::Good, table.sectors() - 1));
    // Usable sectors that the disk does not have: the table is not for it.
    assert!(read(&mut Cursor::new(&good[..1 << 20])).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn placed_tables_come_back(
        sizes in vec((1u64..50_000_000, "\\PC{0,12}", any::<u64>()), 0..128),
        room in option::of(0u64..10_000_000),
    ) {
        let list: Vec<Request> = (1u8..)
            .zip(sizes)
            .map(|(n, (size, name, attributes))| request(n, types::LINUX, &name, attributes, size))
            .collect();
        let least = place(DISK, list.clone(), None).unwrap().sectors();
        let table = place(DISK, list.clone(), room.map(|room| least + room)).unwrap();
        let placed = table.partitions();
        for (partition, request) in placed.iter().zip(&list) {
            assert!(partition.offset().is_multiple_of(1 << 20) && partition.offset() >= 1 << 20);
            assert_eq!(partition.len(), request.size.next_multiple_of(512));
        }
        // Only the tables are needed: the rest of the disk is a hole.
        let mut disk = Sparse { len: table.sectors() * 512, at: 0, pieces: vec![
            (0, table.primary()), (table.backup_offset(), table.backup()),
        ] };
        let found = read(&mut disk).unwrap();
        prop_assert_eq!(found.health, Health::Good);
        assert!(found.protective_mbr && found.partitions.into_values().eq(placed.iter().cloned()));
    }

    #[test]
    fn no_bytes_harm_the_reader(
        edits in vec((prop_oneof![512usize..604, 512usize..2048, any::<usize>()], any::<u8>()), 0..20),
        fix in any::<bool>(),
        noise in vec(any::<u8>(), 0..5000),
    ) {
        let mut disk = disk(&small());
        for (at, value) in edits {
            let at = at % disk.len();
            disk[at] = value;
        }
        if fix {
            // A hostile table has good checksums.
            let entries = crc32fast::hash(&disk[1024..1024 + 128 * 128]).to_le_bytes();
            disk[600..604].copy_from_slice(&entries);
            disk[528..532].fill(0);
            let header = crc32fast::hash(&disk[512..604]).to_le_bytes();
            disk[528..532].copy_from_slice(&header);
        }
        let _ = read(&mut Cursor::new(disk));
        let _ = read(&mut Cursor::new(noise));
    }
}

/// A large disk in little memory.
struct Sparse {
    len: u64,
    at: u64,
    pieces: Vec<(u64, Vec<u8>)>,
}

impl std::io::Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = (out.len() as u64).min(self.len.saturating_sub(self.at)) as usize;
        for (byte, at) in out[..n].iter_mut().zip(self.at..) {
            let piece =
                self.pieces.iter().find(|(from, bytes)| (*from..from + bytes.len() as u64).contains(&at));
            *byte = piece.map_or(0, |(from, bytes)| bytes[(at - from) as usize]);
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl std::io::Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}
