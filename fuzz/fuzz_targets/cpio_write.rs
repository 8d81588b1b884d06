//! A cpio archive of any small tree: the reader finds every path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::cpio::read::{Archive, Limits};
use pintle_fs::cpio::write;
use pintle_fuzz::AnyTree;
use pintle_model::{NoContents, WriteAll};

fuzz_target!(|input: AnyTree| {
    let tree = input.build();
    let mut image = WriteAll::new(Vec::new(), &NoContents);
    let Ok(len) = write(&tree, &mut image) else { return };
    let image = image.finish(len).expect("a vector takes every byte");
    let members = Archive::new(&image, Limits::default()).collect::<Result<Vec<_>, _>>();
    assert_eq!(members.expect("what was written can be read").len(), tree.walk().count());
});
