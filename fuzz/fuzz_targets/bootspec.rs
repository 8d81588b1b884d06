//! `boot.json` of a NixOS system.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::bootspec::{Bootspec, Limits};

fuzz_target!(|data: &[u8]| {
    let Ok(spec) = Bootspec::parse(data, &Limits::default()) else { return };
    let _ = (spec.systemd_boot().is_ok(), spec.lanzaboote().is_ok());
    spec.boot.command_line().expect("parameters were checked");
    assert_eq!(Bootspec::parse(spec.render().as_bytes(), &Limits::default()).ok(), Some(spec));
});
