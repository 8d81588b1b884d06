//! An EROFS image: every inode that a walk meets, its bytes, compressed or not, links and attributes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::erofs::read::{ReadLimits, Reader};
use pintle_model::{Limit, TreePath};

fuzz_target!(|data: &[u8]| {
    let limits = ReadLimits {
        file_bytes: Limit::new(1 << 20, "bytes of one file in an EROFS image"),
        names: Limit::new(300, "names in an EROFS image"),
    };
    let Ok(reader) = Reader::open(&data, limits) else { return };
    let _ = reader.find(&TreePath::literal("/folder/a"));
    let _ = reader.walk(&mut |_, stat| {
        if let Ok(bytes) = reader.read(stat) {
            assert_eq!(bytes.len() as u64, stat.size);
        }
        let _ = reader.xattrs(stat).is_ok();
        Ok(())
    });
});
