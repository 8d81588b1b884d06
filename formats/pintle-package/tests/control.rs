//! Control text: what is read, what is refused and how, and that nothing makes the parsers panic.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::Limit;
use pintle_package::compress::Compression;
use pintle_package::control::deb822::{self, Dialect};
use pintle_package::control::index::{self, MultiArch, Priority};
use pintle_package::control::relations::Relations;
use pintle_package::control::release::Release;
use pintle_package::control::{Limits, changelog, date};
use proptest::prelude::*;

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += ": ";
        text += &error.to_string();
        source = error.source();
    }
    text
}

const NGINX: &str = "\
Package: nginx
Version: 1.26.3-3+deb13u1
Architecture: amd64
Maintainer: Somebody <somebody@example.org>
Depends: libc6 (>= 2.38), nginx-common (<< 1.26.3-3.1~), iproute2 | net-tools [linux-any]
Pre-Depends: init-system-helpers (>= 1.54~)
Breaks: libnginx-mod-http-lua (<< 1:0.10.27)
Provides: httpd, httpd-cgi, nginx-abi-1.26.3-1 (= 1.26.3)
Multi-Arch: foreign
Description: small, powerful,
 scalable web/proxy server
Section: httpd
Priority: optional
Filename: pool/main/n/nginx/nginx_1.26.3-3+deb13u1_amd64.deb
Size: 609000
SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
";

#[test]
fn reads_a_package() {
    let records = index::parse(NGINX, &Limits::default()).unwrap();
    let [nginx] = records.as_slice() else { panic!("one stanza") };
    assert_eq!((nginx.name, nginx.version.as_str(), nginx.arch), ("nginx", "1.26.3-3+deb13u1", "amd64"));
    assert_eq!((nginx.priority, nginx.multi_arch), (Priority::Optional, MultiArch::Foreign));
    assert_eq!(nginx.size, 609_000);
    let groups: Vec<String> = nginx.depends.groups().map(|g| g.to_string()).collect();
    assert_eq!(
        groups,
        ["libc6 (>= 2.38)", "nginx-common (<< 1.26.3-3.1~)", "iproute2 | net-tools [linux-any]"]
    );
    let provides: Vec<&str> = nginx.provides.flat().map(|r| r.name).collect();
    assert_eq!(provides, ["httpd", "httpd-cgi", "nginx-abi-1.26.3-1"]);
    assert!(nginx.recommends.is_empty() && !nginx.essential);
}

#[test]
fn compact_form_reads_back_as_the_same_records() {
    let text =
        format!("{NGINX}\n{}", NGINX.replace("nginx\n", "base-files\nEssential: yes\nImportant: yes\n"));
    let records = index::parse(&text, &Limits::default()).unwrap();
    let compact = index::compact(&records);
    assert_eq!(index::parse(&compact, &Limits::default()).unwrap(), records);
    assert!(compact.len() < text.len());
}

/// Long enough to be read in two halves: order and line numbers must not show it.
#[test]
fn two_threads_read_as_one() {
    let mut text = String::new();
    for n in 0..4000 {
        text += &NGINX.replace("nginx\n", &format!("nginx-{n}\n"));
        text += "\n";
    }
    let records = index::parse(&text, &Limits::default()).unwrap();
    assert!(records.iter().enumerate().all(|(n, record)| record.name == format!("nginx-{n}")));
    assert_eq!(records.len(), 4000);
    for at in [10, 3990] {
        let broken = text.replacen(
            &format!("Package: nginx-{at}\nVersion"),
            &format!("Package: nginx-{at}\nversion: 1\nVersion"),
            1,
        );
        let error = index::parse(&broken, &Limits::default()).unwrap_err().to_string();
        assert_eq!(error, format!("line {}: package `nginx-{at}` has field `Version` twice", at * 17 + 3));
    }
}

#[test]
fn refuses_broken_packages_by_line() {
    let said = |from: &str, to: &str| {
        let text = format!("{NGINX}\n{}", NGINX.replace(from, to));
        chain(&index::parse(&text, &Limits::default()).unwrap_err())
    };
    insta::assert_snapshot!(said("Version: ", "Version: v"), @"line 19: package `nginx`: `v1.26.3-3+deb13u1` is not a version: it does not start with a digit");
    insta::assert_snapshot!(said("Size: 609000\n", ""), @"line 18: package `nginx` has no field `Size`");
    insta::assert_snapshot!(said("Size: 6", "Size: -6"), @"line 32: package `nginx`: `Size: -609000`: expected a number of bytes");
    insta::assert_snapshot!(said("pool/main", "pool/../.."), @"line 31: package `nginx`: `Filename: pool/../../n/nginx/nginx_1.26.3-3+deb13u1_amd64.deb`: expected a relative path");
    insta::assert_snapshot!(said("libc6 (>= 2.38)", "libc6 (>= )"), @"line 22: package `nginx`, field `Depends`: `libc6 (>= )`: `` is not a version: it is empty");
    insta::assert_snapshot!(said("(>= 2.38),", ",,"), @"line 22: package `nginx`, field `Depends`: nothing between two commas or bars");
    insta::assert_snapshot!(said("libc6 (>= 2.38)", "libc6 (~> 2.38)"), @"line 22: package `nginx`, field `Depends`: `libc6 (~> 2.38)`: expected an operator (`<<` `<=` `=` `>=` `>>`) and a version in parentheses");
    insta::assert_snapshot!(said("Priority: optional", "Priority: urgent"), @"line 30: package `nginx`: `Priority: urgent`: expected `required`, `important`, `standard`, `optional` or `extra`");
    insta::assert_snapshot!(said("Section: httpd", "Section: httpd\nsize: 1"), @"line 33: package `nginx` has field `Size` twice");
    insta::assert_snapshot!(said("Section: httpd", "# Section: httpd"), @"cannot read the index: line 29 (byte 1020): `# Section` cannot be the name of a field");
    insta::assert_snapshot!(said("Section: httpd", "Section httpd"), @"cannot read the index: line 29 (byte 1020): `Section httpd` is no field: it has no colon");
    insta::assert_snapshot!(said("Section: httpd", "  "), @"cannot read the index: line 29 (byte 1020): a line of blanks only");
    insta::assert_snapshot!(said("Package: nginx\n", "Package: nginx\n\n"), @"line 18: package `nginx` has no field `Version`");
    insta::assert_snapshot!(said("SHA256: e3", "SHA256: x3"), @"line 33: package `nginx`: `SHA256: x3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852…`: expected 64 hexadecimal digits");
}

#[test]
fn limits_and_encoding_are_refused_with_their_place() {
    let small = Limits { fields: Limit::new(3, "fields in one stanza"), ..Limits::default() };
    let error = index::parse(NGINX, &small).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"cannot read the index: line 4 (byte 61): more than 3 fields in one stanza");
    let error = deb822::text(b"A: b\nC: \xff\n", &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"line 2 (byte 5): the text is not UTF-8");
    let error = deb822::stanzas(" a: b\n", Dialect::Index, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"line 1 (byte 0): a continuation line without a field before it");
    let error = deb822::stanzas("A: b\na: c\n", Dialect::Sources, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"line 2 (byte 5): field `a` is there twice (first in line 1)");
}

#[test]
fn comments_and_continuations_of_sources_files() {
    let text =
        "# head\nTypes: deb\n# between\nURIs: a\n# inside\n b\n \n# only a comment\n\n\nSuites:\n x\n y\n";
    let stanzas = deb822::stanzas(text, Dialect::Sources, &Limits::default()).unwrap();
    assert_eq!(stanzas.len(), 2);
    assert_eq!(stanzas[0].get("uris").unwrap().words().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(stanzas[1].line, 11);
    assert_eq!(
        stanzas[1].get("Suites").unwrap().lines().collect::<Vec<_>>(),
        [(11, ""), (12, "x"), (13, "y")]
    );
}

#[test]
fn relations_apply_to_architectures() {
    let applies = |text, arch| Relations::new(text).unwrap().flat().next().unwrap().applies_to(arch);
    assert!(
        applies("a", "amd64") && applies("a [amd64 arm64]", "arm64") && applies("a [linux-any]", "amd64")
    );
    assert!(applies("a [any-amd64] <!nocheck> <cross>", "amd64") && applies("a [!i386]", "amd64"));
    assert!(!applies("a [i386]", "amd64") && !applies("a [!amd64 !i386]", "amd64"));
}

const RELEASE: &str = "\
Origin: Debian
Suite: stable-security
Codename: trixie-security
Date: Wed, 18 Nov 2026 22:17:43 UTC
Valid-Until: Wed, 25 Nov 2026 22:17:43 UTC
Acquire-By-Hash: yes
Architectures: amd64 arm64
Components: updates/main updates/contrib
SHA256:
 14d70c73524a5338ba92eb8f917de149d20eefa971c074cb573ebef6adc5eb76  2633177 main/binary-amd64/Packages
 370be166aa875e8c61ef1d69a9d25290a68f0fbfc065bceb9e9cbcf1b54dbf6b   325224 main/binary-amd64/Packages.xz
";

#[test]
fn reads_a_release() {
    let release = Release::parse(RELEASE, &Limits::default()).unwrap();
    assert!(release.is_called("trixie-security") && release.is_called("stable-security"));
    assert!(release.has_component("main") && !release.has_component("non-free"));
    assert_eq!(date::rfc3339(release.date), "2026-11-18T22:17:43Z");
    let file = release.packages_index("main", "amd64").unwrap();
    assert_eq!(file.compression, Compression::Xz);
    assert_eq!(
        file.location,
        "main/binary-amd64/by-hash/SHA256/370be166aa875e8c61ef1d69a9d25290a68f0fbfc065bceb9e9cbcf1b54dbf6b"
    );
    assert_eq!((file.file.size, file.plain.unwrap().size), (325_224, 2_633_177));
    assert_eq!(release.packages_index("contrib", "amd64"), None);
}

#[test]
fn refuses_broken_releases_by_line() {
    let said = |from: &str, to: &str| {
        chain(&Release::parse(&RELEASE.replace(from, to), &Limits::default()).unwrap_err())
    };
    insta::assert_snapshot!(said("Date: Wed,", "Date: Someday,"), @"line 4: field `Date`: `Someday, 18 Nov 2026 22:17:43 UTC` is not a date like `Sat, 12 Sep 2026 07:55:41 UTC`");
    insta::assert_snapshot!(said("43 UTC\nAc", "43 CET\nAc"), @"line 5: field `Valid-Until`: `Wed, 25 Nov 2026 22:17:43 CET` is not a date like `Sat, 12 Sep 2026 07:55:41 UTC`");
    insta::assert_snapshot!(said("Date: ", "X-Date: "), @"the release has no field `Date`");
    insta::assert_snapshot!(said("Hash: yes", "Hash: maybe"), @"line 6: field `Acquire-By-Hash` is `maybe` instead of `yes` or `no`");
    insta::assert_snapshot!(said("main/binary-amd64/Packages.xz", "../../Packages.xz"), @"line 11: `370be166aa875e8c61ef1d69a9d25290a68f0fbfc065bceb9e9cbcf1b54d…` is not `SHA256 SIZE PATH`");
    insta::assert_snapshot!(said("Packages.xz", "Packages"), @"line 11: `main/binary-amd64/Packages` is listed twice with different digests");
    insta::assert_snapshot!(said("Origin: Debian\n", "Origin: Debian\n\n"), @"the release has 2 stanzas instead of one");
}

#[test]
fn dates_go_both_ways() {
    for (text, seconds) in [
        ("Thu, 01 Jan 1970 00:00:00 UTC", 0),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
        ("Tue, 19 Jan 2038 03:14:08 +0000", 1 << 31),
        ("Sat, 1 Mar 2400 00:00:00 Z", 13_574_649_600),
    ] {
        assert_eq!(date::parse(text).unwrap(), seconds, "{text}");
        assert_eq!(date::parse_rfc3339(&date::rfc3339(seconds)), Some(seconds));
    }
    assert_eq!(date::rfc3339(1_709_251_199), "2024-02-29T23:59:59Z");
    for bad in
        ["Thu, 30 Feb 2024 00:00:00 UTC", "Thu, 29 Feb 2023 00:00:00 UTC", "Thu, 1 Jan 1970 24:00:00 UTC", ""]
    {
        assert!(date::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in "[ \\t\\n#:a-zA-Z0-9(),|<>=~.\\[\\]!-]{0,200}") {
        let limits = Limits::default();
        let _ = index::parse(&text, &limits);
        let _ = Release::parse(&text, &limits);
        let _ = deb822::stanzas(&text, Dialect::Sources, &limits);
        let _ = date::parse(&text);
        if let Ok(relations) = Relations::new(&text) {
            // What was accepted can be walked and prints as something that means the same.
            for group in relations.groups() {
                let again = group.to_string();
                let again = Relations::new(&again).unwrap();
                prop_assert!(group.alternatives().eq(again.groups().next().unwrap().alternatives()));
            }
        }
    }

    #[test]
    fn mutated_documents_do_not_panic(at in 0usize..900, byte: u8, release: bool) {
        let mut bytes = if release { RELEASE } else { NGINX }.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let limits = Limits::default();
        if let Ok(text) = deb822::text(&bytes, &limits) {
            let _ = Release::parse(text, &limits);
            if let Ok(records) = index::parse(text, &limits) {
                let compact = index::compact(&records);
                prop_assert_eq!(index::parse(&compact, &limits).unwrap(), records);
            }
        }
    }

    #[test]
    fn dates_round_trip(seconds in 0i64..253_402_300_800) {
        prop_assert_eq!(date::parse_rfc3339(&date::rfc3339(seconds)), Some(seconds));
    }

    /// Heads, trailers, numbers and noise in any order.
    #[test]
    fn changelogs_never_panic(
        lines in proptest::collection::vec(
            "x \\([0-9+~:-]{0,4}\\) [a-z-]{0,9};[a-z=, -]{0,12}| -- [a-z >]{0,9}[0-9 +:,a-zA-Z]{0,31}|  .{0,9}CVE-[0-9-]{0,12}.{0,3}|.{0,20}",
            0..12,
        )
    ) {
        let text = lines.join("\n");
        let all: Vec<changelog::Entry> = changelog::entries(&text).collect();
        for entry in &all {
            prop_assert!(entry.cves().iter().all(|cve| cve.len() >= 13));
            prop_assert!(changelog::since(&text, Some(&entry.version)).entries.len() < all.len());
        }
        prop_assert_eq!(changelog::since(&text, None).entries.len(), all.len().min(1));
    }
}
