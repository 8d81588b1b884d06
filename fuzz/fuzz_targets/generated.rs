//! What is generated from files of packages: hardware database, journal catalogue, library cache, module index.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_assemble::generate::apply;
use pintle_fuzz::tree_of;
use pintle_model::{NoContents, Timestamp};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let paths: [&[&str]; 5] = [
        &["/usr/lib/udev/hwdb.d/20-a.hwdb"],
        &["/usr/lib/systemd/catalog/a.catalog"],
        &["/etc/ld.so.conf"],
        &["/usr/lib/x86_64-linux-gnu/liba.so.1"],
        &[
            "/usr/lib/modules/6.12/kernel/a.ko",
            "/usr/lib/modules/6.12/modules.builtin.modinfo",
            "/usr/lib/modules/6.12/modules.order",
        ],
    ];
    let mut tree = tree_of(paths[usize::from(*kind) % paths.len()], data);
    let _ = apply(&mut tree, &NoContents, Timestamp::from_secs(0)).map_err(|error| error.to_string());
});
