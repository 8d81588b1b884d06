//! A PE image: its headers, and as the stub of a UKI.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::uki::{Pe, PeLimits, Sections, assemble};
use pintle_model::{Blob, NoContents};

fuzz_target!(|data: &[u8]| {
    let limits = PeLimits::default();
    let Ok(pe) = Pe::parse(data, data.len() as u64, &limits) else { return };
    let _ = pe.section(".osrel");
    let kernel = Blob::inline(data);
    let sections = Sections {
        os_release: b"ID=debian\n",
        cmdline: "quiet",
        device_tree: Some(&kernel),
        uname: "6.12",
        pcr_key: "",
        pcr_signature: "",
        initrd: Some(&kernel),
        linux: &kernel,
    };
    if let Ok(image) = assemble(data, &sections, &NoContents) {
        let bytes = image.read(&NoContents, 64 << 20).expect("an image that was made can be read");
        Pe::parse(&bytes, bytes.len() as u64, &limits).expect("an image that was made has good headers");
    }
});
