use super::ModulesError;
use super::kept::kept;
use super::order::order;
use pintle_model::{Blob, Contents, Kind, Tree, TreePath};
use pintle_package::elf::{BlobSource, Elf, Limits};
use pintle_package::modinfo::{Modinfo, Symbols, module_name};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Largest list (`modules.order`, `modules.builtin`, `modules.builtin.modinfo`) read; Debian's are under 1 MB.
const LIST_MAX: u64 = 16 << 20;

/// A loadable kernel module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Module {
    /// Path below `/usr/lib/modules/VERSION`: `kernel/fs/ext4/ext4.ko`.
    pub path: Vec<u8>,
    /// The kernel's name for it: `crc32c_intel`.
    pub name: Vec<u8>,
    /// Its `.modinfo`.
    pub info: Modinfo,
    /// Symbols it exports to others, in the order of its symbol table.
    pub exports: Vec<Vec<u8>>,
    /// All modules it needs loaded before, as indices into the set; the last is to be loaded first.
    pub needs: Vec<usize>,
}

/// The modules of one kernel, in the order that decides between modules claiming the same alias.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ModuleSet {
    modules: Vec<Module>,
    by_name: BTreeMap<Vec<u8>, usize>,
    builtin: BTreeSet<Vec<u8>>,
    pub(super) builtin_paths: Option<Vec<Vec<u8>>>,
    pub(super) builtin_info: Option<Modinfo>,
}

impl ModuleSet {
    /// Reads all modules below `dir` (`usr/lib/modules/VERSION`) and finds out what they need. `build` and `source`
    /// are skipped, and of two modules of one name that below `updates` counts, else the first by path.
    ///
    /// # Errors
    /// [`ModulesError`].
    pub fn read(tree: &Tree, contents: &dyn Contents, dir: &TreePath) -> Result<Self, ModulesError> {
        refuse_configuration(tree)?;
        kept(tree, contents, dir, "module set", || Self::read_files(tree, contents, dir))
    }

    fn read_files(tree: &Tree, contents: &dyn Contents, dir: &TreePath) -> Result<Self, ModulesError> {
        let (order, loadable) = (list(tree, contents, dir, "modules.order")?, find(tree, dir)?);
        let mut modules = Vec::with_capacity(loadable.len());
        let mut symbols = Vec::with_capacity(loadable.len());
        for (path, blob) in in_order(loadable, order.as_deref().unwrap_or_default()) {
            let (module, found) = read_module(dir, path, BlobSource { blob, contents })?;
            modules.push(module);
            symbols.push(found);
        }
        let cycle = |left: Vec<usize>| ModulesError::Cycle {
            dir: dir.clone(),
            modules: left.iter().map(|at| String::from_utf8_lossy(&modules[*at].name).into_owned()).collect(),
        };
        let needs = order_needs(&symbols).map_err(cycle)?;
        for (module, needs) in modules.iter_mut().zip(needs) {
            module.needs = needs;
        }
        let by_name = modules.iter().enumerate().map(|(at, module)| (module.name.clone(), at)).collect();
        let builtin_paths = list(tree, contents, dir, "modules.builtin")?.map(|bytes| lines(&bytes));
        let builtin = builtin_paths.iter().flatten().map(|path| module_name(path)).collect();
        let builtin_info = list(tree, contents, dir, "modules.builtin.modinfo")?.map(Modinfo::parse);
        Ok(Self { modules, by_name, builtin, builtin_paths, builtin_info })
    }

    /// The modules, in index order.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The place of the module called `name` (`-` and `_` are the same) in [`ModuleSet::modules`].
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&module_name(name.as_bytes())).copied()
    }

    /// True when the kernel holds `name` itself: nothing to load.
    #[must_use]
    pub fn is_builtin(&self, name: &str) -> bool {
        self.builtin.contains(&module_name(name.as_bytes()))
    }
}

/// A configuration would change which module wins; Debian ships none.
fn refuse_configuration(tree: &Tree) -> Result<(), ModulesError> {
    for dir in ["etc/depmod.d", "usr/lib/depmod.d", "usr/local/lib/depmod.d"].map(TreePath::literal) {
        let mut files = tree.walk_from(&dir).filter(|entry| entry.path.as_bytes().ends_with(b".conf"));
        if let Some(entry) = files.next() {
            return Err(ModulesError::Configured(entry.path));
        }
    }
    Ok(())
}

fn list(
    tree: &Tree,
    contents: &dyn Contents,
    dir: &TreePath,
    name: &str,
) -> Result<Option<Vec<u8>>, ModulesError> {
    let path = dir.join(name).map_err(|bad| ModulesError::Tree(bad.into()))?;
    match tree.get(&path).map(|inode| &inode.kind) {
        Some(Kind::File(blob)) => {
            let bytes = blob.read(contents, LIST_MAX);
            bytes.map(Some).map_err(|source| ModulesError::Read { path, source })
        }
        _ => Ok(None),
    }
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Module files by path below `dir`, one per module name.
fn find<'t>(tree: &'t Tree, dir: &TreePath) -> Result<BTreeMap<Vec<u8>, &'t Blob>, ModulesError> {
    let mut by_name: BTreeMap<Vec<u8>, (Vec<u8>, &Blob)> = BTreeMap::new();
    let skip = dir.as_bytes().len() + 1;
    for entry in tree.walk_from(dir) {
        let path = entry.path.as_bytes().get(skip..).unwrap_or_default();
        let Kind::File(blob) = &entry.inode.kind else { continue };
        if path.split(|byte| *byte == b'/').any(|name| name == b"build" || name == b"source") {
            continue;
        }
        if [".ko.xz", ".ko.zst", ".ko.gz"].iter().any(|ending| path.ends_with(ending.as_bytes())) {
            return Err(ModulesError::Compressed(entry.path));
        }
        if !path.ends_with(b".ko") || path == b".ko" {
            continue;
        }
        let updated = |path: &[u8]| path.starts_with(b"updates/");
        let name = module_name(path);
        let wins = by_name.get(&name).is_none_or(|(there, _)| updated(path) && !updated(there));
        if wins {
            by_name.insert(name, (path.to_vec(), blob));
        }
    }
    Ok(by_name.into_values().collect())
}

/// Those that `modules.order` lists first, as it lists them, then the others.
fn in_order<'t>(mut modules: BTreeMap<Vec<u8>, &'t Blob>, order: &[u8]) -> Vec<(Vec<u8>, &'t Blob)> {
    let mut sorted = Vec::with_capacity(modules.len());
    for line in order.split(|byte| *byte == b'\n') {
        if let Some(module) = modules.remove_entry(line) {
            sorted.push(module);
        }
    }
    sorted.extend(modules);
    sorted
}

fn read_module(
    dir: &TreePath,
    path: Vec<u8>,
    source: BlobSource<'_>,
) -> Result<(Module, Symbols), ModulesError> {
    let read = || {
        let elf = Elf::open(&source, Limits::default())?;
        let sections = elf.sections()?;
        Ok((Modinfo::read(&elf, &sections)?, Symbols::read(&elf, &sections)?))
    };
    let (info, symbols) = read().map_err(|source| match dir.join(&path) {
        Ok(path) => ModulesError::Module { path, source },
        Err(bad) => ModulesError::Tree(bad.into()),
    })?;
    let name = module_name(&path);
    let exports = symbols.exports().map(<[u8]>::to_vec).collect();
    Ok((Module { path, name, info, exports, needs: Vec::new() }, symbols))
}

/// What each module needs, from who exports what. The last of several exporters of a symbol counts.
fn order_needs(symbols: &[Symbols]) -> Result<Vec<Vec<usize>>, Vec<usize>> {
    let mut exporters = BTreeMap::new();
    for (at, module) in symbols.iter().enumerate() {
        exporters.extend(module.exports().map(|name| (name, at)));
    }
    let direct = symbols.iter().map(|module| {
        let mut needs = Vec::new();
        for at in module.imports().filter_map(|name| exporters.get(name)) {
            if !needs.contains(at) {
                needs.push(*at);
            }
        }
        needs
    });
    order(&direct.collect::<Vec<_>>())
}
