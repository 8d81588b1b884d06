//! What a build writes: which formats need a disk, which need the bare tree, and what platforms say.

use super::BuildError;
use super::image::Image;
use crate::outputs::{self, DiskIdentity, Staged, TreeImage};
use crate::supply::Supply;
use pintle_image::platform::{self, NextStep};
use pintle_image::{Finding, Identity, ImagePlan, lint};
use pintle_model::{OutputFormat, System, Tree};
use pintle_package::oci;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Commands that bring an output to its platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Next {
    /// The format of the output.
    pub format: OutputFormat,
    /// In order.
    pub steps: Vec<NextStep>,
}

/// What is to be written, and what it needs.
pub(super) struct Wanted<'a> {
    pub(super) formats: &'a [OutputFormat],
    /// Disks that are written as they are get a digest.
    pub(super) checksum: bool,
}

impl Wanted<'_> {
    /// A disk, with everything that starts it.
    pub(super) fn disk(&self) -> bool {
        self.formats.iter().any(|format| format.is_disk())
    }

    /// The tree as packages and definition made it, and how a container of it runs; none where no format holds it.
    pub(super) fn bare(
        &self,
        system: &System,
        tree: &Tree,
        epoch: i64,
    ) -> Result<Option<(Tree, oci::Image)>, BuildError> {
        if self.formats.iter().all(|format| format.is_disk()) {
            return Ok(None);
        }
        Ok(Some((tree.clone(), pintle_image::container(system, tree, epoch)?)))
    }

    /// What the linter says of the disk, and the platforms of the whole system; nothing where there is no disk.
    pub(super) fn findings(&self, plan: &ImagePlan, system: &System, supply: &Supply<'_>) -> Vec<Finding> {
        if !self.disk() {
            return Vec::new();
        }
        let mut findings = lint(plan, supply.store);
        for platform in self.formats.iter().filter_map(|format| format.platform()) {
            findings.extend(platform::check(platform, plan, system, supply.store));
        }
        findings
    }

    /// Writes everything into `folder`; nothing has a name yet.
    pub(super) fn write(
        &self,
        folder: &Path,
        plan: &ImagePlan,
        bare: Option<&(Tree, oci::Image)>,
        supply: &Supply<'_>,
    ) -> Result<Staged, BuildError> {
        let report = &plan.report;
        let uuid = Identity::new(&report.name, &report.version).of("container of the disk");
        let request = outputs::Request {
            folder,
            name: &report.name,
            formats: self.formats,
            disk: &Image { plan, fetcher: supply.fetcher },
            identity: DiskIdentity { uuid: uuid.into_bytes(), epoch: report.epoch },
            tree: bare.map(|(tree, container)| TreeImage { tree, container }),
            store: supply.store,
            threads: supply.threads,
            checksum: self.checksum,
        };
        outputs::write(&request)
            .map_err(|error| if supply.fetcher.cancelled() { BuildError::Stopped } else { error.into() })
    }

    /// What to do next with the outputs for platforms, which people find in `folder`.
    pub(super) fn next(&self, plan: &ImagePlan, outputs: &[outputs::Output], folder: &Path) -> Vec<Next> {
        let next = |output: &outputs::Output| {
            let file = folder.join(output.path.file_name()?).display().to_string();
            let steps = platform::next_steps(output.format.platform()?, plan, &file);
            Some(Next { format: output.format, steps })
        };
        outputs.iter().filter_map(next).collect()
    }
}
