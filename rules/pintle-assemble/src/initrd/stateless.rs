//! What an initrd needs beyond the usual where the system is stateless: `/usr` behind dm-verity, partitions that are made
//! on first boot, and a root that is made at every boot ([`crate::stateless`]).

use super::build::Build;
use super::needs::{Need, need};
use super::{InitrdError, Root, literal, units};
use crate::stateless::{NO_IDENTITY, put_back};
use pintle_model::Encrypt;

/// Programs and data.
pub(super) const FILES: &[Need] = &[
    need(
        "/usr/lib/systemd/system-generators/systemd-veritysetup-generator",
        "systemd-cryptsetup",
        "turns usrhash= into a device that is checked block by block",
    ),
    need("/usr/lib/systemd/systemd-veritysetup", "systemd-cryptsetup", "sets that device up"),
    need("/usr/sbin/dmsetup", "dmsetup", "udev's rules of the device mapper run it"),
    need("/usr/lib/udev/rules.d/55-dm.rules", "dmsetup", "names devices of the device mapper"),
    need("/usr/lib/udev/rules.d/60-persistent-storage-dm.rules", "dmsetup", "makes their /dev/disk/by-*"),
    need(
        "/usr/lib/udev/rules.d/95-dm-notify.rules",
        "dmsetup",
        "tells who waits for them that they are there",
    ),
    need("/usr/bin/systemd-repart", "systemd-repart", "makes partitions on first boot, and grows them"),
    need("/usr/bin/systemd-tmpfiles", "systemd", "makes the root at every boot"),
    need("/usr/sbin/mkfs.ext4", "e2fsprogs", "makes the file system of /var on first boot"),
    need("/etc/mke2fs.conf", "e2fsprogs", "says how"),
    need("/usr/sbin/fsck.ext4", "e2fsprogs", "checks /var after a power cut"),
    need("/usr/sbin/fsck", "util-linux", "finds the checker of a file system"),
    need("/usr/lib/systemd/systemd-fsck", "systemd", "checks /var before it is mounted"),
];

/// Units, with the programs they run.
pub(super) const UNITS: &[Need] = &[
    need("veritysetup.target", "systemd-cryptsetup", "waits for devices that are checked"),
    need("veritysetup-pre.target", "systemd-cryptsetup", "comes before them"),
    need("systemd-repart.service", "systemd-repart", "makes partitions on first boot, and grows them"),
    need("modprobe@.service", "systemd", "systemd-repart.service loads drivers by it"),
    need("systemd-fsck@.service", "systemd", "checks /var before it is mounted"),
];

pub(super) const WANTS: &[(&str, &str)] =
    &[("sysinit.target", "veritysetup.target"), ("initrd-fs.target", "systemd-repart.service")];

/// Kernel modules, passed over where the kernel has none.
pub(super) const MODULES: &[(&str, &str)] = &[
    ("loop", "systemd-repart makes file systems through it; without it, in memory first"),
    ("dm_mod", "the device mapper"),
    ("dm_verity", "checks every block that is read"),
    ("sha256_generic", "its digest, on every machine"),
    ("sha256_ssse3", "its digest, fast"),
    ("ext4", "the file system of /var"),
];

/// `/var`, from its partition. Repart makes it when the machine starts for the first time.
fn var_unit(device: &str) -> String {
    format!(
        "[Unit]\nDescription=What this machine keeps\nDefaultDependencies=no\nAfter=systemd-repart.service \
         initrd-root-fs.target\nBefore=initrd-fs.target\n\n[Mount]\nWhat={device}\n\
         Where=/sysroot/var\nType=ext4\nOptions=nodev,nosuid\n"
    )
}

/// The root is made of `/usr`, before anything looks at it.
const ROOT_UNIT: &str = "\
[Unit]
Description=Make the root of what is in /usr
DefaultDependencies=no
RequiresMountsFor=/sysroot/usr /sysroot/var
After=initrd-root-fs.target initrd-usr-fs.target
Before=initrd-fs.target initrd-parse-etc.service
OnFailure=emergency.target
OnFailureJobMode=replace-irreversibly

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=systemd-tmpfiles --root=/sysroot --remove /usr/lib/pintle/remove.conf
ExecStart=systemd-tmpfiles --root=/sysroot --create /usr/lib/pintle/root.conf
ExecStart=systemd-tmpfiles --root=/sysroot --create /usr/lib/pintle/put-back.conf
ExecStart=systemd-tmpfiles --root=/sysroot --create /usr/lib/pintle/no-identity.conf
";

/// systemd-repart says on the console why it cannot make partitions, with their sizes.
const REPART: &str = "\
[Unit]
OnFailure=pintle-no-room.service

[Service]
Environment=SYSTEMD_LOG_TARGET=console
StandardError=journal+console
";

/// Without `/var` there is nothing to wait for.
fn no_room(label: &str) -> String {
    units::giving_up(
        "No partitions for the next /usr and for /var: is this disk too small?",
        &format!("ConditionPathExists=!/dev/disk/by-partlabel/{label}\n"),
    )
}

/// Adds it all.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let Root::Stateless { var_label, remove, root, encrypt, .. } = &build.options.root else { return Ok(()) };
    let dir = literal("usr/lib/systemd/system");
    let lists = [
        ("remove", remove.clone()),
        ("root", root.clone()),
        ("put-back", put_back()),
        ("no-identity", NO_IDENTITY.to_owned()),
    ];
    for (name, text) in lists {
        build.write(&literal(&format!("usr/lib/pintle/{name}.conf")), 0o644, text.into_bytes())?;
    }
    let device = match encrypt {
        Encrypt::Off => format!("/dev/disk/by-partlabel/{var_label}"),
        Encrypt::Tpm | Encrypt::TpmIfThere => "/dev/pintle/var".to_owned(),
    };
    let made = [("sysroot-var.mount", var_unit(&device)), ("pintle-root.service", ROOT_UNIT.to_owned())];
    for (name, text) in made {
        build.write(&dir.join(name)?, 0o644, text.into_bytes())?;
        build.link(&dir.join(format!("initrd-fs.target.requires/{name}"))?, &format!("../{name}"))?;
    }
    for (name, text) in [
        ("systemd-repart.service.d/room.conf", REPART.to_owned()),
        ("pintle-no-room.service", no_room(var_label)),
    ] {
        build.write(&dir.join(name)?, 0o644, text.into_bytes())?;
    }
    FILES.iter().try_for_each(|need| build.require(need))?;
    units::add_these(build, UNITS, WANTS)
}
