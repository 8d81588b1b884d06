//! What binary caches say of paths: read as it was written, damage named with its line.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod toys;

use pintle_nix::compress::Compression;
use pintle_nix::narinfo::NarUrl;
use pintle_nix::{ContentAddress, NarInfo, StoreDir};
use proptest::prelude::*;
use toys::{chain, path};

const TEXT: &str = "\
StorePath: /nix/store/11111111111111111111111111111111-toy-1.0
URL: nar/0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73.nar.xz
Compression: xz
FileHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
FileSize: 100
NarHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
NarSize: 200
References: 11111111111111111111111111111111-toy-1.0 22222222222222222222222222222222-libc
Deriver: 33333333333333333333333333333333-toy-1.0.drv
Sig: toy-1:aLuZSVN9qVDNLD2j2RUCub3FOrySrEOeryssjG9U/jEVlBP3DjxtBgly6zvtRFxg3ir8jyqvOStLPUdQImGuAQ==
Sig: toy-2:aLuZSVN9qVDNLD2j2RUCub3FOrySrEOeryssjG9U/jEVlBP3DjxtBgly6zvtRFxg3ir8jyqvOStLPUdQImGuAQ==
CA: fixed:r:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
";

fn parse(text: &str) -> Result<NarInfo, String> {
    NarInfo::parse(text.as_bytes(), &StoreDir::default()).map_err(|error| chain(&error))
}

#[test]
fn every_key_is_read_and_written() {
    let info = parse(TEXT).unwrap();
    assert_eq!(info.render(), TEXT);
    assert_eq!(info.file_name(), "11111111111111111111111111111111.narinfo");
    assert_eq!(info.info.path, path('1', "toy-1.0"));
    assert_eq!(info.info.deriver, Some(path('3', "toy-1.0.drv")));
    assert_eq!(info.info.signatures.len(), 2);
    assert_eq!((info.compression, info.file_size, info.info.nar_size), (Compression::Xz, Some(100), 200));
    let references = info.info.split_references();
    assert!(references.itself && references.others.contains(&path('2', "libc")));
    assert!(matches!(info.info.content_address, Some(ContentAddress::Nar(_))));
    insta::assert_snapshot!(info.info.fingerprint(), @"1;/nix/store/11111111111111111111111111111111-toy-1.0;sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73;200;/nix/store/11111111111111111111111111111111-toy-1.0,/nix/store/22222222222222222222222222222222-libc");
}

#[test]
fn what_may_be_missing() {
    let without = |keys: &[&str]| {
        let keep = |line: &&str| !keys.iter().any(|key| line.starts_with(&format!("{key}:")));
        TEXT.lines().filter(keep).map(|line| format!("{line}\n")).collect::<String>()
    };
    let little = without(&["Compression", "FileHash", "FileSize", "References", "Deriver", "Sig", "CA"]);
    let info = parse(&little).unwrap();
    assert_eq!(
        (info.compression, info.file_size),
        (Compression::Bzip2, None),
        "as the oldest caches have it"
    );
    assert!(info.info.references.is_empty() && info.info.signatures.is_empty());
    for key in ["StorePath", "URL", "NarHash", "NarSize"] {
        assert_eq!(
            parse(&without(&[key])).unwrap_err(),
            format!("line 12 of the narinfo file: `{key}` is missing")
        );
    }
    let odd = "Deriver: unknown-deriver\nReferences: \nReferencess:x\nCA:\nSystem: x86_64-linux\n";
    let info = parse(&format!("{little}{odd}")).unwrap();
    assert_eq!((info.info.deriver, info.info.references.len(), info.info.content_address), (None, 0, None));
}

#[test]
fn a_key_that_is_there_twice() {
    for key in [
        "StorePath",
        "URL",
        "Compression",
        "FileHash",
        "FileSize",
        "NarHash",
        "NarSize",
        "References",
        "Deriver",
        "CA",
    ] {
        let line = TEXT.lines().find(|line| line.starts_with(key)).unwrap();
        let error = parse(&format!("{TEXT}{line}\n")).unwrap_err();
        assert_eq!(error, format!("line 13 of the narinfo file: `{key}` is there twice"));
    }
}

#[test]
fn damage_is_named_with_its_line() {
    let with = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        parse(&TEXT.replace(from, to)).unwrap_err()
    };
    insta::assert_snapshot!(parse("").unwrap_err(), @"line 1 of the narinfo file: `StorePath` is missing");
    insta::assert_snapshot!(parse("<html>\n").unwrap_err(), @"line 1 of the narinfo file: it has no `:`");
    insta::assert_snapshot!(parse(&TEXT[..300]).unwrap_err(), @"line 6 of the narinfo file: it has no end; the file may be cut short");
    insta::assert_snapshot!(with("StorePath: /nix", "StorePath: /gnu"), @"line 1 of the narinfo file: `StorePath` is no store path: `/gnu/store/11111111111111111111111111111111-toy-1.0` is not in the store /nix/store");
    insta::assert_snapshot!(with("FileSize: 100", "FileSize: -1"), @"line 5 of the narinfo file: `FileSize` is `-1`, which is no size");
    insta::assert_snapshot!(with("NarSize: 200", "NarSize: 99999999999999999999"), @"line 7 of the narinfo file: `NarSize` is `99999999999999999999`, which is no size");
    insta::assert_snapshot!(with("NarSize: 200", "NarSize: 0"), @"line 13 of the narinfo file: `NarSize` is missing");
    insta::assert_snapshot!(with("NarHash: sha256:0", "NarHash: sha256:e"), @"line 6 of the narinfo file: `NarHash` is no hash: `sha256:emdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73` is no sha256 in Nix's base 32: character 1 is not a digit of Nix's base 32");
    insta::assert_snapshot!(with("FileHash: sha256:", "FileHash: sha512:"), @"line 4 of the narinfo file: `FileHash` is no hash: `sha512:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73` is a hash of the kind `sha512`, where only sha256 is understood");
    insta::assert_snapshot!(with("Compression: xz", "Compression: lzop"), @"line 3 of the narinfo file: the compression `lzop` is not understood (none, xz, zstd, bzip2, br and gzip are)");
    insta::assert_snapshot!(with("References: 1", "References: /nix/store/1"), @"line 8 of the narinfo file: `References` is no store path: `/nix/store/11111111111111111111111111111111-toy-1.0` does not start with 32 digits of Nix's base 32 and a dash");
    insta::assert_snapshot!(with("Deriver: 3", "Deriver: e"), @"line 9 of the narinfo file: `Deriver` is no store path: `e3333333333333333333333333333333-toy-1.0.drv` does not start with 32 digits of Nix's base 32 and a dash");
    insta::assert_snapshot!(with("Sig: toy-1:a", "Sig: toy-1:"), @"line 10 of the narinfo file: `Sig` is no signature: a signature `toy-1:…` must have 64 bytes in base 64 behind its name");
    insta::assert_snapshot!(with("CA: fixed", "CA: fixt"), @"line 12 of the narinfo file: `CA` is no content address: `fixt:r:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73` is no content address (`text:…` or `fixed:…`)");
    insta::assert_snapshot!(with("\nCompression", "\n\nCompression"), @"line 3 of the narinfo file: it has no `:`");
    let error = NarInfo::parse(b"StorePath: \xff\n", &StoreDir::default()).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"line 1 of the narinfo file: it is not UTF-8");
    let error = NarInfo::parse(&vec![b'\n'; (4 << 20) + 1], &StoreDir::default()).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"line 1 of the narinfo file: 4194305 is over the limit of 4194304 bytes in one narinfo file");
}

#[test]
fn places_that_lead_out_of_the_cache() {
    for good in ["nar/x.nar.xz", "x", "nar/x.nar?hash=abc/../x", "a..b/c.nar", "nar/x+y=.nar"] {
        assert_eq!(good.parse::<NarUrl>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "/etc/passwd",
        "../x",
        "nar/../../x",
        "nar/./x",
        "nar//x",
        "nar/",
        "..",
        "%2e%2E/x",
        "nar/%2e./x",
        "nar%2f..%2fx",
        "https://elsewhere.example/x",
        "file:/etc/passwd",
        "//elsewhere/x",
        "nar\\..\\x",
        "nar/a b",
        "nar/a\tb",
        "nar/\u{e9}",
        "?x",
        "nar/x#y",
    ] {
        assert!(bad.parse::<NarUrl>().is_err(), "{bad:?}");
    }
    insta::assert_snapshot!(parse(&TEXT.replace("URL: nar/", "URL: ../")).unwrap_err(), @r"line 2 of the narinfo file: `URL` is refused: `../0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73.nar.xz` does not stay below the cache: it must be relative, without `..`, `\`, blanks and control characters");
}

#[test]
fn compressions_have_their_names_and_extensions() {
    for (name, extension) in
        [("none", ""), ("xz", ".xz"), ("zstd", ".zst"), ("bzip2", ".bz2"), ("br", ".br"), ("gzip", ".gz")]
    {
        let kind: Compression = name.parse().unwrap();
        assert_eq!((kind.name(), kind.extension()), (name, extension));
    }
    assert_eq!("".parse::<Compression>().unwrap(), Compression::Bzip2);
}

proptest! {
    #[test]
    fn what_is_read_can_be_written(line in 0usize..12, at: proptest::sample::Index, byte: u8) {
        let mut lines: Vec<Vec<u8>> = TEXT.lines().map(|line| format!("{line}\n").into_bytes()).collect();
        let at = at.index(lines[line].len());
        lines[line][at] = byte;
        if let Ok(info) = NarInfo::parse(&lines.concat(), &StoreDir::default()) {
            prop_assert_eq!(parse(&info.render()).unwrap(), info);
        }
    }
}
