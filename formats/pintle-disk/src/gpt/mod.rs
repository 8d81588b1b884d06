//! GUID partition tables. Source: UEFI specification 2.10, chapter 5.
//!
//! [`Table`] holds a table that was checked, so writing it cannot fail; [`place`] makes one from sizes; [`read`]
//! reads what a disk holds and trusts nothing.

mod discoverable;
pub mod format;
mod place;
pub mod read;
mod write;

pub use discoverable::Discoverable;
pub use place::{ALIGN, PlaceError, Request, place};
pub use write::{Table, TableError};

use uuid::Uuid;

/// Sectors at each end of the disk that belong to the tables: LBA 0 to 33, and the last 33.
pub const FIRST_USABLE: u64 = 34;
/// See [`FIRST_USABLE`].
pub const BACKUP_SECTORS: u64 = 33;
/// 2^54 sectors are 2^63 bytes, the most an offset in a file can be.
const SECTORS_MAX: u64 = 1 << 54;

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// What it is for: see [`types`].
    pub type_guid: Uuid,
    /// Its own identity.
    pub guid: Uuid,
    /// `PARTLABEL`: at most 36 UTF-16 units.
    pub name: String,
    /// First sector.
    pub first: u64,
    /// Last sector, inclusive.
    pub last: u64,
    /// See [`attributes`].
    pub attributes: u64,
}

impl Partition {
    /// Offset in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.first * 512
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first) * 512
    }

    /// True for one without sectors, which no checked table has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last < self.first
    }
}

/// Attribute bits: UEFI 2.10 table 5.8, and the Discoverable Partitions Specification (UAPI.2).
pub mod attributes {
    /// Firmware needs it: do not delete.
    pub const REQUIRED: u64 = 1;
    /// Legacy BIOS may boot it.
    pub const LEGACY_BIOS_BOOTABLE: u64 = 1 << 2;
    /// Grow the file system in it when it is mounted.
    pub const GROW_FILE_SYSTEM: u64 = 1 << 59;
    /// Mount read-only.
    pub const READ_ONLY: u64 = 1 << 60;
    /// Do not mount without being told.
    pub const NO_AUTO: u64 = 1 << 63;
}

/// Type GUIDs that do not depend on the architecture.
pub mod types {
    use uuid::{Uuid, uuid};

    /// EFI system partition.
    pub const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    /// BIOS boot partition: GRUB's core image.
    pub const BIOS_BOOT: Uuid = uuid!("21686148-6449-6e6f-744e-656564454649");
    /// Extended boot loader partition.
    pub const XBOOTLDR: Uuid = uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172");
    /// Linux data without further meaning.
    pub const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
    /// Swap.
    pub const SWAP: Uuid = uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f");
    /// `/var`.
    pub const VAR: Uuid = uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d");
}
