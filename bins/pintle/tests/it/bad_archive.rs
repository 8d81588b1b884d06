//! What an archive may hand out, by accident or by intent: nothing of it is used before it is verified, and nothing
//! verified is trusted to be harmless.

use crate::toy::{Toy, base, noise};
use insta::assert_snapshot;
use pintle_testkit::archive::{Archive, Signer, ToySuite};
use serde_json::json;
use std::fs;

#[test]
fn signed_by_a_stranger() {
    let suite = ToySuite { signer: Signer::Stranger, ..ToySuite::new("trixie") };
    assert_snapshot!(Toy::with_suite(&base(), &suite, &[]).refused(), @"
    exit 4
    error: the signature of suite `trixie` from MIRROR is refused
      because: no signature of the document counts:
          by 766A7024B05153860E57954EB25A62031C20D27A: this key is not trusted
        trusted are:
          04B54C3CDCA79751B16BC6B5225629DF75B188BD Debian Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
          5E04A1E3223A19A20706E20F9904613D4CCE68C6 Debian Security Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
          41587F7DB8C774BCCF131416762F67A0B2C39DE4 Debian Stable Release Key (13/trixie) <debian-release@lists.debian.org>
          B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8 Debian Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
          05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0 Debian Security Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
          4D64FEC119C2029067D6E791F8D2585B8783D481 Debian Stable Release Key (12/bookworm) <debian-release@lists.debian.org>
          C97E63681E17CDF049D5B0128F65C4BC9C78FA76 Toy archive key <archive@example.org>
      next: nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)
    ");
}

#[test]
fn signed_by_somebody_but_not_trusted_by_this_definition() {
    let toy = Toy::new(&base(), &[]);
    let suites = json!([{"name": "trixie", "components": ["main"], "mirror": toy.mirror()}]);
    toy.define("", &[], json!({"source": {"debian": {"suites": suites}}}));
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: the signature of suite `trixie` from MIRROR is refused
      because: no signature of the document counts:
          by C97E63681E17CDF049D5B0128F65C4BC9C78FA76: this key is not trusted
        trusted are:
          04B54C3CDCA79751B16BC6B5225629DF75B188BD Debian Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
          5E04A1E3223A19A20706E20F9904613D4CCE68C6 Debian Security Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
          41587F7DB8C774BCCF131416762F67A0B2C39DE4 Debian Stable Release Key (13/trixie) <debian-release@lists.debian.org>
          B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8 Debian Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
          05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0 Debian Security Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
          4D64FEC119C2029067D6E791F8D2585B8783D481 Debian Stable Release Key (12/bookworm) <debian-release@lists.debian.org>
      next: nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)
    ");
}

#[test]
fn a_key_of_the_definition_is_missing_or_none() {
    let toy = Toy::new(&base(), &[]);
    fs::write(toy.definition().join("archive.asc"), "no key\n").unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: cannot use the key definition/archive.asc
      because: archive.asc holds no OpenPGP certificate; it must be what `gpg --export` writes, armored or not
      because: IO error: unknown packet header version 1101110
    ");
    fs::remove_file(toy.definition().join("archive.asc")).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: there is no key definition/archive.asc, which the definition names in `source.keys`
    ");
}

#[test]
fn not_signed_at_all() {
    let toy = Toy::new(&base(), &[]);
    let path = toy.mirror().join("dists/trixie/InRelease");
    let signed = fs::read_to_string(&path).unwrap();
    let (_, text) = signed.split_once("\n\n").unwrap();
    let (text, _) = text.split_once("-----BEGIN PGP SIGNATURE-----").unwrap();
    fs::write(&path, text).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: the signature of suite `trixie` from MIRROR is refused
      because: the document cannot be checked
      because: it is not clear-signed (its first line is not `-----BEGIN PGP SIGNED MESSAGE-----`)
      next: nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)
    ");
}

#[test]
fn changed_after_it_was_signed() {
    let toy = Toy::new(&base(), &[]);
    let path = toy.mirror().join("dists/trixie/InRelease");
    let signed = fs::read_to_string(&path).unwrap();
    fs::write(&path, signed.replace("Origin: Toy", "Origin: Joy")).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: the signature of suite `trixie` from MIRROR is refused
      because: no signature of the document counts:
          by C97E63681E17CDF049D5B0128F65C4BC9C78FA76: the text is not what was signed
        trusted are:
          04B54C3CDCA79751B16BC6B5225629DF75B188BD Debian Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
          5E04A1E3223A19A20706E20F9904613D4CCE68C6 Debian Security Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
          41587F7DB8C774BCCF131416762F67A0B2C39DE4 Debian Stable Release Key (13/trixie) <debian-release@lists.debian.org>
          B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8 Debian Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
          05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0 Debian Security Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
          4D64FEC119C2029067D6E791F8D2585B8783D481 Debian Stable Release Key (12/bookworm) <debian-release@lists.debian.org>
          C97E63681E17CDF049D5B0128F65C4BC9C78FA76 Toy archive key <archive@example.org>
      next: nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)
    ");
}

#[test]
fn expired() {
    let suite =
        ToySuite { valid_until: Some("Sat, 19 Sep 2026 07:55:41 UTC".to_owned()), ..ToySuite::new("trixie") };
    assert_snapshot!(Toy::with_suite(&base(), &suite, &[]).refused(), @"
    exit 4
    error: suite `trixie` expired on 2026-09-19T07:55:41Z (it is NOW): the mirror is no longer updated, or old files are replayed; use another mirror (`source.mirror`), or correct this machine's clock
    ");
}

#[test]
fn older_than_the_lock() {
    let toy = Toy::new(&base().package("app 1"), &[]);
    toy.builds();
    let suite = ToySuite {
        date: "Sat, 05 Sep 2026 07:55:41 UTC".to_owned(),
        date_seconds: 1_788_594_941,
        ..ToySuite::new("trixie")
    };
    base().package("app 1").write(&toy.mirror(), &suite).unwrap();
    toy.define(&toy.mirror().display().to_string(), &["app"], json!({}));
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: suite `trixie` is dated 2026-09-05T07:55:41Z, the lock has it of 2026-09-12T07:55:41Z already: the mirror is behind, or old files are replayed; use another mirror (`source.mirror`), or try later
    ");
}

#[test]
fn another_suite_under_the_name() {
    let toy = Toy::new(&base(), &[]);
    let suites = toy.mirror().join("dists");
    base().write(&toy.mirror(), &ToySuite::new("sid")).unwrap();
    fs::copy(suites.join("sid/InRelease"), suites.join("trixie/InRelease")).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: `dists/trixie` of MIRROR holds the suite `sid`
      next: take another mirror (`source.mirror`)
    ");
}

#[test]
fn a_component_that_is_not_there() {
    let toy = Toy::new(&base(), &[]);
    let suites = json!([{"name": "trixie", "components": ["mian"], "mirror": toy.mirror()}]);
    toy.define("", &[], json!({"source": {"debian": {"suites": suites, "keys": ["archive.asc"]}}}));
    assert_snapshot!(toy.refused(), @"
    exit 3
    error: suite `trixie` has no component `mian` for amd64 (it has: main)
    ");
}

#[test]
fn no_such_suite() {
    let toy = Toy::new(&base(), &[]);
    fs::remove_file(toy.mirror().join("dists/trixie/InRelease")).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot fetch InRelease of suite `trixie` from MIRROR
      because: MIRROR/dists/trixie/InRelease is not there
      next: check the mirror (`source.mirror`) and the name of the suite
    ");
}

/// Changes every file of the mirror below `folder` whose name contains `part`.
fn damage(toy: &Toy, folder: &str, part: &str, change: impl Fn(&mut Vec<u8>)) {
    let mut todo = vec![toy.mirror().join(folder)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.display().to_string().contains(part) {
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn an_index_is_not_the_signed_one() {
    let toy = Toy::new(&base(), &[]);
    damage(&toy, "dists/trixie/main", "", |bytes| bytes[20] ^= 1);
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from MIRROR
      because: MIRROR/dists/trixie/main/binary-amd64/by-hash/SHA256/0845dd95b3ce16a6262823d7f73ac5f963fa4e1dec59c91a67becaec721c9193 is not the file that was signed; what was downloaded is thrown away: try another mirror
      because: sha256 is c49d092b3ab3db133fef6f2cbd7cd562e7a896a282f152d558e69eac39a9d167, expected 0845dd95b3ce16a6262823d7f73ac5f963fa4e1dec59c91a67becaec721c9193 (257 bytes read)
    ");
}

#[test]
fn a_package_is_not_the_signed_one() {
    let toy = Toy::new(&base().package("app 1"), &["app"]);
    damage(&toy, "pool", "app_1", |bytes| bytes[100] ^= 1);
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: cannot fetch package app 1 (suite trixie)
      because: MIRROR/pool/main/a/app/app_1_amd64.deb is not the file that was signed; what was downloaded is thrown away: try another mirror
      because: sha256 is 5c758e7a568f146c31f93e34839c1681adcb425130e984d36e1e69638e14df3f, expected dbe90a7be927af60b471745f3d92e760b4c523d9f780a77237e1fe8dcde0b3d5 (608 bytes read)
    ");
}

#[test]
fn a_package_is_cut_short_on_the_mirror() {
    let toy = Toy::new(&base().package("app 1"), &["app"]);
    damage(&toy, "pool", "app_1", |bytes| bytes.truncate(200));
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: cannot fetch package app 1 (suite trixie)
      because: MIRROR/pool/main/a/app/app_1_amd64.deb has 200 bytes where 608 were expected; the mirror may be mid-update: try later, or set another mirror
    ");
}

/// A build with this package, signed as it is.
fn with_deb(deb: Vec<u8>) -> String {
    Toy::new(&base().package("app 1.2-3").raw(deb), &["app"]).refused()
}

#[test]
fn a_package_is_cut_short_and_signed_so() {
    let app: Archive = base().package("app 1.2-3").file("/usr/lib/app.bin", 0o644, noise(5000));
    let mut deb = app.deb();
    deb.truncate(3000);
    assert_snapshot!(with_deb(deb), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: the file ends at byte 3000, within member data.tar.gz (2772 bytes are missing)
      next: the package is not what a package must be; report it to its maintainer
    ");
    assert_snapshot!(with_deb(b"hello\n".to_vec()), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: not an ar archive (no `!<arch>` at its start)
      next: the package is not what a package must be; report it to its maintainer
    ");
    assert_snapshot!(with_deb(Vec::new()), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: the file ends at byte 0, within its first line
      next: the package is not what a package must be; report it to its maintainer
    ");
}

#[test]
fn a_path_leads_out() {
    assert_snapshot!(with_deb(deb(&entry("./usr/../../etc/passwd", b'0', 5, b"root\n"))), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: in data.tar: a path is refused
      because: `./usr/../../etc/passwd` climbs out of the tree with `..`
      next: the package is not what a package must be; report it to its maintainer
    ");
}

#[test]
fn a_path_is_absolute() {
    assert_snapshot!(with_deb(deb(&entry("/etc/passwd", b'0', 5, b"root\n"))), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: in data.tar: the path `/etc/passwd` is absolute, where paths of packages start with `./`
      next: the package is not what a package must be; report it to its maintainer
    ");
}

#[test]
fn a_path_leads_through_a_link() {
    let mut link = entry("./usr/lib/app", b'2', 0, b"");
    link[157..161].copy_from_slice(b"/etc");
    seal(&mut link);
    link.extend(entry("./usr/lib/app/passwd", b'0', 5, b"root\n"));
    assert_snapshot!(with_deb(deb(&link)), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: /usr/lib/app/passwd lies below /usr/lib/app, which is no directory
      next: the package is not what a package must be; report it to its maintainer
    ");
}

#[test]
fn a_member_claims_terabytes() {
    assert_snapshot!(with_deb(deb(&entry("./usr/lib/app.bin", b'0', 8 << 40, b"x"))), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: in data.tar
      because: ./usr/lib/app.bin at byte 0: 8796093022208 is over the limit of 17179869184 bytes in one file
      next: the package is not what a package must be; report it to its maintainer
    ");
    let mut claims = deb(&entry("./usr/lib/app.bin", b'0', 1, b"x"));
    let at = claims.windows(8).rposition(|name| name == b"data.tar").unwrap();
    claims[at + 48..at + 58].copy_from_slice(b"9999999999");
    assert_snapshot!(with_deb(claims), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: the file ends at byte 4288, within member data.tar (9999997951 bytes are missing)
      next: the package is not what a package must be; report it to its maintainer
    ");
}

#[test]
fn a_path_is_there_twice() {
    let mut tar = entry("./usr/lib/app.bin", b'0', 1, b"x");
    tar.extend(entry("./usr/lib/app.bin", b'0', 1, b"x"));
    assert_snapshot!(with_deb(deb(&tar)), @"
    exit 4
    error: cannot unpack package app (MIRROR/pool/main/a/app/app_1.2-3_amd64.deb)
      because: /usr/lib/app.bin is in it twice
      next: the package is not what a package must be; report it to its maintainer
    ");
}

/// A .deb with this tar as data.
fn deb(data: &[u8]) -> Vec<u8> {
    let control = b"Package: app\nVersion: 1.2-3\nArchitecture: amd64\n";
    let control = entry("./control", b'0', control.len() as u64, control);
    let mut deb = b"!<arch>\n".to_vec();
    for (name, tar) in
        [("debian-binary", None), ("control.tar", Some(&control[..])), ("data.tar", Some(data))]
    {
        let mut content = tar.map_or(b"2.0\n".to_vec(), <[u8]>::to_vec);
        if tar.is_some() {
            content.extend([0; 1024]);
        }
        deb.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).into_bytes(),
        );
        deb.extend(content);
    }
    deb
}

/// A member of a tar archive, with a size of its own choice.
fn entry(path: &str, kind: u8, size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0u8; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    if size < 1 << 33 {
        header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        // Base 256, as GNU tar has it.
        header[124] = 0x80;
        header[128..136].copy_from_slice(&size.to_be_bytes());
    }
    header[136..147].copy_from_slice(b"14541000000");
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut header);
    header.extend(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

/// The checksum of a header.
fn seal(header: &mut [u8]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header[..512].iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
