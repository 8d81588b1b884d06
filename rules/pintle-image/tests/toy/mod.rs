//! A system small enough to read: a root of a dozen files, a kernel and a stub that are only headers.

use pintle_image::{BootFiles, EfiFiles, GrubFiles, Inputs, KernelFiles, Mounting};
use pintle_model::{
    Arch, Attrs, Blob, Debian, Digest, Image, Kernel, Kind, LOCK_SCHEMA, Lock, LockedPackage, NoContents,
    Origin, PackageRole, SYSTEM_SCHEMA, Size, Source, System, Tree, TreePath, Units,
};
use std::path::Path;

pub(crate) const RELEASE: &str = "6.12.1-toy";
const GRUB: &str = "/usr/lib/grub/i386-pc";

/// GRUB's files of this machine.
pub(crate) fn grub(name: &str) -> Option<Vec<u8>> {
    assert!(Path::new(GRUB).is_dir(), "{GRUB} is missing (package grub-pc-bin): run `cargo xtask test`");
    std::fs::read(Path::new(GRUB).join(name)).ok()
}

/// An EFI program with an empty section, which is a Linux kernel at the same time if it has a release.
pub(crate) fn program(release: Option<&str>) -> Blob {
    let mut image = vec![0u8; 0x600];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &[0x40]);
    put(0x40, b"PE\0\0\x64\x86\x01");
    put(0x54, &[240, 0, 0x22, 0]);
    for (at, value) in [
        (0, 0x20bu32),
        (16, 0x1000),
        (32, 0x1000),
        (36, 0x200),
        (56, 0x2000),
        (60, 0x400),
        (68, 0x0100_000a),
        (108, 16),
    ] {
        put(0x58 + at, &value.to_le_bytes());
    }
    put(0x148, b".text");
    for (at, value) in [(8, 0x200u32), (12, 0x1000), (16, 0x200), (20, 0x400), (36, 0x6000_0020)] {
        put(0x148 + at, &value.to_le_bytes());
    }
    if let Some(release) = release {
        put(0x1f1, &[3]);
        put(0x1fe, &[0x55, 0xaa]);
        put(0x202, b"HdrS\x0f\x02");
        put(0x20e, &[0, 1]);
        put(0x211, &[1]);
        put(0x238, &2047u32.to_le_bytes());
        put(0x300, format!("{release} (toy)\0").as_bytes());
    }
    Blob::inline(image)
}

pub(crate) fn root() -> Tree {
    let mut tree = Tree::new();
    let by = tree.origin(Origin::Host("toy".into()));
    let files: [(&str, &[u8]); 5] = [
        ("etc/hostname", b"toy\n"),
        ("usr/bin/systemd-repart", b"#!"),
        ("usr/lib/os-release", b"ID=toy\nVERSION_ID=1\nPRETTY_NAME=\"Toy\"\n"),
        ("usr/lib/systemd/systemd", b"#!"),
        ("usr/share/zeros", &[0; 100_000]),
    ];
    for (path, bytes) in files {
        add(&mut tree, path, Blob::inline(bytes));
    }
    add(&mut tree, &format!("boot/vmlinuz-{RELEASE}"), program(Some(RELEASE)));
    tree.ensure_directory(&TreePath::literal("var/lib"), Attrs::root(0o755), by).unwrap();
    tree
}

pub(crate) fn add(tree: &mut Tree, path: &str, blob: Blob) {
    let by = tree.origin(Origin::Host("toy".into()));
    let path = TreePath::literal(path);
    tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
    tree.add(&path, Kind::File(blob), Attrs::root(0o644), by).unwrap();
}

pub(crate) fn system() -> System {
    System {
        schema: SYSTEM_SCHEMA,
        name: "toy".into(),
        version: "1.0".into(),
        arch: Arch::Amd64,
        source: Source {
            debian: Debian { suites: vec![], recommends: false, snapshot: None, keys: vec![] },
            nix: None,
        },
        packages: vec![],
        accept: vec![],
        kernel: Kernel {
            package: Some("linux-image-toy".into()),
            parameters: vec!["console=tty0".into(), "console=ttyS0,115200".into()],
            ..Kernel::default()
        },
        image: Image { free: Size::mib(16), ..Image::default() },
        files: vec![],
        users: vec![],
        groups: vec![],
        services: vec![],
        units: Units::default(),
        checks: vec![],
        health: Default::default(),
        slim: vec![],
    }
}

pub(crate) fn lock() -> Lock {
    let package = |name: &str, role| LockedPackage {
        name: name.into(),
        version: "2.12-9".into(),
        arch: "amd64".into(),
        suite: "trixie".into(),
        path: String::new(),
        size: 1,
        sha256: Digest::of(b""),
        role,
        snapshot: None,
    };
    Lock {
        version: LOCK_SCHEMA,
        request: Digest::of(b""),
        arch: Arch::Amd64,
        suites: vec![],
        packages: vec![package("base-files", PackageRole::System), package("grub-pc-bin", PackageRole::Boot)],
        users: vec![],
        groups: vec![],
        closure: None,
    }
}

pub(crate) fn kernel(release: &str) -> KernelFiles {
    let initrd = (0..70_000u32).map(|n| (n / 7) as u8).collect::<Vec<_>>();
    let path = TreePath::literal(&format!("boot/vmlinuz-{release}"));
    KernelFiles {
        image: program(Some(release)),
        path,
        release: release.into(),
        initrd: Some(Blob::inline(initrd)),
        initrd_path: None,
        variant: None,
    }
}

pub(crate) fn boot() -> BootFiles<'static> {
    BootFiles {
        kernels: vec![kernel(RELEASE)],
        efi: Some(EfiFiles { stub: program(None), systemd_boot: Blob::inline(*b"systemd-boot") }),
        grub: Some(GrubFiles { files: &grub }),
    }
}

pub(crate) fn inputs<'a>(system: &'a System, lock: &'a Lock) -> Inputs<'a> {
    Inputs {
        usr: None,
        usr_packed: None,
        system,
        lock,
        root: root(),
        boot: Some(boot()),
        mounting: Mounting::Planned,
        signing: None,
        epoch: 1_763_164_800,
        modules: TreePath::literal("usr/lib/modules"),
        contents: &NoContents,
    }
}
