//! What firmware's lists of keys are made of, and how they are changed: signature lists (`.esl`) and authenticated
//! updates of variables (`.auth`), as systemd-boot enrols them. Source: UEFI 2.10, sections 8.2.2 and 32.4.1.

mod list;
mod update;

pub use list::{Entry, ListError, SignatureList, SignatureType};
pub use update::{Update, UpdateError};

use uuid::{Uuid, uuid};

/// `EFI_GLOBAL_VARIABLE` (UEFI 2.10, 3.3).
const GLOBAL: Uuid = uuid!("8be4df61-93ca-11d2-aa0d-00e098032b8c");
/// `EFI_IMAGE_SECURITY_DATABASE_GUID` (UEFI 2.10, 32.6.1).
const SECURITY_DATABASE: Uuid = uuid!("d719b2cb-3d3a-4596-a3bc-dad00e67656f");

/// Variables with lists of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// Platform key: whose owner may change [`Variable::Kek`] and itself.
    Pk,
    /// Key exchange keys: whose owners may change [`Variable::Db`] and [`Variable::Dbx`].
    Kek,
    /// What may start.
    Db,
    /// What may not.
    Dbx,
}

impl Variable {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pk => "PK",
            Self::Kek => "KEK",
            Self::Db => "db",
            Self::Dbx => "dbx",
        }
    }

    /// Its name space.
    #[must_use]
    pub fn vendor(self) -> Uuid {
        match self {
            Self::Pk | Self::Kek => GLOBAL,
            Self::Db | Self::Dbx => SECURITY_DATABASE,
        }
    }

    /// Who must sign a change of it once firmware checks.
    #[must_use]
    pub fn changed_by(self) -> Self {
        match self {
            Self::Pk | Self::Kek => Self::Pk,
            Self::Db | Self::Dbx => Self::Kek,
        }
    }
}

fn get_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn get_uuid(bytes: &[u8], at: usize) -> Option<Uuid> {
    bytes.get(at..)?.first_chunk().map(|bytes| Uuid::from_bytes_le(*bytes))
}
