//! What stands in verity partitions: a superblock with a hash tree over a few blocks, a signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_disk::verity::{Signature, Superblock, verify};
use pintle_model::Digest;
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    if let Some(bytes) = data.first_chunk::<512>()
        && let Ok(superblock) = Superblock::parse(bytes)
    {
        assert_eq!(Superblock::parse(&superblock.bytes()).expect("what was written can be read"), superblock);
    }
    // The tree's own top block, where it has one, so that levels below it are reached.
    let salt = data.first_chunk().and_then(|bytes| Superblock::parse(bytes).ok()).map(|found| found.salt);
    let top = data.get(4096..8192).unwrap_or_default();
    let root = Digest::of(&[salt.as_ref().map_or(&[][..], |salt| salt.as_bytes()), top].concat());
    let image = vec![0; 130 * 4096];
    if let Ok(good) = verify(&mut Cursor::new(&image), &mut &*data, &root, 1) {
        assert!(good.data_blocks <= 130);
    }
    if let Ok(signature) = Signature::parse(data) {
        assert_eq!(
            Signature::parse(&signature.partition()).expect("what was written can be read"),
            signature
        );
    }
});
