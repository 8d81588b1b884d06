//! The reference of all options, from the modules themselves.

mod example;
mod html;
mod markdown;

use crate::files::Files;
use crate::modules;
use crate::near::nearest;
use crate::problem::Problems;
use crate::schema::{Active, Module, OptionDecl, ROOT, Type};
use crate::source::Sources;
use serde::Serialize;

/// One option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OptionReference {
    /// Its path; `NAME` or `"/PATH"` stands for the key of a map, `[N]` for an element of a list.
    pub path: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// True where it must be set.
    pub required: bool,
    /// Its default, as TOML.
    pub default: Option<String>,
    /// An example, as TOML with its table.
    pub example: Option<String>,
    /// What it is for.
    pub doc: String,
}

/// One module, or the options at the top of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModuleReference {
    /// Its name; `system` for the top of a definition.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// When it takes part.
    pub active: &'static str,
    /// True for modules that come with Pintle.
    pub shipped: bool,
    /// Its options, outer before inner.
    pub options: Vec<OptionReference>,
}

/// The reference; the top of a definition first, then the modules by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The modules.
    pub modules: Vec<ModuleReference>,
}

/// The reference of the shipped modules and of the author's own beside the definition.
///
/// # Errors
/// What is wrong in the modules.
pub fn reference(files: &dyn Files) -> Result<Reference, Problems> {
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    let loaded = modules::load(files, &mut sources, &mut problems);
    if !problems.is_empty() {
        return Err(Problems::resolve(problems, &sources));
    }
    let mut modules: Vec<ModuleReference> = loaded.modules.iter().map(module).collect();
    modules.sort_by_key(|module| (module.name != ROOT, module.name.clone()));
    Ok(Reference { modules })
}

impl Reference {
    /// As one Markdown page.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// As one HTML page that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// The module or option that `path` was probably meant to be.
    #[must_use]
    pub fn nearest(&self, path: &str) -> Option<&str> {
        let options = self.modules.iter().flat_map(|module| &module.options);
        let modules = self.modules.iter().map(|module| module.name.as_str());
        nearest(path, modules.chain(options.map(|option| option.path.as_str())))
    }

    /// Only what lies at or below `path`; empty modules are left out.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let below = |other: &str| {
            other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let modules = self.modules.iter().filter_map(|module| {
            if module.name == path {
                return Some(module.clone());
            }
            let options: Vec<_> =
                module.options.iter().filter(|option| below(&option.path)).cloned().collect();
            (!options.is_empty()).then(|| ModuleReference { options, ..module.clone() })
        });
        Self { modules: modules.collect() }
    }
}

fn module(module: &Module) -> ModuleReference {
    let mut options = Vec::new();
    match (&module.value.ty, module.name.as_str()) {
        (Type::Record(declared), ROOT) => {
            declared.iter().for_each(|option| flatten(option, "", &mut options))
        }
        (Type::Record(declared), name) => {
            declared.iter().for_each(|option| flatten(option, &format!("{name}."), &mut options));
        }
        _ => flatten(&module.value, "", &mut options),
    }
    ModuleReference {
        name: module.name.clone(),
        doc: module.value.doc.clone(),
        active: match module.active {
            Active::Always => "always part of the system",
            Active::ByDefault => "part of the system unless `enable = false`",
            Active::WhenUsed => "part of the system as soon as it is mentioned",
        },
        shipped: module.shipped,
        options,
    }
}

fn flatten(decl: &OptionDecl, prefix: &str, out: &mut Vec<OptionReference>) {
    let path = format!("{prefix}{}", decl.name);
    let needs_value = !matches!(decl.ty, Type::List(_) | Type::Map(..) | Type::Record(_));
    out.push(OptionReference {
        ty: decl.ty.to_string(),
        required: needs_value && !decl.optional && decl.default.is_none(),
        default: decl.default.as_ref().map(crate::raw::Raw::to_toml),
        example: decl.example.as_ref().map(|example| example::block(&path, example)),
        doc: decl.doc.clone(),
        path: path.clone(),
    });
    inner(&decl.ty, &path, out);
}

fn inner(ty: &Type, path: &str, out: &mut Vec<OptionReference>) {
    match ty {
        Type::Record(options) => options.iter().for_each(|option| flatten(option, &format!("{path}."), out)),
        Type::Map(keys, of) => inner(of, &format!("{path}.{}", keys.placeholder()), out),
        Type::List(of) => inner(of, &format!("{path}[N]"), out),
        _ => {}
    }
}
