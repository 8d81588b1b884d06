//! What tells a TPM how far the boot has come: PCR 11 holds after `enter-initrd` and `leave-initrd` what the build has
//! predicted, or a secret sealed to it stays shut.

use super::build::Build;
use super::needs::{Need, need};
use super::{InitrdError, Root, units};

/// Units, with the programs they run. They do nothing where nothing was measured before them.
const UNITS: &[Need] = &[
    need("systemd-pcrphase-initrd.service", "systemd", "measures that the initrd begins and ends"),
    need("tpm2.target", "systemd", "waits for the TPM, where firmware says that there is one"),
    need(
        "systemd-tmpfiles-setup.service",
        "systemd",
        "keeps what the stub says for the time after the initrd",
    ),
];

const WANTS: &[(&str, &str)] = &[
    ("initrd.target", "systemd-pcrphase-initrd.service"),
    ("sysinit.target", "systemd-tmpfiles-setup.service"),
];

/// Programs that no unit's command line names.
const FILES: &[Need] = &[
    need(
        "/usr/lib/systemd/system-generators/systemd-tpm2-generator",
        "systemd",
        "makes the boot wait for a TPM that firmware has announced",
    ),
    need(
        "/usr/lib/tmpfiles.d/20-systemd-stub.conf",
        "systemd",
        "keeps the signed policies that the stub brings: a secret is opened with them",
    ),
];

/// Libraries that systemd opens by name when there is a TPM.
const LIBRARIES: &[Need] = &[
    need("libtss2-esys.so.0", "libtss2-esys-3.0.2-0t64", TALKS),
    need("libtss2-mu.so.0", "libtss2-mu-4.0.1-0t64", TALKS),
    need("libtss2-rc.so.0", "libtss2-rc0t64", TALKS),
    need("libtss2-tcti-device.so.0", "libtss2-tcti-device0t64", TALKS),
];
const TALKS: &str = "systemd talks to the TPM through it";

/// Kernel modules, passed over where the kernel has none: Debian's have them built in.
pub(super) const MODULES: &[(&str, &str)] = &[
    ("tpm_tis", "TPMs of machines and of QEMU"),
    ("tpm_crb", "TPMs in firmware"),
    (
        "efivarfs",
        "what the stub has measured stands in firmware variables: without them no phase is measured",
    ),
];

/// Adds it all, where it is wanted.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let Root::Stateless { tpm: true, .. } = &build.options.root else { return Ok(()) };
    FILES.iter().try_for_each(|need| build.require(need))?;
    LIBRARIES.iter().try_for_each(|need| build.require_library(need))?;
    units::add_these(build, UNITS, WANTS)
}
