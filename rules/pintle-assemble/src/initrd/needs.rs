//! What an initrd is made of, each line with the reason why it would be missed.

/// A file, link or directory tree taken from the system, or a unit of it.
pub(super) struct Need {
    /// Absolute path, or a unit's name.
    pub(super) name: &'static str,
    /// What goes wrong without it.
    pub(super) why: &'static str,
    /// The Debian package that has it.
    pub(super) package: &'static str,
}

pub(super) const fn need(name: &'static str, package: &'static str, why: &'static str) -> Need {
    Need { name, why, package }
}

/// Programs and data that no unit's command line names.
pub(super) const FILES: &[Need] = &[
    need("/usr/lib/systemd/systemd", "systemd", "it is /init"),
    need("/usr/lib/systemd/systemd-executor", "systemd", "PID 1 starts every service through it (since 255)"),
    need("/usr/lib/systemd/systemd-shutdown", "systemd", "PID 1 becomes it to reboot or power off"),
    need("/usr/bin/systemctl", "systemd", "initrd-cleanup and initrd-switch-root call it by its bare name"),
    need("/usr/bin/udevadm", "udev", "it is also systemd-udevd; initrd-udevadm-cleanup-db calls it"),
    need("/usr/bin/mount", "mount", "mount units (sysroot.mount) run it"),
    need("/usr/bin/umount", "mount", "mount units run it to unmount"),
    need(
        "/usr/sbin/modprobe",
        "kmod",
        "the kernel runs it for file systems and algorithms nobody loaded yet",
    ),
    need("/usr/sbin/sulogin", "util-linux", "systemd-sulogin-shell runs it when booting fails"),
    need("/usr/bin/sh", "dash", "the emergency shell, and the shell that Debian's unit commands name"),
    need(
        "/usr/lib/systemd/system-generators/systemd-fstab-generator",
        "systemd",
        "turns root= into sysroot.mount and reads the real /etc/fstab for x-initrd.mount",
    ),
    need(
        "/usr/lib/systemd/system-generators/systemd-gpt-auto-generator",
        "systemd",
        "finds the root partition by its type when root= is absent or gpt-auto",
    ),
    need(
        "/usr/lib/systemd/system-generators/systemd-debug-generator",
        "systemd",
        "rd.systemd.mask= and rd.systemd.wants=, to find out why booting fails",
    ),
    need("/usr/lib/udev/rules.d/50-udev-default.rules", "udev", "modes and groups of device nodes"),
    need(
        "/usr/lib/udev/rules.d/60-block.rules",
        "udev",
        "watches disks, so that changed partitions are seen",
    ),
    need(
        "/usr/lib/udev/rules.d/60-persistent-storage.rules",
        "udev",
        "makes /dev/disk/by-*, which root= waits for",
    ),
    need("/usr/lib/udev/rules.d/80-drivers.rules", "udev", "loads the drivers of devices that are found"),
    need(
        "/usr/lib/udev/rules.d/99-systemd.rules",
        "udev",
        "tells systemd which devices are there: .device units",
    ),
    need("/usr/lib/udev/ata_id", "udev", "60-persistent-storage.rules runs it for SATA disks"),
    need("/usr/lib/udev/scsi_id", "udev", "60-persistent-storage.rules runs it for SCSI disks"),
];

/// Units, with the programs they run.
pub(super) const UNITS: &[Need] = &[
    need("initrd.target", "systemd", "where systemd goes in an initrd"),
    need("initrd-root-device.target", "systemd", "waits for the root device"),
    need("initrd-root-fs.target", "systemd", "waits for /sysroot"),
    need("initrd-usr-fs.target", "systemd", "waits for /sysroot/usr"),
    need("initrd-fs.target", "systemd", "waits for everything below /sysroot"),
    need(
        "initrd-parse-etc.service",
        "systemd",
        "reads the real /etc/fstab and starts the cleanup: without it, no switch",
    ),
    need("initrd-cleanup.service", "systemd", "stops what must not survive the switch"),
    need("initrd-udevadm-cleanup-db.service", "systemd", "hands udev's database over clean"),
    need("initrd-switch-root.target", "systemd", "the switch to the real root"),
    need("initrd-switch-root.service", "systemd", "the switch to the real root"),
    need("basic.target", "systemd", "initrd.target requires it"),
    need("sysinit.target", "systemd", "basic.target requires it; udev and the journal hang on it"),
    need("sockets.target", "systemd", "udev's and the journal's sockets hang on it"),
    need("local-fs.target", "systemd", "orders mounts before sysinit.target"),
    need("local-fs-pre.target", "systemd", "orders file system checks before mounts"),
    need("swap.target", "systemd", "sysinit.target orders itself after it"),
    need("slices.target", "systemd", "basic.target wants it"),
    need("paths.target", "systemd", "basic.target wants it"),
    need("timers.target", "systemd", "basic.target wants it"),
    need("shutdown.target", "systemd", "stops services in order before a reboot"),
    need("umount.target", "systemd", "unmounts before a reboot"),
    need("final.target", "systemd", "the end of a shutdown"),
    need("emergency.target", "systemd", "where every failure in an initrd leads"),
    need("emergency.service", "systemd", "says that booting failed, and offers a shell if root may log in"),
    need("rescue.target", "systemd", "rd.systemd.unit=rescue.target"),
    need("rescue.service", "systemd", "rd.systemd.unit=rescue.target"),
    need("reboot.target", "systemd", "rebooting from the emergency shell and after a failed boot"),
    need("systemd-reboot.service", "systemd", "rebooting"),
    need("poweroff.target", "systemd", "powering off; the power button"),
    need("systemd-poweroff.service", "systemd", "powering off"),
    need("halt.target", "systemd", "halting"),
    need("systemd-halt.service", "systemd", "halting"),
    need("ctrl-alt-del.target", "systemd", "rebooting by keyboard and by hypervisors that press these keys"),
    need("systemd-journald.service", "systemd", "without it messages of the initrd are lost"),
    need("systemd-journald.socket", "systemd", "the journal's socket"),
    need("systemd-journald-dev-log.socket", "systemd", "/dev/log"),
    need("systemd-modules-load.service", "systemd", "rd.modules_load= on the kernel command line"),
    need("systemd-udevd.service", "udev", "finds devices and loads their drivers"),
    need("systemd-udevd-control.socket", "udev", "udevadm talks to udevd through it"),
    need("systemd-udevd-kernel.socket", "udev", "the kernel's device events arrive here"),
    need("systemd-udev-trigger.service", "udev", "asks the kernel for the devices it found before udevd ran"),
];

/// `TARGET` wants `UNIT`: systemd's own links, made anew because only some units come along.
pub(super) const WANTS: &[(&str, &str)] = &[
    ("sockets.target", "systemd-journald.socket"),
    ("sockets.target", "systemd-journald-dev-log.socket"),
    ("sockets.target", "systemd-udevd-control.socket"),
    ("sockets.target", "systemd-udevd-kernel.socket"),
    ("sysinit.target", "systemd-journald.service"),
    ("sysinit.target", "systemd-modules-load.service"),
    ("sysinit.target", "systemd-udevd.service"),
    ("sysinit.target", "systemd-udev-trigger.service"),
];

/// Libraries that are opened at run time (`.note.dlopen`), by feature. The rest are for formats, ciphers and tokens
/// that no disk of ours needs.
pub(super) const DLOPEN: &[(&str, &str)] = &[("kmod", "udevd and systemd-modules-load load modules with it")];

/// Libraries that programs of the initrd are linked with but never call there: a generated library stands in, whose
/// functions all fail (docs/decisions/0005). Where the initrd opens an encrypted root, the real ones are needed.
pub(super) const NEVER_CALLED: &[(&str, &str)] = &[(
    "libcrypto.so.3",
    "a quarter of the initrd; libsystemd-shared uses it for encrypted credentials, TPMs and tokens, libkmod to show \
     who signed a module",
)];

/// Kernel modules, by name. Kernels differ: what one has built in or not at all is passed over.
pub(super) const MODULES: &[(&str, &str)] = &[
    ("virtio_pci", "virtio devices on PCI: QEMU, most clouds"),
    ("virtio_mmio", "virtio devices without PCI: microvm, Firecracker"),
    ("virtio_blk", "virtio disks: DigitalOcean, Hetzner, QEMU"),
    ("virtio_scsi", "virtio SCSI disks: Google, Oracle, OpenStack, Proxmox"),
    ("virtio_rng", "randomness at once, where the processor gives none"),
    ("nvme", "NVMe disks: Amazon, Google, Azure, bare metal"),
    ("ahci", "SATA disks: bare metal, VirtualBox, QEMU q35"),
    ("ata_piix", "IDE disks: QEMU pc, VirtualBox"),
    ("sd_mod", "disks behind SCSI, SATA and USB"),
    ("xen_blkfront", "Xen disks: older Amazon instances"),
    ("hv_vmbus", "Hyper-V's bus"),
    ("hv_storvsc", "Hyper-V disks: Azure"),
    ("vmw_pvscsi", "VMware's SCSI disks"),
    ("mptspi", "VMware's older SCSI disks"),
    ("vmd", "NVMe disks behind Intel's volume management: bare metal"),
    ("megaraid_sas", "RAID controllers of Dell, Lenovo, Fujitsu, Supermicro"),
    ("mpt3sas", "SAS controllers of LSI and Broadcom, and what others call by their own names"),
    ("smartpqi", "RAID controllers of HPE and Microchip"),
    ("hpsa", "older RAID controllers of HP"),
    ("aacraid", "RAID controllers of Adaptec"),
    ("xhci_pci", "USB: disks and keyboards"),
    ("ehci_pci", "older USB"),
    ("uas", "fast USB disks"),
    ("usb_storage", "USB disks"),
    ("sdhci_pci", "eMMC and SD cards of small machines"),
    ("sdhci_acpi", "the same behind ACPI"),
    ("mmc_block", "disks behind eMMC and SD controllers"),
    ("usbhid", "USB keyboards, for the emergency shell"),
    ("hid_generic", "USB keyboards"),
    ("autofs4", "PID 1 loads it at once for automount units, and complains without it"),
    ("crc32c_intel", "ext4's checksums in hardware"),
    ("crc32c_generic", "ext4's checksums: without any crc32c the root cannot be mounted"),
];

/// Directories that are mount points or expected to be there.
pub(super) const DIRECTORIES: &[(&str, u16, &str)] = &[
    ("/dev", 0o755, "PID 1 mounts devtmpfs here"),
    ("/proc", 0o555, "PID 1 mounts proc here"),
    ("/sys", 0o555, "PID 1 mounts sysfs here"),
    ("/run", 0o755, "PID 1 mounts a tmpfs here; it survives the switch"),
    ("/sysroot", 0o755, "the real root is mounted here"),
    ("/tmp", 0o1777, "private /tmp of services"),
    ("/var/tmp", 0o1777, "private /var/tmp of services"),
    ("/root", 0o700, "the emergency shell's home"),
];

/// Files written for the initrd.
pub(super) const WRITTEN: &[(&str, u16, &str, &str)] = &[
    ("/etc/passwd", 0o644, "root:x:0:0:root:/root:/usr/bin/sh\n", "who root is: sulogin, systemd"),
    (
        "/etc/shadow",
        0o600,
        "root:!*::0:99999:7:::\n",
        "no password: the emergency shell stays shut unless forced open",
    ),
    (
        "/etc/nsswitch.conf",
        0o644,
        "passwd: files\ngroup: files\nshadow: files\n",
        "no name services in an initrd",
    ),
    ("/etc/fstab", 0o644, "", "mount(8) warns without it"),
];
