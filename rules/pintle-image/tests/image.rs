//! A whole image of a toy system, taken apart by the tools that will meet it: sgdisk, e2fsck, debugfs, fsck.vfat, mtools.
#![allow(missing_docs, clippy::unwrap_used)]

mod toy;

use pintle_image::{ImagePlan, Role, Severity, lint, plan, write};
use pintle_model::{Blob, Count, Digest, NoContents, Size, WriteAll};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn run(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask test`"));
    let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "{name}: {text}");
    text
}

fn bytes(plan: &ImagePlan) -> Vec<u8> {
    let mut sink = WriteAll::new(Vec::new(), &NoContents);
    let written = write(plan, &mut sink).unwrap();
    assert_eq!(written.disk_size, plan.report.disk_size);
    sink.finish(written.disk_size).unwrap()
}

/// Copies a partition of `disk` to a file of its own.
fn cut(disk: &[u8], plan: &ImagePlan, role: Role, directory: &Path) -> PathBuf {
    let partition = plan.report.partitions.iter().find(|partition| partition.role == role).unwrap();
    let path = directory.join(format!("{role:?}"));
    let from = partition.start as usize;
    fs::write(&path, &disk[from..from + partition.size as usize]).unwrap();
    path
}

#[test]
fn every_tool_accepts_the_image() {
    let (system, lock) = (toy::system(), toy::lock());
    let plan = plan(toy::inputs(&system, &lock)).unwrap();
    assert_eq!(lint(&plan, &NoContents), []);
    let disk = bytes(&plan);
    let temp = tempfile::tempdir().unwrap();
    let image = temp.path().join("disk.raw");
    fs::write(&image, &disk).unwrap();

    let verdict = run(Command::new("sgdisk").arg("-v").arg(&image));
    assert!(verdict.contains("No problems found"), "{verdict}");
    for (number, expect) in [
        ("1", "21686148-6449-6E6F-744E-656564454649 (BIOS boot partition)"),
        ("2", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)"),
        ("3", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 (Linux x86-64 root (/))"),
    ] {
        let shown = run(Command::new("sgdisk").arg(format!("-i{number}")).arg(&image));
        assert!(shown.contains(expect), "{shown}");
        assert_eq!(shown.contains("Attribute flags: 0800000000000000"), number == "3", "{shown}");
    }

    let root = cut(&disk, &plan, Role::Root, temp.path());
    run(Command::new("e2fsck").arg("-fn").arg(&root));
    let show = |path: &str| run(Command::new("debugfs").arg("-R").arg(format!("cat {path}")).arg(&root));
    let uuid = plan.report.partitions[2].uuid.to_string();
    assert!(show("/boot/grub/grub.cfg").contains(&format!("root=PARTUUID={uuid} rw console=tty0")));
    assert!(show("/boot/grub/grub.cfg").contains(&plan.report.root_uuid.to_string()));
    assert!(
        show("/etc/fstab")
            .contains(&format!("PARTUUID={uuid} / ext4 errors=remount-ro,x-systemd.growfs 0 1"))
    );
    assert!(show("/usr/lib/repart.d/50-root.conf").contains("Type=root"));
    let kept = temp.path().join("initrd");
    let dump = format!("dump /boot/initrd.img-{} {}", toy::RELEASE, kept.display());
    run(Command::new("debugfs").arg("-R").arg(dump).arg(&root));
    assert_eq!(fs::read(kept).unwrap().len(), 70_000);

    let esp = cut(&disk, &plan, Role::Esp, temp.path());
    run(Command::new("fsck.vfat").arg("-n").arg(&esp));
    let listed = run(Command::new("mdir").arg("-/").arg("-b").arg("-i").arg(&esp).arg("::/"));
    for path in [
        "EFI/BOOT/BOOTX64.EFI",
        "EFI/Linux/toy_1.0.efi",
        "EFI/systemd/systemd-bootx64.efi",
        "loader/loader.conf",
    ] {
        assert!(listed.contains(path), "{path}: {listed}");
    }

    // What BIOS runs: boot code, then GRUB's core at 1 MiB, which loads the rest of itself from behind.
    let bios = plan.content.bios.as_ref().unwrap();
    assert_eq!(disk[..440], bios.boot_code);
    assert_eq!(disk[1 << 20..(1 << 20) + bios.core.len()], bios.core);
    assert_eq!(disk[510..512], [0x55, 0xaa]);
}

#[test]
fn the_report_says_what_is_where() {
    let (system, lock) = (toy::system(), toy::lock());
    let mut report = plan(toy::inputs(&system, &lock)).unwrap().report;
    report.partitions[2].content.clear();
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap(), @r#"
    {
      "name": "toy",
      "version": "1.0",
      "arch": "amd64",
      "epoch": 1763164800,
      "disk_size": 89128960,
      "disk_uuid": "061ae94c-b00c-512b-b3ab-c6214dda8a67",
      "root_uuid": "680dc002-739d-5e37-86df-ffc041e14968",
      "partitions": [
        {
          "role": "bios-boot",
          "number": 1,
          "start": 1048576,
          "size": 1048576,
          "type_uuid": "21686148-6449-6e6f-744e-656564454649",
          "uuid": "e986ceb5-13c4-5ef5-b794-4940604fe8a5",
          "label": "bios",
          "attributes": 0,
          "content": "GRUB core image"
        },
        {
          "role": "esp",
          "number": 2,
          "start": 2097152,
          "size": 67108864,
          "type_uuid": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
          "uuid": "d9a2e207-e0e4-5c13-8931-840abf89f2be",
          "label": "esp",
          "attributes": 0,
          "content": "vfat, systemd-boot and unified kernel image"
        },
        {
          "role": "root",
          "number": 3,
          "start": 69206016,
          "size": 18874368,
          "type_uuid": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
          "uuid": "daf87af1-9baa-5937-ae30-6ac86dd86d54",
          "label": "root",
          "attributes": 576460752303423488,
          "content": ""
        }
      ],
      "root_free": 17571840,
      "cmdline": "root=PARTUUID=daf87af1-9baa-5937-ae30-6ac86dd86d54 rw console=tty0 console=ttyS0,115200",
      "kernel": "6.12.1-toy",
      "kernels": [
        {
          "release": "6.12.1-toy",
          "uki": "/EFI/Linux/toy_1.0.efi",
          "uki_size": 74752
        }
      ],
      "uki": [
        "/EFI/Linux/toy_1.0.efi",
        74752
      ],
      "boot_packages": {
        "grub-pc-bin": "2.12-9"
      }
    }
    "#);
}

/// A second kernel gets an entry of its own in both menus, and room; the chosen one comes first.
#[test]
fn several_kernels_have_an_entry_each() {
    let (mut system, lock) = (toy::system(), toy::lock());
    system.kernel.default = Some("6.12.*".into());
    let inputs = || {
        let mut inputs = toy::inputs(&system, &lock);
        toy::add(&mut inputs.root, "boot/vmlinuz-6.18.2-toy", toy::program(Some("6.18.2-toy")));
        inputs.boot.as_mut().unwrap().kernels.push(toy::kernel("6.18.2-toy"));
        inputs
    };
    let text = |tree: &pintle_model::Tree, path: &str| match &tree.find(path).unwrap().kind {
        pintle_model::Kind::File(blob) => String::from_utf8(blob.read(&NoContents, 9000).unwrap()).unwrap(),
        other => panic!("{path}: {}", other.noun()),
    };
    let made = plan(inputs()).unwrap();
    let kernels = made.report.kernels.iter().map(|kernel| (kernel.release.as_str(), kernel.uki.as_deref()));
    assert_eq!(
        kernels.collect::<Vec<_>>(),
        [
            ("6.12.1-toy", Some("/EFI/Linux/toy_1.0_6.12.1-toy.efi")),
            ("6.18.2-toy", Some("/EFI/Linux/toy_1.0_6.18.2-toy.efi")),
        ]
    );
    assert_eq!(made.report.kernel.as_deref(), Some("6.12.1-toy"));
    let (esp, _) = made.content.esp.as_ref().unwrap();
    insta::assert_snapshot!(text(esp, "loader/loader.conf"), @"
    default toy_*_6.12.*.efi
    timeout 3
    console-mode keep
    ");
    let menu = text(&made.content.root, "boot/grub/grub.cfg");
    let lines = menu
        .lines()
        .filter(|line| ["menuentry", "  initrd", "set"].iter().any(|word| line.starts_with(word)));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    set timeout_style=menu
    set timeout=3
    set default=0
    set fallback='1 2'
    menuentry 'toy 1.0, Linux 6.12.1-toy' --id system {
      initrd /boot/initrd.img-6.12.1-toy
    menuentry 'toy 1.0, Linux 6.18.2-toy' --id system-6.18.2-toy {
      initrd /boot/initrd.img-6.18.2-toy
    menuentry 'toy 1.0, Linux 6.12.1-toy (rescue)' --id rescue {
      initrd /boot/initrd.img-6.12.1-toy
    ");
    assert!(lint(&made, &NoContents).is_empty());

    let (mut newest, lock) = (system.clone(), toy::lock());
    (newest.kernel.default, newest.kernel.menu_timeout) = (None, Some(0));
    let made = plan(pintle_image::Inputs { system: &newest, lock: &lock, ..inputs() }).unwrap();
    assert_eq!(made.report.kernel.as_deref(), Some("6.18.2-toy"));
    let (esp, _) = made.content.esp.as_ref().unwrap();
    assert_eq!(text(esp, "loader/loader.conf"), "timeout 0\nconsole-mode keep\n");
}

#[test]
fn the_bytes_are_pinned_without_grub() {
    let (mut system, lock) = (toy::system(), toy::lock());
    system.image.bios = false;
    system.image.free = Size::mib(1);
    let made = || bytes(&plan(toy::inputs(&system, &lock)).unwrap());
    let one = made();
    assert_eq!(one, made());
    insta::assert_snapshot!(Digest::of(&one), @"7488139696f87c78d90d5c2f71cd8f342a17eb3f2ea0a79219727312a81724aa");
}

#[test]
fn sizes_are_honoured() {
    let (mut system, lock) = (toy::system(), toy::lock());
    let disk = |system: &pintle_model::System| plan(toy::inputs(system, &lock)).unwrap();
    let small = disk(&system).report;
    assert!(small.root_free >= Size::mib(16).bytes(), "{small:?}");
    assert_eq!(small.partitions[1].size, 64 << 20);
    system.image.free = Size::mib(100);
    let free = disk(&system).report;
    assert!(free.root_free >= Size::mib(100).bytes() && free.disk_size > small.disk_size, "{free:?}");
    system.image.size = Some(Size::mib(300));
    system.image.esp_size = Some(Size::mib(40));
    let fixed = disk(&system);
    let report = &fixed.report;
    assert_eq!((report.disk_size, report.partitions[1].size), (300 << 20, 40 << 20));
    assert_eq!(report.partitions[2].start + report.partitions[2].size, 299 << 20);
    let temp = tempfile::tempdir().unwrap();
    let disk = bytes(&fixed);
    run(Command::new("e2fsck").arg("-fn").arg(cut(&disk, &fixed, Role::Root, temp.path())));
    run(Command::new("fsck.vfat").arg("-n").arg(cut(&disk, &fixed, Role::Esp, temp.path())));
}

#[test]
fn a_disk_without_kernel_is_only_a_root() {
    let (system, lock) = (toy::system(), toy::lock());
    let plan = plan(pintle_image::Inputs { boot: None, ..toy::inputs(&system, &lock) }).unwrap();
    assert_eq!(plan.report.partitions.len(), 1);
    let findings: Vec<_> = lint(&plan, &NoContents).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(findings.join("\n"), @"warning: the image has no kernel and will not boot by itself; the formats `directory`, `tar` and `oci` hold its files without a disk");
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("disk");
    File::create(&path).unwrap().write_all_at(&bytes(&plan), 0).unwrap();
    assert!(run(Command::new("sgdisk").arg("-v").arg(path)).contains("No problems found"));
}

#[test]
fn what_stops_a_plan_is_explained() {
    let lock = toy::lock();
    let errors = |change: &dyn Fn(&mut pintle_model::System),
                  boot: &dyn Fn(&mut pintle_image::Inputs<'_>)| {
        let mut system = toy::system();
        change(&mut system);
        let mut inputs = toy::inputs(&system, &lock);
        boot(&mut inputs);
        let chain = |error: &pintle_image::PlanError| {
            std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source())
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(": ")
        };
        let errors = plan(inputs).err().unwrap();
        errors.iter().map(chain).collect::<Vec<_>>().join("\n")
    };
    let keep = |_: &mut pintle_image::Inputs<'_>| {};
    let same = |_: &mut pintle_model::System| {};
    insta::assert_snapshot!(errors(&|s| (s.image.bios, s.image.uefi) = (false, false), &keep), @"the image has a kernel but no way to boot it: set `image.bios` or `image.uefi`");
    insta::assert_snapshot!(errors(&|s| s.arch = pintle_model::Arch::Arm64, &keep), @"`image.bios` is on, but arm64 machines have no PC BIOS: set it to false");
    insta::assert_snapshot!(errors(&|s| s.kernel.parameters = vec!["root=/dev/sda1".into()], &keep), @"`kernel.parameters` holds `root=/dev/sda1`, but the image's own root is the only one it can boot");
    insta::assert_snapshot!(errors(&|s| s.kernel.parameters = vec!["a='x y'".into()], &keep), @r"GRUB's menu cannot be written: GRUB cannot hand the kernel parameter `a='x` over unchanged (quotes only around a whole value, no `'`, no `\`)");
    insta::assert_snapshot!(errors(&|s| s.version = "1.0+3".into(), &keep), @"name and version of the system cannot name its boot image: `toy_1.0+3` ends like a boot counter: the boot loader would count it down (avoid `+` and a number at the end)");
    insta::assert_snapshot!(errors(&|s| s.image.size = Some(Size::mib(64)), &keep), @"`image.size` is 64 MiB, the image needs 68 MiB at least (71303168 bytes)");
    insta::assert_snapshot!(
        errors(&|s| s.image.size = Some(Size::mib(70)), &|i| {
            toy::add(&mut i.root, "big", Blob::inline(vec![1; 5 << 20]));
        }),
        @"`image.size` is 70 MiB, the image needs 73 MiB at least (76546048 bytes)"
    );
    insta::assert_snapshot!(errors(&|s| s.image.esp_size = Some(Size::kib(100)), &keep), @"`image.esp_size` makes an EFI system partition of 1 MiB, its files need 3 MiB at least");
    insta::assert_snapshot!(errors(&same, &|i| {
        let kernel = &mut i.boot.as_mut().unwrap().kernels[0];
        (kernel.release, kernel.path) = ("6.13".into(), pintle_model::TreePath::literal("boot/vmlinuz-6.13"));
    }), @"
    the kernel image says it is 6.12.1-toy, but it is installed as 6.13
    /boot/vmlinuz-6.13 is missing from the root: GRUB loads the kernel from there
    ");
    insta::assert_snapshot!(
        errors(&same, &|i| {
            let boot = i.boot.as_mut().unwrap();
            (boot.efi, boot.grub) = (None, None);
        }),
        @"
    `image.uefi` is on, but the files of systemd-boot are not there
    `image.bios` is on, but the files of GRUB are not there
    "
    );
    insta::assert_snapshot!(errors(&same, &|i| toy::add(&mut i.root, "boot/grub/grub.cfg", Blob::inline(*b"mine"))), @"the root has no place for a boot file: /boot/grub/grub.cfg exists already: a file from toy");
    insta::assert_snapshot!(errors(&same, &|i| drop(i.root.remove(&pintle_model::TreePath::literal("usr/lib/os-release")))), @"the root has no os-release file (package base-files?)");
}

#[test]
fn the_linter_sees_what_is_wrong() {
    let lock = toy::lock();
    let found = |change: &dyn Fn(&mut pintle_model::System), after: &dyn Fn(&mut ImagePlan)| {
        let mut system = toy::system();
        change(&mut system);
        let mut plan = plan(toy::inputs(&system, &lock)).unwrap();
        after(&mut plan);
        lint(&plan, &NoContents).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let same = |_: &mut pintle_model::System| {};
    let keep = |_: &mut ImagePlan| {};
    let part = |plan: &mut ImagePlan, number: usize| plan.report.partitions.swap_remove(number - 1);
    insta::assert_snapshot!(found(&|s| s.image.esp_size = Some(Size::mib(8)), &keep), @"warning: the EFI system partition of 8 MiB is too small for FAT32: some firmware reads nothing else (34 MiB do)");
    insta::assert_snapshot!(
        found(&same, &|p| {
            let uki = pintle_model::TreePath::literal("EFI/Linux/toy_1.0.efi");
            let (tree, options) = p.content.esp.as_mut().unwrap();
            let big = Blob::sparse(40 << 20, vec![]).unwrap();
            tree.get_mut(&uki).unwrap().kind = pintle_model::Kind::File(big);
            options.size = 64 << 20;
            p.report.kernels[0].uki_size = Some(40 << 20);
        }),
        @"warning: the EFI system partition has 23.0 MiB left, too little for a second unified kernel image of 40 MiB: an update will not fit beside the running system (raise `image.esp_size`)"
    );
    insta::assert_snapshot!(found(&|s| s.kernel.parameters = vec!["x".repeat(2000)], &keep), @"error: the kernel command line has 2090 bytes, the kernel takes 2047 and drops the rest (shorten `kernel.parameters`)");
    insta::assert_snapshot!(found(&same, &|p| p.report.partitions[2].start -= 4096), @"
    error: partition 3 at 69201920 with 18874368 bytes is not aligned to 1 MiB and 4 KiB
    error: partitions 2 and 3 overlap
    ");
    insta::assert_snapshot!(found(&same, &|p| p.report.partitions[2].uuid = p.report.partitions[1].uuid), @"error: partitions 2 and 3 have the same UUID");
    insta::assert_snapshot!(found(&same, &|p| p.report.partitions[2].start = p.report.disk_size), @"error: partition 3 reaches into the partition tables or beyond the disk");
    insta::assert_snapshot!(found(&same, &|p| p.report.disk_size += 512), @"error: the disk of 89129472 bytes is not a whole number of MiB");
    insta::assert_snapshot!(found(&same, &|p| p.report.partitions[0].start = 500 << 20), @"
    error: partition 1 reaches into the partition tables or beyond the disk
    error: root is not the last partition, so it cannot grow
    ");
    insta::assert_snapshot!(found(&same, &|p| drop(part(p, 1))), @"error: boot files and boot partitions do not match");
    insta::assert_snapshot!(found(&same, &|p| (p.content.esp, p.content.bios) = (None, None)), @"
    error: no firmware can boot the image: neither GRUB nor systemd-boot is in it
    error: boot files and boot partitions do not match
    ");
    insta::assert_snapshot!(found(&same, &|p| p.content.esp.as_mut().unwrap().1.size = 4096), @"error: the unified kernel image has 73 KiB, the EFI system partition 4 KiB");
    insta::assert_snapshot!(
        found(&same, &|p| {
            for path in ["usr/bin/systemd-repart", "usr/lib/systemd/systemd", "etc/fstab"] {
                p.content.root.remove(&pintle_model::TreePath::literal(path)).unwrap();
            }
            toy::add(&mut p.content.root, "etc/fstab", Blob::inline(*b"/dev/sda1 / ext4 defaults 0 1\n"));
        }),
        @"
    error: the root has no init (package systemd-sysv?)
    warning: root will not grow to the disk it is copied to: systemd-repart is missing (package systemd-repart)
    warning: the file system of root will not grow: /etc/fstab comes from the definition and mounts / without `x-systemd.growfs`
    "
    );
    let warnings = |plan: &ImagePlan| lint(plan, &NoContents).iter().all(|f| f.severity == Severity::Warning);
    let system = toy::system();
    let mut plan = plan(toy::inputs(&system, &lock)).unwrap();
    assert!(warnings(&plan));
    // A plan that the linter refuses is refused by the writer too, before a byte is written.
    plan.report.partitions[2].size = 4096;
    let mut sink = Count::default();
    let error = write(&plan, &mut sink).unwrap_err();
    assert_eq!(sink, Count::default());
    insta::assert_snapshot!(error, @"the content of partition 3 has 18874368 bytes, over the 4096 bytes of the partition");
}
