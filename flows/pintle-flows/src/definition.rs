//! Read a definition: a `system.toml` with its modules and imports, or an evaluated document.

use crate::closure::Ways;
use pintle_definition::{
    DocumentError, Evaluation, FileKind, Files, FilesError, Problems, Reference, evaluate, evaluate_document,
};
use pintle_model::{Nix, SYSTEM_SCHEMA, System, Tree, name_and_version};
use pintle_world::Store;
use pintle_world::host_tree::{self, HostTreeError, Ownership};
use pintle_world::spool::Spooled;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name a definition has in its folder unless another is given.
pub const FILE_NAME: &str = "system.toml";

/// A definition that was read and evaluated.
#[derive(Debug)]
pub struct Definition {
    /// Folder that relative paths in it start from.
    pub folder: PathBuf,
    /// Where its lock belongs unless said otherwise; none for standard input.
    pub lock_file: Option<PathBuf>,
    evaluated: Evaluated,
}

#[derive(Debug)]
enum Evaluated {
    Text(Box<Evaluation>),
    Document(Box<System>),
    Received(Box<Received>),
}

/// A definition that was evaluated on another machine, with everything that a build reads beside it.
#[derive(Debug)]
pub(crate) struct Received {
    /// The system.
    pub(crate) system: System,
    /// Who asked for which package.
    pub(crate) asked: BTreeMap<String, Vec<String>>,
    /// What it copies, by the text in it.
    pub(crate) copied: BTreeMap<String, Copied>,
    /// Holds the bytes of that.
    pub(crate) _spooled: Spooled,
}

/// A file or folder that a definition copies.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    /// It; a file is the only entry of its tree.
    pub(crate) tree: Tree,
    /// A folder.
    pub(crate) is_folder: bool,
}

impl Definition {
    /// The system.
    #[must_use]
    pub fn system(&self) -> &System {
        match &self.evaluated {
            Evaluated::Text(evaluation) => evaluation.system(),
            Evaluated::Document(system) => system,
            Evaluated::Received(received) => &received.system,
        }
    }

    /// The evaluation with the origin of every value; none for a document that came evaluated.
    #[must_use]
    pub fn evaluation(&self) -> Option<&Evaluation> {
        match &self.evaluated {
            Evaluated::Text(evaluation) => Some(evaluation),
            Evaluated::Document(_) | Evaluated::Received(_) => None,
        }
    }

    /// Who asked for a package: places in the definition or in modules; nobody that a document would name.
    #[must_use]
    pub fn asked_by(&self, package: &str) -> &[String] {
        match &self.evaluated {
            Evaluated::Text(evaluation) => evaluation.asked_by(package),
            Evaluated::Document(_) => &[],
            Evaluated::Received(received) => received.asked.get(package).map_or(&[], Vec::as_slice),
        }
    }

    /// A definition from another machine, with `folder` for what lies beside it.
    pub(crate) fn received(folder: PathBuf, received: Received) -> Self {
        Self { folder, lock_file: None, evaluated: Evaluated::Received(Box::new(received)) }
    }

    /// What the definition copies from `path`, as written in it.
    ///
    /// # Errors
    /// [`HostTreeError`].
    pub(crate) fn copied(&self, path: &str, store: &Store) -> Result<Copied, HostTreeError> {
        let place = self.folder.join(path);
        if let Evaluated::Received(received) = &self.evaluated {
            // Never a file of this machine.
            let missing = || HostTreeError::Read { path: place, source: std::io::ErrorKind::NotFound.into() };
            return received.copied.get(path).cloned().ok_or_else(missing);
        }
        let tree = host_tree::read(&place, store, Ownership::Root)?;
        Ok(Copied { tree, is_folder: place.is_dir() })
    }
}

impl Definition {
    /// A definition that asks for nothing, for a folder without one.
    ///
    /// # Errors
    /// [`Problems`] of modules in the folder.
    pub fn bare(folder: &Path) -> Result<Self, Problems> {
        let files = Bare(DiskFiles { folder: folder.to_owned() });
        let evaluation = evaluate(&files, FILE_NAME)?;
        let mut system = evaluation.system().clone();
        system.packages.clear();
        let bare = Self {
            folder: folder.to_owned(),
            lock_file: None,
            evaluated: Evaluated::Document(Box::new(system)),
        };
        Ok(bare.with_packages(&[], &[]))
    }

    /// The same with further packages, and without all that is not packages: kernel, files, users, services.
    #[must_use]
    pub fn with_packages(&self, more: &[String], tools: &[&str]) -> Self {
        let mut system = self.system().clone();
        let kernels: Vec<String> = system.kernel.all_packages().map(str::to_owned).collect();
        system.packages.retain(|package| !kernels.contains(package));
        system.kernel = Default::default();
        system.packages.extend(more.iter().cloned());
        system.packages.extend(tools.iter().map(|tool| (*tool).to_owned()));
        system.packages.sort();
        system.packages.dedup();
        system.files.clear();
        system.users.clear();
        system.groups.clear();
        system.services.clear();
        system.units = Default::default();
        system.slim.clear();
        let evaluated = Evaluated::Document(Box::new(system));
        Self { folder: self.folder.clone(), lock_file: self.lock_file.clone(), evaluated }
    }
}

/// A folder with the smallest definition in it.
struct Bare(DiskFiles);

impl Files for Bare {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        if path == FILE_NAME { Ok(Some(b"name = \"scratch\"\n".to_vec())) } else { self.0.read(path) }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        self.0.list(folder)
    }

    fn kind(&self, path: &str) -> Result<Option<FileKind>, FilesError> {
        if path == FILE_NAME { Ok(Some(FileKind::File)) } else { self.0.kind(path) }
    }
}

/// Why there is no definition.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The text is wrong; everything that is wrong with it.
    #[error("{0}")]
    Problems(Problems),
    /// The evaluated document is wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is no such file.
    #[error("there is no definition at {}", .0.display())]
    Missing(PathBuf),
    /// Nothing came.
    #[error("standard input is empty, where an evaluated definition (JSON) was to come")]
    Empty,
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Reads the definition at `path`: a TOML file, a folder with a `system.toml`, an evaluated JSON document
/// (`*.json`), or, for `-`, such a document from `standard_input`.
///
/// # Errors
/// [`DefinitionError`].
pub fn load(path: &Path, standard_input: &mut dyn std::io::Read) -> Result<Definition, DefinitionError> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = standard_input.read_to_end(&mut bytes);
        read.map_err(|source| DefinitionError::Read { path: path.to_owned(), source })?;
        if bytes.trim_ascii().is_empty() {
            return Err(DefinitionError::Empty);
        }
        let system = Box::new(evaluate_document("standard input", &bytes)?);
        let folder = PathBuf::from(".");
        return Ok(Definition { folder, lock_file: None, evaluated: Evaluated::Document(system) });
    }
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let bytes = pintle_world::files::read(&file)
        .map_err(|source| DefinitionError::Read { path: file.clone(), source })?
        .ok_or_else(|| DefinitionError::Missing(file.clone()))?;
    let evaluated = if file.extension().is_some_and(|extension| extension == "json") {
        Evaluated::Document(Box::new(evaluate_document(&file.display().to_string(), &bytes)?))
    } else {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let files = DiskFiles { folder: folder.clone() };
        Evaluated::Text(Box::new(evaluate(&files, &name).map_err(DefinitionError::Problems)?))
    };
    let lock_name = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("system") | None => "pintle.lock".to_owned(),
        Some(stem) => format!("{stem}.lock"),
    };
    Ok(Definition { lock_file: Some(folder.join(lock_name)), folder, evaluated })
}

/// The definition of a closure by itself, as if a file said nothing but `source.nix` and how the disk starts. It is seen
/// from the current folder.
///
/// # Errors
/// [`DefinitionError::Document`].
pub fn of_closure(nix: &Nix, name: &str, version: &str, ways: Ways) -> Result<Definition, DefinitionError> {
    let suite = |name: &str| serde_json::json!({ "name": name, "components": ["main"] });
    let suites = ["trixie", "trixie-updates", "trixie-security"].map(suite);
    let document = serde_json::json!({
        "schema": SYSTEM_SCHEMA,
        "name": name,
        "version": version,
        // What starts it comes from there.
        "source": { "debian": { "suites": suites }, "nix": nix },
        "image": { "bios": ways.bios, "uefi": ways.uefi },
    });
    let system = Box::new(evaluate_document("the command line", document.to_string().as_bytes())?);
    Ok(Definition { folder: PathBuf::from("."), lock_file: None, evaluated: Evaluated::Document(system) })
}

/// Name and version of a system by the name of its store path, which NixOS makes as `nixos-system-HOST-VERSION`.
#[must_use]
pub fn name_of(toplevel: &str) -> (String, String) {
    let text = toplevel.strip_prefix("nixos-system-").unwrap_or(toplevel);
    let (name, version) = name_and_version(text);
    let version = version.unwrap_or("1");
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let tidy = |text: &str| text.to_ascii_lowercase().chars().map(plain).collect::<String>();
    let name = tidy(name).trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    (if name.is_empty() { "nixos".to_owned() } else { name }, tidy(version))
}

/// The reference of all options: those of shipped modules and of the modules in `folder`.
///
/// # Errors
/// [`Problems`] of the user's own modules.
pub fn reference(folder: &Path) -> Result<Reference, Problems> {
    pintle_definition::reference(&DiskFiles { folder: folder.to_owned() })
}

/// The definition's files, as they lie in its folder.
struct DiskFiles {
    folder: PathBuf,
}

impl DiskFiles {
    fn failed(path: &str, error: &std::io::Error) -> FilesError {
        FilesError { path: path.to_owned(), reason: error.to_string() }
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        pintle_world::files::read(&self.folder.join(path)).map_err(|error| Self::failed(path, &error))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        pintle_world::files::names(&self.folder.join(folder)).map_err(|error| Self::failed(folder, &error))
    }

    fn kind(&self, path: &str) -> Result<Option<FileKind>, FilesError> {
        let found = pintle_world::files::is_folder(&self.folder.join(path));
        let found = found.map_err(|error| Self::failed(path, &error))?;
        Ok(found.map(|folder| if folder { FileKind::Folder } else { FileKind::File }))
    }
}
