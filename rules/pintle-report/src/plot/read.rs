//! The output of `systemctl show`: `Name=value` lines, an empty line between units; the manager itself comes first.
//! Times are microseconds of the monotonic clock, which begins with the kernel
//! (org.freedesktop.systemd1(5), "Properties").

use super::{Boot, Outside, Phase, UnitTime};
use pintle_model::Limit;
use std::collections::{BTreeMap, BTreeSet};

/// Bounds on what a machine may say about its boot.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes.
    pub text: Limit,
    /// Units: a server has some 200.
    pub units: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text: Limit::new(64 << 20, "bytes about the boot"),
            units: Limit::new(20_000, "units started at boot"),
        }
    }
}

/// What a machine said cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadTrace {
    /// Too much of it.
    #[error("the machine told more than {} {}", .0.max, .0.what)]
    TooMuch(Limit),
    /// It has no manager in it.
    #[error("the machine did not say when its boot was finished: is systemd still busy?")]
    NotFinished,
}

type Fields<'a> = BTreeMap<&'a str, &'a str>;

/// A unit as it was read: microseconds.
struct Timed<'a> {
    start: u64,
    up: u64,
    after: BTreeSet<&'a str>,
    failed: bool,
}

/// Reads a boot; `name` and `how` are for its title, `outside` is what the host saw.
///
/// # Errors
/// [`BadTrace`].
pub fn trace(text: &str, name: &str, how: &str, outside: Outside, limits: &Limits) -> Result<Boot, BadTrace> {
    if !limits.text.allows(text.len() as u64) {
        return Err(BadTrace::TooMuch(limits.text));
    }
    let mut blocks = text.split("\n\n").map(fields);
    let manager = blocks.next().unwrap_or_default();
    let stamp = |name: &str| number(&manager, name);
    let finish = stamp("FinishTimestampMonotonic");
    if finish == 0 {
        return Err(BadTrace::NotFinished);
    }
    let mut units: BTreeMap<&str, Timed<'_>> = BTreeMap::new();
    for block in blocks {
        let Some((id, timed)) = timed(&block) else { continue };
        units.insert(id, timed);
        if !limits.units.allows(units.len() as u64) {
            return Err(BadTrace::TooMuch(limits.units));
        }
    }
    let chain = chain(&units, finish);
    let base = Base::new(&manager, outside);
    let mut listed: Vec<UnitTime> = units
        .iter()
        .filter(|(_, unit)| unit.start <= finish)
        .map(|(id, unit)| UnitTime {
            name: (*id).to_owned(),
            start: base.seconds(unit.start),
            up: base.seconds(unit.up),
            critical: chain.contains(id),
            failed: unit.failed,
        })
        .collect();
    listed.sort_by(|a, b| a.start.total_cmp(&b.start).then_with(|| a.name.cmp(&b.name)));
    Ok(Boot {
        name: name.to_owned(),
        how: how.to_owned(),
        finished: base.seconds(finish),
        phases: base.phases(&manager, finish),
        units: listed,
        critical_chain: chain.into_iter().map(str::to_owned).collect(),
    })
}

fn fields(block: &str) -> Fields<'_> {
    block.lines().filter_map(|line| line.split_once('=')).collect()
}

/// 0 where there is none. Larger than a year is no time of a boot.
fn number(fields: &Fields<'_>, name: &str) -> u64 {
    const YEAR: u64 = 366 * 86_400 * 1_000_000;
    fields.get(name).and_then(|text| text.trim().parse().ok()).filter(|value| *value < YEAR).unwrap_or(0)
}

fn timed<'a>(block: &Fields<'a>) -> Option<(&'a str, Timed<'a>)> {
    let id = *block.get("Id")?;
    let start = number(block, "InactiveExitTimestampMonotonic");
    if start == 0 || id.is_empty() {
        return None;
    }
    // What failed or ran once was up until it ended.
    let candidates =
        ["ActiveEnterTimestampMonotonic", "ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic"];
    let up = candidates.iter().map(|name| number(block, name)).find(|up| *up >= start).unwrap_or(start);
    let after = block.get("After").map(|list| list.split_whitespace().collect()).unwrap_or_default();
    let failed = block.get("ActiveState") == Some(&"failed");
    Some((id, Timed { start, up, after, failed }))
}

/// As `systemd-analyze critical-chain`: from what was up last, always to that unit it was ordered after which was up
/// last before it began.
fn chain<'a>(units: &BTreeMap<&'a str, Timed<'a>>, finish: u64) -> Vec<&'a str> {
    let targets = ["graphical.target", "multi-user.target"];
    let known = targets.iter().find_map(|name| units.get_key_value(*name)).map(|(id, _)| *id);
    let last = || {
        units.iter().filter(|(_, unit)| unit.up <= finish).max_by_key(|(_, unit)| unit.up).map(|(id, _)| *id)
    };
    let mut chain = Vec::new();
    let mut at = known.or_else(last);
    while let Some(id) = at.filter(|id| !chain.contains(id)) {
        chain.push(id);
        let Some(unit) = units.get(id) else { break };
        let before = unit.after.iter().filter_map(|name| units.get_key_value(*name));
        let before = before.filter(|(_, other)| other.up <= unit.start && other.up > 0);
        at = before.max_by_key(|(id, other)| (other.up, *id)).map(|(id, _)| *id);
    }
    chain.reverse();
    chain
}

/// Seconds before the kernel's clock began.
struct Base {
    loader: Option<f64>,
    kernel: f64,
}

impl Base {
    /// systemd knows from the boot loader how long firmware and loader took (Boot Loader Interface, `LoaderTime…USec`);
    /// where there was no such loader, the serial line tells.
    fn new(manager: &Fields<'_>, outside: Outside) -> Self {
        let seconds = |name: &str| number(manager, name) as f64 / 1e6;
        let (firmware, loader) = (seconds("FirmwareTimestampMonotonic"), seconds("LoaderTimestampMonotonic"));
        if firmware > 0.0 && loader > 0.0 && loader <= firmware {
            return Self { loader: Some(firmware - loader), kernel: firmware };
        }
        let kernel = outside.kernel.unwrap_or(0.0);
        Self { loader: outside.loader.filter(|loader| *loader <= kernel), kernel }
    }

    fn seconds(&self, microseconds: u64) -> f64 {
        self.kernel + microseconds as f64 / 1e6
    }

    fn phases(&self, manager: &Fields<'_>, finish: u64) -> Vec<Phase> {
        let mut marks: Vec<(&'static str, f64)> = Vec::new();
        if self.kernel > 0.0 {
            // GRUB may start a kernel without a word: then nobody knows where the firmware ended.
            let first = if self.loader.is_some() { "firmware" } else { "firmware and boot loader" };
            marks.push((first, 0.0));
            marks.extend(self.loader.map(|loader| ("boot loader", loader)));
        }
        marks.push(("kernel", self.kernel));
        for (name, stamp) in
            [("initrd", "InitRDTimestampMonotonic"), ("system", "UserspaceTimestampMonotonic")]
        {
            let at = number(manager, stamp);
            if at > 0 {
                marks.push((name, self.seconds(at)));
            }
        }
        // Clocks that were set back, or somebody's invention: a phase begins when the one before it has ended.
        let mut latest = 0.0;
        for (_, at) in &mut marks {
            latest = f64::max(latest, *at);
            *at = latest;
        }
        let ends = marks.iter().skip(1).map(|(_, at)| *at).chain([self.seconds(finish)]).collect::<Vec<_>>();
        marks
            .into_iter()
            .zip(ends)
            .map(|((name, start), end)| Phase { name, start, end: end.max(start) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) const SAID: &str = "FirmwareTimestampMonotonic=3000000\nLoaderTimestampMonotonic=1000000\nInitRDTimestampMonotonic=1500000\n\
        UserspaceTimestampMonotonic=2500000\nFinishTimestampMonotonic=9000000\n\n\
        Id=multi-user.target\nAfter=a.service b.service\nActiveState=active\nInactiveExitTimestampMonotonic=8900000\nActiveEnterTimestampMonotonic=8900000\n\n\
        Id=a.service\nAfter=basic.target\nActiveState=active\nInactiveExitTimestampMonotonic=4000000\nActiveEnterTimestampMonotonic=8800000\n\n\
        Id=b.service\nAfter=\nActiveState=failed\nInactiveExitTimestampMonotonic=4000000\nActiveEnterTimestampMonotonic=0\nInactiveEnterTimestampMonotonic=5000000\n\n\
        Id=basic.target\nAfter=b.service\nActiveState=active\nInactiveExitTimestampMonotonic=3900000\nActiveEnterTimestampMonotonic=3900000\n\n\
        Id=never.service\nInactiveExitTimestampMonotonic=0\n";

    #[test]
    fn a_boot_is_read() {
        let boot = trace(SAID, "web", "UEFI", Outside::default(), &Limits::default()).unwrap();
        assert_eq!(boot.critical_chain, ["basic.target", "a.service", "multi-user.target"]);
        let phases: Vec<_> = boot.phases.iter().map(|phase| (phase.name, phase.start, phase.end)).collect();
        assert_eq!(
            phases,
            [
                ("firmware", 0.0, 2.0),
                ("boot loader", 2.0, 3.0),
                ("kernel", 3.0, 4.5),
                ("initrd", 4.5, 5.5),
                ("system", 5.5, 12.0),
            ]
        );
        assert_eq!(boot.units.len(), 4);
        assert!(boot.units.iter().any(|unit| unit.name == "b.service" && unit.failed && unit.up == 8.0));
    }

    #[test]
    fn a_system_that_says_it_began_before_its_initrd() {
        let said = SAID.replace("InitRDTimestampMonotonic=1500000", "InitRDTimestampMonotonic=21000000");
        let boot = trace(&said, "web", "UEFI", Outside::default(), &Limits::default()).unwrap();
        assert!(boot.phases.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", boot.phases);
    }

    #[test]
    fn without_a_loader_that_tells_the_serial_line_does() {
        let said = "FinishTimestampMonotonic=2000000\n";
        let outside = Outside { loader: Some(0.5), kernel: Some(1.0) };
        let boot = trace(said, "web", "BIOS", outside, &Limits::default()).unwrap();
        assert_eq!(boot.phases.len(), 3);
        assert_eq!(boot.finished, 3.0);
        let silent =
            trace(said, "web", "BIOS", Outside { loader: None, ..outside }, &Limits::default()).unwrap();
        assert_eq!(silent.phases[0].name, "firmware and boot loader");
        let busy = trace("Id=a\n", "web", "BIOS", outside, &Limits::default());
        insta::assert_snapshot!(busy.unwrap_err(), @"the machine did not say when its boot was finished: is systemd still busy?");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([A-Z][a-z]{1,6}(TimestampMonotonic)?=[ -~]{0,20}\n{1,2}){0,20}") {
            let text = format!("FinishTimestampMonotonic=5\n\n{text}");
            drop(trace(&text, "x", "y", Outside::default(), &Limits::default()));
        }
    }
}
