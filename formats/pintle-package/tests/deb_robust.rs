//! Any bytes end in packages or errors, never in a panic.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod debs;

use debs::{Header, Tar, ar, control, deb, unpacked};
use pintle_package::UnpackedDeb;
use pintle_package::compress::Compression;
use pintle_package::tar::Reader;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use std::io::Write as _;

fn sample() -> Tar {
    Tar::new()
        .directory("./usr")
        .file("./usr/a", &[7; 700])
        .pax(b'x', &[("path", b"usr/long"), ("mtime", b"12.5"), ("SCHILY.xattr.user.x", b"y")])
        .file("./short", b"x")
        .link("./usr/b", b'1', "./usr/a")
        .link("./usr/c", b'2', "a")
}

fn packed(kind: Compression, data: &[u8]) -> Vec<u8> {
    match kind {
        Compression::Plain => data.to_vec(),
        Compression::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        Compression::Xz => {
            let mut out =
                lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(data, 1).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..600)) {
        let _ = unpacked(&bytes);
        let _ = unpacked(&[b"!<arch>\n", &bytes[..]].concat());
        let _ = UnpackedDeb::from_bytes(&bytes);
        for kind in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let _ = kind.unpack(&bytes, 1 << 20);
        }
    }

    #[test]
    fn any_tar_header(bytes in vec(any::<u8>(), 512), kind in any::<u8>(), rest in vec(any::<u8>(), 0..600)) {
        let mut header = Header::new("", kind, 0);
        header.put(0, &bytes);
        let data = Tar::new().member(&header, &rest).0;
        let mut reader = Reader::new(&data[..], Default::default());
        while let Ok(Some(_)) = reader.next_entry() {}
    }

    #[test]
    fn flipped_bytes_of_a_package(flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = deb(&sample());
        for (at, to) in flips {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        let _ = unpacked(&bytes);
    }

    #[test]
    fn flipped_bytes_of_compressed_data(
        kind in prop::sample::select(vec![Compression::Gzip, Compression::Xz, Compression::Zstd]),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut data = packed(kind, &sample().end());
        let whole = data.clone();
        for (at, to) in flips {
            let at = at.index(data.len());
            data[at] = to;
        }
        data.truncate(cut.index(data.len() + 1));
        let name = format!("data.tar{}", kind.extension());
        let result = unpacked(&ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &control().end()),
            (&name, &data),
        ]));
        assert!(result.is_ok() || data != whole);
    }
}
