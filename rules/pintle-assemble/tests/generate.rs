//! All generators together.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod generate_host;

use generate_host::elf::{Linked, linked, module};
use generate_host::{add, link};
use pintle_assemble::generate::apply;
use pintle_model::{Kind, NoContents, Origin, Timestamp, Tree};

const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);

#[test]
fn an_empty_tree_stays_empty() {
    let mut tree = Tree::new();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(tree.walk().count(), 1);
}

#[test]
fn every_input_brings_its_files_and_a_second_run_changes_nothing() {
    let mut tree = Tree::new();
    link(&mut tree, "lib", "usr/lib");
    add(&mut tree, "usr/lib/modules/6.12/kernel/a.ko", module(&["alias=x"], &[], &[]));
    add(&mut tree, "etc/ld.so.conf", "/usr/lib\n");
    add(&mut tree, "usr/lib/libx.so.1.0", linked(&Linked { soname: Some("libx.so.1"), ..Linked::default() }));
    add(&mut tree, "usr/local/share/ca-certificates/none.crt", "not PEM\n");
    add(&mut tree, "usr/lib/udev/hwdb.d/x.hwdb", "a\n B=c\n");
    add(&mut tree, "usr/lib/systemd/catalog/x.catalog", format!("-- {}\nSubject: x\n", "1".repeat(32)));
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    let made = |tree: &Tree| {
        let generated = tree.walk().filter_map(|entry| match tree.origin_of(entry.inode.origin) {
            Origin::Generated(by) if !matches!(entry.inode.kind, Kind::Directory(_)) => {
                assert_eq!(entry.inode.attrs.mtime, EPOCH, "{}", entry.path);
                Some(format!("{} ({by})", entry.path))
            }
            _ => None,
        });
        generated.collect::<Vec<_>>().join("\n")
    };
    let first = made(&tree);
    insta::assert_snapshot!(first, @r#"
    /etc/ca-certificates.conf (certificates)
    /etc/ld.so.cache (ld.so.cache)
    /etc/ssl/certs/ca-certificates.crt (certificates)
    /etc/ssl/certs/none.pem (certificates)
    /usr/lib/libx.so.1 (ld.so.cache)
    /usr/lib/modules/6.12/modules.alias (kernel module index)
    /usr/lib/modules/6.12/modules.alias.bin (kernel module index)
    /usr/lib/modules/6.12/modules.builtin.alias.bin (kernel module index)
    /usr/lib/modules/6.12/modules.builtin.bin (kernel module index)
    /usr/lib/modules/6.12/modules.dep (kernel module index)
    /usr/lib/modules/6.12/modules.dep.bin (kernel module index)
    /usr/lib/modules/6.12/modules.devname (kernel module index)
    /usr/lib/modules/6.12/modules.softdep (kernel module index)
    /usr/lib/modules/6.12/modules.symbols (kernel module index)
    /usr/lib/modules/6.12/modules.symbols.bin (kernel module index)
    /usr/lib/modules/6.12/modules.weakdep (kernel module index)
    /usr/lib/udev/hwdb.bin (hwdb)
    /var/lib/systemd/catalog/database (catalog)
    "#);
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(made(&tree), first);
}

#[test]
fn errors_name_what_could_not_be_made() {
    let mut tree = Tree::new();
    add(&mut tree, "usr/lib/modules/6.12/kernel/a.ko.zst", "");
    let error = apply(&mut tree, &NoContents, EPOCH).unwrap_err();
    insta::assert_snapshot!(error, @"cannot make the kernel module index");
}
