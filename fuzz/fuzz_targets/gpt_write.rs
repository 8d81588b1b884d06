//! A partition table of any partitions: what is accepted can be read back whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_disk::gpt::read::read;
use pintle_disk::gpt::{Partition, Table};
use std::io::Cursor;
use uuid::Uuid;

#[derive(Debug)]
struct Input {
    disk: u128,
    sectors: u64,
    partitions: Vec<AnyPartition>,
}

pintle_fuzz::any_struct!(Input { disk, sectors, partitions });

#[derive(Debug)]
struct AnyPartition {
    type_guid: u128,
    guid: u128,
    name: String,
    first: u64,
    last: u64,
    attributes: u64,
}

pintle_fuzz::any_struct!(AnyPartition { type_guid, guid, name, first, last, attributes });

/// Larger disks are only laid out.
const DISK_MAX: u64 = 1 << 14;

fuzz_target!(|input: Input| {
    let partition = |any: &AnyPartition| Partition {
        type_guid: Uuid::from_u128(any.type_guid),
        guid: Uuid::from_u128(any.guid),
        name: any.name.clone(),
        first: any.first,
        last: any.last,
        attributes: any.attributes,
    };
    let partitions = input.partitions.iter().map(partition).collect();
    let Ok(table) = Table::new(Uuid::from_u128(input.disk), input.sectors, partitions) else { return };
    let (head, tail, at) = (table.primary(), table.backup(), table.backup_offset());
    if table.sectors() > DISK_MAX {
        return;
    }
    let mut disk = vec![0; table.sectors() as usize * 512];
    disk[..head.len()].copy_from_slice(&head);
    disk[at as usize..][..tail.len()].copy_from_slice(&tail);
    let found = read(&mut Cursor::new(disk)).expect("what was written can be read");
    let read_back: Vec<Partition> = found.partitions.into_values().collect();
    assert_eq!(read_back, table.partitions());
});
