//! Arguments of the commands about virtual machines.

use super::Closure;
use clap::{Args, ValueEnum};
use pintle_flows::run::{Forward, Until};
use pintle_model::Size;
use std::path::PathBuf;

/// Firmware.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Firmware {
    /// OVMF
    Uefi,
    /// SeaBIOS
    Bios,
}

/// Bus of the disk.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Disk {
    /// virtio-blk, /dev/vda
    Virtio,
    /// virtio-scsi, /dev/sda
    Scsi,
    /// AHCI, /dev/sda
    Sata,
    /// /dev/nvme0n1
    Nvme,
}

/// Acceleration.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Accel {
    /// KVM where it is usable
    Auto,
    /// KVM
    Kvm,
    /// QEMU's own translation
    Tcg,
}

/// Where the serial console goes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Console {
    /// Shown only when the boot fails
    Hidden,
    /// Shown as it comes
    Show,
    /// Connected to this terminal (Ctrl-A X ends it)
    Terminal,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Image (raw or qcow2), or a boot.json or toplevel of NixOS, which is started without a boot loader; the newest
    /// image in out/ unless given
    #[arg(conflicts_with = "nix")]
    pub(crate) image: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) closure: Closure,
    /// Start this specialisation of a NixOS system
    #[arg(long, value_name = "NAME")]
    pub(crate) specialisation: Option<String>,
    /// Put another NixOS system on the disk too, to switch to; may be repeated
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) with: Vec<String>,
    /// Start this generation of the profile `system` of the store (`--nix-store`)
    #[arg(long, value_name = "N", conflicts_with_all = ["nix", "image"])]
    pub(crate) generation: Option<u32>,
    /// Firmware that starts the machine
    #[arg(long, value_enum, default_value = "uefi")]
    pub(crate) firmware: Firmware,
    /// Check what is started (UEFI Secure Boot): the keys of the image are enrolled at the first start, and count from the
    /// second on
    #[arg(long)]
    pub(crate) secure_boot: bool,
    /// Give the machine a TPM 2.0 (swtpm)
    #[arg(long)]
    pub(crate) tpm: bool,
    /// Folder that keeps the variables of UEFI firmware and the state of the TPM from one run to the next
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Let the machine restart itself, instead of ending it there
    #[arg(long)]
    pub(crate) restarts: bool,
    /// Memory
    #[arg(long, short, default_value = "1G")]
    pub(crate) memory: Size,
    /// Processors
    #[arg(long, default_value_t = 2)]
    pub(crate) cpus: u8,
    /// What the disk is attached to
    #[arg(long, value_enum, default_value = "virtio")]
    pub(crate) disk: Disk,
    /// Attach a further disk image (/dev/vdb and so on), whose changes are thrown away; may be repeated
    #[arg(long, value_name = "IMAGE")]
    pub(crate) drive: Vec<PathBuf>,
    /// Forward a TCP port of this host: HOST:GUEST; may be repeated
    #[arg(long, short, value_name = "HOST:GUEST")]
    pub(crate) forward: Vec<Forward>,
    /// Wait for `login`, `ssh`, a URL of the guest (`http://:80/`), or `console:TEXT` on its console, then stop; may be
    /// repeated
    #[arg(long, short, value_name = "WHAT")]
    pub(crate) until: Vec<Until>,
    /// Run a command in the guest over SSH once it is ready; its exit status becomes ours
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) exec: Option<Vec<String>>,
    /// Draw how the boot went (firmware, loader, kernel, initrd, units with their critical chain) as SVG; the same
    /// figures are in the report of `--json`
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Stay after readiness
    #[arg(long)]
    pub(crate) keep: bool,
    /// Serial console
    #[arg(long, value_enum, default_value = "hidden")]
    pub(crate) console: Console,
    /// Keep what the guest writes in the image, instead of throwing it away
    #[arg(long)]
    pub(crate) writable: bool,
    /// Acceleration
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) accel: Accel,
    /// Seconds to wait for readiness
    #[arg(long, default_value_t = 300)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Ssh {
    /// Name of the machine; not needed while only one runs
    #[arg(long, short)]
    pub(crate) name: Option<String>,
    /// User to log in as
    #[arg(long, short, default_value = "root")]
    pub(crate) user: String,
    /// Command to run instead of a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}
