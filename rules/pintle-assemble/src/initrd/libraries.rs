use super::build::Build;
use super::needs::{DLOPEN, NEVER_CALLED};
use super::{InitrdError, Root};
use pintle_model::{Kind, TreePath};
use pintle_package::elf::{
    BlobSource, Class, DlopenPriority, Elf, ElfError, Limits, Versioned, failing_library,
};
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
    /// Functions that only a library of [`NEVER_CALLED`] has to have, by library.
    spared: BTreeMap<Vec<u8>, BTreeSet<Versioned>>,
}

/// Copies the loaders and libraries of all programs copied so far, and theirs.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let mut known = BTreeMap::new();
    while let Some(program) = build.fresh.pop() {
        add_for(build, program, &mut known)?;
    }
    stand_ins(build, &known)
}

/// Writes the libraries that stand in for those of [`NEVER_CALLED`] which somebody is linked with.
fn stand_ins(build: &mut Build<'_>, known: &BTreeMap<TreePath, Option<Wants>>) -> Result<(), InitrdError> {
    let mut wanted: BTreeMap<&Vec<u8>, (&TreePath, &Wants, BTreeSet<Versioned>)> = BTreeMap::new();
    for (path, wants) in known.iter().filter_map(|(path, wants)| Some((path, wants.as_ref()?))) {
        for (library, functions) in &wants.spared {
            let entry = wanted.entry(library).or_insert_with(|| (path, wants, BTreeSet::new()));
            entry.2.extend(functions.iter().cloned());
        }
    }
    for (library, (by, wants, functions)) in wanted {
        let (class, machine) = wants.machine;
        let path = find(build, by, wants, library).ok_or_else(|| missing(by, library))?;
        let path = build.system.resolve(&path)?;
        // Somebody else needs the real one: it serves all.
        if build.tree.get(&path).is_some() {
            continue;
        }
        let made = failing_library(library, class, machine, &functions);
        build.write(&path, 0o644, made.ok_or_else(|| missing(by, library))?)?;
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
            if names.iter().any(|name| loaded.contains(name) || wants.spared.contains_key(name)) {
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
            spared: match build.options.root {
                Root::CommandLine { .. } => spared(&elf, &dynamic.needed)?,
                // libcryptsetup calls it.
                Root::Stateless { .. } => BTreeMap::new(),
            },
            needed: dynamic.needed,
            opened: opened.map(|entry| entry.soname.into_iter().map(String::into_bytes).collect()).collect(),
            search: if dynamic.runpath.is_empty() { dynamic.rpath } else { dynamic.runpath },
            machine: (elf.class(), elf.machine()),
        }))
    };
    read().map_err(|source| InitrdError::Elf { path: path.clone(), source })
}

/// What `elf` takes from libraries of [`NEVER_CALLED`]. Data cannot be made up, and where "no" might mean "equal",
/// failing would not be safe: then the real library is taken.
fn spared(elf: &Elf<'_>, needed: &[Vec<u8>]) -> Result<BTreeMap<Vec<u8>, BTreeSet<Versioned>>, ElfError> {
    let never = |name: &[u8]| NEVER_CALLED.iter().any(|(library, _)| library.as_bytes() == name);
    let mut spared: BTreeMap<Vec<u8>, BTreeSet<Versioned>> = BTreeMap::new();
    if elf.class() != Class::Elf64 || !needed.iter().any(|name| never(name)) {
        return Ok(spared);
    }
    spared.extend(needed.iter().filter(|name| never(name)).map(|name| (name.clone(), BTreeSet::new())));
    for import in elf.imports()?.into_iter().filter(|import| never(&import.library)) {
        let compares = import.name.windows(3).any(|part| part.eq_ignore_ascii_case(b"cmp"));
        if !import.function || compares {
            spared.remove(&import.library);
        } else if let Some(functions) = spared.get_mut(&import.library) {
            functions.insert((import.name, import.version));
        }
    }
    Ok(spared)
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
