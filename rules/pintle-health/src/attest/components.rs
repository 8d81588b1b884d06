//! What a PCR is made of.

use super::Component;
use pintle_boot::measure::log::{ACTION, AUTHORITY, Event, PROGRAMS, VARIABLE, variable_name};
use pintle_boot::measure::{Measured, MeasuredFirmware, PHASES};
use pintle_model::Digest;
use std::collections::BTreeMap;

fn digest(event: &Event) -> Option<Digest> {
    event.digest.first_chunk().map(|digest| Digest::from_bytes(*digest))
}

/// Programs that firmware started, in their order.
pub(super) fn programs<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Digest> {
    let is_program = |event: &&Event| event.kind.is_some_and(|kind| PROGRAMS.contains(&kind));
    events.filter(|event| event.pcr == 4).filter(is_program).filter_map(digest).collect()
}

/// What was measured into PCR `number`, as `events` have it, beside what was expected.
pub(super) fn of<'a>(
    number: u8,
    events: impl Iterator<Item = &'a Event> + Clone,
    image: Option<&Measured>,
    firmware: Option<&MeasuredFirmware>,
) -> Vec<Component> {
    match number {
        4 => {
            let named =
                programs(events).into_iter().enumerate().map(|(at, digest)| (program(at), digest)).collect();
            let expected = [firmware.map(|firmware| firmware.loader), image.map(|image| image.image)];
            let expected =
                expected.into_iter().enumerate().filter_map(|(at, digest)| Some((program(at), digest?)));
            beside(named, expected.collect(), firmware.is_some())
        }
        7 => {
            let expected = firmware.map(|firmware| firmware.variables.clone()).unwrap_or_default();
            let known = !expected.is_empty();
            beside(variables(events), expected.into_iter().collect(), known)
        }
        11 => {
            let sections = image.map(|image| image.sections.clone()).unwrap_or_default();
            let named = parts_of_image(events.clone());
            let mut all = beside(named, sections.into_iter().collect(), image.is_some());
            all.extend(phases_of(events, image.is_some()));
            all
        }
        _ => {
            let named = events.filter_map(|event| Some((other(event), digest(event)?)));
            // Nothing comes from outside.
            beside(named.collect(), Vec::new(), firmware.is_some())
        }
    }
}

fn program(at: usize) -> String {
    match at {
        0 => "boot loader".to_owned(),
        1 => "unified kernel image".to_owned(),
        more => format!("program {}", more + 1),
    }
}

fn variables<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<(String, Digest)> {
    let named = |event: &Event| {
        let name = match event.kind {
            Some(VARIABLE) => variable_name(&event.data)?,
            Some(AUTHORITY) => "authority".to_owned(),
            // Of firmware that is being debugged, or lets devices read all memory.
            Some(ACTION) => other(event),
            _ => return None,
        };
        Some((name, digest(event)?))
    };
    let mut all: Vec<(String, Digest)> = Vec::new();
    for (name, digest) in events.filter_map(named) {
        // Firmware need not say again by which entry the next program starts.
        if !all.contains(&(name.clone(), digest)) {
            all.push((name, digest));
        }
    }
    all
}

/// Sections that the stub measured: first the name with a NUL, then the content.
fn parts_of_image<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<(String, Digest)> {
    let digests: Vec<Digest> = events.filter(|event| event.kind.is_some()).filter_map(digest).collect();
    let known: BTreeMap<Digest, &str> =
        SECTIONS.iter().map(|name| (Digest::of(format!("{name}\0").as_bytes()), *name)).collect();
    let named = digests.chunks(2).enumerate().map(|(at, pair)| match (known.get(&pair[0]), pair.get(1)) {
        (Some(name), Some(content)) => ((*name).to_owned(), *content),
        _ => (format!("part {}", at + 1), pair[0]),
    });
    named.collect()
}

/// Sections that stubs measure (UAPI.5, "PE Sections").
const SECTIONS: [&str; 14] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey",
    ".profile", ".dtbauto", ".hwids", ".efifw",
];

/// Phases, in their order: those that were not reached are not missing.
fn phases_of<'a>(events: impl Iterator<Item = &'a Event>, expected: bool) -> Vec<Component> {
    let phases = events.filter(|event| event.kind.is_none()).enumerate();
    let component = |(at, event): (usize, &Event)| {
        let wanted = PHASES.get(at).map(|word| Digest::of(word.as_bytes()));
        Component {
            name: format!("phase {}", other(event)),
            measured: digest(event),
            expected: wanted.filter(|_| expected),
            matters: expected,
        }
    };
    phases.map(component).collect()
}

fn other(event: &Event) -> String {
    let text: String =
        String::from_utf8_lossy(&event.data).chars().filter(|c| !c.is_control()).take(60).collect();
    if text.is_empty() { "something without a name".to_owned() } else { text }
}

/// Both lists by name, in the order of what was measured; where nobody knows what was expected, nothing matters.
fn beside(measured: Vec<(String, Digest)>, expected: Vec<(String, Digest)>, known: bool) -> Vec<Component> {
    let mut left = expected;
    let mut all = Vec::new();
    for (name, digest) in measured {
        let at = left.iter().position(|(other, _)| *other == name);
        let expected = at.map(|at| left.remove(at).1);
        // A list of what is forbidden grows with firmware's own updates.
        let matters = known && name != "dbx";
        all.push(Component { name, measured: Some(digest), expected, matters });
    }
    all.extend(left.into_iter().map(|(name, digest)| {
        let matters = name != "dbx";
        Component { name, measured: None, expected: Some(digest), matters }
    }));
    all
}
