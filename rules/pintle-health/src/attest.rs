//! Whether a machine measured what its image is expected to be measured as: PCRs 4 (programs that firmware started), 7 (whose
//! keys it trusts), 11 (the unified kernel image and the phases of the boot) and 12 (what came from outside).
//!
//! The event logs say what was measured; they are believed where they lead to what the TPM holds, and nowhere else. Whoever
//! runs this believes the kernel that shows the PCRs: a machine that somebody else rules can say anything.

mod components;
mod text;

use pintle_boot::measure::log::{Event, replay};
use pintle_boot::measure::{BANK, Measured, MeasuredFirmware};
use pintle_model::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the document.
pub const ATTESTATION_SCHEMA: u32 = 1;
/// PCRs that are looked at.
pub const REGISTERS: [u8; 4] = [4, 7, 11, 12];

/// What a machine shows.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// PCRs, SHA-256.
    pub registers: BTreeMap<u8, Digest>,
    /// Events of firmware and systemd; none: there is no log.
    pub events: Option<Vec<Event>>,
}

/// What a manifest says that it should show.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Name and version of the system.
    pub name: String,
    /// Images by their paths on the EFI system partition.
    images: Vec<(String, Measured)>,
    firmware: Option<MeasuredFirmware>,
}

/// Why a manifest says nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// Not one.
    #[error("it is no manifest of a build (NAME.json)")]
    NotOne(#[source] serde_json::Error),
    /// Nothing about measurements.
    #[error(
        "the manifest does not say what will be measured: neither is the layout `verified`, nor is anything signed"
    )]
    Unmeasured,
}

/// The parts of a manifest that matter.
#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
    disk: Option<Disk>,
}

#[derive(Deserialize)]
struct Disk {
    kernels: Vec<Entry>,
    rescue: Option<Entry>,
    measured: Option<MeasuredFirmware>,
}

#[derive(Deserialize)]
struct Entry {
    uki: Option<String>,
    measured: Option<Measured>,
}

impl Expected {
    /// From `NAME.json`.
    ///
    /// # Errors
    /// [`ExpectedError`].
    pub fn parse(manifest: &[u8]) -> Result<Self, ExpectedError> {
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(ExpectedError::NotOne)?;
        let disk = manifest.disk.ok_or(ExpectedError::Unmeasured)?;
        let entries = disk.kernels.into_iter().chain(disk.rescue);
        let images: Vec<_> = entries.filter_map(|entry| Some((entry.uki?, entry.measured?))).collect();
        if images.is_empty() {
            return Err(ExpectedError::Unmeasured);
        }
        Ok(Self { name: format!("{} {}", manifest.name, manifest.version), images, firmware: disk.measured })
    }

    /// The image that was started: the one that firmware measured, else the one that PCR 11 is of, else the first.
    fn started(&self, seen: &Seen) -> Option<&(String, Measured)> {
        let programs = components::programs(seen.events.iter().flatten());
        let by_program = || self.images.iter().find(|(_, image)| programs.contains(&image.image));
        let value = seen.registers.get(&11);
        let by_value = || {
            self.images.iter().find(|(_, image)| {
                value.is_some_and(|value| {
                    phases(image).is_some_and(|phases| phases.values().any(|own| own == value))
                })
            })
        };
        by_program().or_else(by_value).or_else(|| self.images.first())
    }
}

fn phases(image: &Measured) -> Option<&BTreeMap<String, Digest>> {
    image.pcr11.get(BANK.name())
}

/// How it went with a PCR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is what was expected.
    AsExpected,
    /// It is not.
    Differs,
    /// Nothing was expected.
    Unknown,
}

/// A PCR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Register {
    /// Its number.
    pub number: u8,
    /// What it holds, SHA-256.
    pub value: Option<Digest>,
    /// Whether the event logs lead to that; none: there are none.
    pub explained: Option<bool>,
    /// How it went.
    pub verdict: Verdict,
    /// What was measured into it, and what was expected.
    pub components: Vec<Component>,
}

/// Something that was measured, or should have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    /// What it is: a section, a variable, a program, a phase.
    pub name: String,
    /// Its digest in the log; none: it was not measured.
    pub measured: Option<Digest>,
    /// The digest that was expected; none: it was not, or nobody knows.
    pub expected: Option<Digest>,
    /// False where it may be anything.
    pub matters: bool,
}

impl Component {
    fn differs(&self) -> bool {
        self.matters && self.measured != self.expected
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attestation {
    /// [`ATTESTATION_SCHEMA`].
    pub schema: u32,
    /// Name and version of the system that was expected; none: nothing was.
    pub system: Option<String>,
    /// Its image that was started.
    pub image: Option<String>,
    /// By number.
    pub registers: Vec<Register>,
}

impl Attestation {
    /// Something is not what was expected, or a log lies.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        let bad =
            |register: &Register| register.verdict == Verdict::Differs || register.explained == Some(false);
        self.registers.iter().any(bad)
    }
}

/// Compares.
#[must_use]
pub fn attest(seen: &Seen, expected: Option<&Expected>) -> Attestation {
    let started = expected.and_then(|expected| expected.started(seen));
    let image = started.map(|(_, image)| image);
    let firmware = expected.and_then(|expected| expected.firmware.as_ref());
    let held = seen.events.as_ref().map(|events| replay(events, BANK));
    let register = |number: u8| {
        let value = seen.registers.get(&number).copied();
        let zeros = [0; 32];
        let explained = held.as_ref().zip(value).map(|(held, value)| {
            let led_to = held.get(&u32::from(number)).map_or(&zeros[..], Vec::as_slice);
            led_to == value.as_bytes()
        });
        let events = seen.events.iter().flatten().filter(|event| event.pcr == u32::from(number));
        let components = components::of(number, events, image, firmware);
        let wanted = wanted(number, image, firmware);
        let verdict = match (wanted.is_empty(), value) {
            (true, _) => Verdict::Unknown,
            (_, Some(value)) if wanted.contains(&value) => Verdict::AsExpected,
            // Firmware may order its events in another way: where a log can be believed, the events count.
            _ if explained == Some(true) && !components.iter().any(Component::differs) => Verdict::AsExpected,
            _ => Verdict::Differs,
        };
        Register { number, value, explained, verdict, components }
    };
    Attestation {
        schema: ATTESTATION_SCHEMA,
        system: expected.map(|expected| expected.name.clone()),
        image: started.map(|(path, _)| path.clone()),
        registers: REGISTERS.map(register).into(),
    }
}

/// Values that a PCR may have.
fn wanted(number: u8, image: Option<&Measured>, firmware: Option<&MeasuredFirmware>) -> Vec<Digest> {
    let bank = BANK.name();
    let one = |value: Option<&Digest>| value.copied().into_iter().collect();
    match number {
        4 => one(image.and_then(|image| image.pcr4.get(bank))),
        7 => one(firmware.and_then(|firmware| firmware.pcr7.get(bank))),
        11 => image.and_then(phases).map(|phases| phases.values().copied().collect()).unwrap_or_default(),
        12 => one(firmware.and_then(|firmware| firmware.pcr12.get(bank))),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_boot::measure::log::{AUTHORITY, PROGRAM, VARIABLE};
    use pintle_boot::measure::{PHASES, by_bank};

    fn event(pcr: u32, kind: Option<u32>, digest: Digest, data: &[u8]) -> Event {
        Event { pcr, kind, digest: digest.as_bytes()[..].into(), data: data.into() }
    }

    fn variable(name: &str) -> Vec<u8> {
        let units: Vec<u16> = name.encode_utf16().collect();
        let mut data = vec![0; 16];
        data.extend((units.len() as u64).to_le_bytes());
        data.extend(0_u64.to_le_bytes());
        data.extend(units.into_iter().flat_map(u16::to_le_bytes));
        data
    }

    /// A machine that measured what it should, with a list of what is forbidden; and what was expected.
    fn machine() -> (Seen, Expected) {
        let (loader, image, linux) = (Digest::of(b"loader"), Digest::of(b"image"), Digest::of(b"linux"));
        let (db, entry) = (Digest::of(b"db"), Digest::of(b"entry"));
        let mut events = vec![
            event(4, Some(4), Digest::of(&[0; 4]), &[0; 4]),
            event(4, Some(PROGRAM), loader, b"path"),
            event(4, Some(PROGRAM), image, b"path"),
            event(7, Some(VARIABLE), db, &variable("db")),
            event(7, Some(VARIABLE), Digest::of(b"many"), &variable("dbx")),
            event(7, Some(AUTHORITY), entry, &variable("db")),
            event(7, Some(AUTHORITY), entry, &variable("db")),
            event(11, Some(0x0d), Digest::of(b".linux\0"), b"."),
            event(11, Some(0x0d), linux, b"."),
        ];
        events.extend(
            PHASES[..2].iter().map(|word| event(11, None, Digest::of(word.as_bytes()), word.as_bytes())),
        );
        let held = replay(&events, BANK);
        let register = |number: u8| {
            let value =
                held.get(&u32::from(number)).map_or([0; 32], |value| value.as_slice().try_into().unwrap());
            (number, Digest::from_bytes(value))
        };
        let registers = REGISTERS.map(register).into();
        let measured = Measured {
            image,
            pcr4: by_bank(Digest::of(b"in another order")),
            pcr11: by_bank(BTreeMap::from([("enter-initrd".to_owned(), Digest::of(b"no"))])),
            sections: BTreeMap::from([(".linux".to_owned(), linux)]),
        };
        let variables = [("db", db), ("dbx", Digest::of(b"none")), ("authority", entry)];
        let firmware = MeasuredFirmware {
            loader,
            variables: variables.map(|(name, digest)| (name.to_owned(), digest)).into(),
            pcr7: by_bank(Digest::of(b"without a list of what is forbidden")),
            pcr12: by_bank(Digest::from_bytes([0; 32])),
        };
        let images = vec![("/EFI/Linux/web_1.efi".to_owned(), measured)];
        (
            Seen { registers, events: Some(events) },
            Expected { name: "web 1".into(), images, firmware: Some(firmware) },
        )
    }

    #[test]
    fn the_events_count_where_firmware_orders_them_in_its_own_way() {
        let (seen, expected) = machine();
        let found = attest(&seen, Some(&expected));
        assert!(!found.is_degraded(), "{}", found.text());
        insta::assert_snapshot!(found.text(), @"
        expected     web 1, started from /EFI/Linux/web_1.efi
        PCR 4        as expected, 525b3500a523c89e3553f37109e94e2d90b4d582397a9a19433a29cfa4e4f2e9
                     boot loader, unified kernel image
        PCR 7        as expected, a101dfc0d73c1d08f89f23465341cda65fd9fe8c31280e264c4802d15ea40d1f
                     db, dbx, authority
        PCR 11       as expected, ea756c03c4e49830227646b276673dd25f24b92a849e7314c7674ac180c8d015
                     .linux, phase enter-initrd, phase leave-initrd
        PCR 12       as expected, 0000000000000000000000000000000000000000000000000000000000000000
        ");
        insta::assert_snapshot!(attest(&seen, None).text(), @"
        expected     nothing: give the manifest of the build (--manifest NAME.json)
        PCR 4        525b3500a523c89e3553f37109e94e2d90b4d582397a9a19433a29cfa4e4f2e9
                     boot loader d47712cceb4c7806
                     unified kernel image 6105d6cc76af4003
        PCR 7        a101dfc0d73c1d08f89f23465341cda65fd9fe8c31280e264c4802d15ea40d1f
                     db 7bdc25d1694ef984
                     dbx 1137b15c7797aa84
                     authority 923fe53966c6cd93
        PCR 11       ea756c03c4e49830227646b276673dd25f24b92a849e7314c7674ac180c8d015
                     .linux caf90169eefa5f80
                     phase enter-initrd 51e6b92f405d1f98
                     phase leave-initrd 3be261aff7db92bf
        PCR 12       0000000000000000000000000000000000000000000000000000000000000000
        ");
        assert!(!attest(&seen, None).is_degraded());
    }

    #[test]
    fn whatever_differs_is_named() {
        let (mut seen, mut expected) = machine();
        let events = seen.events.as_mut().unwrap();
        events.push(event(7, Some(0x8000_0007), Digest::of(b"debug"), b"UEFI Debug Mode"));
        events.push(event(12, Some(0x0d), Digest::of(b"init=/bin/sh"), b"kernel-cmdline"));
        let held = replay(events, BANK);
        for pcr in [7, 12] {
            let value = held[&pcr].as_slice().try_into().unwrap();
            seen.registers.insert(pcr as u8, Digest::from_bytes(value));
        }
        let (_, image) = &mut expected.images[0];
        image.sections = BTreeMap::from([(".cmdline".to_owned(), Digest::of(b"quiet"))]);
        expected.firmware.as_mut().unwrap().loader = Digest::of(b"another");
        let found = attest(&seen, Some(&expected));
        assert!(found.is_degraded());
        insta::assert_snapshot!(found.text(), @"
        expected     web 1, started from /EFI/Linux/web_1.efi
        PCR 4        DIFFERS, 525b3500a523c89e3553f37109e94e2d90b4d582397a9a19433a29cfa4e4f2e9
                     boot loader: d47712cceb4c7806 was measured, ae448ac86c4e8e4d expected
        PCR 7        DIFFERS, 42a9f2920b3a08e285c24fe7f0b63881c4598e36eccbe939fcb8ed9c1b31432a
                     UEFI Debug Mode: 0b8e9e995d8d77f1 was measured, nothing expected
        PCR 11       DIFFERS, ea756c03c4e49830227646b276673dd25f24b92a849e7314c7674ac180c8d015
                     .linux: caf90169eefa5f80 was measured, nothing expected
                     .cmdline: nothing was measured, 008f0747f4e27c84 expected
        PCR 12       DIFFERS, 9ee2191fd043d0dc19ca6d5528c73005b9c81e3bc248f1413cbe0b65d212dfb2
                     kernel-cmdline: 4b9c3ddaf07e747a was measured, nothing expected
        ");
    }

    #[test]
    fn a_log_that_lies_is_not_believed() {
        let (mut seen, expected) = machine();
        seen.registers.insert(4, Digest::of(b"something else"));
        assert!(attest(&seen, None).is_degraded());
        let found = attest(&seen, Some(&expected));
        assert_eq!(
            (found.registers[0].verdict, found.registers[0].explained),
            (Verdict::Differs, Some(false))
        );
        seen.events = None;
        insta::assert_snapshot!(attest(&seen, Some(&expected)).text(), @"
        expected     web 1, started from /EFI/Linux/web_1.efi
        PCR 4        DIFFERS, f41f3fa625ff120ddca7ef456bf66371ecea23c129f4e4c32367101edb516cf8
                     there is no event log that would say why
        PCR 7        DIFFERS, a101dfc0d73c1d08f89f23465341cda65fd9fe8c31280e264c4802d15ea40d1f
                     there is no event log that would say why
        PCR 11       DIFFERS, ea756c03c4e49830227646b276673dd25f24b92a849e7314c7674ac180c8d015
                     there is no event log that would say why
        PCR 12       as expected, 0000000000000000000000000000000000000000000000000000000000000000
        ");
    }

    #[test]
    fn a_manifest_without_measurements_is_refused() {
        let error = |text: &str| Expected::parse(text.as_bytes()).unwrap_err().to_string();
        insta::assert_snapshot!(error("{}"), @"it is no manifest of a build (NAME.json)");
        insta::assert_snapshot!(error(r#"{"name":"a","version":"1","disk":{"kernels":[{"uki":"/a"}]}}"#), @"the manifest does not say what will be measured: neither is the layout `verified`, nor is anything signed");
        insta::assert_snapshot!(error(r#"{"name":"a","version":"1"}"#), @"the manifest does not say what will be measured: neither is the layout `verified`, nor is anything signed");
    }
}
