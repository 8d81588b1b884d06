//! Recipes: data that stands in for a package's maintainer scripts.

mod fingerprint;
mod first_boot;
mod format;

pub use fingerprint::{difference, line_marks, normalise};
pub use format::{
    ApacheItem, ApacheKind, CapabilityItem, ChangeItem, DirectoryItem, DivertItem, EnableItem, FileItem,
    FirstBootItem, GroupItem, KnownScript, LinkItem, MemberItem, Native, OverrideItem, PhpModuleItem, Recipe,
    UcfItem,
};

use crate::effect::{Attributes, Content, Effect, Presets};
use include_dir::{Dir, include_dir};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../recipes");

/// All recipes of a build: those that come with Pintle and the user's own, which win.
#[derive(Clone, Debug, Default)]
pub struct Recipes {
    /// By the `package` field.
    recipes: BTreeMap<String, (String, Recipe)>,
}

/// A recipe that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("recipe {name} is not valid")]
pub struct BadRecipe {
    /// Its file name.
    pub name: String,
    /// What is wrong.
    #[source]
    pub reason: BadRecipeReason,
}

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRecipeReason {
    /// Not TOML, an unknown or a missing field.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A mode that is not octal.
    #[error("mode `{0}` is not an octal number up to 7777")]
    Mode(String),
    /// A file with both or neither of `text` and `copy`.
    #[error("file {0} needs exactly one of `text` and `copy`")]
    Content(String),
    /// A path that is not absolute.
    #[error("path `{0}` is not absolute")]
    Path(String),
    /// A script that is not known.
    #[error("script `{0}` is neither `preinst` nor `postinst`")]
    Script(String),
    /// A first boot without commands, or with a line break where none may be.
    #[error(
        "first-boot `{0}` needs a name of letters, digits, dots and dashes, and commands of one line each"
    )]
    FirstBoot(String),
    /// Capabilities that setcap(8) would not take.
    #[error("capabilities `{0}` are none that setcap(8) takes (`cap_net_raw+ep`)")]
    Capability(String),
    /// Too many `*`.
    #[error("package `{0}` has more than one `*`")]
    Pattern(String),
}

impl Recipes {
    /// The recipes that come with Pintle.
    ///
    /// # Errors
    /// Never for a released build: a test reads them all.
    pub fn shipped() -> Result<Self, BadRecipe> {
        let mut all = Self::default();
        for file in SHIPPED.files().filter(|file| file.path().extension().is_some_and(|e| e == "toml")) {
            all.add(&file.path().to_string_lossy(), file.contents_utf8().unwrap_or_default())?;
        }
        Ok(all)
    }

    /// The text of a recipe that comes with Pintle, by its file name.
    #[must_use]
    pub fn shipped_text(file: &str) -> Option<&'static str> {
        SHIPPED.get_file(file)?.contents_utf8()
    }

    /// Adds a recipe, in place of one for the same package.
    ///
    /// # Errors
    /// [`BadRecipe`].
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), BadRecipe> {
        let bad = |reason| BadRecipe { name: name.to_owned(), reason };
        let recipe: Recipe = toml::from_str(text).map_err(|error| bad(error.into()))?;
        recipe.effects().map_err(bad)?;
        if recipe.package.matches('*').count() > 1 {
            return Err(bad(BadRecipeReason::Pattern(recipe.package)));
        }
        if let Some(script) = recipe.scripts.iter().find(|s| s.name != "preinst" && s.name != "postinst") {
            return Err(bad(BadRecipeReason::Script(script.name.clone())));
        }
        self.recipes.insert(recipe.package.clone(), (name.to_owned(), recipe));
        Ok(())
    }

    /// The recipe for a package, its file name, and what its `*` stands for.
    #[must_use]
    pub fn find<'a>(&'a self, package: &'a str) -> Option<(&'a str, &'a Recipe, &'a str)> {
        if let Some((name, recipe)) = self.recipes.get(package) {
            return Some((name, recipe, ""));
        }
        self.recipes.iter().find_map(|(pattern, (name, recipe))| {
            let (before, after) = pattern.split_once('*')?;
            let variable = package.strip_prefix(before)?.strip_suffix(after)?;
            Some((name.as_str(), recipe, variable))
        })
    }

    /// The recipe whose `package` field says exactly this, and its file name.
    #[must_use]
    pub fn get(&self, package: &str) -> Option<(&str, &Recipe)> {
        self.recipes.get(package).map(|(file, recipe)| (file.as_str(), recipe))
    }

    /// Packages that must come with another which only recommends them, by that other's name.
    #[must_use]
    pub fn recommends(&self) -> BTreeMap<String, BTreeSet<String>> {
        let names = |recipe: &Recipe| recipe.recommends.iter().cloned().collect::<BTreeSet<String>>();
        let all = self.recipes.iter().map(|(package, (_, recipe))| (package.clone(), names(recipe)));
        all.filter(|(_, names)| !names.is_empty()).collect()
    }

    /// Names of the packages (or patterns) that have a recipe.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.recipes.keys().map(String::as_str)
    }
}

impl Recipe {
    /// Its effects in the order in which they are applied.
    ///
    /// # Errors
    /// [`BadRecipeReason`]; never for a recipe that [`Recipes::add`] took.
    pub fn effects(&self) -> Result<Vec<Effect>, BadRecipeReason> {
        let mut out: Vec<Effect> =
            self.groups.iter().map(|g| Effect::Group { name: g.name.clone(), gid: g.gid }).collect();
        out.extend(self.users.iter().cloned().map(Effect::User));
        let members = self.members.iter().map(|m| (m.user.clone(), m.group.clone()));
        out.extend(members.map(|(user, group)| Effect::Member { user, group }));
        for item in &self.diversions {
            let (from, to) = (absolute(&item.from)?, absolute(&item.to)?);
            out.push(Effect::Divert { from, to, package: item.package.clone() });
        }
        for path in &self.remove {
            out.push(Effect::Remove { path: absolute(path)? });
        }
        for item in &self.directories {
            let mode = octal(item.mode.as_deref())?.or(Some(0o755));
            let attributes = attributes(&item.owner, &item.group, mode);
            out.push(Effect::Directory { path: absolute(&item.path)?, attributes });
        }
        for item in &self.files {
            out.push(file(item)?);
        }
        for item in &self.ucf {
            out.push(Effect::Ucf { source: absolute(&item.source)?, path: absolute(&item.path)? });
        }
        for item in &self.links {
            let path = absolute(&item.path)?;
            out.push(Effect::Link { path, target: item.target.clone(), existing: item.existing });
        }
        for item in &self.changes {
            let attributes = attributes(&item.owner, &item.group, octal(item.mode.as_deref())?);
            out.push(Effect::Change { path: absolute(&item.path)?, attributes });
        }
        for item in &self.overrides {
            let mode = octal(Some(&item.mode))?.unwrap_or_default();
            let (owner, group) = (item.owner.clone(), item.group.clone());
            out.push(Effect::StatOverride { path: absolute(&item.path)?, owner, group, mode });
        }
        for item in &self.capabilities {
            let value = crate::shell::capabilities(&item.capabilities)
                .ok_or_else(|| BadRecipeReason::Capability(item.capabilities.clone()))?;
            out.push(Effect::Capabilities { path: absolute(&item.path)?, value });
        }
        out.extend(self.alternatives.iter().cloned().map(Effect::Alternative));
        out.extend(self.enable.iter().map(|item| Effect::Enable {
            unit: item.unit.clone(),
            scope: item.scope,
            presets: if item.always { Presets::Ignored } else { Presets::Asked },
        }));
        let modules = self.php_modules.iter().map(|m| (m.version.clone(), m.name.clone()));
        out.extend(modules.map(|(version, name)| Effect::PhpModule { version, name }));
        for item in &self.apache {
            let kind = match item.kind {
                ApacheKind::Mods => "mods",
                ApacheKind::Conf => "conf",
                ApacheKind::Sites => "sites",
            };
            out.extend(item.names.iter().map(|name| Effect::Apache { kind, name: name.clone() }));
        }
        for item in &self.first_boot {
            out.extend(first_boot::unit(item)?);
        }
        Ok(out)
    }
}

fn file(item: &FileItem) -> Result<Effect, BadRecipeReason> {
    let content = match (&item.text, &item.copy) {
        (Some(text), None) => Content::Text(text.clone()),
        (None, Some(path)) => Content::CopyOf(absolute(path)?),
        _ => return Err(BadRecipeReason::Content(item.path.clone())),
    };
    let attributes = attributes(&item.owner, &item.group, octal(item.mode.as_deref())?);
    Ok(Effect::File { path: absolute(&item.path)?, content, attributes, existing: item.existing })
}

fn attributes(owner: &Option<String>, group: &Option<String>, mode: Option<u16>) -> Attributes {
    Attributes { owner: owner.clone(), group: group.clone(), mode }
}

fn octal(text: Option<&str>) -> Result<Option<u16>, BadRecipeReason> {
    let Some(text) = text else { return Ok(None) };
    let mode = u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.map(Some).ok_or_else(|| BadRecipeReason::Mode(text.to_owned()))
}

fn absolute(path: &str) -> Result<String, BadRecipeReason> {
    if path.starts_with('/') { Ok(path.to_owned()) } else { Err(BadRecipeReason::Path(path.to_owned())) }
}

/// The beginning of a recipe: names and digests of scripts (name and normalised text), for the author to fill in.
#[must_use]
pub fn skeleton(package: &str, version: &str, scripts: &[(&str, &str)]) -> String {
    let mut out = format!("package = \"{package}\"\nwhy = \"\"\"\n\"\"\"\n");
    for (name, text) in scripts {
        out.push_str(&known_script(name, version, text));
    }
    out
}

/// One `[[script]]` table.
#[must_use]
pub fn known_script(name: &str, version: &str, normalised: &str) -> String {
    let digest = pintle_model::Digest::of(normalised.as_bytes()).hex();
    let mut out = format!(
        "\n[[script]]\nname = \"{name}\"\nversion = \"{version}\"\nsha256 = \"{digest}\"\nlines = \"\"\"\n"
    );
    for row in line_marks(normalised).chunks(20) {
        let _ = writeln!(out, "{}", row.join(" "));
    }
    out.push_str("\"\"\"\n");
    out
}
