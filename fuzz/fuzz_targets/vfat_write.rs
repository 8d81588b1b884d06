//! A FAT volume of any small tree: the reader finds what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::vfat::read::{Limits, Volume};
use pintle_fs::vfat::{Options, verify, write};
use pintle_fuzz::AnyTree;
use pintle_model::{NoContents, Timestamp, WriteAll};
use std::io::Cursor;

#[derive(Debug)]
struct Input {
    tree: AnyTree,
    sectors: u16,
    label: String,
    serial: u32,
    epoch: i64,
}

pintle_fuzz::any_struct!(Input { tree, sectors, label, serial, epoch });

fuzz_target!(|input: Input| {
    let tree = input.tree.build();
    let options = Options {
        size: u64::from(input.sectors) * 2048,
        label: input.label,
        serial: input.serial,
        epoch: Timestamp::from_secs(input.epoch),
        hidden_sectors: input.serial,
    };
    let mut image = WriteAll::new(Vec::new(), &NoContents);
    let Ok(summary) = write(&tree, &options, &mut image) else { return };
    let image = image.finish(summary.size).expect("a vector takes every byte");
    let mut volume = Volume::open(Cursor::new(image), Limits::default()).expect("what was written opens");
    verify(&tree, &NoContents, &mut volume).expect("what was written is what is read");
});
