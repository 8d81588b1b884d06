//! The machine's apt sources, and the mirrors they give; release dates against the clock.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::{Digest, LockedSuite};
use pintle_package::control::Limits;
use pintle_package::control::release::Release;
use pintle_resolve::apt_sources::{
    AptSource, expand_mirror_lists, mirror_lists, parse_list, parse_sources, pick_mirrors,
};
use pintle_resolve::freshness;
use proptest::prelude::*;

const WANTED: [&str; 3] = ["trixie", "trixie-updates", "trixie-security"];

/// The mirrors, one per line, or what is said instead.
fn mirrors(sources: &[AptSource]) -> String {
    match pick_mirrors(sources, &WANTED) {
        Ok(mirrors) => mirrors.join("\n"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_host_of_another_release_points_to_the_same_archive() {
    let sources = parse_sources(
        "Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm-backports\nComponents: main\n\n\
         Types: deb\n# http://old.example/debian\nURIs: http://mirror.example/debian/\n\
         Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian.gpg\n\n\
         Types: deb\nURIs: http://security.example/debian-security\nSuites: bookworm-security\nComponents: main\n",
    )
    .unwrap();
    assert_eq!(sources[1].signed_by.as_deref(), Some("/usr/share/keyrings/debian.gpg"));
    insta::assert_snapshot!(mirrors(&sources), @r#"
http://mirror.example/debian
http://mirror.example/debian
http://security.example/debian-security
"#);
}

#[test]
fn one_line_entries_with_options_comments_and_discs() {
    let sources = parse_list(
        "# from the installer\n\
         deb cdrom:[Debian GNU/Linux 13 _Trixie_ - Official amd64 NETINST]/ trixie main\n\n\
         deb [ arch=amd64 signed-by=/etc/apt/keyrings/vendor.asc ] https://vendor.example/apt nodistro main # vendor\n\
         deb-src http://src.example/debian trixie main\n\
         deb\thttp://a.example/debian  trixie main   non-free-firmware\n\
         deb [trusted=yes] http://b.example/security stable-security main\n\
         deb file:///srv/local ./\n",
    )
    .unwrap();
    assert_eq!(sources.len(), 6);
    assert_eq!(sources[1].signed_by.as_deref(), Some("/etc/apt/keyrings/vendor.asc"));
    assert!(!sources[2].enabled);
    assert_eq!(sources[3].components, ["main", "non-free-firmware"]);
    insta::assert_snapshot!(mirrors(&sources), @r#"
http://a.example/debian
http://a.example/debian
http://b.example/security
"#);
}

#[test]
fn exact_suites_win_and_backports_come_last() {
    let sources = parse_list(
        "deb http://backports.example/debian bookworm-backports main\n\
         deb http://bookworm.example/debian bookworm main\n\
         deb http://trixie.example/debian trixie main\n\
         deb http://old.example/security bullseye/updates main\n\
         deb http://security.example/security trixie-security main\n",
    )
    .unwrap();
    insta::assert_snapshot!(mirrors(&sources), @r#"
http://trixie.example/debian
http://bookworm.example/debian
http://security.example/security
"#);
}

#[test]
fn lists_of_mirrors_and_local_folders() {
    let sources = parse_sources(
        "Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: trixie trixie-updates\n\
         Components: main\n\nTypes: deb\nURIs: file:/srv/security/\nSuites: trixie-security\nComponents: main\n",
    )
    .unwrap();
    assert_eq!(mirror_lists(&sources), ["/etc/apt/mirrors/debian.list"]);
    let texts = [(
        "/etc/apt/mirrors/debian.list".to_owned(),
        "# best first\nhttps://one.example/debian\tpriority:1\nhttps://two.example/debian\n".to_owned(),
    )];
    insta::assert_snapshot!(mirrors(&expand_mirror_lists(&sources, &texts.into())), @r#"
https://one.example/debian
https://one.example/debian
/srv/security
"#);
    insta::assert_snapshot!(mirrors(&expand_mirror_lists(&sources, &[].into())), @"this machine's apt sources name no Debian archive for suite `trixie`: set `source.mirror` in the definition to the URL or folder of a mirror");
}

#[test]
fn nothing_usable_names_the_key_to_set() {
    insta::assert_snapshot!(mirrors(&[]), @"this machine's apt sources name no Debian archive for suite `trixie`: set `source.mirror` in the definition to the URL or folder of a mirror");
    let other = parse_list("deb http://archive.example/ubuntu noble main\n").unwrap();
    insta::assert_snapshot!(mirrors(&other), @"this machine's apt sources name no Debian archive for suite `trixie`: set `source.mirror` in the definition to the URL or folder of a mirror");
    let disabled =
        parse_sources("Types: deb\nURIs: http://a.example\nSuites: trixie\nComponents: main\nEnabled: no\n");
    insta::assert_snapshot!(mirrors(&disabled.unwrap()), @"this machine's apt sources name no Debian archive for suite `trixie`: set `source.mirror` in the definition to the URL or folder of a mirror");
    let main_only = parse_list("deb http://a.example/debian trixie main\n").unwrap();
    insta::assert_snapshot!(mirrors(&main_only), @"this machine's apt sources name no Debian security archive for suite `trixie-security`: set `source.mirror` in the definition to the URL or folder of a mirror");
}

#[test]
fn what_cannot_be_read_is_refused_by_line() {
    let list = |text: &str| parse_list(text).unwrap_err().to_string();
    insta::assert_snapshot!(list("\ndebian http://a.example trixie main\n"), @"line 2: `debian http://a.example trixie main` is not `deb [options] URI SUITE COMPONENTS…`");
    insta::assert_snapshot!(list("deb [arch=amd64 http://a.example trixie main\n"), @"line 1: `deb [arch=amd64 http://a.example trixie main` is not `deb [options] URI SUITE COMPONENTS…`");
    insta::assert_snapshot!(list("deb http://a.example trixie\n"), @"line 1: `deb http://a.example trixie` is not `deb [options] URI SUITE COMPONENTS…`");
    let sources = |text: &str| parse_sources(text).unwrap_err();
    insta::assert_snapshot!(sources("\nTypes: deb\nSuites: trixie\n").to_string(), @"line 2: the entry has no field `URIs`");
    let format = sources("Types: deb\nURIs\n");
    insta::assert_snapshot!(std::error::Error::source(&format).unwrap().to_string(), @"line 2 (byte 11): `URIs` is no field: it has no colon");
}

#[test]
fn dates_of_a_release_are_compared_with_the_clock() {
    let text = "Codename: trixie-security\nDate: Wed, 18 Nov 2026 22:17:43 UTC\n\
                Valid-Until: Wed, 25 Nov 2026 22:17:43 UTC\nSHA256:\n";
    let release = Release::parse(text, &Limits::default()).unwrap();
    let at = |now: i64| freshness::check("trixie-security", &release, now);
    let until = release.valid_until.unwrap();
    assert_eq!(at(release.date), Ok(()));
    assert_eq!(at(until), Ok(()));
    assert_eq!(at(release.date - freshness::CLOCK_TOLERANCE), Ok(()));
    insta::assert_snapshot!(at(until + 1).unwrap_err().to_string(), @"suite `trixie-security` expired on 2026-11-25T22:17:43Z (it is 2026-11-25T22:17:44Z): the mirror is no longer updated, or old files are replayed; use another mirror (`source.mirror`), or correct this machine's clock");
    insta::assert_snapshot!(at(release.date - 86400).unwrap_err().to_string(), @"suite `trixie-security` is dated 2026-11-18T22:17:43Z, but it is 2026-11-17T22:17:43Z: correct this machine's clock");
}

#[test]
fn a_release_older_than_the_lock_is_refused() {
    let text = "Codename: trixie\nDate: Wed, 18 Nov 2026 22:17:43 UTC\nSHA256:\n";
    let release = Release::parse(text, &Limits::default()).unwrap();
    let locked = |snapshot: &str| LockedSuite {
        name: "trixie".to_owned(),
        components: Vec::new(),
        snapshot: snapshot.to_owned(),
        inrelease: Digest::of(b""),
        signed_by: String::new(),
    };
    assert_eq!(freshness::check_not_older(&release, &locked("2026-11-18T22:17:43Z")), Ok(()));
    let error = freshness::check_not_older(&release, &locked("2026-11-18T22:17:44Z")).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"suite `trixie` is dated 2026-11-18T22:17:43Z, the lock has it of 2026-11-18T22:17:44Z already: the mirror is behind, or old files are replayed; use another mirror (`source.mirror`), or try later");
}

proptest! {
    #[test]
    fn no_text_makes_them_panic(text in "(deb|\\[|\\]|:|[a-z:/. \\n#=-]){0,60}") {
        let _ = parse_list(&text);
        let _ = parse_sources(&text);
    }
}
