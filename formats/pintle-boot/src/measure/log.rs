//! Event logs: what firmware, boot loader and stub say that they measured (TCG PC Client Platform Firmware Profile 1.06,
//! 10.2, crypto-agile form), and what systemd measured later (its `tpm2-measure.log`, records of TCG's Canonical Event Log in
//! JSON, one behind each record separator). Nothing of a log is to be believed before it leads to the values of the TPM:
//! [`replay`].

use super::{Bank, Register};
use pintle_model::Limit;
use serde_json::Value;
use std::collections::BTreeMap;

/// Something that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Into which PCR.
    pub pcr: u32,
    /// `EV_…` of the profile; none: by systemd, after the kernel's start.
    pub kind: Option<u32>,
    /// By what the PCR was extended, of one bank.
    pub digest: Box<[u8]>,
    /// What was measured, or what it is called; the digest need not be of it.
    pub data: Box<[u8]>,
}

/// `EV_NO_ACTION`: not measured.
const NO_ACTION: u32 = 0x03;
/// `EV_EFI_VARIABLE_DRIVER_CONFIG`: a variable that decides what may start.
pub const VARIABLE: u32 = 0x8000_0001;
/// `EV_EFI_BOOT_SERVICES_APPLICATION`: a program that firmware started.
pub const PROGRAM: u32 = 0x8000_0003;
/// The same, `EV_EFI_BOOT_SERVICES_DRIVER` and `EV_EFI_RUNTIME_SERVICES_DRIVER`.
pub const PROGRAMS: [u32; 3] = [PROGRAM, 0x8000_0004, 0x8000_0005];
/// `EV_EFI_ACTION`: something that firmware did.
pub const ACTION: u32 = 0x8000_0007;
/// `EV_EFI_VARIABLE_AUTHORITY`: the entry of a variable by which a program may start.
pub const AUTHORITY: u32 = 0x8000_00e0;
/// Begins the data of the event that says with which locality PCR 0 began (10.4.5.3).
const LOCALITY: &[u8] = b"StartupLocality\0";
/// Begins the data of the first event.
const SIGNATURE: &[u8] = b"Spec ID Event03\0";

/// Machines have some hundred.
const EVENTS: Limit = Limit::new(16_384, "events in one log");
/// A TPM has four at most.
const BANKS: Limit = Limit::new(16, "digests of one event");
/// Lists of keys are the longest.
const DATA: Limit = Limit::new(1 << 20, "bytes of data in one event");

/// Why bytes are no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Of firmware.
    #[error("the event log of firmware is damaged at byte {at}: {why}")]
    Damaged {
        /// Where.
        at: usize,
        /// Why.
        why: &'static str,
    },
    /// Over a limit.
    #[error("the event log has more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// Of TPM 1.2, or nothing.
    #[error("it is no event log of a TPM 2.0")]
    NotOne,
    /// Nothing of the bank.
    #[error("the event log has no digests of {0}")]
    NoBank(&'static str),
    /// Of systemd.
    #[error("record {0} of systemd's event log is damaged")]
    Record(usize),
}

/// Bytes that are read one after the other.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], LogError> {
        let end = self.at.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(LogError::Damaged { at: self.at, why: "it ends before it is complete" })?;
        self.at += len;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, LogError> {
        let two = self.take(2)?;
        Ok(u16::from_le_bytes([two[0], two[1]]))
    }

    fn u32(&mut self) -> Result<u32, LogError> {
        let four = self.take(4)?;
        Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    fn data(&mut self) -> Result<&'a [u8], LogError> {
        let len = self.u32()?;
        if !DATA.allows(len.into()) {
            return Err(LogError::Limit(DATA));
        }
        self.take(len as usize)
    }
}

/// Events of firmware, with their digests of `bank`.
///
/// # Errors
/// [`LogError`].
pub fn firmware(bytes: &[u8], bank: Bank) -> Result<Vec<Event>, LogError> {
    let mut cursor = Cursor { bytes, at: 0 };
    let lengths = header(&mut cursor)?;
    if !lengths.contains_key(&bank.algorithm()) {
        return Err(LogError::NoBank(bank.name()));
    }
    let mut events = Vec::new();
    while cursor.at < bytes.len() {
        let (pcr, kind, digests) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        if !BANKS.allows(digests.into()) {
            return Err(LogError::Limit(BANKS));
        }
        let mut own = None;
        for _ in 0..digests {
            let at = cursor.at;
            let algorithm = cursor.u16()?;
            let len = lengths.get(&algorithm);
            let len = *len.ok_or(LogError::Damaged {
                at,
                why: "a digest of an algorithm that its header does not name",
            })?;
            let digest = cursor.take(len.into())?;
            if algorithm == bank.algorithm() {
                own = Some(digest);
            }
        }
        let (at, data) = (cursor.at, cursor.data()?);
        let digest = own.ok_or(LogError::Damaged { at, why: "an event has no digest of the bank" })?;
        events.push(Event { pcr, kind: Some(kind), digest: digest.into(), data: data.into() });
        if !EVENTS.allows(events.len() as u64) {
            return Err(LogError::Limit(EVENTS));
        }
    }
    Ok(events)
}

/// The first event, in the form of TPM 1.2 (10.4.5.1): lengths of digests by algorithm.
fn header(cursor: &mut Cursor<'_>) -> Result<BTreeMap<u16, u16>, LogError> {
    let (_, kind) =
        (cursor.u32().map_err(|_| LogError::NotOne)?, cursor.u32().map_err(|_| LogError::NotOne)?);
    cursor.take(20).map_err(|_| LogError::NotOne)?;
    let from = cursor.at;
    let mut data = Cursor { bytes: cursor.data().map_err(|_| LogError::NotOne)?, at: 0 };
    if kind != NO_ACTION || !data.bytes.starts_with(SIGNATURE) {
        return Err(LogError::NotOne);
    }
    let damaged = |_| LogError::Damaged { at: from, why: "its header ends before it is complete" };
    // Platform class, version, length of addresses.
    data.take(SIGNATURE.len() + 8).map_err(damaged)?;
    let count = data.u32().map_err(damaged)?;
    if !BANKS.allows(count.into()) {
        return Err(LogError::Limit(BANKS));
    }
    let mut pair = || Ok((data.u16()?, data.u16()?));
    (0..count).map(|_| pair()).collect::<Result<_, LogError>>().map_err(damaged)
}

/// Events of systemd's log, with their digests of `bank`.
///
/// # Errors
/// [`LogError`].
pub fn userspace(bytes: &[u8], bank: Bank) -> Result<Vec<Event>, LogError> {
    let records = bytes.split(|byte| *byte == 0x1e).filter(|record| !record.trim_ascii().is_empty());
    let mut events = Vec::new();
    for (number, record) in records.enumerate() {
        if !EVENTS.allows(number as u64) {
            return Err(LogError::Limit(EVENTS));
        }
        events.push(record_event(record, bank).ok_or(LogError::Record(number + 1))?);
    }
    Ok(events)
}

fn record_event(record: &[u8], bank: Bank) -> Option<Event> {
    let record: Value = serde_json::from_slice(record).ok()?;
    let digests = record.get("digests")?.as_array()?;
    let of_bank = |digest: &&Value| digest.get("hashAlg").and_then(Value::as_str) == Some(bank.name());
    let digest = digests.iter().find(of_bank)?.get("digest")?.as_str()?;
    let text = record.get("content").and_then(|content| content.get("string")).and_then(Value::as_str);
    Some(Event {
        pcr: u32::try_from(record.get("pcr")?.as_u64()?).ok()?,
        kind: None,
        digest: unhex(digest)?,
        data: text.unwrap_or_default().as_bytes().into(),
    })
}

fn unhex(text: &str) -> Option<Box<[u8]>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
        .collect()
}

/// What each PCR holds after these events, if they are all that was measured. PCRs of which there is no event are not in it.
#[must_use]
pub fn replay(events: &[Event], bank: Bank) -> BTreeMap<u32, Vec<u8>> {
    let mut registers: BTreeMap<u32, Register> = BTreeMap::new();
    for event in events {
        let register = registers.entry(event.pcr).or_insert_with(|| Register::new(bank));
        match (event.kind, event.data.strip_prefix(LOCALITY)) {
            (Some(NO_ACTION), Some([locality, ..])) if event.pcr == 0 => {
                if let Some(last) = register.value.last_mut() {
                    *last = *locality;
                }
            }
            (Some(NO_ACTION), _) => {}
            _ => register.extend(&event.digest),
        }
    }
    registers.into_iter().map(|(pcr, register)| (pcr, register.value.into_vec())).collect()
}

/// The name in the data of [`VARIABLE`] and [`AUTHORITY`] (`UEFI_VARIABLE_DATA`, 10.2.6).
#[must_use]
pub fn variable_name(data: &[u8]) -> Option<String> {
    let units = u64::from_le_bytes(*data.get(16..)?.first_chunk()?);
    let len = usize::try_from(units).ok()?.checked_mul(2)?;
    let name = data.get(32..)?.get(..len)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(name).collect::<Result<String, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::Digest;
    use proptest::prelude::*;

    /// A log with two banks, as firmware writes it.
    fn log(events: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut spec = SIGNATURE.to_vec();
        spec.extend([0, 0, 0, 0, 0, 2, 0, 2]);
        spec.extend(2_u32.to_le_bytes());
        for (algorithm, len) in [(4_u16, 20_u16), (0x0b, 32)] {
            spec.extend(algorithm.to_le_bytes());
            spec.extend(len.to_le_bytes());
        }
        spec.push(0);
        let mut bytes = [0_u32.to_le_bytes(), NO_ACTION.to_le_bytes()].concat();
        bytes.extend([0; 20]);
        bytes.extend((spec.len() as u32).to_le_bytes());
        bytes.extend(spec);
        for (pcr, kind, data) in events {
            for number in [*pcr, *kind, 2] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(4_u16.to_le_bytes());
            bytes.extend([7; 20]);
            bytes.extend(0x0b_u16.to_le_bytes());
            bytes.extend(Digest::of(data).as_bytes());
            bytes.extend((data.len() as u32).to_le_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn a_log_leads_to_what_a_pcr_holds() {
        let separator: &[u8] = &[0; 4];
        let locality: &[u8] = b"StartupLocality\0\x03";
        let bytes =
            log(&[(0, NO_ACTION, locality), (0, 8, b"v"), (7, 4, separator), (4, PROGRAM, b"loader")]);
        let events = firmware(&bytes, Bank::Sha256).unwrap();
        assert_eq!(events.len(), 4);
        assert_eq!((events[3].pcr, events[3].kind, &*events[3].data), (4, Some(PROGRAM), &b"loader"[..]));
        let held = replay(&events, Bank::Sha256);
        let extended =
            |from: [u8; 32], data: &[u8]| Digest::of(&[&from, &Digest::of(data).as_bytes()[..]].concat());
        let mut third = [0; 32];
        third[31] = 3;
        assert_eq!(held[&0], extended(third, b"v").as_bytes());
        assert_eq!(held[&7], extended([0; 32], separator).as_bytes());
        assert!(!held.contains_key(&5));
        assert_eq!(replay(&firmware(&bytes, Bank::Sha256).unwrap()[..1], Bank::Sha256)[&0][31], 3);
    }

    #[test]
    fn what_is_no_log_is_refused() {
        let error = |bytes: &[u8]| firmware(bytes, Bank::Sha256).unwrap_err().to_string();
        let good = log(&[(4, PROGRAM, b"loader")]);
        insta::assert_snapshot!(error(b""), @"it is no event log of a TPM 2.0");
        insta::assert_snapshot!(error(&[0; 64]), @"it is no event log of a TPM 2.0");
        insta::assert_snapshot!(error(&good[..good.len() - 1]), @"the event log of firmware is damaged at byte 141: it ends before it is complete");
        insta::assert_snapshot!(firmware(&good, Bank::Sha384).unwrap_err(), @"the event log has no digests of sha384");
        let header = log(&[]).len();
        let mut unknown = good.clone();
        unknown[header + 12] = 9;
        insta::assert_snapshot!(error(&unknown), @"the event log of firmware is damaged at byte 81: a digest of an algorithm that its header does not name");
        let mut many = good;
        many[header + 8] = 200;
        insta::assert_snapshot!(error(&many), @"the event log has more than 16 digests of one event");
    }

    #[test]
    fn systemds_log_is_read() {
        let text = "\u{1e}{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"00\"},{\"hashAlg\":\"sha256\",\
                    \"digest\":\"51e6\"}],\"content_type\":\"systemd\",\"content\":{\"string\":\"enter-initrd\"}}\n\
                    \u{1e}{\"pcr\":15,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"ff\"}]}\n";
        let events = userspace(text.as_bytes(), Bank::Sha256).unwrap();
        assert_eq!((events.len(), &*events[0].data), (2, &b"enter-initrd"[..]));
        assert_eq!((events[0].pcr, &*events[0].digest, events[1].pcr), (11, &[0x51, 0xe6][..], 15));
        for bad in [
            "\u{1e}{",
            "\u{1e}{\"pcr\":1}",
            "\u{1e}{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"f\"}]}",
        ] {
            assert!(userspace(bad.as_bytes(), Bank::Sha256).is_err(), "{bad}");
        }
        insta::assert_snapshot!(userspace(b"\x1e{", Bank::Sha256).unwrap_err(), @"record 1 of systemd's event log is damaged");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, by: u8) {
            let _ = firmware(&bytes, Bank::Sha256);
            let _ = userspace(&bytes, Bank::Sha256);
            let mut changed = log(&[(4, PROGRAM, b"loader"), (7, VARIABLE, &bytes)]);
            let at = at % changed.len();
            changed[at] ^= by;
            if let Ok(events) = firmware(&changed, Bank::Sha256) {
                let _ = replay(&events, Bank::Sha256);
                events.iter().for_each(|event| drop(variable_name(&event.data)));
            }
        }
    }
}
