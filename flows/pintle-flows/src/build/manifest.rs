//! `NAME.json`: what is in an image and where it came from, for machines and for the next person.

use super::{Embedded, Written};
use crate::outputs::Output;
use pintle_assemble::Report;
use pintle_image::{Finding, ImagePlan};
use pintle_model::{Arch, Digest, Kind, Lock, LockedClosure, LockedPackage, Origin, System, Tree};
use pintle_report::SizeReport;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Version of the document.
pub const MANIFEST_SCHEMA: u32 = 1;

/// The document.
#[derive(Debug, Serialize)]
pub struct Manifest<'a> {
    /// [`MANIFEST_SCHEMA`].
    pub schema: u32,
    /// Version of Pintle that built it.
    pub pintle: &'static str,
    /// Name of the system.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Architecture.
    pub arch: Arch,
    /// Time of everything Pintle made, seconds since 1970.
    pub epoch: i64,
    /// SHA-256 of the lock file's text.
    pub lock: Digest,
    /// Files that were written, without folders.
    pub outputs: Vec<OutputFile>,
    /// The agent in the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a Embedded>,
    /// Partitions and boot files; none where no output is a disk.
    pub disk: Option<&'a pintle_image::Report>,
    /// What the linter of the plan said.
    pub findings: &'a [Finding],
    /// Packages, by name.
    pub packages: &'a [LockedPackage],
    /// Paths of the closure that is the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closure: Option<&'a LockedClosure>,
    /// Boot entries whose initrd holds secrets of the machine that built: another machine builds another image.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub initrd_secrets_of: &'a [String],
    /// How each package's maintainer scripts were dealt with.
    pub scripts: &'a Report,
    /// Reports beside the image, without folders, by kind.
    pub reports: BTreeMap<&'a str, String>,
    /// What takes the space: what `pintle size` shows.
    pub size: &'a SizeReport,
    /// How many entries of the root each kind of origin brought, and their bytes.
    pub provenance: BTreeMap<String, Share>,
}

/// A written file.
#[derive(Debug, Serialize)]
pub struct OutputFile {
    /// Format.
    pub format: pintle_model::OutputFormat,
    /// Name.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// Digest; none where it was not wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// What the digest is of, where it is not of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_of: Option<String>,
}

/// A share of the root file system.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Share {
    /// Entries.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
}

/// What the build knows.
pub(super) struct Facts<'a> {
    pub(super) system: &'a System,
    pub(super) lock: &'a Lock,
    pub(super) lock_text: &'a str,
    pub(super) epoch: i64,
    pub(super) plan: &'a ImagePlan,
    pub(super) disk: Option<&'a pintle_image::Report>,
    pub(super) findings: &'a [Finding],
    pub(super) report: &'a Report,
    pub(super) secrets: &'a [String],
    pub(super) agent: Option<&'a Embedded>,
    pub(super) outputs: &'a [Output],
    pub(super) reports: &'a [Written],
    pub(super) size: &'a SizeReport,
}

/// The document as text.
pub(super) fn text(facts: &Facts<'_>) -> Vec<u8> {
    let file = |output: &Output| OutputFile {
        format: output.format,
        file: file_name(&output.path),
        size: output.size,
        sha256: output.sha256,
        digest_of: output.digest_of.clone(),
    };
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA,
        pintle: env!("CARGO_PKG_VERSION"),
        name: &facts.system.name,
        version: &facts.system.version,
        arch: facts.system.arch,
        epoch: facts.epoch,
        lock: Digest::of(facts.lock_text.as_bytes()),
        outputs: facts.outputs.iter().map(file).collect(),
        agent: facts.agent,
        disk: facts.disk,
        findings: facts.findings,
        packages: &facts.lock.packages,
        closure: facts.lock.closure.as_ref(),
        initrd_secrets_of: facts.secrets,
        scripts: facts.report,
        reports: facts.reports.iter().map(|report| (report.kind.as_str(), file_name(&report.path))).collect(),
        size: facts.size,
        provenance: shares(&facts.plan.content.root),
    };
    let mut text = serde_json::to_vec_pretty(&manifest).expect("invariant: a manifest has string keys only");
    text.push(b'\n');
    text
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn shares(tree: &Tree) -> BTreeMap<String, Share> {
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    for entry in tree.walk() {
        let key = match tree.origin_of(entry.inode.origin) {
            Origin::Nobody => "nobody".to_owned(),
            Origin::Package { name, .. } => format!("package {name}"),
            Origin::StorePath(path) => format!("store path {path}"),
            Origin::Definition(_) => "definition".to_owned(),
            Origin::Generated(by) => format!("generated {by}"),
            Origin::Host(_) => "host".to_owned(),
        };
        let share = shares.entry(key).or_default();
        share.entries += 1;
        if let Kind::File(blob) = &entry.inode.kind {
            share.bytes += blob.len();
        }
    }
    shares
}
