//! Texts of the boot loader: entries, names with counters, command lines, versions in its program.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::cmdline::Cmdline;
use pintle_boot::loader::{BootName, Entry, LoaderVersion};

fuzz_target!(|data: &[u8]| {
    if let Ok(entry) = Entry::parse(data) {
        let _ = entry.render();
    }
    let _ = LoaderVersion::find(data);
    let program = |version: &[u8]| [b"#### LoaderInfo: systemd-boot ", version, b" ####"].concat();
    let (first, second) = data.split_at(data.len() / 2);
    if let (Some(a), Some(b)) = (LoaderVersion::find(&program(first)), LoaderVersion::find(&program(second)))
    {
        assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        assert!(a.cmp(&a).is_eq());
    }
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(name) = BootName::parse(text) {
        let _ = (name.is_bad(), name.clone().tried().to_string(), name.blessed().to_string());
    }
    if let Ok(line) = Cmdline::parse(text) {
        assert_eq!(Cmdline::parse(&line.to_string()).ok(), Some(line));
    }
});
