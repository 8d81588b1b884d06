//! Finds and reads modules: the shipped ones, and the author's own beside the definition.

use crate::files::Files;
use crate::problem::Problem;
use crate::raw;
use crate::schema::{Module, ModuleFile, OptionDecl, ROOT, Type};
use crate::schema_read::{self, Folder};
use crate::source::{Place, Sources};
use include_dir::{Dir, include_dir};

pub(crate) static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../modules");

/// Folder of the author's own modules, beside the definition.
pub(crate) const OWN: &str = "modules";
const DECLARATION: &str = "module.toml";
/// Words that stand at the top of a definition and mean something else.
const RESERVED: [&str; 4] = ["default", "force", "replace", ROOT];

/// Modules by name, and what the author should know about them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) modules: Vec<Module>,
    pub(crate) notices: Vec<Problem>,
}

/// Loads all modules.
pub(crate) fn load(files: &dyn Files, sources: &mut Sources, problems: &mut Vec<Problem>) -> Loaded {
    let mut modules = Vec::new();
    let mut notices = Vec::new();
    for folder in SHIPPED.dirs() {
        let name = folder.path().to_string_lossy().into_owned();
        modules.extend(shipped(&name, folder, sources, problems));
    }
    for name in own_names(files, problems) {
        let Some((module, place)) = own(files, &name, sources, problems) else { continue };
        if let Some(same) = modules.iter().position(|other: &Module| other.name == name) {
            notices.push(
                Problem::new(
                    format!("your module `{name}` stands in for the shipped module of that name"),
                    place,
                )
                .label("this one is used"),
            );
            modules.remove(same);
        }
        modules.push(module);
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    check_names(&modules, problems);
    Loaded { modules, notices }
}

fn shipped(
    name: &str,
    folder: &Dir<'_>,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Option<Module> {
    let shown = format!("builtin:{name}");
    let mut declaration = None;
    let mut files = Vec::new();
    for file in folder.files() {
        let file_name = file.path().file_name()?.to_string_lossy().into_owned();
        let text = file.contents_utf8().map(str::to_owned);
        if file_name == DECLARATION {
            declaration = text
        } else {
            files.push(ModuleFile { name: file_name, text })
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let folder = Folder { name: name.to_owned(), shown, shipped: true, files };
    Some(read(folder, declaration?, sources, problems).0)
}

fn own_names(files: &dyn Files, problems: &mut Vec<Problem>) -> Vec<String> {
    files.list(OWN).unwrap_or_else(|error| {
        problems.push(Problem::nowhere(error.to_string()));
        Vec::new()
    })
}

fn own(
    files: &dyn Files,
    name: &str,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Option<(Module, Place)> {
    let folder = format!("{OWN}/{name}");
    let mut get = |path: &str| match files.read(path) {
        Ok(content) => content,
        Err(error) => {
            problems.push(Problem::nowhere(error.to_string()));
            None
        }
    };
    let declaration = get(&format!("{folder}/{DECLARATION}"))?;
    let mut others = Vec::new();
    for file in files.list(&folder).unwrap_or_default().into_iter().filter(|file| file != DECLARATION) {
        if let Some(content) = get(&format!("{folder}/{file}")) {
            others.push(ModuleFile { name: file, text: String::from_utf8(content).ok() });
        }
    }
    let Ok(text) = String::from_utf8(declaration) else {
        problems.push(Problem::nowhere(format!("{folder}/{DECLARATION} is not UTF-8")));
        return None;
    };
    let folder = Folder { name: name.to_owned(), shown: folder, shipped: false, files: others };
    Some(read(folder, text, sources, problems))
}

fn read(
    folder: Folder,
    declaration: String,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> (Module, Place) {
    let file = sources.add(&format!("{}/{DECLARATION}", folder.shown), declaration);
    let whole = Place { file, start: 0, end: 0 };
    let table = raw::parse(file, sources, problems);
    for other in &folder.files {
        if let Some(text) = &other.text {
            sources.add(&format!("{}/{}", folder.shown, other.name), text.clone());
        }
    }
    (schema_read::module(&table, folder, whole, problems), whole)
}

fn check_names(modules: &[Module], problems: &mut Vec<Problem>) {
    let top = modules.iter().find(|module| module.name == ROOT).map(options).unwrap_or_default();
    for module in modules.iter().filter(|module| !module.shipped) {
        let taken =
            RESERVED.contains(&module.name.as_str()) || top.iter().any(|option| option.name == module.name);
        if taken {
            let message =
                format!("a module can not be called `{}`: the definition uses that word", module.name);
            problems.push(Problem::nowhere(message).help(format!("rename the folder {}", module.folder)));
        }
    }
}

/// The options of a module that is a record.
pub(crate) fn options(module: &Module) -> &[OptionDecl] {
    match &module.value.ty {
        Type::Record(options) => options,
        _ => &[],
    }
}

/// The options of a module by name.
pub(crate) fn options_of<'a>(modules: &'a [Module], name: &str) -> &'a [OptionDecl] {
    modules.iter().find(|module| module.name == name).map_or(&[], options)
}

/// Everything that may stand at the top of a definition: the options of [`ROOT`], then the modules.
pub(crate) fn top(modules: &[Module]) -> Vec<OptionDecl> {
    let (root, others): (Vec<_>, Vec<_>) = modules.iter().partition(|module| module.name == ROOT);
    root.into_iter()
        .flat_map(|module| options(module).iter().cloned())
        .chain(others.into_iter().map(|module| module.value.clone()))
        .collect()
}
