//! Lists of keys, updates of them, certificates, and what is measured of an image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::measure::{Bank, pcr11};
use pintle_boot::secureboot::{SignatureList, Update};
use pintle_boot::sign::certificate_der;
use pintle_model::{Blob, NoContents};

fuzz_target!(|data: &[u8]| {
    if let Ok(lists) = SignatureList::parse(data) {
        let bytes = SignatureList::bytes(&lists);
        // Not the same: a list without entries may say any length for them.
        assert_eq!(bytes.len(), data.len());
        assert!(SignatureList::parse(&bytes).is_ok());
    }
    if let Ok(update) = Update::parse(data) {
        assert_eq!(Update::parse(&update.bytes()).expect("what was written can be read"), update);
        let _ = update.time();
    }
    if let Ok(der) = certificate_der(data) {
        assert_eq!(certificate_der(&der).expect("what was written can be read"), der);
    }
    if let Ok(expected) = pcr11(&Blob::inline(data), &NoContents, &[Bank::Sha256]) {
        assert_eq!(expected[0].phases.len(), 4);
    }
});
