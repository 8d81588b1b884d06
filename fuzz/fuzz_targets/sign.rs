//! What signing reads: keys and certificates in PEM, images, their signatures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::sign::{Signer, authenticode_digest, signature};
use pintle_boot::uki::{Pe, PeLimits};
use pintle_model::{Blob, NoContents};

fuzz_target!(|data: &[u8]| {
    let image = Blob::inline(data);
    if let Ok(digest) = authenticode_digest(&image, &NoContents) {
        // The checksum is no part of it, everything behind the headers is.
        let mut changed = data.to_vec();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        let pe = Pe::parse(data, data.len() as u64, &PeLimits::default());
        if pe.is_ok_and(|pe| last >= pe.sections_at && !pe.signed)
            && let Ok(other) = authenticode_digest(&Blob::inline(changed), &NoContents)
        {
            assert_ne!(digest, other);
        }
    }
    let _ = signature(&image, &NoContents);
    let Ok(text) = str::from_utf8(data) else { return };
    // A key and its certificate are often in one file.
    let _ = Signer::new(text, text);
});
