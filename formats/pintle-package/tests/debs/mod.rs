//! Archives by hand, as no program would write them.

#![allow(dead_code, reason = "each test binary uses its part")]

use pintle_package::UnpackedDeb;
use pintle_package::deb::{DebError, Limits, unpack};
pub(crate) use pintle_testkit::pack::Memory;
use std::path::Path;
use std::process::Command;

pub(crate) fn unpacked(deb: &[u8]) -> Result<UnpackedDeb, DebError> {
    unpack(deb, &Limits::default(), &mut Memory::default())
}

/// The error with its causes, as a user sees it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        ar_member(&mut out, name, data, data.len() as u64);
    }
    out
}

/// A member that may claim another size than it has.
pub(crate) fn ar_member(out: &mut Vec<u8>, name: &str, data: &[u8], size: u64) {
    out.extend_from_slice(
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644).as_bytes(),
    );
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(2), b'\n');
}

/// A .deb of a minimal control.tar and this data.tar, both plain.
pub(crate) fn deb(data: &Tar) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control().end()), ("data.tar", &data.end())])
}

pub(crate) fn control() -> Tar {
    Tar::new().file("./control", b"Package: toy\nVersion: 1\nArchitecture: all\n")
}

/// Builds a tar member by member.
#[derive(Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(self, path: &str, data: &[u8]) -> Self {
        self.member(&Header::new(path, b'0', data.len() as u64), data)
    }

    pub(crate) fn directory(self, path: &str) -> Self {
        self.member(&Header::new(path, b'5', 0), b"")
    }

    pub(crate) fn link(self, path: &str, kind: u8, target: &str) -> Self {
        let mut header = Header::new(path, kind, 0);
        header.put(157, target.as_bytes());
        self.member(&header, b"")
    }

    pub(crate) fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let len = (1..6).map(|digits| rest + digits).find(|len| len.to_string().len() + rest == *len);
            data.extend_from_slice(format!("{} {key}=", len.expect("a length")).as_bytes());
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        let len = data.len() as u64;
        self.member(&Header::new("pax", kind, len), &data)
    }

    pub(crate) fn member(mut self, header: &Header, data: &[u8]) -> Self {
        self.0.extend_from_slice(&header.done());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn end(&self) -> Vec<u8> {
        [&self.0[..], &[0; 1024]].concat()
    }
}

/// A header block; anything can be put anywhere.
#[derive(Clone)]
pub(crate) struct Header([u8; 512]);

impl Header {
    pub(crate) fn new(path: &str, kind: u8, size: u64) -> Self {
        let mut header = Self([0; 512]);
        header.put(0, path.as_bytes());
        header.put(100, b"0000644\0");
        header.put(108, b"0000000\0");
        header.put(116, b"0000000\0");
        header.put(136, b"00000000000\0");
        header.put(257, b"ustar\x0000");
        header.0[156] = kind;
        if size < 1 << 33 {
            header.put(124, format!("{size:011o}\0").as_bytes());
        } else {
            header.0[124] = 0x80;
            header.put(128, &size.to_be_bytes());
        }
        header
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn done(&self) -> [u8; 512] {
        let mut block = self.0;
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// Runs a judge; its standard output.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(folder).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} is missing ({error}): `cargo xtask test` installs what the tests need")
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    output.stdout
}
