//! `/var` that only this machine can open, and only as long as it starts what the owner of `pcr.key` signed.
//!
//! systemd-repart makes it, systemd-cryptsetup opens it. Whether it is encrypted is seen on the disk, by udev: `/dev/pintle/var`
//! is the file system in either case.

use super::build::Build;
use super::needs::{Need, need};
use super::{InitrdError, Root, literal, units};
use pintle_model::Encrypt;

const FILES: &[Need] = &[
    need("/usr/bin/systemd-cryptsetup", "systemd-cryptsetup", "opens /var"),
    need(
        "/usr/bin/systemd-tty-ask-password-agent",
        "systemd",
        "asks for the recovery key, where the TPM says no",
    ),
];

/// What libcryptsetup loads for a key in a TPM, below the libraries of the architecture.
const TOKEN: Need = need(
    "cryptsetup/libcryptsetup-token-systemd-tpm2.so",
    "systemd-cryptsetup",
    "libcryptsetup asks the TPM through it",
);

/// Units, with the programs they run.
const UNITS: &[Need] = &[
    need("systemd-ask-password-console.path", "systemd", "sees that somebody is asked"),
    need("systemd-ask-password-console.service", "systemd", "asks on the console"),
];

const WANTS: &[(&str, &str)] = &[("sysinit.target", "systemd-ask-password-console.path")];

/// Kernel modules, passed over where the kernel has none.
pub(super) const MODULES: &[(&str, &str)] =
    &[("dm_crypt", "the device of /var"), ("xts", "its cipher's mode"), ("aesni_intel", "its cipher, fast")];

/// Public half of `pcr.key`, which the stub brings.
const PUBLIC: &str = "/.extra/tpm2-pcr-public-key.pem";
/// What is signed about this image.
const SIGNATURE: &str = "/.extra/tpm2-pcr-signature.json";

/// With a TPM. No PCR but that of the image is a part of the policy: firmware may be updated.
fn repart() -> String {
    format!(
        "[Unit]\nConditionSecurity=tpm2\nAfter=tpm2.target systemd-pcrphase-initrd.service\n\n[Service]\nExecStart=\n\
         ExecStart=systemd-repart --dry-run=no --tpm2-device=auto --tpm2-pcrs= --tpm2-public-key={PUBLIC} \
         --tpm2-public-key-pcrs=11\n"
    )
}

/// Without, where that is no reason to stop. Its definitions differ in one line.
const PLAIN: &str = "\
[Unit]
Description=Make partitions on a machine without a TPM
DefaultDependencies=no
ConditionSecurity=!tpm2
Wants=modprobe@loop.service
After=initrd-usr-fs.target modprobe@loop.service tpm2.target
Before=initrd-root-fs.target
Conflicts=shutdown.target initrd-switch-root.target
Before=shutdown.target initrd-switch-root.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=systemd-repart --dry-run=no --definitions=/sysusr/usr/lib/pintle/repart.d
";

/// Without, where it is. A disk that has a `/var` can still be opened by its recovery key.
fn refuse(label: &str) -> String {
    units::giving_up(
        "This machine has no TPM 2.0, and its system (image.encrypt) keeps nothing unsealed",
        &format!(
            "ConditionSecurity=!tpm2\nConditionPathExists=!/dev/disk/by-partlabel/{label}\n\
             After=initrd-usr-fs.target tpm2.target\nBefore=initrd-root-fs.target\n"
        ),
    )
}

/// Which device is the file system, and who has to be opened for it.
fn rules(label: &str) -> String {
    format!(
        "SUBSYSTEM!=\"block\", GOTO=\"end\"\nENV{{ID_PART_ENTRY_NAME}}==\"{label}\", ENV{{ID_FS_TYPE}}==\"crypto_LUKS\", \
         TAG+=\"systemd\", ENV{{SYSTEMD_WANTS}}+=\"pintle-open-var.service\"\nENV{{ID_PART_ENTRY_NAME}}==\"{label}\", \
         ENV{{ID_FS_TYPE}}==\"ext4\", SYMLINK+=\"pintle/var\"\nENV{{DM_NAME}}==\"var\", ENV{{ID_FS_TYPE}}==\"ext4\", \
         SYMLINK+=\"pintle/var\"\nLABEL=\"end\"\n"
    )
}

/// Asks for the recovery key where the TPM does not give out its own.
fn open(label: &str) -> String {
    format!(
        "[Unit]\nDescription=Open /var\nDefaultDependencies=no\nAfter=tpm2.target systemd-pcrphase-initrd.service \
         systemd-repart.service\nBefore=initrd-fs.target cryptsetup.target\nConflicts=shutdown.target\n\
         Before=shutdown.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutSec=infinity\n\
         KeyringMode=shared\nStandardOutput=journal+console\nStandardError=journal+console\n\
         ExecStart=/usr/bin/systemd-cryptsetup attach var /dev/disk/by-partlabel/{label} - \
         tpm2-device=auto,tpm2-signature={SIGNATURE}\n"
    )
}

/// Somebody may be typing a key.
const PATIENCE: &str = "[Unit]\nJobTimeoutSec=infinity\n";

/// Adds it all, where `/var` may be encrypted.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let Root::Stateless { encrypt, var_label, .. } = &build.options.root else { return Ok(()) };
    if *encrypt == Encrypt::Off {
        return Ok(());
    }
    let dir = literal("usr/lib/systemd/system");
    let mut all = vec![
        ("systemd-repart.service.d/pintle.conf", repart()),
        ("pintle-open-var.service", open(var_label)),
        ("dev-pintle-var.device.d/pintle.conf", PATIENCE.to_owned()),
    ];
    let without = match encrypt {
        Encrypt::TpmIfThere => ("pintle-repart.service", PLAIN.to_owned()),
        _ => ("pintle-no-tpm.service", refuse(var_label)),
    };
    build.link(&dir.join(format!("initrd-fs.target.wants/{}", without.0))?, &format!("../{}", without.0))?;
    all.push(without);
    for (name, text) in all {
        build.write(&dir.join(name)?, 0o644, text.into_bytes())?;
    }
    let rules = rules(var_label).into_bytes();
    build.write(&literal("usr/lib/udev/rules.d/91-pintle-var.rules"), 0o644, rules)?;
    FILES.iter().try_for_each(|need| build.require(need))?;
    build.require_library(&TOKEN)?;
    units::add_these(build, UNITS, WANTS)
}
