//! The initrd of a small made-up system: what gets in, what does not, and what is said when something is missing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod generate_host;

use generate_host::elf::{Linked, linked, module};
use generate_host::{add, bytes, link};
use pintle_assemble::initrd::{InitrdError, InitrdOptions, Root, assemble};
use pintle_model::{Arch, Kind, NoContents, Timestamp, Tree, TreePath};
use pintle_package::elf::{Elf, Limits};

const KERNEL: &str = "usr/lib/modules/6.12.0-test";
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
const LIB: &str = "usr/lib/x86_64-linux-gnu";

fn options() -> InitrdOptions {
    InitrdOptions {
        arch: Arch::Amd64,
        kernel_version: "6.12.0-test".into(),
        root: Root::CommandLine { file_system: "ext4".into() },
        modules: Vec::new(),
        may_lack_modules: false,
        epoch: Timestamp::from_secs(1_700_000_000),
    }
}

/// What must be there before the first program is looked for.
fn bare() -> Tree {
    let mut tree = Tree::new();
    for dir in ["bin", "sbin", "lib", "lib64"] {
        link(&mut tree, dir, &format!("usr/{dir}"));
    }
    add(&mut tree, "usr/lib/os-release", "ID=debian\nPRETTY_NAME=\"Test\"\n");
    add(&mut tree, "etc/group", "root:x:0:\ndaemon:x:1:\ndisk:x:6:\ntty:x:5:\nusers:x:100:\n");
    add_kernel(&mut tree);
    tree
}

fn add_kernel(tree: &mut Tree) {
    let mut ko = |name: &str, info: &[&str], exports: &[&str], imports: &[&str]| {
        add(tree, &format!("{KERNEL}/kernel/{name}.ko"), module(info, exports, imports));
    };
    ko("virtio_blk", &[], &[], &["disk"]);
    ko("blk", &["softdep=pre: helper-by-alias post: built-in nowhere"], &["disk"], &[]);
    ko("helper", &["alias=helper_by_alias", "firmware=helper/fw.bin", "firmware=helper/none.bin"], &[], &[]);
    ko("ext4", &["softdep=pre: crc32c"], &["x"], &["mb"]);
    ko("mbcache", &[], &["mb"], &[]);
    ko("wanted-by-user", &[], &[], &[]);
    ko("unrelated", &[], &[], &["disk"]);
    add(
        tree,
        &format!("{KERNEL}/modules.order"),
        "kernel/blk.ko\nkernel/unrelated.ko\nkernel/virtio_blk.ko\n",
    );
    add(tree, &format!("{KERNEL}/modules.builtin"), "kernel/built-in.ko\nkernel/crc32c.ko\n");
    add(tree, "usr/lib/firmware/helper/fw.bin.xz", "firmware");
}

/// What a path of the list needs to be believable.
fn stub(path: &str) -> Vec<u8> {
    let program = |needed: &[&str]| {
        let runpath = Some("/usr/lib/x86_64-linux-gnu/systemd");
        linked(&Linked { interpreter: Some(LOADER), needed, runpath, ..Linked::default() })
    };
    match path {
        "/usr/lib/systemd/systemd" => program(&["libcore.so", "libshared.so", "libc.so.6"]),
        _ if path.ends_with("/systemd-journald.service") => {
            b"[Service]\nExecStart=/usr/lib/systemd/journald --x\nExecStop=-nowhere\nExecReload=@!$SHELL\n"
                .to_vec()
        }
        _ if path.ends_with("/initrd-cleanup.service") => b"ExecStart=systemctl isolate x\n".to_vec(),
        _ if path.ends_with(".rules") => {
            b"KERNEL==\"sd*\", GROUP=\"disk\", MODE=\"0660\"\nGROUP=\"nogroup\"\n".to_vec()
        }
        _ if path.contains("/bin/") || path.contains("/sbin/") => program(&["libc.so.6"]),
        _ => b"[Unit]\n".to_vec(),
    }
}

/// A system that has all an initrd needs, found out from what is said to be missing; and how often that was said.
fn system() -> (Tree, usize) {
    let mut tree = bare();
    let library =
        |needed: &[&str], dlopen: Option<&str>| linked(&Linked { needed, dlopen, ..Linked::default() });
    add(&mut tree, &format!("{LIB}/ld-2.so"), library(&[], None));
    link(&mut tree, "usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-2.so");
    add(&mut tree, &format!("{LIB}/libc.so.6"), library(&["ld-linux-x86-64.so.2"], None));
    // Finds libshared only because the program has loaded it before.
    add(&mut tree, &format!("{LIB}/systemd/libcore.so"), library(&["libshared.so"], None));
    let dlopen = r#"[{"soname":["libkmod.so.3","libkmod.so.2"],"feature":"kmod","priority":"recommended"},
        {"soname":["libbpf.so.1"],"feature":"bpf"}]"#;
    add(&mut tree, &format!("{LIB}/systemd/libshared.so"), library(&["libm.so.6"], Some(dlopen)));
    add(&mut tree, &format!("{LIB}/libm.so.6"), library(&["libcrypto.so.3"], None));
    // Real ones are large, and nothing calls them.
    add(&mut tree, &format!("{LIB}/libcrypto.so.3"), [library(&[], None), vec![0; 1 << 20]].concat());
    add(&mut tree, "usr/lib/libkmod.so.2.5", library(&[], None));
    link(&mut tree, "usr/lib/libkmod.so.2", "libkmod.so.2.5");
    // Of another machine, and found first.
    let foreign = Linked { machine: 183, ..Linked::default() };
    add(&mut tree, &format!("{LIB}/libkmod.so.2"), linked(&foreign));
    add(&mut tree, &format!("{LIB}/libbpf.so.1"), library(&[], None));
    add(&mut tree, "usr/lib/systemd/journald", "#!/usr/bin/sh\n");
    add(&mut tree, "usr/lib/systemd/system/systemd-udevd.service.d/debian.conf", "[Service]\n");
    for missing in 0.. {
        match assemble(&tree, &NoContents, &options()) {
            Ok(_) => return (tree, missing),
            Err(InitrdError::Missing { path, .. }) => add(&mut tree, &path.lossy(), stub(&path.to_string())),
            Err(other) => panic!("{other}: {:?}", std::error::Error::source(&other)),
        }
    }
    unreachable!()
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", chain(source)));
    format!("{error}{}", source.unwrap_or_default())
}

fn fails(tree: &Tree, options: &InitrdOptions) -> String {
    chain(&assemble(tree, &NoContents, options).unwrap_err())
}

#[test]
fn the_names_are_pinned() {
    let (system, asked) = system();
    assert!(asked > 50, "{asked}");
    let initrd = assemble(&system, &NoContents, &options()).unwrap();
    let again = assemble(&system, &NoContents, &options()).unwrap();
    let show = |tree: &Tree| {
        let entries = tree.walk().filter(|entry| !matches!(entry.inode.kind, Kind::Directory(_)));
        let lines = entries.map(|entry| match &entry.inode.kind {
            Kind::Symlink(target) => format!("{} -> {}", entry.path, target.escape_ascii()),
            kind => format!("{} {:o} {}", entry.path, entry.inode.attrs.mode, kind.noun()),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(show(&initrd), show(&again));
    insta::assert_snapshot!(show(&initrd), @r"
    /bin -> usr/bin
    /dev/console 600 character device
    /etc/fstab 644 file
    /etc/group 644 file
    /etc/initrd-release 644 file
    /etc/nsswitch.conf 644 file
    /etc/os-release -> initrd-release
    /etc/passwd 644 file
    /etc/shadow 600 file
    /init -> usr/lib/systemd/systemd
    /lib -> usr/lib
    /lib64 -> usr/lib64
    /sbin -> usr/sbin
    /usr/bin/mount 644 file
    /usr/bin/sh 644 file
    /usr/bin/systemctl 644 file
    /usr/bin/udevadm 644 file
    /usr/bin/umount 644 file
    /usr/lib/firmware/helper/fw.bin.xz 644 file
    /usr/lib/libkmod.so.2 -> libkmod.so.2.5
    /usr/lib/libkmod.so.2.5 644 file
    /usr/lib/modules/6.12.0-test/kernel/blk.ko 644 file
    /usr/lib/modules/6.12.0-test/kernel/ext4.ko 644 file
    /usr/lib/modules/6.12.0-test/kernel/helper.ko 644 file
    /usr/lib/modules/6.12.0-test/kernel/mbcache.ko 644 file
    /usr/lib/modules/6.12.0-test/kernel/virtio_blk.ko 644 file
    /usr/lib/modules/6.12.0-test/modules.alias 644 file
    /usr/lib/modules/6.12.0-test/modules.alias.bin 644 file
    /usr/lib/modules/6.12.0-test/modules.builtin 644 file
    /usr/lib/modules/6.12.0-test/modules.builtin.alias.bin 644 file
    /usr/lib/modules/6.12.0-test/modules.builtin.bin 644 file
    /usr/lib/modules/6.12.0-test/modules.dep 644 file
    /usr/lib/modules/6.12.0-test/modules.dep.bin 644 file
    /usr/lib/modules/6.12.0-test/modules.devname 644 file
    /usr/lib/modules/6.12.0-test/modules.order 644 file
    /usr/lib/modules/6.12.0-test/modules.softdep 644 file
    /usr/lib/modules/6.12.0-test/modules.symbols 644 file
    /usr/lib/modules/6.12.0-test/modules.symbols.bin 644 file
    /usr/lib/modules/6.12.0-test/modules.weakdep 644 file
    /usr/lib/systemd/journald 644 file
    /usr/lib/systemd/system/basic.target 644 file
    /usr/lib/systemd/system/ctrl-alt-del.target 644 file
    /usr/lib/systemd/system/emergency.service 644 file
    /usr/lib/systemd/system/emergency.target 644 file
    /usr/lib/systemd/system/final.target 644 file
    /usr/lib/systemd/system/halt.target 644 file
    /usr/lib/systemd/system/initrd-cleanup.service 644 file
    /usr/lib/systemd/system/initrd-fs.target 644 file
    /usr/lib/systemd/system/initrd-parse-etc.service 644 file
    /usr/lib/systemd/system/initrd-root-device.target 644 file
    /usr/lib/systemd/system/initrd-root-fs.target 644 file
    /usr/lib/systemd/system/initrd-switch-root.service 644 file
    /usr/lib/systemd/system/initrd-switch-root.target 644 file
    /usr/lib/systemd/system/initrd-udevadm-cleanup-db.service 644 file
    /usr/lib/systemd/system/initrd-usr-fs.target 644 file
    /usr/lib/systemd/system/initrd.target 644 file
    /usr/lib/systemd/system/local-fs-pre.target 644 file
    /usr/lib/systemd/system/local-fs.target 644 file
    /usr/lib/systemd/system/paths.target 644 file
    /usr/lib/systemd/system/poweroff.target 644 file
    /usr/lib/systemd/system/reboot.target 644 file
    /usr/lib/systemd/system/rescue.service 644 file
    /usr/lib/systemd/system/rescue.target 644 file
    /usr/lib/systemd/system/shutdown.target 644 file
    /usr/lib/systemd/system/slices.target 644 file
    /usr/lib/systemd/system/sockets.target 644 file
    /usr/lib/systemd/system/sockets.target.wants/systemd-journald-dev-log.socket -> ../systemd-journald-dev-log.socket
    /usr/lib/systemd/system/sockets.target.wants/systemd-journald.socket -> ../systemd-journald.socket
    /usr/lib/systemd/system/sockets.target.wants/systemd-udevd-control.socket -> ../systemd-udevd-control.socket
    /usr/lib/systemd/system/sockets.target.wants/systemd-udevd-kernel.socket -> ../systemd-udevd-kernel.socket
    /usr/lib/systemd/system/swap.target 644 file
    /usr/lib/systemd/system/sysinit.target 644 file
    /usr/lib/systemd/system/sysinit.target.wants/systemd-journald.service -> ../systemd-journald.service
    /usr/lib/systemd/system/sysinit.target.wants/systemd-modules-load.service -> ../systemd-modules-load.service
    /usr/lib/systemd/system/sysinit.target.wants/systemd-udev-trigger.service -> ../systemd-udev-trigger.service
    /usr/lib/systemd/system/sysinit.target.wants/systemd-udevd.service -> ../systemd-udevd.service
    /usr/lib/systemd/system/systemd-halt.service 644 file
    /usr/lib/systemd/system/systemd-journald-dev-log.socket 644 file
    /usr/lib/systemd/system/systemd-journald.service 644 file
    /usr/lib/systemd/system/systemd-journald.socket 644 file
    /usr/lib/systemd/system/systemd-modules-load.service 644 file
    /usr/lib/systemd/system/systemd-poweroff.service 644 file
    /usr/lib/systemd/system/systemd-reboot.service 644 file
    /usr/lib/systemd/system/systemd-udev-trigger.service 644 file
    /usr/lib/systemd/system/systemd-udevd-control.socket 644 file
    /usr/lib/systemd/system/systemd-udevd-kernel.socket 644 file
    /usr/lib/systemd/system/systemd-udevd.service 644 file
    /usr/lib/systemd/system/systemd-udevd.service.d/debian.conf 644 file
    /usr/lib/systemd/system/timers.target 644 file
    /usr/lib/systemd/system/umount.target 644 file
    /usr/lib/systemd/system-generators/systemd-debug-generator 644 file
    /usr/lib/systemd/system-generators/systemd-fstab-generator 644 file
    /usr/lib/systemd/system-generators/systemd-gpt-auto-generator 644 file
    /usr/lib/systemd/systemd 644 file
    /usr/lib/systemd/systemd-executor 644 file
    /usr/lib/systemd/systemd-shutdown 644 file
    /usr/lib/udev/ata_id 644 file
    /usr/lib/udev/rules.d/50-udev-default.rules 644 file
    /usr/lib/udev/rules.d/60-block.rules 644 file
    /usr/lib/udev/rules.d/60-persistent-storage.rules 644 file
    /usr/lib/udev/rules.d/80-drivers.rules 644 file
    /usr/lib/udev/rules.d/99-systemd.rules 644 file
    /usr/lib/udev/scsi_id 644 file
    /usr/lib/x86_64-linux-gnu/ld-2.so 644 file
    /usr/lib/x86_64-linux-gnu/libc.so.6 644 file
    /usr/lib/x86_64-linux-gnu/libcrypto.so.3 644 file
    /usr/lib/x86_64-linux-gnu/libm.so.6 644 file
    /usr/lib/x86_64-linux-gnu/systemd/libcore.so 644 file
    /usr/lib/x86_64-linux-gnu/systemd/libshared.so 644 file
    /usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x86_64-linux-gnu/ld-2.so
    /usr/sbin/modprobe 644 file
    /usr/sbin/sulogin 644 file
    /var/run -> ../run
    ");
}

#[test]
fn a_library_that_only_fails_stands_in_for_one_that_is_never_called() {
    let (system, _) = system();
    let initrd = assemble(&system, &NoContents, &options()).unwrap();
    let inode = initrd.find(&format!("/{LIB}/libcrypto.so.3")).unwrap();
    let Kind::File(blob) = &inode.kind else { panic!("{inode:?}") };
    let bytes = blob.read(&NoContents, 8192).unwrap();
    let soname = Elf::open(&bytes, Limits::default()).unwrap().dynamic().unwrap().unwrap().soname;
    assert_eq!(soname.as_deref(), Some(&b"libcrypto.so.3"[..]));
}

#[test]
fn modules_come_with_what_they_need_and_nothing_else() {
    let (system, _) = system();
    let mut options = options();
    options.modules = vec!["wanted-by-user".into(), "built_in".into()];
    let initrd = assemble(&system, &NoContents, &options).unwrap();
    let index = String::from_utf8(bytes(&initrd, &NoContents, &format!("{KERNEL}/modules.dep"))).unwrap();
    insta::assert_snapshot!(index, @r"
    kernel/blk.ko:
    kernel/virtio_blk.ko: kernel/blk.ko
    kernel/ext4.ko: kernel/mbcache.ko
    kernel/helper.ko:
    kernel/mbcache.ko:
    kernel/wanted-by-user.ko:
    ");
    assert_eq!(bytes(&initrd, &NoContents, "usr/lib/firmware/helper/fw.bin.xz"), b"firmware");
}

/// A kernel of the user's with everything built in has no folder of modules.
#[test]
fn a_kernel_without_modules_needs_none() {
    let (mut system, _) = system();
    system.remove(&TreePath::literal(KERNEL)).unwrap();
    let own = InitrdOptions { may_lack_modules: true, ..options() };
    let initrd = assemble(&system, &NoContents, &own).unwrap();
    assert!(initrd.find("usr/lib/modules").is_none());
    let asked = InitrdOptions { modules: vec!["dm_crypt".into()], ..own };
    assert!(fails(&system, &asked).starts_with("no modules of kernel 6.12.0-test"));
}

#[test]
fn written_files_say_what_an_initrd_must_say() {
    let (system, _) = system();
    let initrd = assemble(&system, &NoContents, &options()).unwrap();
    assert_eq!(bytes(&initrd, &NoContents, "etc/initrd-release"), b"ID=debian\nPRETTY_NAME=\"Test\"\n");
    // Groups of device nodes only, and no password for anyone.
    assert_eq!(bytes(&initrd, &NoContents, "etc/group"), b"root:x:0:\ndisk:x:6:\n");
    assert!(bytes(&initrd, &NoContents, "etc/shadow").starts_with(b"root:!*:"));
    assert_eq!(initrd.get(&TreePath::literal("etc/shadow")).unwrap().attrs.mode, 0o600);
    assert_eq!(initrd.get(&TreePath::literal("tmp")).unwrap().attrs.mode, 0o1777);
    let (major, minor) = (5, 1);
    assert_eq!(
        initrd.get(&TreePath::literal("dev/console")).unwrap().kind,
        Kind::CharDevice { major, minor }
    );
}

#[test]
fn errors_name_the_file_and_the_package() {
    let (system, _) = system();
    let without = |path: &str| {
        let mut tree = system.clone();
        tree.remove(&TreePath::literal(path)).unwrap();
        fails(&tree, &options())
    };
    insta::assert_snapshot!(without("usr/bin/mount"), @"/usr/bin/mount is missing, and the initrd needs it (mount units (sysroot.mount) run it): add the package `mount`");
    insta::assert_snapshot!(without("usr/lib/systemd/system/initrd-parse-etc.service"), @"/usr/lib/systemd/system/initrd-parse-etc.service is missing, and the initrd needs it (reads the real /etc/fstab and starts the cleanup: without it, no switch): add the package `systemd`");
    insta::assert_snapshot!(without("usr/lib/systemd/journald"), @"/usr/lib/systemd/system/systemd-journald.service runs /usr/lib/systemd/journald, which is missing");
    insta::assert_snapshot!(without("usr/lib/x86_64-linux-gnu/libm.so.6"), @"/usr/lib/x86_64-linux-gnu/systemd/libshared.so needs the library libm.so.6, which is in none of the system's library directories");
    insta::assert_snapshot!(without("usr/lib/libkmod.so.2"), @"/usr/lib/x86_64-linux-gnu/systemd/libshared.so needs the library libkmod.so.3 or libkmod.so.2, which is in none of the system's library directories");
    insta::assert_snapshot!(without("usr/lib64/ld-linux-x86-64.so.2"), @"/usr/bin/sh needs the library /lib64/ld-linux-x86-64.so.2, which is in none of the system's library directories");
    insta::assert_snapshot!(without("usr/lib/os-release"), @"/usr/lib/os-release is missing, and the initrd needs it (its copy /etc/initrd-release is how systemd knows that it is in an initrd): add the package `base-files`");
    insta::assert_snapshot!(without("usr/lib/modules"), @"no modules of kernel 6.12.0-test in /usr/lib/modules (there: nothing): add the package of a kernel, such as `linux-image-amd64`");
    let kernel = InitrdOptions { kernel_version: "6.99".into(), ..options() };
    insta::assert_snapshot!(fails(&system, &kernel), @"no modules of kernel 6.99 in /usr/lib/modules (there: 6.12.0-test): add the package of a kernel, such as `linux-image-amd64`");
    let modules = InitrdOptions { modules: vec!["floppy".into()], ..options() };
    insta::assert_snapshot!(fails(&system, &modules), @"kernel 6.12.0-test has no module `floppy`, neither loadable nor built in");
    let btrfs = InitrdOptions { root: Root::CommandLine { file_system: "btrfs".into() }, ..options() };
    insta::assert_snapshot!(fails(&system, &btrfs), @"kernel 6.12.0-test has no module `btrfs`, neither loadable nor built in");
    let mut damaged = system.clone();
    damaged.remove(&TreePath::literal("usr/bin/mount")).unwrap();
    add(&mut damaged, "usr/bin/mount", b"\x7fELF\x02\x01\x01 and then nothing".to_vec());
    insta::assert_snapshot!(fails(&damaged, &options()), @"/usr/bin/mount is not a usable program or library: the file header at byte 0: outside the file of 24 bytes");
}
