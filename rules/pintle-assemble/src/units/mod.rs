//! Units: enabled as their packages' scripts ask, as presets allow, and as the definition says.

mod install;
mod preset;

use crate::edit::Editor;
use crate::effect::{Effect, Presets as Asked, Scope};
use crate::error::AssembleError;
use install::{Install, UnitName};
use pintle_model::{Kind, Origin, System, TreePath};
use preset::Presets;
use std::collections::{BTreeMap, BTreeSet};

/// Where deb-systemd-helper keeps what it enabled.
const HELPER_STATE: [&str; 2] =
    ["var/lib/systemd/deb-systemd-helper-enabled", "var/lib/systemd/deb-systemd-user-helper-enabled"];

/// Enables and masks; returns the units that were left disabled and why.
pub(crate) fn enable(
    editor: &mut Editor<'_>,
    system: &System,
    effects: &[(usize, Effect)],
) -> Result<Vec<String>, Vec<AssembleError>> {
    editor.act_as(Origin::Generated("units".into()));
    let mut enabler = Enabler {
        editor,
        errors: Vec::new(),
        left: BTreeSet::new(),
        off: system.units.disable.iter().chain(&system.units.mask).cloned().collect(),
        enabled: BTreeSet::new(),
    };
    let presets = [enabler.presets("system-preset"), enabler.presets("user-preset")];
    for (_, effect) in effects {
        if let Effect::Enable { unit, scope, presets: asked } = effect {
            let presets = (*asked == Asked::Asked).then(|| &presets[*scope as usize]);
            enabler.scripted(system, unit, *scope, presets);
        } else if let Effect::Remember { unit, scope } = effect {
            let links = enabler.links(unit, *scope, "a maintainer script", &mut BTreeSet::new());
            enabler.also(unit, *scope, &links);
        }
    }
    for unit in &system.units.enable {
        enabler.unit(unit, Scope::System, "units.enable");
    }
    for unit in &system.units.mask {
        let path = format!("{}/{unit}", folder(Scope::System));
        if let Err(error) = enabler.editor.link(&path, "/dev/null") {
            enabler.errors.push(error);
        }
    }
    enabler.write_preset();
    if enabler.errors.is_empty() { Ok(enabler.left.into_iter().collect()) } else { Err(enabler.errors) }
}

fn folder(scope: Scope) -> &'static str {
    match scope {
        Scope::System => "etc/systemd/system",
        Scope::User => "etc/systemd/user",
    }
}

struct Enabler<'e, 'a> {
    editor: &'e mut Editor<'a>,
    errors: Vec<AssembleError>,
    left: BTreeSet<String>,
    /// Units that the definition disables or masks.
    off: BTreeSet<String>,
    /// System units that were enabled.
    enabled: BTreeSet<String>,
}

/// systemd.preset(5). A machine without an id boots for the first time, and systemd then enables what the presets say,
/// which by default is everything. This file, the first in order, makes that what the image says.
const PRESET: &str = "usr/lib/systemd/system-preset/00-pintle.preset";

/// A link that enables a unit: its path and target.
type Link = (String, String);

impl Enabler<'_, '_> {
    fn presets(&mut self, folder: &str) -> Presets {
        Presets::read(self.editor, folder).unwrap_or_else(|error| {
            self.errors.push(error);
            Presets::default()
        })
    }

    /// A unit that a maintainer script enables.
    fn scripted(&mut self, system: &System, unit: &str, scope: Scope, presets: Option<&Presets>) {
        let mut units = BTreeSet::new();
        let links = self.links(unit, scope, "a maintainer script", &mut units);
        if presets.is_some() {
            self.remember(unit, scope, &links);
        }
        if system.units.disable.iter().any(|disabled| disabled == unit) {
            self.left.insert(format!("{unit}: the definition disables it"));
        } else if system.units.mask.iter().any(|masked| masked == unit) {
            self.left.insert(format!("{unit}: the definition masks it"));
        } else if presets.is_some_and(|presets| !presets.enables(unit)) {
            self.left.insert(format!("{unit}: a preset disables it"));
        } else {
            self.make(&links);
            self.note(units, scope);
        }
    }

    fn note(&mut self, units: BTreeSet<String>, scope: Scope) {
        if scope == Scope::System {
            self.enabled.extend(units);
        }
    }

    /// Files of system units that could be enabled, by name. A package that is installed later brings others: those are
    /// left to Debian's own presets.
    fn units(&self) -> BTreeSet<String> {
        const KINDS: [&str; 6] = [".service", ".socket", ".timer", ".path", ".mount", ".target"];
        let tree = self.editor.tree();
        let folder = TreePath::literal("usr/lib/systemd/system");
        let files = tree.children(&folder).filter(|(_, id)| matches!(tree.inode(*id).kind, Kind::File(_)));
        let names = files.map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        names.filter(|name| KINDS.iter().any(|kind| name.ends_with(kind))).collect()
    }

    fn write_preset(&mut self) {
        let mut text =
            "# What this image enables of the units it has (written when it was built).\n".to_owned();
        // Instances stand behind their template, all on one line.
        let mut templates: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for unit in &self.enabled {
            let name =
                UnitName::new(unit).filter(|name| name.instance.is_some_and(|instance| !instance.is_empty()));
            match name.and_then(|name| name.template().zip(name.instance)) {
                Some((template, instance)) => templates.entry(template).or_default().push(instance),
                None => drop(templates.entry(unit.clone()).or_default()),
            }
        }
        let listed: BTreeSet<String> = templates.keys().cloned().collect();
        for (unit, instances) in templates {
            text.push_str(&format!(
                "enable {}\n",
                [&[unit.as_str()], instances.as_slice()].concat().join(" ")
            ));
        }
        text.extend(self.units().difference(&listed).map(|unit| format!("disable {unit}\n")));
        if let Err(error) = self.editor.file(PRESET, text, 0o644, (0, 0)) {
            self.errors.push(error);
        }
    }

    fn unit(&mut self, unit: &str, scope: Scope, by: &str) {
        let mut units = BTreeSet::new();
        let links = self.links(unit, scope, by, &mut units);
        self.make(&links);
        self.note(units, scope);
    }

    fn make(&mut self, links: &[Link]) {
        for (path, target) in links {
            if let Err(error) = self.editor.link(path, target) {
                self.errors.push(error);
            }
        }
    }

    /// The links that enabling `unit` makes, those of `Also=` units included.
    fn links(&mut self, unit: &str, scope: Scope, by: &str, seen: &mut BTreeSet<String>) -> Vec<Link> {
        if !seen.insert(unit.to_owned()) {
            return Vec::new();
        }
        let Some((file, text)) = self.find(unit, scope, by) else { return Vec::new() };
        let install = Install::parse(&text);
        if install.is_empty() && by == "units.enable" {
            let problem = "has no [Install] section: something else must start it";
            self.errors.push(AssembleError::Effect { by: by.into(), path: unit.to_owned(), problem });
        }
        // A template is enabled as its default instance.
        let named = UnitName::new(unit).map(|name| match (name.instance, &install.default_instance) {
            (Some(""), Some(instance)) => format!("{}@{instance}.{}", name.prefix, name.suffix),
            _ => unit.to_owned(),
        });
        let named = named.unwrap_or_else(|| unit.to_owned());
        let Some(name) = UnitName::new(&named) else { return Vec::new() };
        let place = folder(scope);
        let mut links = Vec::new();
        for alias in &install.aliases {
            links.push((format!("{place}/{}", name.expand(alias)), file.clone()));
        }
        for (suffix, by) in &install.wanted_by {
            // A template without an instance is wanted by nobody.
            if name.instance != Some("") {
                links.push((format!("{place}/{}.{suffix}/{named}", name.expand(by)), file.clone()));
            }
        }
        // What the definition switches off stays off.
        let also = install.also.iter().map(|also| name.expand(also)).filter(|also| !self.off.contains(also));
        for also in also.collect::<Vec<_>>() {
            links.extend(self.links(&also, scope, by, seen));
        }
        links
    }

    /// A unit's file (that of its template for an instance) and text.
    fn find(&mut self, unit: &str, scope: Scope, by: &str) -> Option<(String, String)> {
        let kind = if scope == Scope::System { "system" } else { "user" };
        let Some(name) = UnitName::new(unit) else {
            let problem = "is not a unit name";
            self.errors.push(AssembleError::Effect { by: by.to_owned(), path: unit.to_owned(), problem });
            return None;
        };
        let names = [Some(unit.to_owned()), name.template()];
        for candidate in names.into_iter().flatten() {
            for parent in ["etc/systemd", "usr/lib/systemd"] {
                let path = format!("{parent}/{kind}/{candidate}");
                match self.editor.text(&path) {
                    Ok(Some(text)) => return Some((format!("/{path}"), text)),
                    Ok(None) => {}
                    Err(error) => self.errors.push(error),
                }
            }
        }
        let near = self.near(unit, kind);
        self.errors.push(AssembleError::NoUnit { by: by.to_owned(), unit: unit.to_owned(), near });
        None
    }

    /// A unit of the same name with another suffix, or one that only differs in case or by a `d`.
    fn near(&self, unit: &str, kind: &str) -> Option<String> {
        let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
        let units = TreePath::literal(&format!("usr/lib/systemd/{kind}"));
        let names = self.editor.tree().children(&units);
        let names: Vec<String> = names.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        let other = |name: &&String| name.rsplit_once('.').is_some_and(|(other, _)| other == stem);
        let alike = |name: &&String| {
            let other = name.rsplit_once('.').map_or(name.as_str(), |(other, _)| other);
            other.trim_end_matches('d').eq_ignore_ascii_case(stem.trim_end_matches('d'))
        };
        names.iter().find(other).or_else(|| names.iter().find(alike)).cloned()
    }

    /// deb-systemd-helper(1p) keeps which links it made, so that a later upgrade does not enable again what was
    /// disabled.
    fn remember(&mut self, unit: &str, scope: Scope, links: &[Link]) {
        let (state, place) = (HELPER_STATE[scope as usize], folder(scope));
        self.also(unit, scope, links);
        for (path, _) in links {
            if let Some(below) = path.strip_prefix(place) {
                self.keep(&format!("{state}{below}"), String::new());
            }
        }
    }

    /// Which links a unit has, for the day on which it is purged.
    fn also(&mut self, unit: &str, scope: Scope, links: &[Link]) {
        let text = links.iter().map(|(path, _)| format!("/{path}\n")).collect();
        self.keep(&format!("{}/{unit}.dsh-also", HELPER_STATE[scope as usize]), text);
    }

    /// Makes a file unless there is one.
    fn keep(&mut self, path: &str, text: String) {
        let there = TreePath::new(path).ok().and_then(|path| self.editor.tree().get(&path));
        if there.is_none_or(|inode| !matches!(inode.kind, Kind::File(_)))
            && let Err(error) = self.editor.file(path, text, 0o644, (0, 0))
        {
            self.errors.push(error);
        }
    }
}
