//! What assembly did, for people and for the build report.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What assembly did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each package, in package order.
    pub packages: Vec<PackageReport>,
    /// Files that run with another's rights: path and mode.
    pub privileged: Vec<(String, u16)>,
    /// Units left disabled by a preset or by the definition.
    pub not_enabled: Vec<String>,
    /// What deserves a look.
    pub warnings: Vec<String>,
    /// What the definition's rules left out of the packages, in the order of the rules.
    pub slimmed: Vec<Slimmed>,
}

/// What one rule left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slimmed {
    /// Name of the rule.
    pub rule: String,
    /// Files and links.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The same by package.
    pub packages: BTreeMap<String, (u64, u64)>,
}

/// How a package's maintainer scripts were covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageReport {
    /// Package name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The weakest coverage of its scripts; [`Coverage::NoScript`] if it has none.
    pub coverage: Coverage,
    /// What Pintle or the first boot does in place of its scripts.
    pub handled: BTreeSet<String>,
    /// What its recipe leaves out, with reasons.
    pub left_out: Vec<String>,
}

/// How a maintainer script was covered, the weakest last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// There is none.
    NoScript,
    /// Every command is understood.
    Understood,
    /// By a recipe.
    Recipe {
        /// Its file name.
        name: String,
    },
    /// Not at all: the definition accepts it.
    Accepted {
        /// The script.
        script: String,
        /// The reason given.
        reason: String,
    },
}

impl PackageReport {
    pub(crate) fn new(package: &str, version: &str) -> Self {
        Self {
            package: package.to_owned(),
            version: version.to_owned(),
            coverage: Coverage::NoScript,
            handled: BTreeSet::new(),
            left_out: Vec::new(),
        }
    }

    pub(crate) fn cover(&mut self, coverage: Coverage) {
        if coverage > self.coverage {
            self.coverage = coverage;
        }
    }
}
