use super::{get_u32, get_uuid};
use pintle_model::{Digest, Limit};
use uuid::{Uuid, uuid};

/// `EFI_CERT_X509_GUID`.
const X509: Uuid = uuid!("a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
/// `EFI_CERT_SHA256_GUID`.
const SHA256: Uuid = uuid!("c1c41626-504c-4092-aca9-41f936934328");
/// Bytes of a list before its entries.
const HEADER: usize = 28;
/// Bytes of an entry's owner.
const OWNER: usize = 16;
/// Firmware has some tens of kilobytes for a variable; Microsoft's dbx has 24.
const LEN: Limit = Limit::new(1 << 20, "bytes in one list of keys");

/// What is in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureType {
    /// Certificates in DER: what their keys signed may start.
    X509,
    /// Authenticode digests of images.
    Sha256,
    /// Something else.
    Other(Uuid),
}

impl SignatureType {
    fn guid(self) -> Uuid {
        match self {
            Self::X509 => X509,
            Self::Sha256 => SHA256,
            Self::Other(guid) => guid,
        }
    }
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who put it there.
    pub owner: Uuid,
    /// Certificate, digest.
    pub data: Vec<u8>,
}

/// `EFI_SIGNATURE_LIST`: entries of one type and length. A variable's content is any number of lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureList {
    kind: SignatureType,
    header: Vec<u8>,
    entries: Vec<Entry>,
}

/// Why bytes are no signature lists.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ListError {
    /// Over a limit.
    #[error("more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// It ends too early.
    #[error("the signature list at byte {at} ends before it is complete")]
    Truncated {
        /// Where it begins.
        at: usize,
    },
    /// Its lengths contradict each other.
    #[error("the signature list at byte {at} has {bytes} bytes for entries of {entry} bytes")]
    Length {
        /// Where it begins.
        at: usize,
        /// Bytes for all entries.
        bytes: usize,
        /// Bytes of each.
        entry: usize,
    },
}

impl SignatureList {
    /// A list of one certificate in DER. Each certificate has a list of its own: entries of a list have one length.
    #[must_use]
    pub fn certificate(owner: Uuid, der: &[u8]) -> Self {
        let entries = vec![Entry { owner, data: der.to_vec() }];
        Self { kind: SignatureType::X509, header: Vec::new(), entries }
    }

    /// A list of images by their Authenticode digests.
    #[must_use]
    pub fn images(owner: Uuid, digests: &[Digest]) -> Self {
        let entry = |digest: &Digest| Entry { owner, data: digest.as_bytes().to_vec() };
        Self { kind: SignatureType::Sha256, header: Vec::new(), entries: digests.iter().map(entry).collect() }
    }

    /// What is in it.
    #[must_use]
    pub fn kind(&self) -> SignatureType {
        self.kind
    }

    /// Its entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Lists back to back: what an `.esl` file holds.
    #[must_use]
    pub fn bytes(lists: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for list in lists {
            let entry = OWNER + list.entries.first().map_or(0, |entry| entry.data.len());
            let len = HEADER + list.header.len() + entry * list.entries.len();
            out.extend_from_slice(&list.kind.guid().to_bytes_le());
            for number in [len, list.header.len(), entry] {
                out.extend_from_slice(&(number as u32).to_le_bytes());
            }
            out.extend_from_slice(&list.header);
            for entry in &list.entries {
                out.extend_from_slice(&entry.owner.to_bytes_le());
                out.extend_from_slice(&entry.data);
            }
        }
        out
    }

    /// From an `.esl` file or a variable's content.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, ListError> {
        if !LEN.allows(bytes.len() as u64) {
            return Err(ListError::Limit(LEN));
        }
        let (mut lists, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let (list, len) = Self::one(&bytes[at..], at)?;
            lists.push(list);
            at += len;
        }
        Ok(lists)
    }

    /// The first list of `bytes`, which begin at `at`, and its length.
    fn one(bytes: &[u8], at: usize) -> Result<(Self, usize), ListError> {
        let truncated = ListError::Truncated { at };
        let number = |from: usize| get_u32(bytes, from).map(|number| number as usize);
        let numbers = (get_uuid(bytes, 0), number(16), number(20), number(24));
        let (Some(guid), Some(len), Some(header), Some(entry)) = numbers else { return Err(truncated) };
        let list = bytes.get(HEADER..len).ok_or(ListError::Truncated { at })?;
        let (header, list) = list.split_at_checked(header).ok_or(truncated)?;
        if entry < OWNER || !list.len().is_multiple_of(entry) {
            return Err(ListError::Length { at, bytes: list.len(), entry });
        }
        let entries = list.chunks_exact(entry).map(|entry| Entry {
            owner: get_uuid(entry, 0).expect("invariant: an entry has an owner"),
            data: entry[OWNER..].to_vec(),
        });
        let kind = match guid {
            X509 => SignatureType::X509,
            SHA256 => SignatureType::Sha256,
            other => SignatureType::Other(other),
        };
        Ok((Self { kind, header: header.to_vec(), entries: entries.collect() }, len))
    }
}
