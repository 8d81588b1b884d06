//! The disk that this machine runs from.

use crate::places::{DOCUMENT, SMALL};
use pintle_health::status::{Partition, Slot, Verity, device_of, letter, verity};
use pintle_machine::{Ended, FileError, Machine, run};
use std::time::Duration;

/// The device mapper answers at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// Type of an EFI system partition, as udev writes it (UEFI 2.10, 5.3.3).
const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/// Device of the EFI system partition on the disk of `/usr`; none where there is none.
///
/// # Errors
/// [`FileError`].
pub(crate) fn esp(machine: &Machine) -> Result<Option<String>, FileError> {
    let partitions = partitions(machine)?;
    let (slot, _) = under(machine, &partitions)?;
    let own = slot.device.and_then(|device| partitions.iter().find(|partition| partition.device == device));
    let Some(own) = own else { return Ok(None) };
    let found = partitions.iter().find(|partition| partition.kind == ESP && partition.disk == own.disk);
    Ok(found.map(|partition| partition.device.clone()))
}

/// The partition under `/usr`, and whether it is checked: through `/sys/dev/block`, as the kernel has it.
pub(crate) fn usr(machine: &Machine) -> Result<(Slot, Verity), FileError> {
    under(machine, &partitions(machine)?)
}

fn under(machine: &Machine, partitions: &[Partition]) -> Result<(Slot, Verity), FileError> {
    let mounts = machine.text("/proc/self/mountinfo", DOCUMENT)?.unwrap_or_default();
    let Some(device) = device_of(&mounts, "/usr") else { return Ok((Slot::default(), Verity::Off)) };
    let block = format!("/sys/dev/block/{device}");
    let uuid = machine.text(&format!("{block}/dm/uuid"), SMALL)?.unwrap_or_default();
    let name = machine.text(&format!("{block}/dm/name"), SMALL)?.unwrap_or_default();
    let verity = if uuid.starts_with("CRYPT-VERITY-") { asked(name.trim()) } else { Verity::Off };
    // Below a device of the device mapper are its data and its hashes; the data comes first on the disk.
    let own = machine.names(&format!("{block}/slaves"))?;
    let lowest = own.iter().filter_map(|name| partitions.iter().find(|partition| partition.device == **name));
    let Some(found) = lowest.min_by_key(|partition| partition.number) else {
        return Ok((Slot::default(), verity));
    };
    let event =
        machine.text(&format!("/sys/class/block/{}/uevent", found.device), SMALL)?.unwrap_or_default();
    let slot = Slot {
        letter: letter(&found.device, partitions),
        label: event.lines().find_map(|line| line.strip_prefix("PARTNAME=")).map(str::to_owned),
        device: Some(found.device.clone()),
    };
    Ok((slot, verity))
}

fn partitions(machine: &Machine) -> Result<Vec<Partition>, FileError> {
    let mut found = Vec::new();
    for name in machine.names("/sys/class/block")? {
        let number = machine.text(&format!("/sys/class/block/{name}/dev"), SMALL)?.unwrap_or_default();
        let entry = machine.text(&format!("/run/udev/data/b{}", number.trim()), SMALL)?.unwrap_or_default();
        found.extend(Partition::from_udev(&name, &entry));
    }
    Ok(found)
}

/// What the device mapper says; who may not ask, or has no dmsetup, does not know.
fn asked(name: &str) -> Verity {
    let words = ["/usr/sbin/dmsetup", "status", name].map(str::to_owned);
    match run(&words, SMALL, PATIENCE) {
        Ok((Ended::Well, said)) => verity(&said),
        _ => Verity::Unknown,
    }
}
