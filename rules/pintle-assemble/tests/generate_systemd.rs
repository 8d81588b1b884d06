//! The hardware database and the journal's catalog, judged by systemd's own tools.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod generate_host;

use generate_host::{add, bytes, link, run, store};
use pintle_assemble::generate::{catalog, hwdb};
use pintle_model::{Digest, NoContents, Timestamp, Tree, TreePath};
use proptest::prelude::*;

const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);
const HWDB: &str = "usr/lib/udev/hwdb.bin";
const CATALOG: &str = "var/lib/systemd/catalog/database";

fn devices() -> Tree {
    let mut tree = Tree::new();
    link(&mut tree, "lib", "usr/lib");
    let dir = "usr/lib/udev/hwdb.d";
    add(
        &mut tree,
        &format!("{dir}/20-a.hwdb"),
        "\
# comment
usb:v1234*
usb:v1234p5678*   # trailing
 ID_VENDOR=Acme
  ID_MODEL=Widget # more
 \tODD=1
 EMPTY=

usb:v1234p5678*
 ID_VENDOR=Acme again

usb:v12*
usb:nothing-follows

 ORPHAN=1

pci:v*
 ID_VENDOR=A=B
 no pair
 =x
pci:broken
 KEY=lost?

pci:after
 KEY=found
",
    );
    add(
        &mut tree,
        &format!("{dir}/30-b.hwdb"),
        "usb:v1234p5678*\n ID_VENDOR=from b\n\nusb:\n ID_VENDOR=Acme\n",
    );
    add(&mut tree, &format!("{dir}/40-masked.hwdb"), "x\n A=1\n");
    add(&mut tree, "etc/udev/hwdb.d/10-own.hwdb", "usb:v1234p5678*\n OWN=yes\n");
    add(&mut tree, "etc/udev/hwdb.d/30-b.hwdb", "usb:v1234p5678*\n ID_VENDOR=instead of b\n");
    link(&mut tree, "etc/udev/hwdb.d/40-masked.hwdb", "/dev/null");
    add(&mut tree, "etc/udev/hwdb.d/README", "no hwdb");
    tree
}

/// All properties of a database: `pattern key value priority line`, in the order of a walk.
fn properties(file: &[u8]) -> Vec<String> {
    fn word(file: &[u8], at: usize) -> usize {
        u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize
    }
    fn text(file: &[u8], at: usize) -> &str {
        std::str::from_utf8(file[at..].split(|byte| *byte == 0).next().unwrap()).unwrap()
    }
    fn walk(file: &[u8], node: usize, mut pattern: String, out: &mut Vec<String>) {
        pattern += text(file, word(file, node));
        let (children, values) = (usize::from(file[node + 8]), word(file, node + 16));
        let values_at = node + 24 + 16 * children;
        for value in (0..values).map(|number| values_at + 32 * number) {
            let [key, is] = [0, 8].map(|field| text(file, word(file, value + field)));
            let line = u32::from_le_bytes(file[value + 24..value + 28].try_into().unwrap());
            let priority = u16::from_le_bytes(file[value + 28..value + 30].try_into().unwrap());
            out.push(format!("{pattern}|{key}|{is}|{priority}|{line}"));
        }
        for child in (0..children).map(|number| node + 24 + 16 * number) {
            walk(file, word(file, child + 8), format!("{pattern}{}", char::from(file[child])), out);
        }
    }
    assert_eq!(&file[..8], b"KSLPHHRH");
    assert_eq!(word(file, 16), file.len());
    let mut out = Vec::new();
    walk(file, word(file, 56), String::new(), &mut out);
    out
}

#[test]
fn the_hardware_database_is_that_of_systemd_hwdb() {
    let mut tree = devices();
    let judge = tempfile::tempdir().unwrap();
    store(&tree, &NoContents, judge.path());
    // Its exit code says whether it could also sync and label the file, which containers may refuse.
    let output = run("udev", "systemd-hwdb", &["--root", judge.path().to_str().unwrap(), "update"]);
    let theirs = std::fs::read(judge.path().join("etc/udev/hwdb.bin"));
    let theirs = theirs.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    hwdb::apply(&mut tree, &NoContents, EPOCH).unwrap();
    let ours = bytes(&tree, &NoContents, HWDB);
    assert_eq!(properties(&ours), properties(&theirs));
    assert_eq!(tree.get(&TreePath::literal(HWDB)).unwrap().attrs.mode, 0o444);
    insta::assert_snapshot!(properties(&ours).join("\n"), @r#"
    pci:after| KEY|found|2|25
    pci:v*| ID_VENDOR|A=B|2|18
    usb:v1234*|	ODD|1|2|6
    usb:v1234*| EMPTY||2|7
    usb:v1234*| ID_MODEL|Widget|2|5
    usb:v1234*| ID_VENDOR|Acme|2|4
    usb:v1234p5678*|	ODD|1|2|6
    usb:v1234p5678*| EMPTY||2|7
    usb:v1234p5678*| ID_MODEL|Widget|2|5
    usb:v1234p5678*| ID_VENDOR|instead of b|3|2
    usb:v1234p5678*| OWN|yes|1|2
    "#);
    insta::assert_snapshot!(Digest::of(&ours), @"932b5302a8308e07bfc658476fdfdb47044779e7785c20594fa41997e0a1b704");
}

fn messages() -> Tree {
    let mut tree = Tree::new();
    let dir = "usr/lib/systemd/catalog";
    let [one, two, three] = ["1", "2", "f"].map(|digit| digit.repeat(32));
    add(
        &mut tree,
        &format!("{dir}/a.catalog"),
        format!(
            "\
# comment
-- {two}
Subject: Second
Defined-By: a

Text of the second.

More of it.
; comment
-- not a heading

-- {one}
Subject: First

Text of the second.
"
        ),
    );
    add(&mut tree, &format!("{dir}/a.de.catalog"), format!("-- {two}\nSubject: Zweite\n\nText.\n"));
    add(
        &mut tree,
        &format!("{dir}/b.catalog"),
        format!(
            "\
-- {one}
Documentation: man:b

Text of b.

-- {two}
Support: http://x

-- {three} fr
Subject: Troisième

-- short
x
"
        ),
    );
    tree
}

#[test]
fn the_catalog_is_that_of_journalctl() {
    let mut tree = messages();
    let judge = tempfile::tempdir().unwrap();
    store(&tree, &NoContents, judge.path());
    let output =
        run("systemd", "journalctl", &["--root", judge.path().to_str().unwrap(), "--update-catalog"]);
    let theirs =
        std::fs::read(judge.path().join(CATALOG)).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    catalog::apply(&mut tree, &NoContents, EPOCH).unwrap();
    let ours = bytes(&tree, &NoContents, CATALOG);
    assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string());
    insta::assert_snapshot!(Digest::of(&ours), @"9756c4fa87ff9af59f40d6131b4d3638d090f148a2d0580b806ec4d5cbb4afd5");
}

#[test]
fn nothing_is_made_without_sources() {
    let mut tree = Tree::new();
    hwdb::apply(&mut tree, &NoContents, EPOCH).unwrap();
    catalog::apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(tree.walk().count(), 1);
}

#[test]
fn catalog_errors_name_the_line() {
    let fails = |text: &str| {
        let mut tree = Tree::new();
        add(&mut tree, "usr/lib/systemd/catalog/x.catalog", text);
        catalog::apply(&mut tree, &NoContents, EPOCH).unwrap_err().to_string()
    };
    let one = "1".repeat(32);
    insta::assert_snapshot!(fails("# c\nSubject: early\n"), @"/usr/lib/systemd/catalog/x.catalog:2: text before the first `-- ID`");
    insta::assert_snapshot!(fails(&format!("-- {one}\n\n-- {one}\n")), @"/usr/lib/systemd/catalog/x.catalog:3: an entry without text");
    insta::assert_snapshot!(fails(&format!("-- {one} {}\nS: x\n", "long".repeat(9))), @"/usr/lib/systemd/catalog/x.catalog:1: the language's name is too short or too long");
}

proptest! {
    #[test]
    fn any_sources_make_a_database_that_can_be_walked(text in "([a-c*]{0,4}|  ?[A-B]?=?[x-y]{0,2}|#|\n){0,40}") {
        let mut tree = Tree::new();
        add(&mut tree, "usr/lib/udev/hwdb.d/x.hwdb", text.replace('*', "\n").into_bytes());
        hwdb::apply(&mut tree, &NoContents, EPOCH).unwrap();
        if tree.find(HWDB).is_some() {
            properties(&bytes(&tree, &NoContents, HWDB));
        }
    }

    #[test]
    fn any_bytes_are_accepted_or_refused(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut tree = Tree::new();
        add(&mut tree, "usr/lib/udev/hwdb.d/x.hwdb", text.clone());
        add(&mut tree, "usr/lib/systemd/catalog/x.catalog", [b"-- 11111111111111111111111111111111\n", text.as_slice()].concat());
        hwdb::apply(&mut tree, &NoContents, EPOCH).unwrap();
        let _ = catalog::apply(&mut tree, &NoContents, EPOCH);
    }
}
