//! What is written beside an image: bills of materials and the page.

use crate::definition::Definition;
use crate::outputs::Output;
use crate::unpack::Unpacked;
use pintle_assemble::{Coverage, PackageReport, Report};
use pintle_image::{Finding, ImagePlan, OnDisk, PartitionPlan, Role};
use pintle_model::{Contents, Digest, Kind, LockedPath, PackageRole, SbomFormat, Tree};
use pintle_report::facts::{Disk, Facts, OutputFact, PackageFact, Partition, ScriptFact, SlimFact};
use pintle_report::{Inventory, PageError, SbomError, SizeReport, page, sbom, size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;

/// A report that was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    /// What it is: `spdx`, `cyclonedx`, `page`.
    pub kind: String,
    /// Where it is.
    pub path: PathBuf,
    /// Digest.
    pub sha256: Digest,
}

/// What reports to write.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Bills of materials; none: the definition's.
    pub sbom: Option<&'a [SbomFormat]>,
    /// True: no page, whatever the definition says.
    pub no_page: bool,
}

/// A report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Bill of materials.
    #[error(transparent)]
    Sbom(#[from] SbomError),
    /// Page.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// Gives the files that were written; waits for them.
pub(super) type Outputs<'a> = Box<dyn Fn() -> Vec<Output> + Send + Sync + 'a>;

/// Everything that reports are made from.
pub(super) struct Sources<'a> {
    pub(super) definition: &'a Definition,
    pub(super) packages: &'a [Unpacked],
    pub(super) paths: &'a [LockedPath],
    pub(super) report: &'a Report,
    pub(super) root: &'a Tree,
    pub(super) initrd: Option<&'a Tree>,
    pub(super) contents: &'a dyn Contents,
    pub(super) epoch: i64,
    pub(super) disk: Disk,
    pub(super) outputs: Outputs<'a>,
    pub(super) findings: &'a [Finding],
}

impl Sources<'_> {
    /// Gives the facts to `use_them`.
    fn facts<T>(&self, use_them: impl FnOnce(&Facts<'_>) -> T) -> T {
        let by_name: BTreeMap<&str, &PackageReport> =
            self.report.packages.iter().map(|package| (package.package.as_str(), package)).collect();
        let coverages: Vec<String> = self
            .packages
            .iter()
            .map(|package| {
                by_name
                    .get(package.locked.name.as_str())
                    .map(|report| coverage(&report.coverage))
                    .unwrap_or_default()
            })
            .collect();
        let definition = self.definition;
        let packages: Vec<PackageFact<'_>> = self
            .packages
            .iter()
            .zip(&coverages)
            .map(|(package, coverage)| PackageFact {
                locked: &package.locked,
                unpacked: &package.deb,
                source: package.source,
                asked_by: definition.asked_by(&package.locked.name),
                scripts: by_name
                    .get(package.locked.name.as_str())
                    .filter(|_| package.locked.role == PackageRole::System)
                    .map(|report| ScriptFact {
                        coverage,
                        accepted: matches!(report.coverage, Coverage::Accepted { .. }),
                        left_out: &report.left_out,
                    }),
            })
            .collect();
        let outputs = Late { outputs: &self.outputs, facts: OnceLock::new() };
        let warnings: Vec<String> = self
            .report
            .warnings
            .iter()
            .cloned()
            .chain(self.findings.iter().map(|finding| finding.text.clone()))
            .collect();
        let slimmed: Vec<SlimFact> = self
            .report
            .slimmed
            .iter()
            .map(|rule| SlimFact { rule: rule.rule.clone(), files: rule.files, bytes: rule.bytes })
            .collect();
        use_them(&Facts {
            pintle: env!("CARGO_PKG_VERSION"),
            system: definition.system(),
            epoch: self.epoch,
            root: self.root,
            initrd: self.initrd,
            contents: self.contents,
            packages: &packages,
            paths: self.paths,
            disk: &self.disk,
            outputs: &outputs,
            warnings: &warnings,
            slimmed: &slimmed,
        })
    }

    /// What takes the space.
    pub(super) fn size(&self) -> SizeReport {
        let offered = pintle_definition::slim_rules();
        self.facts(|facts| size(facts, &Inventory::new(facts), &offered))
    }

    /// The reports that are wanted, for `folder`.
    pub(super) fn files(
        &self,
        wanted: &Wanted<'_>,
        folder: &Path,
    ) -> Result<(SizeReport, Vec<File>), ReportError> {
        let system = self.definition.system();
        let formats = wanted.sbom.unwrap_or(&system.image.sbom);
        let with_page = system.image.report && !wanted.no_page;
        let offered = pintle_definition::slim_rules();
        let mut files = Vec::new();
        let mut add = |kind, extension: &str, bytes| {
            let path = folder.join(format!("{}.{extension}", system.name));
            files.push(File { kind, path, bytes });
        };
        let size = self.facts(|facts| -> Result<SizeReport, ReportError> {
            let bare = Inventory::new(facts);
            let inventory = if with_page || !formats.is_empty() { bare.with_licences(facts) } else { bare };
            let size = size(facts, &inventory, &offered);
            // Both end with waiting for the outputs, so one is not begun after the other.
            let (sboms, page) = std::thread::scope(|scope| {
                let page = with_page.then(|| scope.spawn(|| page(facts, &inventory, &size)));
                let sboms = sbom(facts, &inventory, formats);
                let join = |page: ScopedJoinHandle<'_, _>| {
                    page.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                (sboms, page.map(join))
            });
            for (format, bytes) in sboms? {
                let kind = if format == SbomFormat::Spdx { "spdx" } else { "cyclonedx" };
                add(kind, format.extension(), bytes);
            }
            if let Some(page) = page {
                add("page", "html", page?);
            }
            Ok(size)
        })?;
        Ok((size, files))
    }
}

/// Outputs as reports know them, once they are there.
struct Late<'a> {
    outputs: &'a Outputs<'a>,
    facts: OnceLock<Vec<OutputFact>>,
}

impl pintle_report::facts::Outputs for Late<'_> {
    fn wait(&self) -> &[OutputFact] {
        self.facts.get_or_init(|| (self.outputs)().iter().map(output_fact).collect())
    }
}

fn output_fact(output: &Output) -> OutputFact {
    let file = output.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    OutputFact { format: output.format, file, size: output.size, sha256: output.sha256 }
}

/// A report before it has its name.
pub(super) struct File {
    kind: &'static str,
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl File {
    /// What is said of it once it is written.
    pub(super) fn written(self) -> Written {
        Written { kind: self.kind.to_owned(), sha256: Digest::of(&self.bytes), path: self.path }
    }
}

fn coverage(coverage: &Coverage) -> String {
    match coverage {
        Coverage::NoScript => "no script".to_owned(),
        Coverage::Understood => "understood".to_owned(),
        Coverage::Recipe { name } => format!("recipe {name}"),
        Coverage::Accepted { script, reason } => format!("{script} is not run: {reason}"),
    }
}

/// The planned disk as reports show it.
pub(super) fn disk(plan: &ImagePlan) -> Disk {
    let report = &plan.report;
    let partition = |partition: &PartitionPlan| Partition {
        label: partition.label.clone(),
        content: partition.content.clone(),
        start: partition.start,
        size: partition.size,
        used: used(plan, partition),
        uuid: partition.uuid.to_string(),
    };
    Disk {
        size: report.disk_size,
        partitions: report.partitions.iter().map(partition).collect(),
        cmdline: report.cmdline.clone(),
        kernel: report.kernel.clone(),
        boot: super::chain::steps(plan),
    }
}

fn used(plan: &ImagePlan, partition: &PartitionPlan) -> u64 {
    match partition.role {
        Role::BiosBoot => plan.content.bios.as_ref().map_or(0, |bios| bios.core.len() as u64),
        Role::Esp => plan.content.esp.as_ref().map_or(0, |(tree, _)| bytes(tree)),
        Role::Root => partition.size.saturating_sub(report_free(plan)),
        Role::Usr | Role::UsrVerity => match (&plan.content.system, partition.role) {
            (OnDisk::Usr(usr), Role::Usr) => usr.size,
            (OnDisk::Usr(usr), _) => usr.hashes.shape().len(),
            (OnDisk::Root(_), _) => 0,
        },
    }
}

/// Free for anybody; what is kept for root counts as used.
fn report_free(plan: &ImagePlan) -> u64 {
    plan.report.root_free
}

fn bytes(tree: &Tree) -> u64 {
    let files = tree.walk().filter_map(|entry| match &entry.inode.kind {
        Kind::File(blob) => Some(blob.len()),
        _ => None,
    });
    files.sum()
}
