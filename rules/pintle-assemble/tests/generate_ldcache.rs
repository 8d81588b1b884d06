//! The library cache, judged by glibc's `ldconfig`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod generate_host;

use generate_host::elf::{Linked, linked, module};
use generate_host::{add, bytes, link, load, run, store};
use pintle_assemble::generate::ldcache::{LdCacheError, apply};
use pintle_model::{Digest, NoContents, Timestamp, Tree};

const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);
const LIB: &str = "usr/lib/x86_64-linux-gnu";

/// Libraries in every relation that ldconfig tells apart.
fn system() -> Tree {
    let mut tree = Tree::new();
    let library =
        |soname: Option<&str>| linked(&Linked { soname, needed: &["libc.so.6"], ..Linked::default() });
    link(&mut tree, "lib", "usr/lib");
    add(
        &mut tree,
        "etc/ld.so.conf",
        "include /etc/ld.so.conf.d/*.conf\n\n# comment\n/opt/vendor/lib/ # more\n",
    );
    add(
        &mut tree,
        "etc/ld.so.conf.d/a.conf",
        "/usr/local/lib\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n",
    );
    add(&mut tree, "etc/ld.so.conf.d/b.conf", "/nowhere\n");
    add(&mut tree, "etc/ld.so.conf.d/c.conf.dpkg-new", "/usr/games\n");
    // Two of one SONAME and no link: the newest by number is linked.
    add(&mut tree, &format!("{LIB}/libtwo.so.1.9"), library(Some("libtwo.so.1")));
    add(&mut tree, &format!("{LIB}/libtwo.so.1.10"), library(Some("libtwo.so.1")));
    link(&mut tree, &format!("{LIB}/libtwo.so"), "libtwo.so.1.9");
    // As packages ship it.
    add(&mut tree, &format!("{LIB}/libone.so.3.1.4"), library(Some("libone.so.3")));
    link(&mut tree, &format!("{LIB}/libone.so.3"), "libone.so.3.1.4");
    link(&mut tree, &format!("{LIB}/libone.so"), "libone.so.3");
    // A link that points to an older file is turned.
    add(&mut tree, &format!("{LIB}/libold.so.1.1"), library(Some("libold.so.1")));
    add(&mut tree, &format!("{LIB}/libold.so.1.2"), library(Some("libold.so.1")));
    link(&mut tree, &format!("{LIB}/libold.so.1"), "libold.so.1.1");
    // Without SONAME; a linker script; an object file; a program's name; the loader.
    add(&mut tree, &format!("{LIB}/libplain.so"), library(None));
    add(&mut tree, &format!("{LIB}/libc.so"), "/* GNU ld script */ GROUP ( libc.so.6 )\n");
    add(&mut tree, &format!("{LIB}/libobject.so.1"), module(&[], &[], &[]));
    add(&mut tree, &format!("{LIB}/plugin.so"), library(None));
    add(&mut tree, &format!("{LIB}/ld-linux-x86-64.so.2"), library(Some("ld-linux-x86-64.so.2")));
    add(&mut tree, &format!("{LIB}/libc.so.6"), library(Some("libc.so.6")));
    // The same SONAME in a directory that comes earlier and one that comes later.
    add(&mut tree, "usr/local/lib/libone.so.3", library(Some("libone.so.3")));
    add(&mut tree, "opt/vendor/lib/libone.so.3", library(Some("libone.so.3")));
    add(&mut tree, "usr/lib/libone.so.3", library(Some("libone.so.3")));
    // For better processors.
    add(&mut tree, &format!("{LIB}/glibc-hwcaps/x86-64-v3/libone.so.3.1.4"), library(Some("libone.so.3")));
    add(&mut tree, &format!("{LIB}/glibc-hwcaps/x86-64-v2/libone.so.3.1.4"), library(Some("libone.so.3")));
    // A name other than the SONAME through a link: like a file of that name.
    link(&mut tree, &format!("{LIB}/libalias.so.0"), "libplain.so");
    tree
}

/// Names, links and the cache less its generator, which is its end.
fn shown(tree: &Tree, contents: &dyn pintle_model::Contents) -> (Vec<String>, Vec<u8>) {
    let links = tree.walk().filter_map(|entry| match &entry.inode.kind {
        pintle_model::Kind::Symlink(target) => Some(format!("{} -> {}", entry.path, target.escape_ascii())),
        _ => None,
    });
    let mut cache = bytes(tree, contents, "etc/ld.so.cache");
    let extension = u32::from_le_bytes(cache[32..36].try_into().unwrap()) as usize;
    let generator = extension + 8;
    let end = u32::from_le_bytes(cache[generator + 8..generator + 12].try_into().unwrap()) as usize;
    cache.truncate(end);
    cache[generator + 12..generator + 16].fill(0);
    (links.collect(), cache)
}

#[test]
fn cache_and_links_are_those_of_ldconfig() {
    let mut tree = system();
    let judge = tempfile::tempdir().unwrap();
    store(&tree, &NoContents, judge.path());
    let root = judge.path().to_str().unwrap();
    let judged = run("libc-bin", "ldconfig", &["-r", root]);
    assert!(judged.status.success(), "{judged:?}");
    let (theirs, files) = load(judge.path());
    let (their_links, their_cache) = shown(&theirs, &files);
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    let (our_links, our_cache) = shown(&tree, &NoContents);
    assert_eq!(our_links, their_links);
    let ours = judge.path().join("ours");
    std::fs::write(&ours, bytes(&tree, &NoContents, "etc/ld.so.cache")).unwrap();
    let print = |path: &str| {
        let text = String::from_utf8(run("libc-bin", "ldconfig", &["-p", "-C", path]).stdout).unwrap();
        text.lines().filter(|line| line.starts_with('\t')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(print(ours.to_str().unwrap()), print(&format!("{root}/etc/ld.so.cache")));
    assert_eq!(our_cache.escape_ascii().to_string(), their_cache.escape_ascii().to_string());
}

#[test]
fn bytes_are_pinned_and_a_second_run_changes_nothing() {
    let mut tree = system();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    let first = bytes(&tree, &NoContents, "etc/ld.so.cache");
    insta::assert_snapshot!(Digest::of(&first), @"7c3d1a267bd7d5967d0547e9ea7b9fbb38ea7a8877d3581c6aa869f76eb1106d");
    let paths = tree.walk().count();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(bytes(&tree, &NoContents, "etc/ld.so.cache"), first);
    assert_eq!(tree.walk().count(), paths);
}

#[test]
fn nothing_is_made_without_configuration() {
    let mut tree = Tree::new();
    add(&mut tree, "usr/lib/libx.so.1", linked(&Linked::default()));
    let paths = tree.walk().count();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(tree.walk().count(), paths);
}

#[test]
fn errors_name_the_place() {
    let fails = |path: &str, content: &[u8]| {
        let mut tree = system();
        add(&mut tree, path, content);
        let error: LdCacheError = apply(&mut tree, &NoContents, EPOCH).unwrap_err();
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    };
    insta::assert_snapshot!(fails("etc/ld.so.conf.d/x.conf", b"/ok\n/lib=libc5\n"), @"/etc/ld.so.conf.d/x.conf:2: cannot follow `/lib=libc5`: library types (`=TYPE`) are of the time before glibc");
    insta::assert_snapshot!(fails("etc/ld.so.conf.d/x.conf", b"include /etc/*/x.conf\n"), @"/etc/ld.so.conf.d/x.conf:1: cannot follow `include /etc/*/x.conf`: only `*` and `?` in a file's name are known");
    insta::assert_snapshot!(fails("etc/ld.so.conf.d/x.conf", b"include x.conf\n"), @"/etc/ld.so.conf.d/x.conf:1: cannot follow `include x.conf`: files include each other too deeply");
    insta::assert_snapshot!(fails("usr/lib/libbroken.so.1", b"\x7fELF\x02\x01\x01and nothing else"), @"/usr/lib/libbroken.so.1 is not a usable library: the file header at byte 0: outside the file of 23 bytes");
}

#[test]
fn configuration_cannot_keep_us_busy() {
    let mut tree = system();
    let stars = format!("include /etc/ld.so.conf.d/{}:*\n", "*".repeat(60));
    add(&mut tree, &format!("etc/ld.so.conf.d/{}.conf", "a".repeat(200)), stars.as_bytes());
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    // Each file includes the next twenty times.
    for depth in 0..5 {
        let next = format!("include {}.x\n", depth + 1).repeat(20);
        add(&mut tree, &format!("etc/ld.so.conf.d/{depth}.x"), next.as_bytes());
    }
    add(&mut tree, "etc/ld.so.conf.d/z.conf", b"include 0.x\n");
    let error = apply(&mut tree, &NoContents, EPOCH).unwrap_err();
    assert!(error.to_string().ends_with(": it includes too many files"), "{error}");
}
