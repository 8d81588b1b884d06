//! From maintainer scripts to effects: understood, covered by a recipe, accepted, or an error.

mod debconf;
mod sections;

use crate::accounts::Base;
use crate::effect::{Effect, EffectClass};
use crate::error::AssembleError;
use crate::input::Package;
use crate::recipes::{Recipe, Recipes, difference, known_script, normalise};
use crate::report::{Coverage, PackageReport};
use crate::shell::{Context, Facts, Findings, Phase, SyntaxError, follow};
use crate::uncovered::{NotUnderstood, RecipeOutdated, Uncovered};
use pintle_model::{Accept, Contents, Digest};
use sections::Meaning;
use std::collections::{BTreeMap, BTreeSet};

/// What all packages' scripts do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Effects by package (index into the input), in package order.
    pub(crate) effects: Vec<(usize, Effect)>,
    /// One line per package.
    pub(crate) reports: Vec<PackageReport>,
}

/// What is known when scripts are read.
pub(crate) struct Sources<'a> {
    pub(crate) packages: &'a [Package<'a>],
    pub(crate) recipes: &'a Recipes,
    pub(crate) accept: &'a [Accept],
}

/// The two scripts that act on an installation.
const SCRIPTS: [(&str, Phase); 2] = [("preinst", Phase::Preinst), ("postinst", Phase::Postinst)];
/// Lines of a script shown in one error.
const LINES_SHOWN: usize = 12;

/// Reads all scripts; every package that is not covered is an error of its own.
pub(crate) fn plan(sources: &Sources<'_>, facts: Facts) -> Result<Plan, Vec<AssembleError>> {
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    for (index, read) in read_all(sources, facts).into_iter().enumerate() {
        plan.effects.extend(read.effects.into_iter().map(|effect| (index, effect)));
        plan.reports.push(read.report);
        errors.extend(read.errors);
    }
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

/// Reads all scripts, in the order of the packages.
fn read_all(sources: &Sources<'_>, mut facts: Facts) -> Vec<Read> {
    for package in sources.packages {
        facts.ship(&package.locked.name, package.unpacked);
        if package.locked.arch != "all" {
            facts.arch.clone_from(&package.locked.arch);
        }
    }
    // Scripts ask for diversions, so those of all packages are collected first.
    for package in sources.packages {
        let read = read_package(sources, package, &facts);
        for effect in read.effects {
            if let Effect::Divert { from, to, package: by } = effect {
                let by = by.unwrap_or_else(|| package.locked.name.clone());
                facts.diversions.insert(from, (to, by));
            } else if let Some(path) = effect.makes() {
                facts.made.entry(path.to_owned()).or_insert_with(|| package.locked.name.clone());
            }
        }
    }
    sources.packages.iter().map(|package| read_package(sources, package, &facts)).collect()
}

/// How one package's scripts are covered.
#[derive(Debug)]
pub struct Surveyed {
    /// As a build would report it.
    pub report: PackageReport,
    /// File of the recipe for the package, used or not.
    pub recipe: Option<String>,
    /// One for each script that is not covered: [`AssembleError::Uncovered`] or [`AssembleError::RecipeOutdated`].
    pub problems: Vec<AssembleError>,
}

/// How the scripts of `packages` are covered, in their order; that one is not is no error here.
///
/// # Errors
/// The masters of base-passwd cannot be read.
pub fn survey(
    packages: &[Package<'_>],
    recipes: &Recipes,
    accept: &[Accept],
    contents: &dyn Contents,
) -> Result<Vec<Surveyed>, AssembleError> {
    let facts = Base::read(packages, contents)?.facts();
    let read = read_all(&Sources { packages, recipes, accept }, facts);
    let recipe = |name: &str| recipes.find(name).map(|(file, _, _)| file.to_owned());
    let surveyed = |read: Read| Surveyed {
        recipe: recipe(&read.report.package),
        report: read.report,
        problems: read.errors,
    };
    Ok(read.into_iter().map(surveyed).collect())
}

struct Read {
    effects: Vec<Effect>,
    report: PackageReport,
    errors: Vec<AssembleError>,
}

fn read_package(sources: &Sources<'_>, package: &Package<'_>, facts: &Facts) -> Read {
    let locked = package.locked;
    let mut read = Read {
        effects: Vec::new(),
        report: PackageReport::new(&locked.name, &locked.version),
        errors: Vec::new(),
    };
    let recipe = sources.recipes.find(&locked.name);
    let answers = debconf::answers(package, facts);
    let mut recipe_used = false;
    for (name, phase) in SCRIPTS {
        let Some(bytes) = package.unpacked.control.files.get(name) else { continue };
        let earlier = read.effects.clone();
        let text = String::from_utf8_lossy(bytes);
        let script = Script { package, name, phase, text, earlier, answers: &answers };
        match script.read(recipe, facts) {
            Ok(found) => {
                read.report.cover(found.coverage);
                recipe_used |= found.by_recipe;
                read.report.handled.extend(found.findings.handled);
                read.effects.extend(found.findings.effects.into_iter().map(|(_, effect)| effect));
            }
            Err(error) => match sources.accept.iter().find(|accept| accept.package == locked.name) {
                Some(accept) => {
                    let reason = accept.reason.clone();
                    read.report.cover(Coverage::Accepted { script: name.to_owned(), reason });
                    // What debhelper wrote is still done, as far as it is understood.
                    let sections = sections::split(&script.text).sections;
                    let found = script.sections(&sections, facts).unwrap_or_default();
                    read.report.handled.extend(found.handled);
                    read.effects.extend(found.effects.into_iter().map(|(_, effect)| effect));
                }
                None => read.errors.push(error),
            },
        }
    }
    // What guards a move to /usr while the package is unpacked is taken back by most, and kept by some.
    let postinst = package.unpacked.control.files.get("postinst");
    let postinst = postinst.map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    if postinst.contains("dpkg-divert") && postinst.contains("--remove") {
        read.effects
            .retain(|effect| !matches!(effect, Effect::Divert { to, .. } if to.ends_with(".usr-is-merged")));
    }
    if let Some((_, recipe, _)) = recipe.filter(|_| recipe_used) {
        let effects = recipe.effects().unwrap_or_default();
        read.effects.extend(effects);
        read.report.left_out.extend(recipe.left_out.iter().cloned());
    }
    read
}

struct Script<'a> {
    package: &'a Package<'a>,
    name: &'static str,
    phase: Phase,
    text: std::borrow::Cow<'a, str>,
    /// What the package's script before this one did.
    earlier: Vec<Effect>,
    /// What debconf answers.
    answers: &'a BTreeMap<String, String>,
}

struct Found {
    findings: Findings,
    coverage: Coverage,
    by_recipe: bool,
}

impl Script<'_> {
    fn read(&self, recipe: Option<(&str, &Recipe, &str)>, facts: &Facts) -> Result<Found, AssembleError> {
        let variable = recipe.map_or("", |(_, _, variable)| variable);
        let split = sections::split(&self.text);
        let own = normalise(&split.own, variable);
        if let Some((file, recipe, _)) = recipe {
            let digest = Digest::of(own.as_bytes());
            if recipe.scripts.iter().any(|known| known.name == self.name && known.sha256 == digest) {
                let findings = self.sections(&split.sections, facts)?;
                let coverage = Coverage::Recipe { name: file.to_owned() };
                return Ok(Found { findings, coverage, by_recipe: true });
            }
        }
        match self.whole(&split, facts) {
            Ok(findings) if findings.unknown.is_empty() => {
                Ok(Found { findings, coverage: Coverage::Understood, by_recipe: false })
            }
            Ok(findings) => Err(self.error(recipe, &own, self.lines(&findings.unknown))),
            Err(error) => Err(self.error(recipe, &own, self.syntax(&error))),
        }
    }

    fn context<'s>(&'s self, facts: &'s Facts) -> Context<'s> {
        let (package, earlier, answers) =
            (self.package.locked.name.as_str(), &self.earlier[..], self.answers);
        Context { phase: self.phase, package, facts, earlier, answers }
    }

    /// The whole script, but sections that are not shell are blanked and their effects added.
    fn whole(&self, split: &sections::Split, facts: &Facts) -> Result<Findings, SyntaxError> {
        if !is_shell(&self.text) {
            return Err(SyntaxError { line: 1, what: "not a shell script" });
        }
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        let mut extra = Findings::default();
        for section in &split.sections {
            if self.special(section, &mut extra) {
                let start = section.text.bytes().take_while(|b| *b == b'\n').count();
                let end = section.text.lines().count().min(lines.len());
                lines[start..end].iter_mut().for_each(String::clear);
            }
        }
        let mut findings = follow(&lines.join("\n"), &self.context(facts))?;
        findings.effects.extend(extra.effects);
        findings.handled.extend(extra.handled);
        Ok(findings)
    }

    /// Only what debhelper wrote: the recipe covers the rest.
    fn sections(&self, sections: &[sections::Section], facts: &Facts) -> Result<Findings, AssembleError> {
        let mut all = Findings::default();
        for section in sections {
            if self.special(section, &mut all) {
                continue;
            }
            let found = follow(&section.text, &self.context(facts))
                .map_err(|error| self.error(None, "", self.syntax(&error)))?;
            all.effects.extend(found.effects);
            all.handled.extend(found.handled);
            all.unknown.extend(found.unknown);
        }
        if all.unknown.is_empty() { Ok(all) } else { Err(self.error(None, "", self.lines(&all.unknown))) }
    }

    fn special(&self, section: &sections::Section, findings: &mut Findings) -> bool {
        match sections::meaning(section) {
            Meaning::Shell => return false,
            Meaning::Nothing(why) => drop(findings.handled.insert(why.to_owned())),
            // Both scripts carry the section; the effect is the second one's.
            Meaning::Effects(effects) if self.phase == Phase::Postinst => {
                findings.effects.extend(effects.into_iter().map(|effect| (0, effect)));
            }
            Meaning::Effects(_) => {}
        }
        true
    }

    fn lines(&self, unknown: &BTreeSet<(usize, EffectClass)>) -> NotUnderstood {
        let numbers: BTreeSet<usize> = unknown.iter().map(|(line, _)| *line).collect();
        let text = |number: usize| self.text.lines().nth(number.saturating_sub(1)).unwrap_or("").trim();
        NotUnderstood {
            lines: numbers.iter().take(LINES_SHOWN).map(|line| (*line, text(*line).to_owned())).collect(),
            more: numbers.len().saturating_sub(LINES_SHOWN),
            classes: unknown.iter().map(|(_, class)| *class).collect(),
        }
    }

    fn syntax(&self, error: &SyntaxError) -> NotUnderstood {
        let text = self.text.lines().nth(error.line.saturating_sub(1)).unwrap_or("").trim();
        NotUnderstood {
            lines: vec![(error.line, format!("{text}   # {}", error.what))],
            more: 0,
            classes: BTreeSet::from([EffectClass::Program]),
        }
    }

    fn error(
        &self,
        recipe: Option<(&str, &Recipe, &str)>,
        own: &str,
        missing: NotUnderstood,
    ) -> AssembleError {
        let (package, version) = (self.package.locked.name.clone(), self.package.locked.version.clone());
        let starter = known_script(self.name, &version, own);
        let script = self.name;
        let known = recipe.and_then(|(file, recipe, _)| {
            recipe.scripts.iter().rev().find(|known| known.name == script).map(|known| (file, known))
        });
        match known {
            Some((file, known)) => {
                let (mut new, gone) = difference(&known.lines, own);
                new.truncate(LINES_SHOWN);
                let (recipe, known) = (file.to_owned(), known.version.clone());
                let outdated =
                    RecipeOutdated { package, version, script, recipe, known, new, gone, missing, starter };
                AssembleError::RecipeOutdated(Box::new(outdated))
            }
            None => {
                AssembleError::Uncovered(Box::new(Uncovered { package, version, script, missing, starter }))
            }
        }
    }
}

/// dpkg runs a script by its first line: `#!/bin/sh -e`, `#! /bin/bash`.
fn is_shell(text: &str) -> bool {
    let interpreter = text.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap_or("");
    let program = interpreter.split_whitespace().next().unwrap_or("");
    matches!(program.rsplit('/').next(), Some("sh" | "dash" | "bash"))
}
