//! Runs the scripts of packages nobody covers, once, in a namespace, and drafts recipes from what they changed. The
//! tree they run on is assembled as for a build; what builds know, drafts need not say.

use super::RecipeFlowError;
use crate::definition::Definition;
use crate::pin::{self, Moves, PinError, Wanted, choose, installed};
use crate::supply::Supply;
use crate::unpack::Unpacked;
use pintle_assemble::record::{DRIVER, Evidence, RecordError, Session, draft, listing};
use pintle_assemble::{
    AssembleError, AssembleErrors, Input, Package, Recipes, Surveyed, accounts, assemble, survey,
};
use pintle_model::{Accept, Digest, System, Timestamp, Tree, TreePath};
use pintle_package::control::relations::Relations;
use pintle_world::atomic::{self, AtomicError};
use pintle_world::host_tree::{self, HostTreeError, Ownership};
use pintle_world::namespace::{self, ExportError, NamespaceError, Scratch};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the recording itself needs inside: fakeroot keeps owners, find lists them.
const TOOLS: [&str; 2] = ["fakeroot", "findutils"];

/// What to record.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// The definition.
    pub definition: &'a Definition,
    /// Its lock.
    pub lock_file: Option<&'a Path>,
    /// Packages to record; empty: all of the definition's that nobody covers.
    pub packages: &'a [String],
    /// Replace recipes of the user's that are there.
    pub replace: bool,
    /// How long the scripts of one package may take.
    pub limit: Duration,
}

/// A draft that was written.
#[derive(Debug)]
pub struct Drafted {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The recipe's file.
    pub file: PathBuf,
    /// What people must judge.
    pub notes: Vec<String>,
    /// How many things the recipe does.
    pub effects: usize,
    /// True if it was not asked for, but something asked for needs it.
    pub needed: bool,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordFlowError {
    /// Lock, archive, downloads, recipes.
    #[error(transparent)]
    Recipe(#[from] RecipeFlowError),
    /// The scratch tree.
    #[error(transparent)]
    Assemble(#[from] AssembleErrors),
    /// Its files.
    #[error("cannot make the scratch tree")]
    Export(#[from] ExportError),
    /// Its files, after.
    #[error("cannot read the scratch tree")]
    Read(#[from] HostTreeError),
    /// Namespaces.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// A draft.
    #[error("no recipe can be drafted for {package}")]
    Draft {
        /// The package.
        package: String,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// A maintainer script.
    #[error("the {script} of {package} failed when it ran; it had said:\n{output}")]
    Script {
        /// The package.
        package: String,
        /// The script, or `recording` for what runs around it.
        script: &'static str,
        /// What it said.
        output: String,
    },
    /// A recipe is there.
    #[error("{} is there already", .0.display())]
    There(PathBuf),
    /// A recipe cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

/// Records; recipes appear in `recipes` beside the definition.
///
/// # Errors
/// [`RecordFlowError`].
pub fn record(
    recording: &Recording<'_>,
    recipes: &Recipes,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Drafted>, RecordFlowError> {
    namespace::available()?;
    let definition = recording.definition.with_packages(recording.packages, &TOOLS);
    tell("choosing packages");
    let packages = packages(recording, &definition, recipes, supply)?;
    let installed = installed(&packages);
    let surveyed = survey(&installed, recipes, &[], supply.store)
        .map_err(|error| RecipeFlowError::Survey(Box::new(error)))?;
    let open: Vec<&Surveyed> = surveyed.iter().filter(|one| !one.problems.is_empty()).collect();
    let asked = |name: &str| recording.packages.is_empty() || recording.packages.iter().any(|p| p == name);
    let order = order(&installed, &open);
    let wanted: Vec<(&Surveyed, PathBuf)> =
        order.into_iter().map(|one| (one, file(recording.definition, &one.report.package))).collect();
    for (_, file) in &wanted {
        if !recording.replace && pintle_world::files::open(file).is_ok() {
            return Err(RecordFlowError::There(file.clone()));
        }
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    tell("making the scratch tree");
    let mut before = scratch_tree(&definition, &installed, recipes, &open, supply)?;
    // Trees point to files of the scratch folders, which must stay as they are.
    let mut kept = Vec::new();
    let mut out = Vec::new();
    for (one, file) in wanted {
        let name = &one.report.package;
        let Some(package) = installed.iter().find(|package| package.locked.name == *name) else { continue };
        tell(&format!("running the scripts of {name}"));
        let limit = recording.limit;
        let (scratch, after) = run(package, &one.problems, &before, limit, supply)?;
        let (twin, again) = run(package, &one.problems, &before, limit, supply)?;
        let evidence = Evidence {
            package: name,
            version: &one.report.version,
            problems: &one.problems,
            before: &before,
            after: &after,
            again: &again,
            contents: supply.store,
        };
        let recorded =
            draft(&evidence).map_err(|source| RecordFlowError::Draft { package: name.clone(), source })?;
        out.push(Drafted {
            package: name.clone(),
            version: one.report.version.clone(),
            notes: recorded.notes,
            effects: recorded.effects,
            needed: !asked(name),
            file: file.clone(),
        });
        if let Some(folder) = file.parent() {
            pintle_world::files::make_folder(folder).map_err(|error| AtomicError::new(folder, error))?;
        }
        atomic::write(&file, recorded.text.as_bytes())?;
        drop(twin);
        kept.push(scratch);
        before = after;
    }
    Ok(out)
}

fn file(definition: &Definition, package: &str) -> PathBuf {
    definition.folder.join("recipes").join(format!("{package}.toml"))
}

/// The locked packages, with those that the recording adds.
fn packages(
    recording: &Recording<'_>,
    definition: &Definition,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Vec<Unpacked>, RecordFlowError> {
    let failed = |error: PinError| RecordFlowError::Recipe(error.into());
    let old = recording.lock_file.map(pin::read).transpose().map_err(failed)?.flatten().map(|(lock, _)| lock);
    let wanted = Wanted { definition, boot: &[], digest: Digest::of(b"record"), old: old.as_ref(), recipes };
    // What is locked is recorded as it is locked.
    let chosen = choose(&wanted, Moves::Nothing, supply).map_err(failed)?;
    pin::packages(definition, &chosen, supply).map_err(failed)
}

/// The uncovered packages so that each comes after those it depends on.
fn order<'s>(installed: &[Package<'_>], open: &[&'s Surveyed]) -> Vec<&'s Surveyed> {
    let depends = |name: &str| -> Vec<String> {
        let package = installed.iter().find(|package| package.locked.name == name);
        let control =
            package.and_then(|package| package.unpacked.control.text("control")).unwrap_or_default();
        let fields = control
            .lines()
            .filter_map(|line| line.strip_prefix("Depends:").or_else(|| line.strip_prefix("Pre-Depends:")));
        let groups = fields.filter_map(|field| Relations::new(field.trim()).ok());
        let groups = groups.flat_map(|all| all.groups().map(|group| group.to_string()).collect::<Vec<_>>());
        groups
            .flat_map(|group| group.split('|').map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|word| word.trim().split([' ', ':', '(']).next().map(str::to_owned))
            .collect()
    };
    let by_name: BTreeMap<&str, &Surveyed> =
        open.iter().map(|one| (one.report.package.as_str(), *one)).collect();
    let (mut done, mut out) = (BTreeSet::new(), Vec::new());
    // A walk in depth with a stack of its own: chains of dependencies are long.
    for one in open {
        let mut stack = vec![(one.report.package.clone(), false)];
        while let Some((name, ready)) = stack.pop() {
            if ready {
                out.extend(by_name.get(name.as_str()).copied());
            } else if done.insert(name.clone()) {
                let needs = depends(&name);
                stack.push((name, true));
                stack.extend(needs.into_iter().filter(|need| !done.contains(need)).map(|need| (need, false)));
            }
        }
    }
    out
}

/// The tree as a build makes it, but for the scripts that are not covered.
fn scratch_tree(
    definition: &Definition,
    installed: &[Package<'_>],
    recipes: &Recipes,
    open: &[&Surveyed],
    supply: &Supply<'_>,
) -> Result<Tree, RecordFlowError> {
    let accept =
        |one: &&Surveyed| Accept { package: one.report.package.clone(), reason: "to be recorded".into() };
    let system = System { accept: open.iter().map(accept).collect(), ..definition.system().clone() };
    let needs = accounts::needs(installed, &system, recipes, supply.store)?;
    let (users, groups) = accounts::allocate(&needs, (&[], &[]))?;
    let input = Input {
        agent: None,
        system: &system,
        packages: installed,
        users: &users,
        groups: &groups,
        contents: supply.store,
        epoch: Timestamp::from_secs(0),
        host_files: &BTreeMap::new(),
        recipes,
    };
    Ok(assemble(&input)?.tree)
}

/// Runs one package's scripts on a copy of the tree before; the tree after, with owners and modes as they saw them.
fn run(
    package: &Package<'_>,
    problems: &[AssembleError],
    before: &Tree,
    limit: Duration,
    supply: &Supply<'_>,
) -> Result<(Scratch, Tree), RecordFlowError> {
    let scratch = Scratch::new(supply.cache, before, supply.store)?;
    let scripts: Vec<&str> = problems.iter().filter_map(script).collect();
    for (path, bytes, program) in Session::new(package, &scripts, before).files {
        scratch.put(&path, &bytes, program)?;
    }
    let ran = scratch.run(DRIVER, limit)?;
    if ran.code != Some(0) {
        let package = package.locked.name.clone();
        let output = ran.output;
        return Err(RecordFlowError::Script { package, script: Session::blamed(ran.code), output });
    }
    let seen = listing(&scratch.get(".pintle/listing")?.unwrap_or_default());
    let mut after = host_tree::read(scratch.root(), supply.store, Ownership::Root)?;
    for (path, (uid, gid, mode)) in seen {
        let Ok(path) = TreePath::new(&path) else { continue };
        if let Some(inode) = after.get_mut(&path) {
            inode.attrs.uid = uid;
            inode.attrs.gid = gid;
            inode.attrs.mode = mode;
        }
    }
    Ok((scratch, after))
}

fn script(problem: &AssembleError) -> Option<&'static str> {
    match problem {
        AssembleError::Uncovered(found) => Some(found.script),
        AssembleError::RecipeOutdated(found) => Some(found.script),
        _ => None,
    }
}
