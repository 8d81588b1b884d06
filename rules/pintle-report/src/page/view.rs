//! What the template shows, as text already.

use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::sbom::encode;
use crate::size::SizeReport;
use crate::units::{State, Unit, units};
use pintle_model::{Arch, Kind, Size, Tree};
use pintle_package::control::date::rfc3339;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
pub(super) struct View {
    pintle: String,
    name: String,
    version: String,
    arch: Arch,
    kernel: Option<String>,
    suites: String,
    time: String,
    cmdline: String,
    warnings: Vec<String>,
    figures: Vec<Figure>,
    partitions: Vec<Part>,
    outputs: Vec<Out>,
    ways: Vec<Way>,
    initrd: Option<Initrd>,
    packages: Vec<Row>,
    chips: Vec<Chip>,
    units: Vec<UnitRow>,
    slimmed: Vec<Left>,
    offers: Vec<Offer>,
    accepted: Vec<String>,
    recipes: Vec<Recipe>,
}

#[derive(Serialize)]
struct Figure {
    value: String,
    label: &'static str,
}

#[derive(Serialize)]
struct Part {
    label: String,
    content: String,
    uuid: String,
    share: u64,
    used_percent: u64,
    start_text: String,
    size_text: String,
    used_text: String,
}

#[derive(Serialize)]
struct Out {
    file: String,
    size_text: String,
    sha256: String,
}

#[derive(Serialize)]
struct Way {
    title: &'static str,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    name: String,
    detail: String,
    size: Option<String>,
}

#[derive(Serialize)]
struct Initrd {
    files: u64,
    bytes: String,
    parts: Vec<InitrdPart>,
}

#[derive(Serialize)]
struct InitrdPart {
    name: &'static str,
    size: String,
}

#[derive(Serialize)]
struct Row {
    name: String,
    link: String,
    version: String,
    summary: String,
    bytes: u64,
    size: String,
    licence: String,
    why: String,
}

#[derive(Serialize)]
struct Chip {
    word: &'static str,
    label: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct UnitRow {
    name: String,
    description: String,
    state: &'static str,
    detail: String,
    wanted_by: String,
    chips: String,
}

#[derive(Serialize)]
struct Left {
    name: String,
    files: u64,
    size: String,
}

#[derive(Serialize)]
struct Offer {
    size: String,
    what: String,
    how: String,
}

#[derive(Serialize)]
struct Recipe {
    name: String,
    lines: Vec<String>,
}

impl View {
    pub(super) fn new(facts: &Facts<'_>, inventory: &Inventory<'_>, size: &SizeReport) -> Self {
        let system = facts.system;
        let debian = &system.source.debian;
        let suites: Vec<&str> = debian.suites.iter().map(|suite| suite.name.as_str()).collect();
        let units = units(facts.root, facts.contents);
        let offers = size.advice.iter().map(|advice| Offer {
            size: Size(advice.bytes).to_string(),
            what: advice.what.clone(),
            how: advice.how.clone(),
        });
        Self {
            pintle: facts.pintle.to_owned(),
            name: system.name.clone(),
            version: system.version.clone(),
            arch: system.arch,
            kernel: facts.disk.kernel.clone(),
            suites: suites.join(", "),
            time: rfc3339(facts.epoch).replace('T', " ").replace('Z', " UTC"),
            cmdline: facts.disk.cmdline.clone(),
            warnings: facts.warnings.to_vec(),
            figures: figures(facts, inventory, size, &units),
            partitions: partitions(facts),
            outputs: outputs(facts),
            ways: ways(facts),
            initrd: facts.initrd.map(initrd),
            packages: packages(inventory),
            chips: chips(&units),
            units: units.iter().map(unit_row).collect(),
            slimmed: slimmed(facts),
            offers: offers.collect(),
            accepted: accepted(facts),
            recipes: recipes(facts),
        }
    }
}

fn figures(facts: &Facts<'_>, inventory: &Inventory<'_>, size: &SizeReport, units: &[Unit]) -> Vec<Figure> {
    let figure = |value: String, label| Figure { value, label };
    let enabled = units.iter().filter(|unit| unit.state == State::Enabled).count();
    let installed = inventory.packages.iter().filter(|package| !package.boot).count();
    let mut figures = vec![figure(Size(size.bytes).to_string(), "in the root file system")];
    if facts.disk.size > 0 {
        figures.push(figure(Size(facts.disk.size).to_string(), "disk"));
    }
    let outputs = facts.outputs.wait();
    if let Some(output) = outputs.iter().min_by_key(|output| output.size).filter(|_| outputs.len() > 1) {
        figures.push(figure(Size(output.size).to_string(), "smallest output"));
    }
    if facts.paths.is_empty() {
        figures.push(figure(installed.to_string(), "packages"));
    } else {
        figures.push(figure(facts.paths.len().to_string(), "store paths"));
    }
    figures.push(figure(size.files.to_string(), "files"));
    figures.push(figure(enabled.to_string(), "enabled units"));
    let saved: u64 = facts.slimmed.iter().map(|rule| rule.bytes).sum();
    if saved > 0 {
        figures.push(figure(Size(saved).to_string(), "left out"));
    }
    figures
}

fn partitions(facts: &Facts<'_>) -> Vec<Part> {
    let percent = |used: u64, size: u64| if size == 0 { 0 } else { (used * 100).div_ceil(size).min(100) };
    let part = |part: &crate::facts::Partition| Part {
        label: part.label.clone(),
        content: part.content.clone(),
        uuid: part.uuid.clone(),
        share: part.size >> 10,
        used_percent: percent(part.used, part.size),
        start_text: Size(part.start).to_string(),
        size_text: Size(part.size).to_string(),
        used_text: format!("{} ({} %)", Size(part.used), percent(part.used, part.size)),
    };
    facts.disk.partitions.iter().map(part).collect()
}

fn outputs(facts: &Facts<'_>) -> Vec<Out> {
    let out = |output: &crate::facts::OutputFact| Out {
        file: output.file.clone(),
        size_text: Size(output.size).to_string(),
        sha256: output.sha256.map_or_else(|| "not wanted".to_owned(), |sha256| sha256.to_string()),
    };
    facts.outputs.wait().iter().map(out).collect()
}

fn ways(facts: &Facts<'_>) -> Vec<Way> {
    let way = |key: &str, title| {
        let steps = facts.disk.boot.iter().filter(|step| step.way == key || step.way == "both");
        let own = facts.disk.boot.iter().any(|step| step.way == key);
        let step = |step: &crate::facts::BootStep| Step {
            name: step.name.clone(),
            detail: step.detail.clone(),
            size: step.size.map(|size| Size(size).to_string()),
        };
        own.then(|| Way { title, steps: steps.map(step).collect() })
    };
    [way("uefi", "By UEFI"), way("bios", "By BIOS")].into_iter().flatten().collect()
}

fn initrd(tree: &Tree) -> Initrd {
    let mut parts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut files, mut bytes) = (0, 0);
    let mut seen = BTreeSet::new();
    for entry in tree.walk() {
        let Kind::File(blob) = &entry.inode.kind else { continue };
        if !seen.insert(entry.id) {
            continue;
        }
        let path = entry.path.lossy();
        let part = if path.starts_with("usr/lib/modules/") {
            "kernel modules"
        } else if path.contains(".so") {
            "libraries"
        } else if path.starts_with("usr/bin/")
            || path.starts_with("usr/sbin/")
            || path.starts_with("usr/lib/systemd/")
        {
            "programs and units"
        } else {
            "the rest"
        };
        files += 1;
        bytes += blob.len();
        *parts.entry(part).or_default() += blob.len();
    }
    let mut parts: Vec<(&str, u64)> = parts.into_iter().collect();
    parts.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let parts =
        parts.into_iter().map(|(name, size)| InitrdPart { name, size: Size(size).to_string() }).collect();
    Initrd { files, bytes: Size(bytes).to_string(), parts }
}

fn packages(inventory: &Inventory<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = inventory
        .packages
        .iter()
        .map(|package| Row {
            name: package.name.to_owned(),
            link: encode(package.name),
            version: package.version.to_owned(),
            summary: package.summary.to_owned(),
            bytes: package.bytes,
            size: Size(package.bytes).to_string(),
            licence: package
                .licence
                .as_ref()
                .map_or_else(|| "see its copyright file".to_owned(), |licence| plain(&licence.expression)),
            why: package.reason.text(),
        })
        .collect();
    rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    rows
}

/// An expression for people: references by the name that the copyright file gives them.
fn plain(expression: &str) -> String {
    let words = expression.split(' ').map(|word| {
        let bare = word.trim_matches(['(', ')']);
        match bare.strip_prefix("LicenseRef-").and_then(|rest| rest.rsplit_once('-')) {
            Some((name, _)) => word.replace(bare, name),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn unit_row(unit: &Unit) -> UnitRow {
    let mut chips = vec!["all", unit.state.word()];
    if unit.state == State::Vendor {
        chips.push("enabled");
    }
    for (suffix, chip) in [(".timer", "timers"), (".socket", "sockets")] {
        if unit.name.ends_with(suffix) {
            chips.push(chip);
        }
    }
    UnitRow {
        name: unit.name.clone(),
        description: unit.description.clone(),
        state: unit.state.word(),
        detail: unit.detail.clone(),
        wanted_by: unit.wanted_by.join(", "),
        chips: chips.join(" "),
    }
}

fn chips(units: &[Unit]) -> Vec<Chip> {
    let count = |test: &dyn Fn(&Unit) -> bool| units.iter().filter(|unit| test(unit)).count();
    let state = |states: &'static [State]| count(&|unit: &Unit| states.contains(&unit.state));
    let kind = |suffix: &'static str| count(&|unit: &Unit| unit.name.ends_with(suffix));
    let chip = |word, label, count| Chip { word, label, count };
    vec![
        chip("enabled", "Started", state(&[State::Enabled, State::Vendor])),
        chip("timers", "Timers", kind(".timer")),
        chip("sockets", "Sockets", kind(".socket")),
        chip("disabled", "Disabled", state(&[State::Disabled])),
        chip("masked", "Masked", state(&[State::Masked])),
        chip("static", "Static", state(&[State::Static])),
        chip("all", "All", units.len()),
    ]
}

fn slimmed(facts: &Facts<'_>) -> Vec<Left> {
    let left = |rule: &crate::facts::SlimFact| Left {
        name: rule.rule.clone(),
        files: rule.files,
        size: Size(rule.bytes).to_string(),
    };
    facts.slimmed.iter().map(left).collect()
}

fn accepted(facts: &Facts<'_>) -> Vec<String> {
    let scripts = facts.packages.iter().filter_map(|package| Some((package, package.scripts?)));
    let accepted = scripts.filter(|(_, scripts)| scripts.accepted);
    accepted.map(|(package, scripts)| format!("{}: {}", package.locked.name, scripts.coverage)).collect()
}

fn recipes(facts: &Facts<'_>) -> Vec<Recipe> {
    let scripts = facts.packages.iter().filter_map(|package| Some((package, package.scripts?)));
    let with = scripts.filter(|(_, scripts)| !scripts.left_out.is_empty());
    with.map(|(package, scripts)| Recipe {
        name: package.locked.name.clone(),
        lines: scripts.left_out.to_vec(),
    })
    .collect()
}
