use super::InitrdError;
use super::build::Build;
use super::needs::DLOPEN;
use pintle_model::{Kind, TreePath};
use pintle_package::elf::{BlobSource, Class, DlopenPriority, Elf, ElfError, Limits};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What one ELF file asks for.
struct Wants {
    interpreter: Option<Vec<u8>>,
    /// Names that must be found.
    needed: Vec<Vec<u8>>,
    /// Names of which one must be found, each with its alternatives.
    opened: Vec<Vec<Vec<u8>>>,
    search: Vec<Vec<u8>>,
    machine: (Class, u16),
}

/// Copies the loaders and libraries of all programs copied so far, and theirs.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let mut known = BTreeMap::new();
    while let Some(program) = build.fresh.pop() {
        add_for(build, program, &mut known)?;
    }
    Ok(())
}

/// Loads, on paper, `program` as ld.so does: breadth first, and a name that is loaded already is not searched again.
/// (libsystemd-core finds libsystemd-shared only because the program has loaded it.)
fn add_for(
    build: &mut Build<'_>,
    program: TreePath,
    known: &mut BTreeMap<TreePath, Option<Wants>>,
) -> Result<(), InitrdError> {
    let mut loaded = BTreeSet::new();
    let mut queue = VecDeque::from([program]);
    while let Some(path) = queue.pop_front() {
        if !known.contains_key(&path) {
            known.insert(path.clone(), read(build, &path)?);
        }
        let Some(Some(wants)) = known.get(&path) else { continue };
        let interpreter = wants.interpreter.iter().map(|name| vec![name.clone()]);
        let needed = wants.needed.iter().map(|name| vec![name.clone()]);
        for names in interpreter.chain(needed).chain(wants.opened.iter().cloned()) {
            if names.iter().any(|name| loaded.contains(name)) {
                continue;
            }
            let found = names.iter().find_map(|name| Some((name, find(build, &path, wants, name)?)));
            let (name, library) = found.ok_or_else(|| missing(&path, &names.join(b" or ".as_slice())))?;
            let programs = build.fresh.len();
            build.copy(&library)?;
            // A library is loaded for its programs, never for itself.
            build.fresh.truncate(programs);
            loaded.insert(name.clone());
            queue.push_back(build.system.resolve(&library)?);
        }
    }
    Ok(())
}

fn missing(by: &TreePath, library: &[u8]) -> InitrdError {
    InitrdError::Library { by: by.clone(), library: String::from_utf8_lossy(library).into_owned() }
}

/// What the file at `path` wants; `None` when it is not a dynamically linked ELF file.
fn read(build: &Build<'_>, path: &TreePath) -> Result<Option<Wants>, InitrdError> {
    let Some(Kind::File(blob)) = build.system.get(path).map(|inode| &inode.kind) else { return Ok(None) };
    let source = BlobSource { blob, contents: build.contents };
    let read = || {
        let elf = match Elf::open(&source, Limits::default()) {
            Err(ElfError::NotElf) => return Ok(None),
            other => other?,
        };
        let Some(dynamic) = elf.dynamic()? else { return Ok(None) };
        let opened = elf.dlopens()?.into_iter().filter(|entry| {
            entry.priority == DlopenPriority::Required
                || DLOPEN.iter().any(|(feature, _)| *feature == entry.feature)
        });
        Ok(Some(Wants {
            interpreter: elf.interpreter()?,
            needed: dynamic.needed,
            opened: opened.map(|entry| entry.soname.into_iter().map(String::into_bytes).collect()).collect(),
            search: if dynamic.runpath.is_empty() { dynamic.rpath } else { dynamic.runpath },
            machine: (elf.class(), elf.machine()),
        }))
    };
    read().map_err(|source| InitrdError::Elf { path: path.clone(), source })
}

/// Looks where ld.so does (ld.so(8)): the file's own path, then the default directories, Debian's included.
fn find(build: &Build<'_>, by: &TreePath, wants: &Wants, name: &[u8]) -> Option<TreePath> {
    if name.contains(&b'/') {
        let path = TreePath::new(name).ok()?;
        return fits(build, &path, wants.machine).then_some(path);
    }
    let multiarch = build.options.arch.multiarch();
    let default = [format!("usr/lib/{multiarch}"), format!("lib/{multiarch}")];
    let default = default.into_iter().chain(["usr/lib64", "lib64", "usr/lib", "lib"].map(str::to_owned));
    let own = wants.search.iter().map(|dir| with_origin(dir, by));
    let places = own.chain(default.map(String::into_bytes));
    let mut paths = places.filter_map(|dir| TreePath::new([dir.as_slice(), b"/", name].concat()).ok());
    paths.find(|path| fits(build, path, wants.machine))
}

/// `$ORIGIN` is the directory of the file that has the path.
fn with_origin(dir: &[u8], by: &TreePath) -> Vec<u8> {
    let text = String::from_utf8_lossy(dir);
    let origin = by.parent().unwrap_or_default();
    text.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", &origin.lossy()).into_bytes()
}

/// True for a library of the same class and machine.
fn fits(build: &Build<'_>, path: &TreePath, machine: (Class, u16)) -> bool {
    let Ok(path) = build.system.resolve(path) else { return false };
    let Some(Kind::File(blob)) = build.system.get(&path).map(|inode| &inode.kind) else { return false };
    let source = BlobSource { blob, contents: build.contents };
    Elf::open(&source, Limits::default()).is_ok_and(|elf| (elf.class(), elf.machine()) == machine)
}
