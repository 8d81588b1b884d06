//! A qcow2 image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_disk::qcow2::read::Reader;
use std::io;

fuzz_target!(|data: &[u8]| {
    let read = |offset: u64, out: &mut [u8]| -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| data.get(start..start.checked_add(out.len())?));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    };
    let Ok(image) = Reader::open(Box::new(read)) else { return };
    let mut piece = vec![0; 70_000];
    for offset in [0, 65_000, image.size() / 2, image.size().saturating_sub(70_000)] {
        let _ = image.read_exact_at(offset, &mut piece);
    }
});
