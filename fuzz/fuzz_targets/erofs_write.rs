//! An EROFS file system of any small tree, compressed or not: every path and byte can be read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fs::erofs::read::{ReadLimits, Reader};
use pintle_fs::erofs::{Method, Options, Packing, layout, pack, write};
use pintle_fuzz::{AnyTree, Pack};
use pintle_model::{Kind, NoContents, SourceId, Timestamp, WriteAll};
use uuid::Uuid;

#[derive(Debug)]
struct Input {
    tree: AnyTree,
    /// 0: plain, 1: LZ4, 2: zstd.
    method: u8,
    /// Logarithm of an extent's bytes.
    cluster: u8,
    fragments: u16,
    epoch: u8,
    label: String,
    pack_tails: bool,
}

pintle_fuzz::any_struct!(Input { tree, method, cluster, fragments, epoch, label, pack_tails });

/// Larger images would only cost time.
const IMAGE_MAX: u64 = 16 << 20;

fuzz_target!(|input: Input| {
    let tree = input.tree.build();
    let mut options = Options::new(Uuid::from_u128(1), Timestamp::from_secs(input.epoch.into()));
    (options.label, options.pack_tails) = (input.label, input.pack_tails);
    if layout(&tree, None, &options).map_or(true, |plain| plain.size > IMAGE_MAX) {
        return;
    }
    let method = [None, Some(Method::Lz4), Some(Method::Zstd(1))][usize::from(input.method % 3)];
    let mut kept = Pack::default();
    let packed = method.map(|method| {
        let cluster = 1 << (13 + input.cluster % 8);
        let packing = Packing { cluster, fragments: input.fragments.into(), ..Packing::new(method, 1) };
        pack(&tree, &NoContents, &packing, &mut kept, SourceId(0)).expect("memory takes it")
    });
    let planned = layout(&tree, packed.as_ref(), &options).expect("as without compression");
    let mut image = WriteAll::new(Vec::new(), &kept);
    let summary =
        write(&tree, packed.as_ref(), &options, &mut image).expect("what can be laid out can be written");
    assert_eq!(planned, summary);
    let image = image.finish(summary.size).expect("a vector takes every byte");
    let bytes = &image[..];
    let reader = Reader::open(&bytes, ReadLimits::default()).expect("what was written opens");
    let mut seen = 0;
    let walked = reader.walk(&mut |_, _| {
        seen += 1;
        Ok(())
    });
    walked.expect("what was written can be walked");
    assert_eq!(seen, tree.walk().count());
    for entry in tree.walk() {
        let found = reader.find(&entry.path).expect("what was written can be read");
        let stat = found.expect("every path is there");
        assert_eq!(stat.attrs, entry.inode.attrs);
        assert_eq!(reader.xattrs(&stat).expect("attributes can be read"), entry.inode.xattrs);
        if let Kind::File(blob) = &entry.inode.kind {
            let there = reader.read(&stat).expect("file data can be read");
            assert_eq!(there, blob.read(&NoContents, 1 << 20).expect("inline bytes can be read"));
        }
    }
});
