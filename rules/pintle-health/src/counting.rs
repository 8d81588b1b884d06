//! Whether the boot loader counts this boot (UAPI.1, "Boot counting"), and what that means for one that is not good.

use crate::status::parameter;
use pintle_boot::loader::{BootName, TRIES};
use pintle_model::OnFailure;
use serde::Serialize;

/// Whether, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum BootCounting {
    /// Nobody counts: this release was good before, or there is no counter.
    Uncounted,
    /// The boot loader counted this boot, and nobody has called it good.
    Counted {
        /// Tries left after this boot.
        left: u32,
        /// Tries done, this one included.
        done: u32,
    },
    /// It was counted, and called good.
    Good,
}

/// What a boot that is not good does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Starts again: the boot loader tries again, or takes what was good before.
    Reboot,
    /// Stays up, degraded.
    Stay,
}

impl BootCounting {
    /// From the EFI variable `LoaderBootCountPath` and the kernel's command line: what was counted, not what became of it.
    #[must_use]
    pub fn of(loader: Option<&[u8]>, cmdline: &str) -> Self {
        if is_rescue(cmdline) {
            return Self::Uncounted;
        }
        let counted = loader.and_then(Self::from_loader);
        counted.or_else(|| Self::from_cmdline(cmdline)).unwrap_or(Self::Uncounted)
    }

    /// From the EFI variable `LoaderBootCountPath` as efivarfs shows it: four bytes of attributes and a path in UTF-16,
    /// whose file name holds the counter (systemd's Boot Loader Interface). The loader wrote it after it had counted.
    /// None: it says nothing of counting.
    fn from_loader(variable: &[u8]) -> Option<Self> {
        let tries = loaded(variable)?.tries()?;
        Some(Self::Counted { left: tries.left, done: tries.done.unwrap_or(1) })
    }

    /// From the kernel's command line, on which GRUB says how many tries it has left (`pintle_boot::grub::slots`). None: it
    /// does not.
    fn from_cmdline(cmdline: &str) -> Option<Self> {
        let left = parameter(cmdline, "pintle.left")?.parse::<u32>().ok().filter(|left| *left < TRIES)?;
        Some(Self::Counted { left, done: TRIES - left })
    }

    /// What to do where the boot is not good, and a release gets `tries` of them.
    ///
    /// It ends: with every boot there is one try less; a loader without an alternative starts a release whose tries are
    /// used up once more, and that boot, beyond all tries, stays.
    #[must_use]
    pub fn action(self, on_failure: OnFailure, tries: u32) -> Action {
        match (self, on_failure) {
            (Self::Counted { left, done }, OnFailure::Reboot) if left > 0 || done <= tries => Action::Reboot,
            _ => Action::Stay,
        }
    }
}

/// Whether the kernel's command line makes this boot a rescue ([`pintle_boot::cmdline::RESCUE`]).
#[must_use]
pub fn is_rescue(cmdline: &str) -> bool {
    cmdline.split_ascii_whitespace().any(|word| word == "pintle.rescue")
}

/// The file name in the EFI variable `LoaderBootCountPath`, as efivarfs shows it.
pub(crate) fn loaded(variable: &[u8]) -> Option<BootName> {
    /// Longest path that is looked at, in UTF-16 units.
    const PATH_MAX: usize = 4096;
    let units = variable.get(4..)?.chunks_exact(2).take(PATH_MAX);
    let units = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let path: String =
        char::decode_utf16(units.take_while(|unit| *unit != 0)).collect::<Result<_, _>>().ok()?;
    let name = path.rsplit(['\\', '/']).next()?;
    BootName::parse(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(path: &str) -> Vec<u8> {
        let mut bytes = vec![6, 0, 0, 0];
        bytes.extend(path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        bytes
    }

    #[test]
    fn the_loader_says_how_often_it_tried() {
        let counted = |left, done| Some(BootCounting::Counted { left, done });
        let read = |path: &str| BootCounting::from_loader(&variable(path));
        assert_eq!(read("\\EFI\\Linux\\web_1+2-1.efi"), counted(2, 1));
        assert_eq!(read("/EFI/Linux/web_1+00-03.efi"), counted(0, 3));
        assert_eq!(read("\\EFI\\Linux\\web_1.efi"), None);
        assert_eq!(BootCounting::from_loader(&[6, 0]), None);
        assert_eq!(BootCounting::from_loader(&[6, 0, 0, 0, 0, 0xd8]), None, "half a character");
        assert_eq!(BootCounting::from_cmdline("quiet pintle.slot=a pintle.left=2"), counted(2, 1));
        for bad in ["", "pintle.left", "pintle.left=", "pintle.left=-1", "pintle.left=3", "xpintle.left=2"] {
            assert_eq!(BootCounting::from_cmdline(bad), None, "{bad}");
        }
    }

    /// The loader's rule: while tries are left they go down by one; at the end it starts the other release, or, where
    /// there is none, this one again.
    #[test]
    fn no_machine_starts_over_and_over() {
        let (mut left, mut done, mut boots) = (3, 0, 0);
        loop {
            left = u32::saturating_sub(left, 1);
            done += 1;
            boots += 1;
            if (BootCounting::Counted { left, done }).action(OnFailure::Reboot, 3) == Action::Stay {
                break;
            }
            assert!(boots < 10);
        }
        assert_eq!((boots, left), (4, 0), "three tries, and one without an alternative");
    }

    #[test]
    fn only_a_boot_that_is_counted_ends() {
        let counted = BootCounting::Counted { left: 2, done: 1 };
        assert_eq!(counted.action(OnFailure::Reboot, 3), Action::Reboot);
        assert_eq!(counted.action(OnFailure::Stay, 3), Action::Stay);
        for calm in [BootCounting::Uncounted, BootCounting::Good] {
            assert_eq!(calm.action(OnFailure::Reboot, 3), Action::Stay);
        }
    }
}
