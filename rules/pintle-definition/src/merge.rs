//! Many definitions of an option to one value.
//!
//! The strongest priority wins. Within it scalars must agree, lists append, maps and records merge key by key.

use crate::merge_problem::{conflict, unknown, with_docs, wrong_type};
use crate::merged::{Merged, Priority, Setting, Value};
use crate::problem::Problem;
use crate::raw::{Data, Raw, RawTable, bare};
use crate::scalar;
use crate::schema::{OptionDecl, Type};
use crate::source::Place;
use crate::text::TextKind;
use std::collections::{BTreeMap, BTreeSet};

/// One definition of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) raw: &'a Raw,
    /// Where its key is; the value's own place for elements of lists.
    pub(crate) key: Place,
    pub(crate) priority: Priority,
}

impl Definition<'_> {
    fn setting(&self) -> Setting {
        let text = self.raw.to_toml();
        Setting { place: self.key, priority: self.priority, text }
    }
}

/// What merging needs from outside.
pub(crate) trait Surroundings {
    /// A default's string with the templates in it filled in.
    fn expand_default(&self, text: &str) -> Result<String, String>;
    /// The path of a source as seen from the definition, for one that was written at `place`; an error text
    /// where there is nothing.
    fn source(&self, path: &str, place: Place) -> Result<String, String>;
}

/// Merges; problems are collected, not returned early.
pub(crate) struct Merge<'s> {
    pub(crate) surroundings: &'s dyn Surroundings,
    /// Off for modules that do not take part.
    pub(crate) report_missing: bool,
    pub(crate) problems: Vec<Problem>,
}

/// Where in the definition the merge is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    /// As the author names it: `nginx.sites.main.root`.
    pub(crate) shown: String,
    /// As the reference names it: `nginx.sites.NAME.root`.
    pub(crate) documented: String,
}

impl Path {
    pub(crate) fn field(&self, name: &str) -> Self {
        Self { shown: dotted(&self.shown, name), documented: dotted(&self.documented, name) }
    }

    fn entry(&self, name: &str, kind: TextKind) -> Self {
        let documented = dotted(&self.documented, kind.placeholder());
        Self { shown: dotted(&self.shown, &bare(name)), documented }
    }

    fn element(&self, index: usize) -> Self {
        Self { shown: format!("{}[{index}]", self.shown), documented: self.documented.clone() }
    }
}

fn dotted(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// An option and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) decl: &'a OptionDecl,
    pub(crate) path: &'a Path,
    /// What the value belongs to, for errors on what is missing.
    pub(crate) owner: Option<Place>,
}

impl Merge<'_> {
    /// Merges all `definitions` of `decl`.
    pub(crate) fn option(
        &mut self,
        decl: &OptionDecl,
        path: &Path,
        owner: Option<Place>,
        definitions: Vec<Definition<'_>>,
    ) -> Merged {
        let spot = Spot { decl, path, owner };
        if definitions.is_empty() && !matches!(decl.ty, Type::Record(_)) {
            return self.unset(spot);
        }
        if definitions.is_empty() && decl.optional {
            return Merged::none();
        }
        self.typed(spot, &decl.ty, definitions)
    }

    fn unset(&mut self, spot: Spot<'_>) -> Merged {
        let decl = spot.decl;
        if let Some(default) = &decl.default {
            let expanded = self.expand(default);
            let definition = Definition {
                raw: &expanded,
                key: decl.place.unwrap_or(default.place),
                priority: Priority::Declared,
            };
            return self.typed(spot, &decl.ty, vec![definition]);
        }
        match &decl.ty {
            _ if decl.optional => {}
            Type::List(_) => return Merged { value: Value::List(Vec::new()), ..Merged::none() },
            Type::Map(..) => return Merged { value: Value::Map(BTreeMap::new()), ..Merged::none() },
            _ if !self.report_missing => {}
            _ => {
                let message = format!("`{}` must be set", spot.path.shown);
                let problem = match spot.owner {
                    Some(owner) => Problem::new(message, owner).label("it is missing here"),
                    None => Problem::nowhere(message),
                };
                self.problems.push(with_docs(problem, decl, spot.path));
            }
        }
        Merged::none()
    }

    /// A default with its templates filled in.
    fn expand(&mut self, raw: &Raw) -> Raw {
        let data = match &raw.data {
            Data::String(text) if text.contains("{{") => match self.surroundings.expand_default(text) {
                Ok(text) => Data::String(text),
                Err(reason) => {
                    self.problems.push(Problem::new(format!("this default fails: {reason}"), raw.place));
                    raw.data.clone()
                }
            },
            Data::List(items) => Data::List(items.iter().map(|item| self.expand(item)).collect()),
            other => other.clone(),
        };
        Raw { data, place: raw.place }
    }

    fn typed(&mut self, spot: Spot<'_>, ty: &Type, definitions: Vec<Definition<'_>>) -> Merged {
        match ty {
            Type::Record(options) => self.record(spot, options, definitions),
            Type::Map(..) | Type::List(_) => {
                let (kept, overridden) = only_replacing(definitions);
                let mut merged = match ty {
                    Type::Map(_, of) => self.map(spot, ty, of, kept),
                    Type::List(of) => self.list(spot, ty, of, kept),
                    _ => Merged::none(),
                };
                merged.overridden.extend(overridden);
                merged
            }
            _ => self.scalar(spot, ty, definitions),
        }
    }

    /// Definitions that are tables; the others are reported.
    fn tables<'a>(
        &mut self,
        spot: Spot<'_>,
        ty: &Type,
        definitions: &[Definition<'a>],
    ) -> Vec<(Definition<'a>, &'a RawTable)> {
        let mut tables = Vec::new();
        for definition in definitions {
            match definition.raw.as_table() {
                Some(table) => tables.push((*definition, table)),
                None => self.wrong_type(spot, ty, definition.raw),
            }
        }
        tables
    }

    fn record(&mut self, spot: Spot<'_>, options: &[OptionDecl], definitions: Vec<Definition<'_>>) -> Merged {
        let mut parts = self.parts(spot, options, &definitions);
        let owner = definitions.iter().map(|definition| definition.key).next().or(spot.owner);
        let fields = options
            .iter()
            .map(|option| {
                let parts = parts.remove(option.name.as_str()).unwrap_or_default();
                (option.name.clone(), self.option(option, &spot.path.field(&option.name), owner, parts))
            })
            .collect();
        Merged { value: Value::Record(fields), ..Merged::none() }.with_places(&definitions)
    }

    /// The definitions of a record by option. Keys that are no options are reported.
    fn parts<'a>(
        &mut self,
        spot: Spot<'_>,
        options: &[OptionDecl],
        definitions: &[Definition<'a>],
    ) -> BTreeMap<&'a str, Vec<Definition<'a>>> {
        let mut parts: BTreeMap<&str, Vec<Definition<'_>>> = BTreeMap::new();
        for (definition, table) in self.tables(spot, &Type::Record(Vec::new()), definitions) {
            for (key, entry) in table {
                if options.iter().any(|option| option.name == *key) {
                    let part = Definition { raw: &entry.value, key: entry.key, ..definition };
                    parts.entry(key).or_default().push(part);
                } else {
                    self.problems.push(unknown(key, entry.key, options, spot));
                }
            }
        }
        parts
    }

    /// The definitions of everything that stands at the top, by option and module.
    pub(crate) fn top<'a>(
        &mut self,
        decl: &OptionDecl,
        options: &[OptionDecl],
        definitions: &[Definition<'a>],
    ) -> BTreeMap<&'a str, Vec<Definition<'a>>> {
        self.parts(Spot { decl, path: &Path::default(), owner: None }, options, definitions)
    }

    fn map(&mut self, spot: Spot<'_>, ty: &Type, of: &Type, definitions: Vec<Definition<'_>>) -> Merged {
        let Type::Map(keys, _) = ty else { return Merged::none() };
        let tables = self.tables(spot, ty, &definitions);
        let mut entries: BTreeMap<&str, Vec<Definition<'_>>> = BTreeMap::new();
        for (definition, table) in &tables {
            for (key, entry) in *table {
                if !keys.accepts(key) {
                    let message = format!("`{key}` can not be a key of `{}`", spot.path.shown);
                    let problem =
                        Problem::new(message, entry.key).label(format!("must be {}", keys.phrase()));
                    self.problems.push(with_docs(problem, spot.decl, spot.path));
                    continue;
                }
                let part = Definition { raw: &entry.value, key: entry.key, priority: definition.priority };
                entries.entry(key).or_default().push(part);
            }
        }
        let value = entries
            .into_iter()
            .map(|(key, parts)| {
                let path = spot.path.entry(key, *keys);
                let spot = Spot { path: &path, owner: parts.first().map(|part| part.key), ..spot };
                (key.to_owned(), self.typed(spot, of, parts))
            })
            .collect();
        Merged { value: Value::Map(value), set: Vec::new(), overridden: Vec::new() }.with_places(&definitions)
    }

    fn list(&mut self, spot: Spot<'_>, ty: &Type, of: &Type, definitions: Vec<Definition<'_>>) -> Merged {
        let strongest = definitions.iter().map(|definition| definition.priority).max();
        let mut merged = Merged { value: Value::None, set: Vec::new(), overridden: Vec::new() };
        let mut items = Vec::new();
        for definition in definitions {
            let Data::List(list) = &definition.raw.data else {
                self.wrong_type(spot, ty, definition.raw);
                continue;
            };
            let wins = Some(definition.priority) == strongest;
            for item in list {
                let path = spot.path.element(items.len());
                let part = Definition { raw: item, key: item.place, priority: definition.priority };
                let spot = Spot { path: &path, owner: Some(item.place), ..spot };
                // An element that loses is still checked: its author should hear of a mistake in it.
                let element = self.typed(spot, of, vec![part]);
                if wins {
                    items.push(element);
                }
            }
            let settings = if wins { &mut merged.set } else { &mut merged.overridden };
            settings.push(definition.setting());
        }
        merged.value = Value::List(items);
        merged
    }

    fn scalar(&mut self, spot: Spot<'_>, ty: &Type, definitions: Vec<Definition<'_>>) -> Merged {
        let mut good: Vec<(Definition<'_>, Value)> = Vec::new();
        for definition in definitions {
            match scalar::read(ty, definition.raw) {
                Some(Value::String(path)) if *ty == Type::Text(TextKind::Source) => {
                    match self.surroundings.source(&path, definition.raw.place) {
                        Ok(path) => good.push((definition, Value::String(path))),
                        Err(reason) => {
                            let problem = Problem::new(reason, definition.raw.place).label("named here");
                            self.problems.push(with_docs(problem, spot.decl, spot.path));
                        }
                    }
                }
                Some(value) => good.push((definition, value)),
                None => self.wrong_type(spot, ty, definition.raw),
            }
        }
        let Some(strongest) = good.iter().map(|(definition, _)| definition.priority).max() else {
            return Merged::none();
        };
        let (winners, losers): (Vec<_>, Vec<_>) =
            good.into_iter().partition(|(definition, _)| definition.priority == strongest);
        if let Some((other, _)) = winners.iter().find(|(_, value)| *value != winners[0].1) {
            self.problems.push(conflict(spot, winners[0].0, *other));
        }
        let mut overridden: Vec<Setting> =
            losers.iter().map(|(definition, _)| definition.setting()).collect();
        overridden.sort_by_key(|setting| std::cmp::Reverse(setting.priority));
        Merged {
            value: winners[0].1.clone(),
            set: winners.iter().map(|(definition, _)| definition.setting()).collect(),
            overridden,
        }
    }

    fn wrong_type(&mut self, spot: Spot<'_>, ty: &Type, raw: &Raw) {
        self.problems.push(wrong_type(spot, ty, raw));
    }
}

impl Merged {
    /// Remembers where the whole was mentioned: its tables' headers.
    fn with_places(mut self, definitions: &[Definition<'_>]) -> Self {
        let mut seen = BTreeSet::new();
        for definition in definitions.iter().filter(|definition| seen.insert(definition.key)) {
            self.set.push(Setting { text: String::new(), ..definition.setting() });
        }
        self
    }
}

/// Where something is replaced, everything else steps back.
fn only_replacing(definitions: Vec<Definition<'_>>) -> (Vec<Definition<'_>>, Vec<Setting>) {
    if !definitions.iter().any(|definition| definition.priority == Priority::Replace) {
        return (definitions, Vec::new());
    }
    let (kept, lost): (Vec<_>, Vec<_>) =
        definitions.into_iter().partition(|definition| definition.priority == Priority::Replace);
    (kept, lost.iter().map(Definition::setting).collect())
}
