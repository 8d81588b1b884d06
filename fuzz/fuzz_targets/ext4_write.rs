//! An ext4 file system of any small tree: every path and byte can be read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::ext4::read::{ReadLimits, Reader};
use pintle_fs::ext4::{Options, layout, write};
use pintle_fuzz::AnyTree;
use pintle_model::{Kind, NoContents, Timestamp, WriteAll};
use uuid::Uuid;

#[derive(Debug)]
struct Input {
    tree: AnyTree,
    /// In blocks of 4 KiB.
    size: Option<u16>,
    free: u16,
    inode_ratio: u16,
    label: String,
    /// In MiB.
    journal: Option<u8>,
}

pintle_fuzz::any_struct!(Input { tree, size, free, inode_ratio, label, journal });

/// Larger images would only cost time.
const IMAGE_MAX: u64 = 64 << 20;

fuzz_target!(|input: Input| {
    let tree = input.tree.build();
    let mut options =
        Options::new(Uuid::from_u128(1), Uuid::from_u128(2), Timestamp::from_secs(1_700_000_000));
    options.size = input.size.map(|blocks| u64::from(blocks) << 12);
    options.free = u64::from(input.free);
    options.inode_ratio = u32::from(input.inode_ratio);
    options.label = input.label;
    options.journal = input.journal.map(|mib| u64::from(mib) << 20);
    let Ok(planned) = layout(&tree, &options) else { return };
    if planned.size > IMAGE_MAX {
        return;
    }
    let mut image = WriteAll::new(Vec::new(), &NoContents);
    let summary = write(&tree, &options, &mut image).expect("what can be laid out can be written");
    assert_eq!(planned, summary);
    let image = image.finish(summary.size).expect("a vector takes every byte");
    let bytes = &image[..];
    let reader = Reader::open(&bytes, ReadLimits::default()).expect("what was written opens");
    for entry in tree.walk() {
        let stat =
            reader.find(&entry.path).expect("what was written can be read").expect("every path is there");
        if let Kind::File(blob) = &entry.inode.kind {
            let there = reader.read(&stat).expect("file data can be read");
            assert_eq!(there, blob.read(&NoContents, 1 << 20).expect("inline bytes can be read"));
        }
    }
});
