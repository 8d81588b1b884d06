//! An ext4 image: every inode that a walk meets, its bytes, links and attributes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::ext4::read::{ReadLimits, Reader};
use pintle_model::{Limit, TreePath};

fuzz_target!(|data: &[u8]| {
    let limits = ReadLimits {
        file_bytes: Limit::new(1 << 20, "bytes of one file in an ext4 image"),
        names: Limit::new(1000, "names in an ext4 image"),
        tree_blocks: Limit::new(100, "blocks of one extent tree"),
    };
    let Ok(reader) = Reader::open(&data, limits) else { return };
    let _ = reader.find(&TreePath::literal("/lost+found/a"));
    let _ = reader.walk(&mut |_, stat| {
        let _ = (reader.read(stat).is_ok(), reader.extents(stat).is_ok(), reader.xattrs(stat).is_ok());
        Ok(())
    });
});
