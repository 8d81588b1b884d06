//! A definition to its [`System`]: load, merge, let the modules contribute, put together.

use crate::collected::{Collected, SetValue};
use crate::contribute::{Contribute, Pass, jinja, template_place};
use crate::explain::{Explanation, NoSuchPath};
use crate::files::{FileKind, Files, beside, folder_of};
use crate::load::{self, Layer};
use crate::merge::{Definition, Merge, Path, Surroundings};
use crate::merged::{Merged, Setting, Value};
use crate::modules::{self, Loaded};
use crate::problem::{Problem, Problems};
use crate::raw::Data;
use crate::schema::{Active, Module, OptionDecl, ROOT, Type};
use crate::source::{Place, Sources};
use crate::system;
use crate::template::{Templates, Variables};
use pintle_model::System;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which modules may answer to what other modules set.
const ROUNDS: usize = 8;

/// An evaluated definition, with the origin of everything in it.
#[derive(Debug)]
pub struct Evaluation {
    system: System,
    notices: Problems,
    asked: BTreeMap<String, Vec<String>>,
    pub(crate) sources: Sources,
    pub(crate) options: Vec<OptionDecl>,
    pub(crate) top: BTreeMap<String, Merged>,
}

impl Evaluation {
    /// The system.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// What is not wrong, but worth knowing.
    #[must_use]
    pub fn notices(&self) -> &Problems {
        &self.notices
    }

    /// Who asked for a package: places in the definition or in modules.
    #[must_use]
    pub fn asked_by(&self, package: &str) -> &[String] {
        self.asked.get(package).map_or(&[], Vec::as_slice)
    }

    /// The files that were read, those of shipped modules (`builtin:…`) included.
    pub fn files_read(&self) -> impl Iterator<Item = &str> {
        self.sources.names()
    }

    /// What the value at `path` (`nginx.sites.main.root`, `packages[0]`) is, what it is for, and what set it.
    ///
    /// # Errors
    /// There is no such option.
    pub fn explain(&self, path: &str) -> Result<Explanation, NoSuchPath> {
        crate::explain::explain(self, path)
    }
}

/// Evaluates the definition at `path` (`system.toml`), relative to what `files` sees.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn evaluate(files: &dyn Files, path: &str) -> Result<Evaluation, Problems> {
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    let Loaded { modules, mut notices } = modules::load(files, &mut sources, &mut problems);
    let layers = load::definition(files, &beside("", path), &mut sources, &mut problems);
    let whole = layers.last().map(|layer| layer.key);
    let (templates, broken) = Templates::new(&modules);
    for error in broken {
        problems.push(match template_place(&error, &sources) {
            Some(place) => Problem::new(error.message, place),
            None => Problem::nowhere(error.message),
        });
    }
    // What can not be read can not be merged: nothing said after this would help.
    if !problems.is_empty() {
        return Err(Problems::resolve(problems, &sources));
    }
    let options = modules::top(&modules);
    let work =
        Work { files, sources: &sources, modules: &modules, options: &options, templates: &templates, whole };
    let outcome = work.settle(&layers).and_then(|(top, collected, warnings)| {
        notices.extend(warnings);
        let asked = system::asked_for(&collected, &sources);
        Ok((system::build(&top, collected)?, top, asked))
    });
    match outcome {
        Ok((system, top, asked)) => {
            let notices = Problems::resolve(notices, &sources);
            Ok(Evaluation { system, notices, asked, sources, options, top })
        }
        Err(problems) => Err(Problems::resolve(problems, &sources)),
    }
}

type Top = BTreeMap<String, Merged>;

struct Work<'a> {
    files: &'a dyn Files,
    sources: &'a Sources,
    modules: &'a [Module],
    options: &'a [OptionDecl],
    templates: &'a Templates<'a>,
    /// The definition itself, for what is missing in it.
    whole: Option<Place>,
}

impl Work<'_> {
    /// Merges and lets the modules contribute until what they set for each other no longer changes.
    fn settle(&self, layers: &[Layer]) -> Result<(Top, Collected, Vec<Problem>), Vec<Problem>> {
        let mut sets: Vec<SetValue> = Vec::new();
        for _ in 0..ROUNDS {
            let (top, active) = self.merge(layers, &sets)?;
            let (collected, notices) = self.contribute(&top, &active)?;
            if collected.sets == sets {
                return Ok((top, collected, notices));
            }
            sets = collected.sets;
        }
        let culprits: BTreeSet<&str> =
            sets.iter().map(|set| self.sources.name(set.table.place.file)).collect();
        let culprits: Vec<&str> = culprits.into_iter().collect();
        let message = format!("modules keep changing each other's options: {}", culprits.join(", "));
        Err(vec![Problem::nowhere(message).help("their [[set]] must not depend on what they set")])
    }

    fn merge(&self, layers: &[Layer], sets: &[SetValue]) -> Result<(Top, BTreeSet<String>), Vec<Problem>> {
        let mut definitions: Vec<Definition<'_>> = Vec::new();
        for set in sets {
            definitions.push(Definition { raw: &set.table, key: set.table.place, priority: set.priority });
        }
        for layer in layers {
            definitions.push(Definition { raw: &layer.table, key: layer.key, priority: layer.priority });
        }
        let defaults = self.defaults(&definitions);
        let mut merge = Merge { surroundings: &defaults, report_missing: true, problems: Vec::new() };
        let root = self.root();
        let mut parts = merge.top(root, self.options, &definitions);
        let mut top = Top::new();
        let mut active = BTreeSet::new();
        for option in self.options {
            let parts = parts.remove(option.name.as_str()).unwrap_or_default();
            let path = Path::default().field(&option.name);
            let Some(module) = self.module(&option.name) else {
                top.insert(option.name.clone(), merge.option(option, &path, self.whole, parts));
                continue;
            };
            // What describes Debian packages is silent beside a closure, and wrong where it is spoken.
            let silent = defaults.closure && module.active != Active::Always;
            if let Some(part) = parts.first().filter(|_| defaults.closure) {
                merge.problems.push(beside_closure(&module.name, part.key));
            }
            let switch = switch(&parts);
            merge.report_missing = !silent && is_active(module.active, switch, !parts.is_empty());
            let first = parts.first().map(|part| Setting {
                place: part.key,
                priority: part.priority,
                text: String::new(),
            });
            let mut merged = merge.option(option, &path, self.whole, parts);
            if silent {
                set_enable(&mut merged, Value::Bool(false));
            } else if settle_enable(module.active, &mut merged, first) {
                active.insert(module.name.clone());
            }
            merge.report_missing = true;
            top.insert(option.name.clone(), merged);
        }
        if merge.problems.is_empty() { Ok((top, active)) } else { Err(merge.problems) }
    }

    /// The top-level options by themselves, for templates in defaults.
    fn defaults(&self, definitions: &[Definition<'_>]) -> Defaults<'_> {
        let mut defaults = Defaults {
            files: self.files,
            sources: self.sources,
            templates: self.templates,
            variables: Variables::new(),
            closure: false,
        };
        let mut merge = Merge { surroundings: &defaults, report_missing: false, problems: Vec::new() };
        let mut parts = merge.top(self.root(), self.options, definitions);
        let mut values = BTreeMap::new();
        for option in modules::options_of(self.modules, ROOT) {
            let parts = parts.remove(option.name.as_str()).unwrap_or_default();
            let merged = merge.option(option, &Path::default().field(&option.name), None, parts);
            values.insert(option.name.replace('-', "_"), merged.template_json());
        }
        defaults.closure =
            values.get("source").and_then(|source| source.get("nix")).is_some_and(|nix| !nix.is_null());
        defaults
            .variables
            .insert("system".to_owned(), minijinja::Value::from(minijinja::value::Serde(values)));
        defaults
    }

    fn root(&self) -> &OptionDecl {
        static EMPTY: std::sync::LazyLock<OptionDecl> = std::sync::LazyLock::new(|| OptionDecl {
            name: String::new(),
            ty: Type::Record(Vec::new()),
            optional: false,
            doc: String::new(),
            default: None,
            example: None,
            place: None,
        });
        self.module(ROOT).map_or(&EMPTY, |module| &module.value)
    }

    fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    fn contribute(
        &self,
        top: &Top,
        active: &BTreeSet<String>,
    ) -> Result<(Collected, Vec<Problem>), Vec<Problem>> {
        let mut globals = Variables::new();
        let root: BTreeMap<String, Merged> = modules::options_of(self.modules, ROOT)
            .iter()
            .filter_map(|option| Some((option.name.clone(), top.get(&option.name)?.clone())))
            .collect();
        let root = Merged { value: Value::Record(root), ..Merged::none() };
        globals.insert("system".to_owned(), jinja(&root));
        let others: BTreeMap<String, minijinja::Value> = self
            .modules
            .iter()
            .filter_map(|module| Some((module.name.replace('-', "_"), jinja(top.get(&module.name)?))))
            .collect();
        globals.insert("modules".to_owned(), minijinja::Value::from(others));
        let mut contribute = Contribute {
            templates: self.templates,
            sources: self.sources,
            globals,
            collected: Collected::default(),
            problems: Vec::new(),
            notices: Vec::new(),
        };
        let values: Vec<(&Module, &Merged)> = self
            .modules
            .iter()
            .filter_map(|module| match module.name.as_str() {
                ROOT => Some((module, &root)),
                name => active.contains(name).then_some((module, top.get(name)?)),
            })
            .collect();
        // What a module requires comes first: where that does not hold, the rest would only stumble over the same.
        for pass in [Pass::Requirements, Pass::Additions] {
            for (module, value) in &values {
                contribute.module(module, value, pass);
            }
            if !contribute.problems.is_empty() {
                return Err(contribute.problems);
            }
        }
        Ok((contribute.collected, contribute.notices))
    }
}

fn beside_closure(module: &str, place: Place) -> Problem {
    Problem::new(format!("`{module}` describes a system made of Debian packages, but `source.nix` names a closure"), place)
        .label("set here")
        .help("a closure is configured in Nix: say it in the NixOS configuration and build that anew, or take `source.nix` out")
}

/// The strongest `enable` that is a boolean; mistakes are for the merge to tell.
fn switch(parts: &[Definition<'_>]) -> Option<bool> {
    let enables = parts.iter().filter_map(|part| match part.raw.as_table()?.get("enable")?.value.data {
        Data::Bool(value) => Some((part.priority, value)),
        _ => None,
    });
    enables.max_by_key(|(priority, _)| *priority).map(|(_, value)| value)
}

fn is_active(active: Active, switch: Option<bool>, used: bool) -> bool {
    match active {
        Active::Always => true,
        Active::ByDefault => switch.unwrap_or(true),
        Active::WhenUsed => switch.unwrap_or(used),
    }
}

fn set_enable(merged: &mut Merged, value: Value) {
    if let Value::Record(fields) = &mut merged.value {
        fields.entry("enable".to_owned()).or_insert_with(Merged::none).value = value;
    }
}

/// Writes the outcome into `enable`, so that it can be explained and read by templates.
fn settle_enable(active: Active, merged: &mut Merged, first: Option<Setting>) -> bool {
    let Value::Record(fields) = &mut merged.value else { return active == Active::Always };
    if active == Active::Always {
        return true;
    }
    let enable = fields.entry("enable".to_owned()).or_insert_with(Merged::none);
    if enable.value == Value::None {
        enable.value = Value::Bool(first.is_some());
        enable.set.extend(first);
    }
    enable.value == Value::Bool(true)
}

struct Defaults<'a> {
    files: &'a dyn Files,
    sources: &'a Sources,
    templates: &'a Templates<'a>,
    variables: Variables,
    /// The system is a closure, and no module describes it.
    closure: bool,
}

impl Surroundings for Defaults<'_> {
    fn expand_default(&self, text: &str) -> Result<String, String> {
        // While the top-level options themselves are merged there is nothing to fill in yet.
        if self.variables.is_empty() {
            return Ok(text.to_owned());
        }
        self.templates.text(text, &self.variables).map_err(|error| error.message)
    }

    fn source(&self, path: &str, place: Place) -> Result<String, String> {
        let path = beside(folder_of(self.sources.name(place.file)), path);
        match self.files.kind(&path) {
            Ok(Some(FileKind::File | FileKind::Folder)) => Ok(path),
            Ok(None) => Err(format!("there is no file or folder {path}")),
            Err(error) => Err(error.to_string()),
        }
    }
}
