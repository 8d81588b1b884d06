//! What a machine says of its boot, as data and as a picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_report::plot::{Limits, Outside, svg, trace};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let outside = Outside { loader: Some(0.5), kernel: Some(1.5) };
    let Ok(boot) = trace(text, "toy", "UEFI", outside, &Limits::default()) else { return };
    assert!(boot.phases.windows(2).all(|pair| pair[0].end <= pair[1].start));
    assert!(svg(&boot).ends_with("</svg>\n"));
});
