//! The lock's text: pinned, read back as itself, refused with a line.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::{
    Arch, Digest, Lock, LockedClosure, LockedGroup, LockedPackage, LockedPath, LockedSuite, LockedUser,
    PackageRole,
};
use pintle_resolve::{LockDiff, lockfile};
use proptest::prelude::*;

fn package(name: &str, version: &str, role: PackageRole) -> LockedPackage {
    LockedPackage {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: "amd64".to_owned(),
        suite: "trixie".to_owned(),
        path: format!("pool/main/{name}_{version}_amd64.deb"),
        size: 1234,
        sha256: Digest::of(name.as_bytes()),
        role,
        snapshot: None,
    }
}

fn lock() -> Lock {
    Lock {
        version: 1,
        request: Digest::of(b"request"),
        arch: Arch::Amd64,
        suites: vec![LockedSuite {
            name: "trixie".to_owned(),
            components: vec!["main".to_owned(), "non-free-firmware".to_owned()],
            snapshot: "2026-09-12T07:55:41Z".to_owned(),
            inrelease: Digest::of(b"inrelease"),
            signed_by: "4D64FEC119C2029067D6E791F8D2585B8783D481".to_owned(),
        }],
        packages: vec![
            package("nginx", "1.26.3-3+deb13u1", PackageRole::System),
            package("systemd-boot-efi", "257.8-1~deb13u2", PackageRole::Boot),
        ],
        users: vec![LockedUser { name: "ops".to_owned(), uid: 1000 }],
        groups: vec![LockedGroup { name: "ops".to_owned(), gid: 1000 }],
        closure: None,
    }
}

fn closure() -> LockedClosure {
    let path = |letter: &str, name: &str| format!("/nix/store/{}-{name}", letter.repeat(32));
    let base = |text: String| text["/nix/store/".len()..].to_owned();
    let own = |text: String, references: Vec<String>, ca: Option<&str>| LockedPath {
        nar: Digest::of(text.as_bytes()),
        path: text,
        size: 120,
        references,
        ca: ca.map(str::to_owned),
    };
    let glibc = path("a", "glibc-2.41");
    let system = path("b", "nixos-system-toy-26.05");
    LockedClosure {
        system: system.clone(),
        boot_files: Some(Digest::of(b"loaders")),
        paths: vec![
            own(glibc.clone(), vec![], Some("fixed:r:sha256:abc")),
            own(system.clone(), vec![base(glibc), base(system)], None),
        ],
    }
}

#[test]
fn a_closure_is_pinned_too() {
    let text = lockfile::print(&Lock { closure: Some(closure()), ..lock() });
    assert_eq!(lockfile::parse(&text).unwrap().closure, Some(closure()));
    insta::assert_snapshot!(&text[text.find("[closure]").unwrap()..], @r#"
    [closure]
    system = "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-nixos-system-toy-26.05"
    boot_files = "ee69c3aa21350179cba7f2d45a6bbd6e66ce851c848cd07bad089507488cb2fd"

    [[closure.path]]
    path = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-glibc-2.41"
    nar = "cebf0046ec50c3751c85e277508d8bd861e05c7ba731a4bbf028ba78306482f7"
    size = 120
    ca = "fixed:r:sha256:abc"

    [[closure.path]]
    path = "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-nixos-system-toy-26.05"
    nar = "5c874a3ebc005120f26a6c8c10b6a97461c65dfcfc89678fbbf6284f26133172"
    size = 120
    references = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-glibc-2.41", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-nixos-system-toy-26.05"]
    "#);
    let error = |from: &str, to: &str| lockfile::parse(&text.replace(from, to)).unwrap_err().to_string();
    insta::assert_snapshot!(error("[closure]\nsystem = \"/nix/store/b", "[closure]\nsystem = \"/nix/store/c"), @"line 1: closure `/nix/store/cbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-nixos-system-toy-26.05`: the closure does not hold it; run `pintle lock`");
    insta::assert_snapshot!(error("path = \"/nix/store/a", "path = \"/nix/store/../a"), @"line 45: path `/nix/store/../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-glibc-2.41`: not a store path");
    insta::assert_snapshot!(error("path = \"/nix/store/a", "path = \"/nix/store/z"), @"line 51: path `/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-nixos-system-toy-26.05` is not in the order of names; run `pintle lock`");
}

#[test]
fn the_text_is_pinned() {
    let text = lockfile::print(&lock());
    assert_eq!(lockfile::parse(&text).unwrap(), lock());
    insta::assert_snapshot!(text, @r#"
# The exact packages of this system, as `pintle lock` found them. Keep this file with the definition.
# Do not edit it: `pintle lock` writes it anew.
version = 1
request = "1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047"
arch = "amd64"

[[suite]]
name = "trixie"
components = ["main", "non-free-firmware"]
snapshot = "2026-09-12T07:55:41Z"
inrelease = "dbc1ddecd893ea830f238581650d07263d747989552a63f212637513202fe98c"
signed_by = "4D64FEC119C2029067D6E791F8D2585B8783D481"

[[package]]
name = "nginx"
version = "1.26.3-3+deb13u1"
arch = "amd64"
suite = "trixie"
path = "pool/main/nginx_1.26.3-3+deb13u1_amd64.deb"
size = 1234
sha256 = "5be1ecc7935f1dd85635d4feedaf660594030253cc97c9e9ca3819ffeac36b65"

[[package]]
name = "systemd-boot-efi"
version = "257.8-1~deb13u2"
arch = "amd64"
suite = "trixie"
path = "pool/main/systemd-boot-efi_257.8-1~deb13u2_amd64.deb"
size = 1234
sha256 = "6897caf5cd1bc71f7906ef4fad89bf83b026106dd2f807bc5c651cacd2a09bcf"
role = "boot"

[[user]]
name = "ops"
uid = 1000

[[group]]
name = "ops"
gid = 1000
"#);
}

#[test]
fn damaged_locks_are_refused_by_line() {
    let text = lockfile::print(&lock());
    let said = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        lockfile::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
    };
    insta::assert_snapshot!(said("version = 1", "version = 2"), @"the lock has format 2, this program reads 1: a newer pintle wrote it, use that one");
    insta::assert_snapshot!(said("version = 1", "version = 0"), @"the lock has format 0, this program reads 1: an older pintle wrote it, run `pintle lock`");
    insta::assert_snapshot!(said("version = 1\n", ""), @"line 1: missing field `version`");
    insta::assert_snapshot!(said("request = \"", "request = \"x"), @"line 4: `x1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047` is not a SHA-256 digest (64 hexadecimal digits)");
    insta::assert_snapshot!(said("size = 1234", "sise = 1234"), @"line 20: unknown field `sise`, expected one of `name`, `version`, `arch`, `suite`, `path`, `size`, `sha256`, `role`, `snapshot`");
    insta::assert_snapshot!(said("size = 1234", "size = \"1234\""), @r#"line 20: invalid type: string "1234", expected u64"#);
    insta::assert_snapshot!(said("size = 1234", "size = -1"), @"line 20: invalid value: integer `-1`, expected u64");
    insta::assert_snapshot!(said("arch = \"amd64\"\n", "arch = \"sparc\"\n"), @"line 5: unknown variant `sparc`, expected `amd64` or `arm64`");
    insta::assert_snapshot!(said("\"systemd-boot-efi\"", "\"nginx\""), @"line 23: package `nginx` is there twice (first in line 14); run `pintle lock`");
    insta::assert_snapshot!(said("\"systemd-boot-efi\"", "\"apt\""), @"line 23: package `apt` is not in the order of names; run `pintle lock`");
    insta::assert_snapshot!(said("\"nginx\"", "\"ng inx\""), @"line 14: package `ng inx`: not a package name");
    insta::assert_snapshot!(said("version = \"1.26", "version = \"v1.26"), @"line 14: package `nginx`: `v1.26.3-3+deb13u1` is not a version: it does not start with a digit");
    insta::assert_snapshot!(said("pool/main/nginx", "../nginx"), @"line 14: package `nginx`: path `../nginx_1.26.3-3+deb13u1_amd64.deb` leads out of the archive");
    insta::assert_snapshot!(said("suite = \"trixie\"", "suite = \"sid\""), @"line 14: package `nginx`: suite `sid` is not in the lock");
    insta::assert_snapshot!(said("arch = \"amd64\"\nsuite", "arch = \"arm64\"\nsuite"), @"line 14: package `nginx`: it is for `arm64`, the system is `amd64`");
    insta::assert_snapshot!(said("2026-09-12T", "2026-09-31T"), @"line 7: suite `trixie`: snapshot `2026-09-31T07:55:41Z` is not a time like `2026-09-12T07:55:41Z`");
    insta::assert_snapshot!(said("[[user]]", "<<<<<<< HEAD\n[[user]]"), @"line 33: key with no value, expected `=`");
}

#[test]
fn a_difference_is_one_line_per_change() {
    let old = lock();
    let mut new = lock();
    assert!(LockDiff::new(&old, &new).is_empty());
    assert_eq!(LockDiff::new(&old, &new).to_string(), "");
    new.suites[0].snapshot = "2026-11-20T00:00:00Z".to_owned();
    new.suites.push(LockedSuite { name: "trixie-security".to_owned(), ..new.suites[0].clone() });
    new.packages[0].version = "1.26.3-3+deb13u2".to_owned();
    new.packages[0].suite = "trixie-security".to_owned();
    new.packages[1].name = "zstd".to_owned();
    insta::assert_snapshot!(LockDiff::new(&old, &new).to_string(), @r#"
  suite trixie 2026-09-12T07:55:41Z -> 2026-11-20T00:00:00Z
+ suite trixie-security 2026-11-20T00:00:00Z
  nginx 1.26.3-3+deb13u1 -> 1.26.3-3+deb13u2 (from trixie-security, was from trixie)
+ zstd 257.8-1~deb13u2
- systemd-boot-efi 257.8-1~deb13u2
"#);
    new = lock();
    new.packages[0].sha256 = Digest::of(b"other");
    insta::assert_snapshot!(LockDiff::new(&old, &new).to_string(), @"  nginx 1.26.3-3+deb13u1 (same version, other content)");
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(names in proptest::collection::btree_set("[a-z0-9][a-z0-9+.-]{1,12}", 0..8), odd in "\\PC{0,12}") {
        let mut lock = lock();
        lock.packages = names.iter().map(|name| package(name, "1", PackageRole::System)).collect();
        lock.users = vec![LockedUser { name: odd, uid: 7 }];
        let text = lockfile::print(&lock);
        prop_assert_eq!(lockfile::parse(&text).unwrap(), lock);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", at in 0usize..1200, with in "\\PC{0,5}") {
        let _ = lockfile::parse(&text);
        let mut good = lockfile::print(&lock());
        if good.is_char_boundary(at) && at < good.len() {
            good.replace_range(at..=at, &with);
            if let Ok(lock) = lockfile::parse(&good) {
                prop_assert_eq!(lockfile::parse(&lockfile::print(&lock)).unwrap(), lock);
            }
        }
    }
}
