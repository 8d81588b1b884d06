//! What firmware measures: which programs it starts (PCR 4), and by which keys (PCR 7).
//!
//! Source: TCG PC Client Platform Firmware Profile 1.06, 3.3.4.5 and 3.3.4.8. The order of the events in a PCR is that of
//! EDK II, which other firmware need not keep: where a value differs, the events of its log say more.

use super::{BANK, Register};
use crate::secureboot::{SignatureList, Variable};
use pintle_model::Digest;

/// What firmware says before it starts something.
const CALLING: &[u8] = b"Calling EFI Application from Boot Option";
/// `EV_SEPARATOR`, between firmware's own and what it starts.
const SEPARATOR: [u8; 4] = [0; 4];

/// PCR 4, SHA-256, after firmware started programs with these Authenticode digests, one after the other.
#[must_use]
pub fn pcr4(programs: &[Digest]) -> Digest {
    let own = [CALLING, &SEPARATOR].map(Digest::of);
    value(own.iter().chain(programs))
}

/// What firmware that checks what it starts measures into PCR 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Variables in their order, and the digests of what is measured of them.
    pub variables: Vec<(&'static str, Digest)>,
    /// Digest of the entry of db by which the programs start.
    pub authority: Digest,
}

impl Policy {
    /// Of firmware whose lists are these, and nothing forbidden, which starts what the owner of `certificate` (DER) signed.
    /// None where db does not have it.
    #[must_use]
    pub fn new(
        pk: &[SignatureList],
        kek: &[SignatureList],
        db: &[SignatureList],
        certificate: &[u8],
    ) -> Option<Self> {
        let mut entries = db.iter().flat_map(SignatureList::entries);
        let entry = entries.find(|entry| entry.data == certificate)?;
        let entry = [&entry.owner.to_bytes_le()[..], &entry.data].concat();
        let list =
            |variable: Variable, lists| (variable.name(), event(variable, &SignatureList::bytes(lists)));
        let variables = vec![
            // In the name space of PK.
            ("SecureBoot", named(Variable::Pk, "SecureBoot", &[1])),
            list(Variable::Pk, pk),
            list(Variable::Kek, kek),
            list(Variable::Db, db),
            list(Variable::Dbx, &[]),
        ];
        Some(Self { variables, authority: event(Variable::Db, &entry) })
    }

    /// PCR 7, SHA-256.
    #[must_use]
    pub fn pcr7(&self) -> Digest {
        let separator = Digest::of(&SEPARATOR);
        value(self.variables.iter().map(|(_, digest)| digest).chain([&separator, &self.authority]))
    }
}

fn event(variable: Variable, data: &[u8]) -> Digest {
    named(variable, variable.name(), data)
}

/// The digest of `UEFI_VARIABLE_DATA` (10.2.6) of a variable called `name`.
fn named(of: Variable, name: &str, data: &[u8]) -> Digest {
    let mut bytes = of.vendor().to_bytes_le().to_vec();
    let units: Vec<u16> = name.encode_utf16().collect();
    bytes.extend_from_slice(&(units.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(data.len() as u64).to_le_bytes());
    bytes.extend(units.into_iter().flat_map(u16::to_le_bytes));
    bytes.extend_from_slice(data);
    Digest::of(&bytes)
}

fn value<'a>(digests: impl Iterator<Item = &'a Digest>) -> Digest {
    let mut register = Register::new(BANK);
    for digest in digests {
        register.extend(digest.as_bytes());
    }
    let mut value = [0; 32];
    value.copy_from_slice(&register.value);
    Digest::from_bytes(value)
}
