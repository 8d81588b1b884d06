//! The kernel module index, judged by kmod's `depmod` and `modprobe`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod generate_host;

use generate_host::elf::module;
use generate_host::{add, bytes, link, run, store};
use pintle_assemble::generate::modules::{ModulesError, apply, index};
use pintle_model::{
    Attrs, Blob, Contents, Digest, Kind, NoContents, Origin, SourceId, Timestamp, Tree, TreePath,
};
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

const DIR: &str = "usr/lib/modules/6.12.0-test";
const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A kernel with modules that need each other, by every feature of the index.
fn kernel() -> Tree {
    let mut tree = Tree::new();
    let mut ko = |path: &str, info: &[&str], exports: &[&str], imports: &[&str]| {
        add(&mut tree, &format!("{DIR}/{path}"), module(info, exports, imports));
    };
    ko("kernel/lib/crc-t10.ko", &["alias=crypto-crc", "alias=crypto-[a-c]-x-y"], &["crc_t10", "crc_u"], &[]);
    ko("kernel/drivers/scsi/scsi_mod.ko", &["alias=char-major-21-*"], &["scsi_add", "scsi_del"], &["printk"]);
    ko(
        "kernel/drivers/scsi/sd_mod.ko",
        &["alias=scsi:t-0x00*", "softdep=pre: crc-t10 post: sg"],
        &[],
        &["scsi_del", "crc_t10", "scsi_add", "printk"],
    );
    ko("kernel/drivers/ata/libata.ko", &[], &["ata_scsi", "scsi_del_x"], &["scsi_add"]);
    ko(
        "kernel/drivers/ata/ahci.ko",
        &["alias=pci:v*d*bc01sc06i01*", "alias=pci:v00008086d00002922sv*"],
        &[],
        &["ata_scsi", "crc_u"],
    );
    ko(
        "kernel/fs/autofs.ko",
        &["alias=devname:autofs", "alias=char-major-10-235", "alias=fs-autofs"],
        &[],
        &[],
    );
    ko("kernel/fs/twice.ko", &["alias=same-one", "alias=same_one"], &["old"], &[]);
    ko("updates/dkms/twice.ko", &["alias=same-two", "alias=same-one"], &["new"], &["scsi_add"]);
    ko("extra/zz.ko", &["alias=same-one"], &[], &["new"]);
    add(
        &mut tree,
        &format!("{DIR}/modules.order"),
        "kernel/fs/autofs.ko\nkernel/drivers/ata/ahci.ko\n\
        kernel/drivers/scsi/sd_mod.ko\nkernel/gone.ko\nkernel/drivers/scsi/scsi_mod.ko\nupdates/dkms/twice.ko\n\
        kernel/drivers/ata/libata.ko\nkernel/lib/crc-t10.ko\nextra/zz.ko\n",
    );
    add(
        &mut tree,
        &format!("{DIR}/modules.builtin"),
        "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio-pci.ko\n",
    );
    add(
        &mut tree,
        &format!("{DIR}/modules.builtin.modinfo"),
        "ext4.license=GPL\0ext4.alias=fs-ext4\0ext4.alias=fs-ext3\0virtio_pci.alias=pci:v00001AF4d*\0",
    );
    link(&mut tree, "lib", "usr/lib");
    tree
}

/// Everything in a binary index, as `key priority value`, in the order of a walk.
fn entries(index: &[u8]) -> Vec<String> {
    fn word(index: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(index[at..at + 4].try_into().unwrap())
    }
    fn text(index: &[u8], at: &mut usize) -> String {
        let end = *at + index[*at..].iter().position(|byte| *byte == 0).unwrap();
        let text = std::str::from_utf8(&index[*at..end]).unwrap().to_owned();
        *at = end + 1;
        text
    }
    fn walk(index: &[u8], node: u32, mut key: String, out: &mut Vec<String>) {
        let mut at = (node & 0x0fff_ffff) as usize;
        if node & 0x8000_0000 != 0 {
            key += &text(index, &mut at);
        }
        let mut children = Vec::new();
        if node & 0x2000_0000 != 0 {
            let (first, last) = (index[at], index[at + 1]);
            at += 2;
            for branch in first..=last {
                children.push((branch, word(index, at)));
                at += 4;
            }
        }
        if node & 0x4000_0000 != 0 {
            let count = word(index, at);
            at += 4;
            for _ in 0..count {
                let priority = word(index, at);
                at += 4;
                out.push(format!("{key} {priority} {}", text(index, &mut at)));
            }
        }
        for (branch, child) in children.into_iter().filter(|(_, child)| *child != 0) {
            walk(index, child, format!("{key}{}", branch as char), out);
        }
    }
    assert_eq!((word(index, 0), word(index, 4)), (0xb007_f457, 0x0002_0001));
    let mut out = Vec::new();
    walk(index, word(index, 8), String::new(), &mut out);
    out
}

#[test]
fn files_are_those_of_depmod() {
    let mut tree = kernel();
    let judge = tempfile::tempdir().unwrap();
    store(&tree, &NoContents, judge.path());
    let judged = run("kmod", "depmod", &["-b", judge.path().to_str().unwrap(), "6.12.0-test"]);
    assert!(judged.status.success(), "{judged:?}");
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    for name in [
        "dep",
        "dep.bin",
        "alias",
        "alias.bin",
        "softdep",
        "symbols.bin",
        "builtin.bin",
        "builtin.alias.bin",
        "devname",
    ] {
        let path = format!("{DIR}/modules.{name}");
        let theirs = std::fs::read(judge.path().join(&path)).unwrap();
        let ours = bytes(&tree, &NoContents, &path);
        if name.ends_with(".bin") {
            // kmod before 33 writes children before their parent: compare what lookups find, in value order.
            assert_eq!(entries(&ours), entries(&theirs), "modules.{name}");
        } else {
            assert_eq!(String::from_utf8(ours), String::from_utf8(theirs), "modules.{name}");
        }
        assert_eq!(tree.get(&TreePath::literal(&path)).unwrap().attrs.mtime, EPOCH);
    }
    // Ours is sorted, theirs is in hash order.
    let theirs = std::fs::read_to_string(judge.path().join(format!("{DIR}/modules.symbols"))).unwrap();
    let mut theirs: Vec<_> = theirs.lines().collect();
    theirs.sort_unstable();
    let ours = String::from_utf8(bytes(&tree, &NoContents, &format!("{DIR}/modules.symbols"))).unwrap();
    assert_eq!(ours.lines().collect::<Vec<_>>(), theirs);
}

#[test]
fn modprobe_finds_the_same_modules_by_our_index() {
    let mut tree = kernel();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    let ours = tempfile::tempdir().unwrap();
    store(&tree, &NoContents, ours.path());
    let root = ours.path().to_str().unwrap();
    for (asked, expected) in [
        ("ahci", "scsi_mod libata crc-t10 ahci"),
        ("sd-mod", "scsi_mod crc-t10 crc-t10 sd_mod"),
        ("pci:v00008086d00002922sv1", "scsi_mod libata crc-t10 ahci"),
        ("same-two", "scsi_mod twice"),
        ("zz", "scsi_mod twice zz"),
        ("crypto-b-x_y", "crc-t10"),
        ("char-major-21-5", "scsi_mod"),
        ("symbol:crc_u", "crc-t10"),
        ("ext4", ""),
        ("fs-ext3", ""),
    ] {
        let output =
            run("kmod", "modprobe", &["-d", root, "-S", "6.12.0-test", "-C", "/dev/null", "-D", asked]);
        let text = String::from_utf8(output.stdout).unwrap();
        let loads = text.lines().filter_map(|line| line.strip_prefix("insmod "));
        let names = loads.map(|path| path.trim().rsplit('/').next().unwrap().trim_end_matches(".ko"));
        assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{asked}: {text}");
        assert!(output.status.success(), "{asked}");
    }
}

#[test]
fn bytes_are_pinned_and_a_second_run_changes_nothing() {
    let mut tree = kernel();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    let all = |tree: &Tree| {
        let names = ["dep.bin", "alias.bin", "symbols", "symbols.bin", "weakdep", "softdep"];
        Digest::of(&names.map(|name| bytes(tree, &NoContents, &format!("{DIR}/modules.{name}"))).concat())
    };
    let first = all(&tree);
    insta::assert_snapshot!(first, @"f41648f59cd1cbab1a371c5454dd725e9b3274ef8a4ee24a2a89ad4a2b8469dc");
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(all(&tree), first);
}

/// A store that keeps what is derived, and counts what it kept.
#[derive(Default)]
struct Keeping(Mutex<BTreeMap<Digest, Vec<u8>>>);

impl Contents for Keeping {
    fn read_exact_at(&self, _: SourceId, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn derived(&self, key: &Digest) -> io::Result<Option<Blob>> {
        Ok(self.0.lock().unwrap().get(key).cloned().map(Blob::inline))
    }

    fn keep_derived(&self, key: &Digest, bytes: Vec<u8>) -> io::Result<Blob> {
        self.0.lock().unwrap().insert(*key, bytes.clone());
        Ok(Blob::inline(bytes))
    }
}

/// The tree with the digest of every file, as packages have them.
fn digested(tree: &Tree) -> Tree {
    let mut out = Tree::new();
    let by = out.origin(Origin::Host("test".into()));
    for entry in tree.walk().filter(|entry| !entry.path.is_root()) {
        let kind = match &entry.inode.kind {
            Kind::File(blob) => {
                let bytes = blob.read(&NoContents, 1 << 20).unwrap();
                Kind::File(Blob::inline(bytes.clone()).with_digest(Digest::of(&bytes)))
            }
            Kind::Directory(_) => continue,
            other => other.clone(),
        };
        out.ensure_directory(&entry.path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
        out.add(&entry.path, kind, entry.inode.attrs, by).unwrap();
    }
    out
}

#[test]
fn a_kept_index_is_that_of_the_same_modules_only() {
    let keeping = Keeping::default();
    let index_of = |tree: &Tree| {
        let mut tree = digested(tree);
        apply(&mut tree, &keeping, EPOCH).unwrap();
        let kept = keeping.0.lock().unwrap().len();
        (
            ["dep", "alias", "symbols"].map(|name| bytes(&tree, &keeping, &format!("{DIR}/modules.{name}"))),
            kept,
        )
    };
    let fresh = |mut tree: Tree| {
        apply(&mut tree, &NoContents, EPOCH).unwrap();
        ["dep", "alias", "symbols"].map(|name| bytes(&tree, &NoContents, &format!("{DIR}/modules.{name}")))
    };
    assert_eq!(index_of(&kernel()), (fresh(kernel()), 1));
    assert_eq!(index_of(&kernel()), (fresh(kernel()), 1), "the second time nothing is made");
    let changed = || {
        let mut tree = kernel();
        add(&mut tree, &format!("{DIR}/kernel/new.ko"), module(&["alias=new"], &["crc_new"], &["printk"]));
        tree
    };
    assert_eq!(index_of(&changed()), (fresh(changed()), 2));
    assert_ne!(fresh(changed()), fresh(kernel()));
    // What forbids an index forbids a kept one.
    let mut configured = kernel();
    add(&mut configured, "etc/depmod.d/search.conf", "search updates");
    let refused = apply(&mut digested(&configured), &keeping, EPOCH);
    assert!(matches!(refused, Err(ModulesError::Configured(_))), "{refused:?}");
}

#[test]
fn a_tree_without_kernels_stays_as_it_is() {
    let mut tree = Tree::new();
    apply(&mut tree, &NoContents, EPOCH).unwrap();
    assert_eq!(tree.walk().count(), 1);
}

#[test]
fn errors_name_the_module() {
    let fails = |path: &str, content: Vec<u8>| {
        let mut tree = kernel();
        add(&mut tree, path, content);
        index(&mut tree, &NoContents, &TreePath::literal(DIR), EPOCH).unwrap_err()
    };
    let chain = |error: ModulesError| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    };
    insta::assert_snapshot!(chain(fails(&format!("{DIR}/kernel/bad.ko"), b"not a module at all".to_vec())), @"/usr/lib/modules/6.12.0-test/kernel/bad.ko is not a usable kernel module: not an ELF file");
    insta::assert_snapshot!(chain(fails(&format!("{DIR}/kernel/a.ko.xz"), Vec::new())), @"/usr/lib/modules/6.12.0-test/kernel/a.ko.xz is compressed: only plain .ko files can be indexed; unpack yours (`unxz`, `unzstd`, `gunzip`)");
    insta::assert_snapshot!(chain(fails("etc/depmod.d/local.conf", b"search weekly".to_vec())), @"/etc/depmod.d/local.conf configures depmod: remove it; only the default search order (updates, then built-in) is known");
    let odd = module(&["alias=caf\u{e9}"], &[], &[]);
    insta::assert_snapshot!(chain(fails(&format!("{DIR}/kernel/odd.ko"), odd)), @"module odd: `café` is not ASCII and cannot be indexed");
    let looped = module(&[], &["crc_t10"], &["crc_u", "loop"]);
    let mut tree = kernel();
    add(&mut tree, &format!("{DIR}/x.ko"), module(&[], &["loop"], &["round"]));
    add(&mut tree, &format!("{DIR}/y.ko"), module(&[], &["round"], &["loop"]));
    add(&mut tree, &format!("{DIR}/z.ko"), looped);
    let error = index(&mut tree, &NoContents, &TreePath::literal(DIR), EPOCH).unwrap_err();
    insta::assert_snapshot!(chain(error), @"kernel modules of /usr/lib/modules/6.12.0-test depend on each other in a circle: x, y");
    let mut tree = kernel();
    let (path, by) = (TreePath::literal(&format!("{DIR}/modules.dep")), tree.origin(Origin::Nobody));
    tree.add(&path, Kind::Fifo, Attrs::root(0o644), by).unwrap();
    let error = index(&mut tree, &NoContents, &TreePath::literal(DIR), EPOCH).unwrap_err();
    insta::assert_snapshot!(chain(error), @"cannot add the module index of /usr/lib/modules/6.12.0-test: /usr/lib/modules/6.12.0-test/modules.dep is a fifo from the tree itself");
}
