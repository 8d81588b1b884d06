//! What takes the space, and what would save most.

use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::inventory::store_name;
use crate::store;
use crate::why::Reason;
use pintle_model::{Blob, InodeId, Kind, Origin, SlimRule, TreePath, left_out};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the document.
pub const SIZE_SCHEMA: u32 = 1;

/// The answer of `pintle size`; it is part of every image's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeReport {
    /// [`SIZE_SCHEMA`].
    pub schema: u32,
    /// Name of the system.
    pub name: String,
    /// Bytes of all files in the root file system.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
    /// Packages, the largest first.
    pub packages: Vec<PackageSize>,
    /// What no package brought, by who made it.
    pub made: Vec<Made>,
    /// The largest files.
    pub largest: Vec<LargeFile>,
    /// Kernel modules by area, the largest first.
    pub modules: Vec<Modules>,
    /// Rules that leave things out.
    pub rules: Vec<RuleSaving>,
    /// What would save most, the best first.
    pub advice: Vec<Advice>,
}

/// What a package takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSize {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// How many.
    pub files: u64,
    /// Why it is there.
    pub why: String,
    /// Bytes that would go with it: its own and those of packages only it needs.
    pub with_it: u64,
    /// How many packages would go.
    pub packages_with_it: u64,
}

/// What one author that is no package made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Who.
    pub by: String,
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// A large file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeFile {
    /// Absolute path.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// Who brought it.
    pub by: String,
}

/// Kernel modules of one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modules {
    /// `drivers/gpu`, `sound`.
    pub area: String,
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// True where no virtual machine has such devices.
    pub idle_in_clouds: bool,
}

/// What a rule saves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSaving {
    /// Its name.
    pub rule: String,
    /// True where the image was built with it.
    pub on: bool,
    /// Files: left out, or that would be.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Something that would save space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Bytes it saves.
    pub bytes: u64,
    /// What is there.
    pub what: String,
    /// What to write into the definition.
    pub how: String,
}

/// How many of the largest files are named.
const LARGEST: usize = 25;
/// What is below it is not worth a line.
const WORTH: u64 = 256 << 10;

/// Areas of the kernel's module tree whose devices no virtual machine has, and nothing else needs.
const IDLE: [&str; 17] = [
    "drivers/bluetooth",
    "drivers/comedi",
    "drivers/gnss",
    "drivers/iio",
    "drivers/isdn",
    "drivers/media",
    "drivers/memstick",
    "drivers/nfc",
    "drivers/parport",
    "drivers/pcmcia",
    "drivers/staging",
    "drivers/thunderbolt",
    "drivers/net/wireless",
    "net/bluetooth",
    "net/nfc",
    "net/wireless",
    "sound",
];

/// Measures an image. `offered` are the rules that could be turned on.
#[must_use]
pub fn size(facts: &Facts<'_>, inventory: &Inventory<'_>, offered: &[SlimRule]) -> SizeReport {
    let mut walk = Walk::new(offered);
    let mut seen: BTreeSet<InodeId> = BTreeSet::new();
    for entry in facts.root.walk() {
        if let Kind::File(blob) = &entry.inode.kind
            && seen.insert(entry.id)
        {
            walk.file(&entry.path, blob, facts.root.origin_of(entry.inode.origin));
        }
    }
    let mut packages = packages(inventory);
    packages.extend(store::paths(facts));
    packages.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let rules = rules(facts, &walk, offered);
    let mut modules: Vec<Modules> = walk
        .modules
        .into_iter()
        .map(|(area, (files, bytes))| Modules {
            idle_in_clouds: IDLE.iter().any(|idle| area == *idle),
            area,
            bytes,
            files,
        })
        .collect();
    modules.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.area.cmp(&b.area)));
    let mut made: Vec<Made> =
        walk.made.into_iter().map(|(by, (files, bytes))| Made { by, bytes, files }).collect();
    made.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.by.cmp(&b.by)));
    SizeReport {
        schema: SIZE_SCHEMA,
        name: facts.system.name.clone(),
        bytes: walk.bytes,
        files: walk.files,
        advice: advice(inventory, &rules, &modules),
        packages,
        made,
        largest: walk.largest,
        modules,
        rules,
    }
}

/// What one pass over the tree finds.
struct Walk<'a> {
    offered: &'a [SlimRule],
    bytes: u64,
    files: u64,
    largest: Vec<LargeFile>,
    modules: BTreeMap<String, (u64, u64)>,
    made: BTreeMap<String, (u64, u64)>,
    saved: Vec<(u64, u64)>,
}

impl<'a> Walk<'a> {
    fn new(offered: &'a [SlimRule]) -> Self {
        Self {
            offered,
            bytes: 0,
            files: 0,
            largest: Vec::new(),
            modules: BTreeMap::new(),
            made: BTreeMap::new(),
            saved: vec![(0, 0); offered.len()],
        }
    }

    fn file(&mut self, path: &TreePath, blob: &Blob, origin: &Origin) {
        let add = |share: &mut (u64, u64)| *share = (share.0 + 1, share.1 + blob.len());
        self.bytes += blob.len();
        self.files += 1;
        if let Some(area) = area(path) {
            add(self.modules.entry(area).or_default());
        }
        let by = match origin {
            Origin::Package { name, .. } => {
                let text = [b"/", path.as_bytes()].concat();
                if let Some(rule) = left_out(self.offered, &text) {
                    add(&mut self.saved[rule]);
                }
                name.clone()
            }
            Origin::StorePath(path) => store_name(path).to_owned(),
            Origin::Definition(_) | Origin::Host(_) => {
                add(self.made.entry("the definition".to_owned()).or_default());
                origin.to_string()
            }
            other => {
                add(self.made.entry(other.to_string()).or_default());
                other.to_string()
            }
        };
        // Sorted, the largest first; of equals the first in path order stays first.
        let at = self.largest.partition_point(|large| large.bytes >= blob.len());
        if at < LARGEST {
            self.largest.insert(at, LargeFile { path: path.to_string(), bytes: blob.len(), by });
            self.largest.truncate(LARGEST);
        }
    }
}

/// `drivers/gpu` for `usr/lib/modules/RELEASE/kernel/drivers/gpu/drm/…`.
fn area(path: &TreePath) -> Option<String> {
    let names: Vec<_> = path.components().map(String::from_utf8_lossy).collect();
    let below = match &names[..] {
        [usr, lib, modules, _, kernel, below @ .., _file]
            if usr == "usr" && lib == "lib" && modules == "modules" && kernel == "kernel" =>
        {
            below
        }
        _ => return None,
    };
    Some(match below {
        [first, second, third, ..] if first == "drivers" && second == "net" => {
            format!("{first}/{second}/{third}")
        }
        [first, second, ..] if first == "drivers" || first == "net" => format!("{first}/{second}"),
        [first, ..] => first.to_string(),
        [] => "other".to_owned(),
    })
}

fn packages(inventory: &Inventory<'_>) -> Vec<PackageSize> {
    let list = &inventory.packages;
    let installed = list.iter().enumerate().filter(|(_, package)| !package.boot);
    installed
        .map(|(index, package)| {
            let gone = inventory.graph.goes_with(index);
            PackageSize {
                name: package.name.to_owned(),
                version: package.version.to_owned(),
                bytes: package.bytes,
                files: package.files,
                why: package.reason.text(),
                with_it: gone.iter().map(|gone| list[*gone].bytes).sum(),
                packages_with_it: gone.len() as u64,
            }
        })
        .collect()
}

/// Rules that are on with what they saved, then those that are not with what they would.
fn rules(facts: &Facts<'_>, walk: &Walk<'_>, offered: &[SlimRule]) -> Vec<RuleSaving> {
    let on = facts.slimmed.iter().map(|done| RuleSaving {
        rule: done.rule.clone(),
        on: true,
        files: done.files,
        bytes: done.bytes,
    });
    let off = offered
        .iter()
        .zip(&walk.saved)
        .filter(|(rule, _)| !facts.slimmed.iter().any(|done| done.rule == rule.name));
    let off = off.map(|(rule, (files, bytes))| RuleSaving {
        rule: rule.name.clone(),
        on: false,
        files: *files,
        bytes: *bytes,
    });
    on.chain(off).collect()
}

fn advice(inventory: &Inventory<'_>, rules: &[RuleSaving], modules: &[Modules]) -> Vec<Advice> {
    let mut advice: Vec<Advice> = rules
        .iter()
        .filter(|rule| !rule.on && rule.bytes >= WORTH)
        .map(|rule| Advice {
            bytes: rule.bytes,
            what: format!("{} in {} files", rule.rule, rule.files),
            how: match rule.rule.as_str() {
                "static-libraries" | "headers" => format!("[slim]\n{} = true", rule.rule),
                _ => "[slim]".to_owned(),
            },
        })
        .collect();
    for area in modules.iter().filter(|area| area.idle_in_clouds && area.bytes >= WORTH) {
        advice.push(Advice {
            bytes: area.bytes,
            what: format!("{} kernel modules of {}, which no virtual machine uses", area.files, area.area),
            how: format!("[slim]\nremove = [\"/usr/lib/modules/*/kernel/{}/*\"]", area.area),
        });
    }
    for (index, package) in inventory.packages.iter().enumerate() {
        let Reason::Recommended { chain } = &package.reason else { continue };
        let gone = inventory.graph.goes_with(index);
        let bytes: u64 = gone.iter().map(|gone| inventory.packages[*gone].bytes).sum();
        if bytes >= WORTH {
            let by = chain.last().map(String::as_str).unwrap_or_default();
            let more =
                if gone.len() > 1 { format!(" with {} others", gone.len() - 1) } else { String::new() };
            advice.push(Advice {
                bytes,
                what: format!("{}{more}, which {by} only recommends", package.name),
                how: "[source]\nrecommends = false".to_owned(),
            });
        }
    }
    advice.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.what.cmp(&b.what)));
    advice
}
