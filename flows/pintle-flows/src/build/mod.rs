//! From a definition and its lock to an image. The journey of a package, from top to bottom (ARCHITECTURE.md).

pub(crate) mod agent;
mod boot;
mod chain;
mod compressed;
pub(crate) mod copies;
mod image;
mod manifest;
mod outputs;
mod recipes;
mod reports;
mod root;
mod rooted;

pub use agent::{AgentError, Embedded};
pub use boot::{BootError, boot_packages};
pub use copies::CopyError;
pub use manifest::{MANIFEST_SCHEMA, Manifest, OutputFile, Share};
pub use outputs::Next;
pub use recipes::{RecipeError, read as read_recipes};
pub use reports::{ReportError, Wanted as Reports, Written};
pub(crate) use rooted::{Publishable, publishable};

use crate::closure::Had;
use crate::definition::Definition;
use crate::mkfs_erofs::{CompressError, Compressed};
use crate::outputs::{Output, Staged, try_place};
use crate::pin::{LockMode, PinError};
use crate::supply::Supply;
use crate::unpack::Unpacked;
use boot::Loaders;
use outputs::Wanted;
use pintle_assemble::{AssembleError, AssembleErrors};
use pintle_image::{
    ContainerError, Finding, GrubFiles, ImagePlan, Inputs, PlanError, Severity, Signing, plan,
};
use pintle_model::{Lock, OutputFormat, Timestamp, Tree, with_causes};
use pintle_package::oci;
use pintle_report::SizeReport;
use pintle_world::atomic::AtomicError;
use root::Root;
use rooted::{Rooted, rooted};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

/// What to build and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The definition.
    pub definition: &'a Definition,
    /// The lock file; none: nowhere to keep it (a document from standard input), so it is made anew.
    pub lock_file: Option<&'a Path>,
    /// What may happen to it.
    pub lock_mode: LockMode,
    /// Folder for the image and its manifest.
    pub output: &'a Path,
    /// The same as people find it, in the commands that come next: another path when the folder is sent elsewhere.
    pub shown: &'a Path,
    /// Formats; empty: the definition's.
    pub formats: &'a [OutputFormat],
    /// Keys of the boot chain; none: nothing is signed, whatever the definition says.
    pub signing: Option<&'a Signing>,
    /// What is written beside the image.
    pub reports: Reports<'a>,
    /// The agent, for systems that have one; none: there is none at hand.
    pub agent: Option<&'a Path>,
    /// False: disks that are written as they are (raw, VHD) get no digest, which takes longer than writing them.
    pub checksum: bool,
}

/// A step that was finished, for people who watch.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step begins.
    Step(&'static str),
    /// The lock was made or changed.
    Locked(crate::pin::Change),
    /// Worth knowing.
    Note(String),
}

/// What was built.
#[derive(Debug, Serialize, Deserialize)]
pub struct Built {
    /// Files, in the order of the formats.
    pub outputs: Vec<Output>,
    /// The manifest beside them.
    pub manifest: PathBuf,
    /// The reports beside them.
    pub reports: Vec<Written>,
    /// What the definition's rules left out of the packages.
    pub slimmed: Vec<pintle_assemble::Slimmed>,
    /// The plan that was carried out.
    pub plan: pintle_image::Report,
    /// What the linter found worth saying.
    pub findings: Vec<Finding>,
    /// What to do with outputs for platforms.
    pub next: Vec<Next>,
    /// How long each step took.
    pub steps: Vec<(String, Duration)>,
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Lock, archive, downloads.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A file the definition copies.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A recipe of the user's.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The packages do not make a system.
    #[error(transparent)]
    Assemble(#[from] AssembleErrors),
    /// It cannot be made to start.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// `/usr` is not compressed.
    #[error("/usr cannot be compressed")]
    Compress(#[from] CompressError),
    /// It does not make a disk.
    #[error("the image cannot be laid out:\n{}", list(.0))]
    Plan(Vec<PlanError>),
    /// The plan would make a bad disk.
    #[error("the planned image would not work:\n{}", .0.iter().map(|f| format!("  {f}")).collect::<Vec<_>>().join("\n"))]
    Lint(Vec<Finding>),
    /// There is no telling what a container would run.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// An output.
    #[error(transparent)]
    Output(#[from] AtomicError),
    /// A report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The user wants to stop.
    #[error("stopped; nothing was written")]
    Stopped,
}

impl BuildError {
    /// True where a rule stands against what is otherwise sound: a secret or a display server in the tree, an image that
    /// cannot start.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let stands = |error: &AssembleError| {
            matches!(error, AssembleError::Identity { .. } | AssembleError::DisplayServer { .. })
        };
        match self {
            Self::Lint(_) => true,
            Self::Assemble(errors) => errors.0.iter().all(stands),
            _ => false,
        }
    }

    /// What to do, where the text does not say it.
    #[must_use]
    pub fn next_step(&self) -> Option<&'static str> {
        let errors = match self {
            Self::Assemble(errors) => errors,
            Self::Agent(_) => {
                return Some(
                    "cargo install --path bins/pintle-agent --profile agent, which puts it beside pintle; or --agent FILE",
                );
            }
            _ => return None,
        };
        match errors.0.first()? {
            AssembleError::Conflict { .. } => Some("take one of the two packages out of the definition"),
            AssembleError::Identity { .. } => Some(
                "let the machine make it at first boot, or bring it there afterwards: whoever has the image has the secret",
            ),
            _ => None,
        }
    }
}

fn list(errors: &[PlanError]) -> String {
    let line = |error: &PlanError| format!("  {}", with_causes(error));
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Builds. Outputs appear when they are whole; nothing else is left behind.
///
/// # Errors
/// [`BuildError`].
pub fn build(
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<Built, BuildError> {
    let system = request.definition.system();
    let wanted = Wanted { formats: formats(request), checksum: request.checksum };
    let mut steps = Steps::default();
    try_places(request)?;
    let prepared = prepare(request, supply, tell, &mut steps)?;
    let Prepared { lock, text, epoch, report, secrets, agent, plan, findings, .. } = &prepared;

    let (mut staged, size, files) = write(request, &wanted, &prepared, supply, tell, &mut steps)?;
    let mut reports = Vec::new();
    for file in files {
        staged.add(&file.path, &file.bytes)?;
        reports.push(file.written());
    }
    let manifest = request.output.join(format!("{}.json", system.name));
    let facts = manifest::Facts {
        system,
        lock,
        lock_text: text,
        epoch: *epoch,
        plan,
        disk: wanted.disk().then_some(&plan.report),
        findings,
        report,
        secrets,
        agent: agent.as_ref(),
        outputs: &staged.outputs,
        reports: &reports,
        size: &size,
    };
    staged.add(&manifest, &manifest::text(&facts))?;
    let outputs = staged.commit()?;
    let next = wanted.next(plan, &outputs, request.shown);
    let steps = steps.end(supply);
    let Prepared { plan, findings, report, .. } = prepared;
    let (plan, slimmed) = (plan.report, report.slimmed);
    Ok(Built { outputs, manifest, reports, slimmed, plan, findings, next, steps })
}

/// The image; meanwhile the reports, which need little of it, and that last; and meanwhile the closure is compared with
/// its digests, for nothing has a name yet.
fn write(
    request: &Request<'_>,
    wanted: &Wanted<'_>,
    prepared: &Prepared,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
    steps: &mut Steps,
) -> Result<(Staged, SizeReport, Vec<reports::File>), BuildError> {
    steps.begin("image", tell, supply)?;
    let (tell_outputs, outputs) = mpsc::channel();
    let outputs = Mutex::new(outputs);
    // Where there will be none, nobody will read the reports either.
    let outputs = move || outputs.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap_or_default();
    let sources = prepared.sources(request.definition, supply, Box::new(outputs), wanted.disk());
    std::thread::scope(|scope| {
        let reports = scope.spawn(move || sources.files(&request.reports, request.output));
        let closure = scope.spawn(|| prepared.compare(supply));
        let staged = wanted.write(request.output, &prepared.plan, prepared.bare.as_ref(), supply)?;
        steps.begin("reports", tell, supply)?;
        // Nobody listens where it failed early, which is told below.
        tell_outputs.send(staged.outputs.clone()).ok();
        drop(tell_outputs);
        let (size, files) = reports.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        closure.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((staged, size, files))
    })
}

/// What takes the space in the image that `build` would write; nothing is written but the lock.
///
/// # Errors
/// [`BuildError`].
pub fn measure(
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<SizeReport, BuildError> {
    let prepared = prepare(request, supply, tell, &mut Steps::default())?;
    prepared.compare(supply)?;
    Ok(prepared.sources(request.definition, supply, Box::new(Vec::new), true).size())
}

/// Everything decided, nothing written.
struct Prepared {
    lock: Lock,
    text: String,
    packages: Vec<Unpacked>,
    closure: Option<Had>,
    epoch: i64,
    report: pintle_assemble::Report,
    /// Titles of the entries whose initrd holds secrets of this machine.
    secrets: Vec<String>,
    /// The agent in it.
    agent: Option<Embedded>,
    /// The tree without what starts a disk, and how a container of it runs.
    bare: Option<(Tree, oci::Image)>,
    initrd: Option<Tree>,
    /// The compressed files of the plan.
    _compressed: Option<Compressed>,
    plan: ImagePlan,
    findings: Vec<Finding>,
}

impl Prepared {
    /// Compares what of the closure was not compared yet with its digests.
    fn compare(&self, supply: &Supply<'_>) -> Result<(), PinError> {
        self.closure.as_ref().map_or(Ok(()), |closure| closure.compare(supply).map_err(PinError::from))
    }

    fn sources<'a>(
        &'a self,
        definition: &'a Definition,
        supply: &Supply<'a>,
        outputs: reports::Outputs<'a>,
        with_disk: bool,
    ) -> reports::Sources<'a> {
        reports::Sources {
            definition,
            packages: &self.packages,
            paths: self.lock.closure.as_ref().map_or(&[], |closure| &closure.paths),
            report: &self.report,
            root: &self.plan.content.root,
            initrd: self.initrd.as_ref(),
            contents: supply.store,
            epoch: self.epoch,
            disk: if with_disk { reports::disk(&self.plan) } else { pintle_report::facts::Disk::default() },
            outputs,
            findings: &self.findings,
        }
    }
}

fn prepare(
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
    steps: &mut Steps,
) -> Result<Prepared, BuildError> {
    let mut rooted = rooted(request, supply, tell, steps)?;
    let closure = rooted.closure.take();
    match planned(request, rooted, supply, tell, steps) {
        Ok(prepared) => Ok(Prepared { closure, ..prepared }),
        // What is not what it should be explains everything else.
        Err(error) => match closure.map(|closure| closure.compare(supply)) {
            Some(Err(other)) => Err(PinError::from(other).into()),
            _ => Err(error),
        },
    }
}

fn planned(
    request: &Request<'_>,
    rooted: Rooted,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
    steps: &mut Steps,
) -> Result<Prepared, BuildError> {
    let wanted = Wanted { formats: formats(request), checksum: request.checksum };
    let system = request.definition.system();
    let Rooted { lock, text, packages, closure, boot_files, epoch, root } = rooted;
    let time = Timestamp::from_secs(epoch);

    let bare = wanted.bare(system, &root.tree, epoch)?;

    steps.begin("boot files", tell, supply)?;
    let loaders = boot_files.as_ref().map_or(Loaders::Packages(&packages), Loaders::Folders);
    let grub = |name: &str| boot::grub_file(loaders, name, supply.store);
    let grub = GrubFiles { files: &grub };
    let boot = match wanted.disk() {
        true => boot::files(system, &root, loaders, grub, supply, time)?,
        false => None,
    };
    let (boot, initrds) = boot.map_or((None, Vec::new()), |(boot, initrds)| {
        let releases: Vec<String> = boot.kernels.iter().map(|kernel| kernel.release.clone()).collect();
        (Some(boot), releases.into_iter().zip(initrds).collect())
    });

    steps.begin("plan", tell, supply)?;
    let Root { tree, report, secrets, agent, mounting, modules, stateless, .. } = root;
    let usr = stateless.map(|stateless| stateless.usr);
    let compressed = compressed::compressed(system, usr.as_ref(), supply)?;
    let inputs = Inputs {
        system,
        lock: &lock,
        root: tree,
        usr,
        usr_packed: compressed.as_ref().map(|compressed| compressed.packed.clone()),
        boot,
        signing: request.signing,
        mounting,
        epoch,
        modules,
        contents: supply.store,
    };
    let plan = plan(inputs).map_err(BuildError::Plan)?;
    let findings = wanted.findings(&plan, system, supply);
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(BuildError::Lint(findings));
    }
    // Reports show the kernel that starts by itself.
    let default = plan.report.kernel.as_ref();
    let initrd = initrds.into_iter().find(|(release, _)| Some(release) == default).map(|(_, tree)| tree);
    Ok(Prepared {
        lock,
        text,
        packages,
        closure,
        epoch,
        report,
        secrets,
        agent,
        bare,
        initrd,
        _compressed: compressed,
        plan,
        findings,
    })
}

/// What is to be written: what was asked for, else what the definition says.
pub(crate) fn formats<'a>(request: &Request<'a>) -> &'a [OutputFormat] {
    if request.formats.is_empty() { &request.definition.system().image.formats } else { request.formats }
}

/// Places are tried first: nobody waits for a download to hear that the folder cannot be written.
pub(crate) fn try_places(request: &Request<'_>) -> Result<(), AtomicError> {
    pintle_world::files::make_folder(request.output).map_err(|e| AtomicError::new(request.output, e))?;
    for format in formats(request) {
        let name = &request.definition.system().name;
        try_place(request.output, name, *format)?;
    }
    Ok(())
}

/// How long each step takes.
#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, Duration)>,
    current: Option<(&'static str, Duration)>,
}

impl Steps {
    /// Between steps nothing is lost by stopping.
    fn begin(
        &mut self,
        name: &'static str,
        tell: &mut dyn FnMut(Event),
        supply: &Supply<'_>,
    ) -> Result<(), BuildError> {
        if supply.fetcher.cancelled() {
            return Err(BuildError::Stopped);
        }
        self.close(supply);
        self.current = Some((name, supply.clock.elapsed()));
        tell(Event::Step(name));
        Ok(())
    }

    fn close(&mut self, supply: &Supply<'_>) {
        if let Some((name, start)) = self.current.take() {
            self.done.push((name, supply.clock.elapsed().saturating_sub(start)));
        }
    }

    fn end(mut self, supply: &Supply<'_>) -> Vec<(String, Duration)> {
        self.close(supply);
        self.done.into_iter().map(|(name, took)| (name.to_owned(), took)).collect()
    }
}
