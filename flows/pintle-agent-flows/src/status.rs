//! What this machine runs, and how sure that is.

use crate::disk::usr;
use crate::drift::{DriftError, drift};
use crate::health::counting;
use crate::places::{CMDLINE, DOCUMENT, EFI_VARIABLES, PCRS, SMALL, UEFI_GLOBAL, VERDICT};
use pintle_health::status::{SecureBoot, Slot, Verity, os_release, parameter, secure_boot};
use pintle_health::{BootCounting, State, Verdict};
use pintle_machine::{FileError, Machine};
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the document.
pub const STATUS_SCHEMA: u32 = 1;
/// PCRs that say what was started: firmware's policy (7), and the unified kernel image with the phases of the boot (11).
const SHOWN: [u8; 2] = [7, 11];

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// [`STATUS_SCHEMA`].
    pub schema: u32,
    /// Name of the system.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where its `/usr` is.
    pub slot: Slot,
    /// Digest of `/usr`, which the command line names.
    pub usrhash: Option<String>,
    /// Whether the kernel checks it.
    pub verity: Verity,
    /// Secure Boot.
    pub secure_boot: SecureBoot,
    /// Some PCRs of the TPM, SHA-256; none where there is no TPM.
    pub pcrs: BTreeMap<u8, String>,
    /// Whether the boot loader counts this boot.
    pub boot: BootCounting,
    /// The verdict over this boot; none: it is not there yet.
    pub health: Option<Verdict>,
    /// Differences in `/etc`; none: the layout of the system does not make it anew.
    pub drift: Option<usize>,
}

impl Status {
    /// Something is not as it should be.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.verity == Verity::Corrupted
            || self.health.as_ref().is_some_and(|verdict| verdict.state == State::Degraded)
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        let slot = match (&self.slot.letter, &self.slot.device) {
            (Some(letter), Some(device)) => {
                format!("{letter} ({device}, labelled {})", or(&self.slot.label, "nothing"))
            }
            (None, Some(device)) => device.clone(),
            _ => "none: /usr has no partition of its own".to_owned(),
        };
        let verity = match self.verity {
            Verity::Verified => format!("verified, {}", or(&self.usrhash, "no digest")),
            Verity::Corrupted => "CORRUPTED: a block was not what it should be".to_owned(),
            Verity::Unknown => "checked; only root may ask how it went".to_owned(),
            Verity::Off => "not checked".to_owned(),
        };
        let secure_boot = match self.secure_boot {
            SecureBoot::Enforced => "enforced",
            SecureBoot::Off => "off",
            SecureBoot::SetupMode => "off: firmware takes keys of anybody (setup mode)",
            SecureBoot::NoUefi => "none: not started by UEFI",
        };
        let boot = match self.boot {
            BootCounting::Uncounted => "not counted".to_owned(),
            BootCounting::Counted { left, done } => format!("counted: try {done}, {left} left"),
            BootCounting::Good => "counted, and called good".to_owned(),
        };
        let health = match &self.health {
            None => "no verdict yet".to_owned(),
            Some(verdict) if verdict.state == State::Good => format!("good, after {} s", verdict.after),
            Some(verdict) => {
                format!("DEGRADED: {} of {} checks did not hold", verdict.failing.len(), verdict.checks)
            }
        };
        let drift = match self.drift {
            None => "not known".to_owned(),
            Some(0) => "none".to_owned(),
            Some(count) => format!("{count} differences (pintle-agent drift)"),
        };
        let mut text = format!(
            "system       {} {}\nslot         {slot}\n/usr         {verity}\nsecure boot  {secure_boot}\n",
            or(&self.name, "unnamed"),
            or(&self.version, "")
        );
        for (number, value) in &self.pcrs {
            text += &format!("PCR {number:<9}{value}\n");
        }
        if self.pcrs.is_empty() {
            text += "TPM          none\n";
        }
        text + &format!("boot         {boot}\nhealth       {health}\ndrift of /etc {drift}\n")
    }
}

/// Reads it.
///
/// # Errors
/// [`FileError`]; what only root may read is unknown.
pub fn status(machine: &Machine) -> Result<Status, FileError> {
    let release = machine.text("/etc/os-release", SMALL)?.unwrap_or_default();
    let of = |key| os_release(&release, key).map(str::to_owned);
    let cmdline = machine.text(CMDLINE, SMALL)?.unwrap_or_default();
    let (slot, verity) = usr(machine)?;
    let verdict = machine.bytes(VERDICT, DOCUMENT)?;
    Ok(Status {
        schema: STATUS_SCHEMA,
        name: of("IMAGE_ID"),
        version: of("IMAGE_VERSION"),
        slot,
        usrhash: parameter(&cmdline, "usrhash").map(str::to_owned),
        verity,
        secure_boot: firmware(machine)?,
        pcrs: pcrs(machine)?,
        boot: counting(machine)?,
        // A verdict that cannot be read is none.
        health: verdict.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
        drift: match drift(machine) {
            Ok(changes) => Some(changes.len()),
            Err(DriftError::Plain) => None,
            Err(DriftError::File(error)) => return Err(error),
        },
    })
}

fn firmware(machine: &Machine) -> Result<SecureBoot, FileError> {
    let read = |name: &str| machine.bytes(&format!("{EFI_VARIABLES}/{name}-{UEFI_GLOBAL}"), SMALL);
    let uefi = !machine.names("/sys/firmware/efi")?.is_empty();
    Ok(secure_boot(uefi, read("SecureBoot")?.as_deref(), read("SetupMode")?.as_deref()))
}

fn pcrs(machine: &Machine) -> Result<BTreeMap<u8, String>, FileError> {
    let mut pcrs = BTreeMap::new();
    for number in SHOWN {
        let value = machine.text(&format!("{PCRS}/{number}"), SMALL)?;
        pcrs.extend(value.map(|value| (number, value.trim().to_lowercase())));
    }
    Ok(pcrs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A machine as the kernel showed one, without a TPM.
    #[test]
    fn a_machine_says_what_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let machine = Machine::new(folder.path().to_owned(), "/bin/false".into());
        insta::assert_snapshot!(status(&machine).unwrap().text(), @"
        system       unnamed 
        slot         none: /usr has no partition of its own
        /usr         not checked
        secure boot  none: not started by UEFI
        TPM          none
        boot         not counted
        health       no verdict yet
        drift of /etc not known
        ");
        write("etc/os-release", "ID=debian\nIMAGE_ID=web\nIMAGE_VERSION=7\n");
        write("proc/cmdline", "root=tmpfs usrhash=ed42 pintle.slot=b pintle.left=2\n");
        write("proc/self/mountinfo", "73 36 254:0 / /usr ro,relatime shared:2 - erofs /dev/mapper/usr ro\n");
        write("sys/dev/block/254:0/dm/name", "pintle-test-none\n");
        write("sys/dev/block/254:0/dm/uuid", "CRYPT-VERITY-1-usr\n");
        for (name, number, kind) in
            [("vda2", 2, "usr"), ("vda3", 3, "verity"), ("vda4", 4, "usr"), ("vda5", 5, "verity")]
        {
            write(&format!("sys/class/block/{name}/dev"), &format!("253:{number}\n"));
            write(
                &format!("sys/class/block/{name}/uevent"),
                &format!("PARTN={number}\nPARTNAME=web_{number}\n"),
            );
            let entry = format!(
                "E:ID_PART_ENTRY_TYPE={kind}\nE:ID_PART_ENTRY_DISK=253:0\nE:ID_PART_ENTRY_NUMBER={number}\n"
            );
            write(&format!("run/udev/data/b253:{number}"), &entry);
        }
        write("sys/dev/block/254:0/slaves/vda4", "");
        write("sys/dev/block/254:0/slaves/vda5", "");
        write("sys/firmware/efi/efivars/x", "");
        write("sys/class/tpm/tpm0/pcr-sha256/11", "AB01\n");
        insta::assert_snapshot!(status(&machine).unwrap().text(), @"
        system       web 7
        slot         B (vda4, labelled web_4)
        /usr         checked; only root may ask how it went
        secure boot  off
        PCR 11       ab01
        boot         counted: try 1, 2 left
        health       no verdict yet
        drift of /etc not known
        ");
        let failing = r#"[{"check": {"kind": "network"}, "why": "it is offline"}]"#;
        write(
            "run/pintle/health.json",
            &format!(
                r#"{{"schema": 1, "state": "degraded", "after": 61, "checks": 4, "failing": {failing}, "action": "stay"}}"#
            ),
        );
        let degraded = status(&machine).unwrap();
        assert!(degraded.is_degraded());
        assert!(degraded.text().contains("DEGRADED: 1 of 4 checks did not hold"), "{}", degraded.text());
    }
}
