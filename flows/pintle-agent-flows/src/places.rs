//! Where things are on a machine that Pintle built.

/// What must hold for a boot to count as good.
pub(crate) const GATE: &str = "/usr/lib/pintle/health.json";
/// What became of this boot.
pub(crate) const VERDICT: &str = "/run/pintle/health.json";
/// What the kernel was started with.
pub(crate) const CMDLINE: &str = "/proc/cmdline";
/// Boot loader's EFI variable with the entry that it counted (systemd's Boot Loader Interface).
pub(crate) const LOADER_BOOT_COUNT: &str =
    "/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// What systemd-networkd says of the network as a whole.
pub(crate) const NETWORK: &str = "/run/systemd/netif/state";

/// What `/etc` is made of at each start.
pub(crate) const FACTORY_ETC: &str = "/usr/share/factory/etc";
pub(crate) const ETC: &str = "/etc";
/// What the machine keeps of its own in `/etc`.
pub(crate) const KEEP: &str = "/usr/lib/pintle/keep.conf";
/// Where the kernel shows EFI variables.
pub(crate) const EFI_VARIABLES: &str = "/sys/firmware/efi/efivars";
/// Vendor of the variables of the UEFI specification.
pub(crate) const UEFI_GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// PCRs of the first TPM.
pub(crate) const PCRS: &str = "/sys/class/tpm/tpm0/pcr-sha256";

/// What firmware and the boot chain say that they measured.
pub(crate) const EVENTS: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";
/// What systemd says that it measured.
pub(crate) const USERSPACE_EVENTS: &str = "/run/log/systemd/tpm2-measure.log";

/// Longest EFI variable, and longest small file of ours, in bytes.
pub(crate) const SMALL: u64 = 64 << 10;
/// Longest document of ours, in bytes.
pub(crate) const DOCUMENT: u64 = 1 << 20;
