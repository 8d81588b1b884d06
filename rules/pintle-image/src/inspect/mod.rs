//! What an image is, as far as it can be read from outside: the counterpart of what a machine says of itself.

mod holds;
mod purpose;
mod text;

pub use holds::{Holds, SNIFF, holds};
pub use purpose::Purpose;

pub use crate::first_boot::EMPTY;

use pintle_model::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Version of the document.
pub const INSPECT_SCHEMA: u32 = 1;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// [`INSPECT_SCHEMA`].
    pub schema: u32,
    /// `raw` or `qcow2`.
    pub format: &'static str,
    /// Bytes of the disk.
    pub size: u64,
    /// The partition table; none: the image is one bare file system.
    pub table: Option<Table>,
    /// Name of the system.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// In the order of their numbers.
    pub partitions: Vec<Part>,
    /// Places for `/usr`; none: the layout has none.
    pub slots: Vec<Place>,
    /// What UEFI firmware starts; none: nothing.
    pub uefi: Option<Uefi>,
    /// What BIOS firmware starts; none: nothing.
    pub bios: Option<Bios>,
    /// What keeps the system from starting, or from being what it should; for people.
    pub problems: Vec<String>,
}

/// A partition table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Identity of the disk.
    pub disk: Uuid,
    /// Why one of its copies does not count.
    pub damage: Option<String>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Type.
    pub type_uuid: Uuid,
    /// What such a partition is for.
    pub purpose: Purpose,
    /// Its label.
    pub label: String,
    /// Its own identity.
    pub uuid: Uuid,
    /// What is in it.
    pub holds: Holds,
}

/// A place for `/usr`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `A`, `B`, …
    pub letter: char,
    /// Label of the partition.
    pub label: String,
    /// The root hash that the UUIDs of its partitions stand for; none: it has no hashes.
    pub usrhash: Option<Digest>,
    /// Whether it is what the root hash stands for.
    pub verity: Compared,
}

/// Data and the digest it should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum Compared {
    /// It has it.
    Verified,
    /// It has not; why.
    Damaged(String),
    /// There is nothing to compare.
    Empty,
}

/// A signature of an EFI program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// Subject of the certificate, where it can be read.
    pub signer: Option<String>,
    /// SHA-256 of the certificate.
    pub certificate: Option<Digest>,
    /// Why it is not good; none: it is.
    pub bad: Option<String>,
}

/// What UEFI firmware starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Uefi {
    /// Version of systemd-boot; none: another program.
    pub loader: Option<String>,
    /// The loader's signature.
    pub signature: Option<SignedBy>,
    /// Boot entries, by their names.
    pub entries: Vec<Start>,
    /// When keys are enrolled (`secure-boot-enroll` of loader.conf(5)).
    pub enrol: Option<String>,
    /// Keys to be enrolled, by the name of the variable.
    pub keys: BTreeMap<String, Vec<Key>>,
}

/// A key to be enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Subject of the certificate.
    pub subject: String,
    /// SHA-256 of the certificate.
    pub certificate: Digest,
}

/// A boot entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Start {
    /// File on the EFI system partition.
    pub file: String,
    /// What the menu shows.
    pub title: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Kernel command line.
    pub cmdline: Option<String>,
    /// The root hash of `/usr` that it names.
    pub usrhash: Option<String>,
    /// Where that is.
    pub slot: Option<char>,
    /// Tries left and done; none: it is not counted.
    pub tries: Option<(u32, u32)>,
    /// Its signature.
    pub signature: Option<SignedBy>,
    /// True where a signed policy for TPMs is in it.
    pub has_policy: bool,
    /// PCR 11, SHA-256, by the phases of the boot that were reached.
    pub pcr11: BTreeMap<String, String>,
    /// Why it cannot be started at all.
    pub damage: Option<String>,
}

/// What BIOS firmware starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bios {
    /// The place that is tried first; none: nothing is counted.
    pub first: Option<String>,
    /// Tries left of each place.
    pub left: BTreeMap<String, u32>,
    /// Copies of what GRUB remembers that cannot be read.
    pub damaged: Vec<String>,
    /// By place: whether kernel and initrd are those that GRUB compares.
    pub kernels: BTreeMap<String, Compared>,
}

impl Inspection {
    /// Fills [`Inspection::slots`]'s letters into the boot entries, and says what is wrong with all of it.
    #[must_use]
    pub fn judged(mut self) -> Self {
        let letters: BTreeMap<String, char> =
            self.slots.iter().filter_map(|place| Some((place.usrhash?.hex(), place.letter))).collect();
        let mut problems = self.problems;
        if let Some(damage) = self.table.as_ref().and_then(|table| table.damage.as_ref()) {
            problems.push(format!("the partition table: {damage}"));
        }
        for place in &self.slots {
            if let Compared::Damaged(why) = &place.verity {
                problems.push(format!("/usr in place {}: {why}", place.letter));
            }
        }
        if let Some(uefi) = &mut self.uefi {
            problems.extend(uefi.judge(&letters));
        }
        if let Some(bios) = &self.bios {
            problems.extend(bios.problems());
        }
        Self { problems, ..self }
    }
}

impl Uefi {
    fn judge(&mut self, letters: &BTreeMap<String, char>) -> Vec<String> {
        let mut problems: Vec<String> =
            self.refused("the boot loader", self.signature.as_ref()).into_iter().collect();
        for entry in &mut self.entries {
            let Some(hash) = &entry.usrhash else { continue };
            entry.slot = letters.get(hash).copied();
            if entry.slot.is_none() {
                problems.push(format!("{}: the /usr that it wants is in no place of this disk", entry.file));
            }
        }
        for entry in &self.entries {
            problems.extend(entry.damage.as_ref().map(|why| format!("{}: {why}", entry.file)));
            problems.extend(self.refused(&entry.file, entry.signature.as_ref()));
        }
        if self.entries.is_empty() {
            problems.push("the EFI system partition has no boot entry".to_owned());
        } else if self.entries.iter().all(|entry| entry.tries.is_some_and(|(left, _)| left == 0)) {
            problems.push("no boot entry has tries left".to_owned());
        }
        problems
    }

    /// Why firmware with the keys that the image brings refuses a program.
    fn refused(&self, what: &str, signature: Option<&SignedBy>) -> Option<String> {
        if let Some(why) = signature.and_then(|signature| signature.bad.as_ref()) {
            return Some(format!("{what}: the signature is not good: {why}"));
        }
        let allowed = self.keys.get("db")?;
        let certificate = signature.and_then(|signature| signature.certificate);
        let trusted = certificate.is_some_and(|own| allowed.iter().any(|key| key.certificate == own));
        (!trusted)
            .then(|| format!("{what}: not signed by a key that the image enrols; firmware will refuse it"))
    }
}

impl Bios {
    fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.damaged.iter().map(|name| format!("GRUB's memory {name} cannot be read")).collect();
        for (place, compared) in &self.kernels {
            if let Compared::Damaged(why) = compared {
                problems.push(format!("GRUB does not start place {place}: {why}"));
            }
        }
        problems
    }
}
