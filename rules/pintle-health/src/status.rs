//! What a machine runs, and how sure that is, from what its kernel says of itself.

use serde::Serialize;

/// Which place on the disk `/usr` is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// `A`, `B`, … in the order of the partitions.
    pub letter: Option<char>,
    /// Name of the partition's device.
    pub device: Option<String>,
    /// Its label: name and version.
    pub label: Option<String>,
}

/// Whether the kernel checks `/usr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verity {
    /// Every block that was read was what it should be.
    Verified,
    /// Some block was not; reading it was an error.
    Corrupted,
    /// It checks, but only root may ask how it went.
    Unknown,
    /// It does not check.
    Off,
}

/// Secure Boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecureBoot {
    /// Firmware starts only what is signed.
    Enforced,
    /// It starts everything.
    Off,
    /// It takes keys of anybody.
    SetupMode,
    /// The machine was not started by UEFI.
    NoUefi,
}

/// Of the EFI variables `SecureBoot` and `SetupMode` (UEFI 2.10, 3.3) as efivarfs shows them: attributes, and a byte. None:
/// there is no such variable.
#[must_use]
pub fn secure_boot(uefi: bool, enforced: Option<&[u8]>, setup: Option<&[u8]>) -> SecureBoot {
    let is_set = |variable: Option<&[u8]>| variable.and_then(|bytes| bytes.get(4)) == Some(&1);
    match (uefi, is_set(enforced), is_set(setup)) {
        (false, ..) => SecureBoot::NoUefi,
        (_, true, _) => SecureBoot::Enforced,
        (_, _, true) => SecureBoot::SetupMode,
        _ => SecureBoot::Off,
    }
}

/// The value of `KEY=` in os-release(5), without quotes.
#[must_use]
pub fn os_release<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches(['"', '\'']))
}

/// The value of `key=` on the kernel's command line; the last counts.
#[must_use]
pub fn parameter<'a>(cmdline: &'a str, key: &str) -> Option<&'a str> {
    cmdline.split_ascii_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')).next_back()
}

/// Number of the device that is mounted at `place`, `MAJOR:MINOR` (proc_pid_mountinfo(5)); the last mount counts.
#[must_use]
pub fn device_of<'a>(mountinfo: &'a str, place: &str) -> Option<&'a str> {
    let device = |line: &'a str| {
        let mut words = line.split(' ');
        let device = words.nth(2)?;
        (words.nth(1)? == place).then_some(device)
    };
    mountinfo.lines().filter_map(device).next_back()
}

/// The state of a dm-verity device from its line of status (kernel's `verity.rst`, "Status"): `V` or `C`.
#[must_use]
pub fn verity(status: &str) -> Verity {
    let mut words = status.split_ascii_whitespace().skip_while(|word| *word != "verity").skip(1);
    match words.next() {
        Some("V") => Verity::Verified,
        Some("C") => Verity::Corrupted,
        _ => Verity::Unknown,
    }
}

/// A partition, as udev knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Name of its device.
    pub device: String,
    /// Type.
    pub kind: String,
    /// Number of its disk.
    pub disk: String,
    /// Its own number.
    pub number: u32,
}

impl Partition {
    /// From an entry of udev's database (`E:KEY=VALUE` lines); none where it is of no partition.
    #[must_use]
    pub fn from_udev(device: &str, entry: &str) -> Option<Self> {
        let value = |key: &str| {
            let line =
                |line: &str| line.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
            entry.lines().find_map(line)
        };
        Some(Self {
            device: device.to_owned(),
            kind: value("ID_PART_ENTRY_TYPE")?,
            disk: value("ID_PART_ENTRY_DISK")?,
            number: value("ID_PART_ENTRY_NUMBER")?.parse().ok()?,
        })
    }
}

/// The letter of the partition `device`: its rank among those of its type on its disk.
#[must_use]
pub fn letter(device: &str, partitions: &[Partition]) -> Option<char> {
    let own = partitions.iter().find(|partition| partition.device == device)?;
    let before = partitions
        .iter()
        .filter(|other| (&other.kind, &other.disk) == (&own.kind, &own.disk) && other.number < own.number);
    (b'A'..=b'Z').nth(before.count()).map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        let mounts = "22 1 0:5 / / rw - tmpfs tmpfs rw\n30 22 254:0 / /usr ro,relatime shared:1 - erofs /dev/mapper/usr ro\n";
        assert_eq!(device_of(mounts, "/usr"), Some("254:0"));
        assert_eq!(device_of(mounts, "/var"), None);
        assert_eq!(verity("usr: 0 81920 verity V"), Verity::Verified);
        assert_eq!(verity("0 81920 verity C"), Verity::Corrupted);
        assert_eq!(verity(""), Verity::Unknown);
        assert_eq!(parameter("a usrhash=1 usrhash=2 x", "usrhash"), Some("2"));
        assert_eq!(os_release("ID=debian\nIMAGE_ID=\"web\"\n", "IMAGE_ID"), Some("web"));
    }

    #[test]
    fn secure_boot_is_on_only_where_firmware_says_so() {
        let (on, off) = ([6, 0, 0, 0, 1], [6, 0, 0, 0, 0]);
        assert_eq!(secure_boot(true, Some(&on), Some(&off)), SecureBoot::Enforced);
        assert_eq!(secure_boot(true, Some(&off), Some(&on)), SecureBoot::SetupMode);
        assert_eq!(secure_boot(true, Some(&off), Some(&off)), SecureBoot::Off);
        assert_eq!(secure_boot(true, Some(&on[..4]), None), SecureBoot::Off, "cut off");
        assert_eq!(secure_boot(false, None, None), SecureBoot::NoUefi);
    }

    #[test]
    fn a_slot_is_a_rank_among_partitions_of_its_kind() {
        let entry = |kind: &str, disk: &str, number: u32| {
            format!(
                "S:x\nE:ID_PART_ENTRY_TYPE={kind}\nE:ID_PART_ENTRY_DISK={disk}\nE:ID_PART_ENTRY_NUMBER={number}\n"
            )
        };
        let all = [
            ("vda1", "esp", "1", 1),
            ("vda2", "usr", "1", 2),
            ("vda4", "usr", "1", 4),
            ("vdb2", "usr", "2", 1),
        ];
        let partitions: Vec<Partition> = all
            .iter()
            .filter_map(|(name, kind, disk, number)| Partition::from_udev(name, &entry(kind, disk, *number)))
            .collect();
        assert_eq!(partitions.len(), 4);
        let letters: Vec<Option<char>> = all.iter().map(|(name, ..)| letter(name, &partitions)).collect();
        assert_eq!(letters, [Some('A'), Some('A'), Some('B'), Some('A')]);
        assert_eq!(letter("vdc", &partitions), None);
        assert_eq!(Partition::from_udev("vda", "E:ID_FS_TYPE=ext4\n"), None);
    }
}
