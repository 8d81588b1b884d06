//! The command line. Help texts here are the one source of `--help`, the manual pages and the reference.

use clap::{Args, Parser, Subcommand};

/// Look after this machine, which Pintle built
///
/// Ends with 0 where all is well, 1 where something could not be done, 2 for a wrong command line, 3 for a document that
/// cannot be used, 4 where something was refused, and 5 where it was done and what was found is not as it should be.
#[derive(Debug, Parser)]
#[command(
    name = "pintle-agent",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Print the report as JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether this boot is good: make the checks of /usr/lib/pintle/health.json
    ///
    /// Each must hold three times, a second apart. Waits for nothing that does not hold, and changes nothing. Ends with 5
    /// where some check does not hold.
    Health(Health),
    /// Say what this machine runs: version, place on the disk, what firmware and kernel check, health, drift
    ///
    /// Ends with 5 where a block of /usr was not what it should be, or this boot is not good.
    Status,
    /// Give this boot, which is good, all its tries again: in the name of its image (UEFI), or in GRUB's environment block
    ///
    /// The system does it by itself, once boot-complete.target is reached. A rescue, and what nobody counts, stay as they
    /// are.
    Bless,
    /// Say whether this machine measured what its image is expected to be measured as, and which part differs
    ///
    /// Reads the TPM's PCRs 4, 7, 11 and 12 and the event logs, which must lead to what the PCRs hold. Without a manifest,
    /// says what was measured. Ends with 5 where something differs, or a log does not lead to what the TPM holds.
    Attest(Attest),
    /// Say how /etc differs from what the image made it of: what will be lost at the next boot
    ///
    /// Content, permissions, owners and targets of links are compared. What the machine keeps of its own (identity, host
    /// keys) and what every machine makes by itself is left out. Ends with 5 where there is a difference.
    Drift,
    /// Write the manual pages and the reference into a folder
    #[cfg(feature = "docs")]
    #[command(hide = true)]
    Docs {
        /// Folder
        folder: std::path::PathBuf,
        /// Write nothing; fail if a file there differs
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Attest {
    /// Manifest of the build (NAME.json), from somebody who is trusted; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<std::path::PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Stand before boot-complete.target: wait until all checks hold or the deadline has passed, leave the verdict in
    /// /run/pintle/health.json, and start the machine again where the boot loader counts this boot and it is not good
    #[arg(long)]
    pub(crate) gate: bool,
    /// Start the machine again where no verdict is there yet and the boot loader counts this boot: for a timer that runs
    /// out after the deadline
    #[arg(long, conflicts_with = "gate")]
    pub(crate) late: bool,
}
