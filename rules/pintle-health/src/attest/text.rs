//! An attestation for people.

use super::{Attestation, Component, Register, Verdict};
use pintle_model::Digest;
use std::fmt::Write as _;

impl Attestation {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = match (&self.system, &self.image) {
            (Some(system), Some(image)) => format!("expected     {system}, started from {image}\n"),
            _ => "expected     nothing: give the manifest of the build (--manifest NAME.json)\n".to_owned(),
        };
        for register in &self.registers {
            writeln!(text, "PCR {:<8} {}", register.number, register.verdict_text())
                .expect("invariant: a String takes every write");
            for line in register.lines() {
                writeln!(text, "             {line}").expect("invariant: a String takes every write");
            }
        }
        text
    }
}

impl Register {
    fn verdict_text(&self) -> String {
        let value = self.value.map_or_else(|| "not there".to_owned(), |value| value.hex());
        match self.verdict {
            Verdict::AsExpected => format!("as expected, {value}"),
            Verdict::Differs => format!("DIFFERS, {value}"),
            Verdict::Unknown => value,
        }
    }

    fn lines(&self) -> Vec<String> {
        if self.explained == Some(false) {
            return vec![
                "the event logs do not lead to this value: they are incomplete, or not to be believed"
                    .to_owned(),
            ];
        }
        match self.verdict {
            Verdict::Differs if self.explained.is_none() => {
                vec!["there is no event log that would say why".to_owned()]
            }
            Verdict::Differs => self
                .components
                .iter()
                .filter(|component| component.differs())
                .map(Component::difference)
                .collect(),
            Verdict::AsExpected if self.components.is_empty() => Vec::new(),
            Verdict::AsExpected => {
                let names: Vec<&str> =
                    self.components.iter().map(|component| component.name.as_str()).collect();
                vec![names.join(", ")]
            }
            Verdict::Unknown => {
                let line = |component: &Component| {
                    Some(format!("{} {}", component.name, short(&component.measured?)))
                };
                self.components.iter().filter_map(line).collect()
            }
        }
    }
}

impl Component {
    fn difference(&self) -> String {
        let name = &self.name;
        match (&self.measured, &self.expected) {
            (Some(measured), Some(expected)) => {
                format!("{name}: {} was measured, {} expected", short(measured), short(expected))
            }
            (Some(measured), None) => format!("{name}: {} was measured, nothing expected", short(measured)),
            (None, Some(expected)) => format!("{name}: nothing was measured, {} expected", short(expected)),
            (None, None) => name.clone(),
        }
    }
}

fn short(digest: &Digest) -> String {
    digest.hex().chars().take(16).collect()
}
