//! A .deb by hand: an ar archive of two gzipped tars, with fixed times and owners.

use flate2::{Compression, GzBuilder};
use std::io::Write as _;

/// Everything is dated 2024-01-01.
const MTIME: u64 = 1_704_067_200;

/// A file of a toy package.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) content: Vec<u8>,
}

pub(super) fn build(control: &[File], data: &[File]) -> Vec<u8> {
    let mut deb = b"!<arch>\n".to_vec();
    member(&mut deb, "debian-binary", b"2.0\n");
    member(&mut deb, "control.tar.gz", &gzip(&tar(control)));
    member(&mut deb, "data.tar.gz", &gzip(&tar(data)));
    deb
}

/// ar(5), the common format.
fn member(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let header = format!("{name:<16}{MTIME:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 100_644, content.len());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(content);
    if content.len() % 2 == 1 {
        out.push(b'\n');
    }
}

/// POSIX.1-1988 ustar, with the folders that lead to each file.
fn tar(files: &[File]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    entry(&mut out, "./", 0o755, b'5', &[]);
    for file in files {
        let path = file.path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            let folder = format!("./{}/", &path[..at]);
            if !folders.contains(&folder) {
                entry(&mut out, &folder, 0o755, b'5', &[]);
                folders.push(folder);
            }
        }
        entry(&mut out, &format!("./{path}"), file.mode, b'0', &file.content);
    }
    out.extend([0; 1024]);
    out
}

fn entry(out: &mut Vec<u8>, path: &str, mode: u32, kind: u8, content: &[u8]) {
    let mut header = [0u8; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    assert!(path.len() < 100, "toy paths are short: {path}");
    put(0, path);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, &format!("{MTIME:011o}"));
    put(148, "        ");
    put(257, "ustar\x0000");
    put(265, "root");
    put(297, "root");
    header[156] = kind;
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    out.write_all(bytes).expect("a Vec takes every write");
    out.finish().expect("a Vec takes every write")
}
