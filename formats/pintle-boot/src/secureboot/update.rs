//! `EFI_VARIABLE_AUTHENTICATION_2` (UEFI 2.10, 8.2.2): a variable's new content with the time and signature by which
//! firmware decides whether to take it.

use super::list::{ListError, SignatureList};
use super::{Variable, get_u32, get_uuid};
use crate::sign::{SignError, Signer};
use der::DateTime;
use pintle_model::Limit;
use std::time::Duration;
use uuid::{Uuid, uuid};

/// `EFI_CERT_TYPE_PKCS7_GUID`.
const PKCS7: Uuid = uuid!("4aafd29d-68df-49ee-8aa9-347d375665a7");
/// `WIN_CERT_TYPE_EFI_GUID`.
const CERTIFICATE_TYPE: u16 = 0x0ef1;
/// `WIN_CERTIFICATE.wRevision`.
const REVISION: u16 = 0x0200;
/// Non-volatile, for boot services, at runtime, authenticated by time: what the lists of keys have (UEFI 2.10, 3.3).
const ATTRIBUTES: u32 = 0x27;
/// Bytes of an `EFI_TIME`.
const TIME: usize = 16;
/// Bytes of a `WIN_CERTIFICATE_UEFI_GUID` before its data.
const CERTIFICATE: usize = 24;
/// As of a list, and a signature.
const LEN: Limit = Limit::new(2 << 20, "bytes in one update of a variable");

/// New content of a variable, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// `EFI_TIME`, as it stands there.
    time: [u8; TIME],
    /// PKCS #7 SignedData in DER.
    pkcs7: Vec<u8>,
    /// The new content.
    pub lists: Vec<SignatureList>,
}

/// Why there is no update.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// A time that firmware does not have.
    #[error("{0} seconds since 1970 is no time from 1970 to 9999")]
    Time(i64),
    /// Signing.
    #[error("the update cannot be signed")]
    Sign(#[from] SignError),
    /// Over a limit.
    #[error("more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// Bytes that are no update.
    #[error("it is no authenticated update of a variable: {0}")]
    NotOne(&'static str),
    /// The content.
    #[error(transparent)]
    List(#[from] ListError),
}

impl Update {
    /// `lists` as the new content of `variable`, as of `time` (seconds since 1970), signed by `signer`, the owner of
    /// [`Variable::changed_by`]. Firmware refuses a time that is not later than that of the update before.
    ///
    /// # Errors
    /// [`UpdateError::Time`], [`UpdateError::Sign`].
    pub fn sign(
        variable: Variable,
        lists: Vec<SignatureList>,
        time: i64,
        signer: &Signer,
    ) -> Result<Self, UpdateError> {
        let time = efi_time(time).ok_or(UpdateError::Time(time))?;
        // What the signature is about: name without its NUL, vendor, attributes, time, content.
        let mut signed: Vec<u8> = variable.name().encode_utf16().flat_map(u16::to_le_bytes).collect();
        signed.extend_from_slice(&variable.vendor().to_bytes_le());
        signed.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        signed.extend_from_slice(&time);
        signed.extend_from_slice(&SignatureList::bytes(&lists));
        // Without a ContentInfo around it: firmware from before UEFI 2.8 knows it in no other form.
        let pkcs7 = signer.signed_data(&signed)?;
        Ok(Self { time, pkcs7, lists })
    }

    /// What an `.auth` file holds.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.time.to_vec();
        out.extend_from_slice(&((CERTIFICATE + self.pkcs7.len()) as u32).to_le_bytes());
        out.extend_from_slice(&REVISION.to_le_bytes());
        out.extend_from_slice(&CERTIFICATE_TYPE.to_le_bytes());
        out.extend_from_slice(&PKCS7.to_bytes_le());
        out.extend_from_slice(&self.pkcs7);
        out.extend_from_slice(&SignatureList::bytes(&self.lists));
        out
    }

    /// From an `.auth` file. The signature is not checked: that is firmware's affair.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, UpdateError> {
        if !LEN.allows(bytes.len() as u64) {
            return Err(UpdateError::Limit(LEN));
        }
        let short = || UpdateError::NotOne("it ends before its content");
        let time = *bytes.first_chunk::<TIME>().ok_or_else(short)?;
        let certificate = &bytes[TIME..];
        let len = get_u32(certificate, 0).ok_or_else(short)? as usize;
        let kind = get_u32(certificate, 4).ok_or_else(short)?;
        let guid = get_uuid(certificate, 8).ok_or_else(short)?;
        if kind != u32::from(REVISION) | u32::from(CERTIFICATE_TYPE) << 16 || guid != PKCS7 {
            return Err(UpdateError::NotOne("it has no PKCS #7 signature"));
        }
        if len < CERTIFICATE {
            return Err(UpdateError::NotOne("its signature is shorter than its header"));
        }
        let (certificate, content) = certificate.split_at_checked(len).ok_or_else(short)?;
        let pkcs7 = certificate[CERTIFICATE..].to_vec();
        Ok(Self { time, pkcs7, lists: SignatureList::parse(content)? })
    }

    /// When it was made, `2026-11-20 07:55:41`, as it says.
    #[must_use]
    pub fn time(&self) -> String {
        let [low, high, month, day, hour, minute, second, ..] = self.time;
        let year = u16::from_le_bytes([low, high]);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    /// The signature: PKCS #7 SignedData in DER, without a ContentInfo where we made it.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.pkcs7
    }
}

/// `EFI_TIME` with all that must be zero in an update: nanosecond, time zone, daylight.
fn efi_time(seconds: i64) -> Option<[u8; TIME]> {
    let date = DateTime::from_unix_duration(Duration::from_secs(u64::try_from(seconds).ok()?)).ok()?;
    let mut time = [0; TIME];
    time[..2].copy_from_slice(&date.year().to_le_bytes());
    time[2..7].copy_from_slice(&[date.month(), date.day(), date.hour(), date.minutes(), date.seconds()]);
    Some(time)
}
