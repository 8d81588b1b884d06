//! Packages with what their control files say, what they take, and why they are there.

use crate::facts::{Facts, PackageFact};
use crate::licence::{self, Licence};
use crate::why::{Graph, Reason};
use pintle_model::{Blob, Kind, Origin, PackageRole};
use pintle_package::EntryKind;
use pintle_package::control::Limits;
use pintle_package::control::deb822::{Dialect, stanzas};
use std::collections::BTreeMap;

/// A package, read.
#[derive(Clone, Debug)]
pub struct Package<'a> {
    /// Name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
    /// Architecture.
    pub arch: &'a str,
    /// Name and version of its source package.
    pub source: (&'a str, &'a str),
    /// `Maintainer`.
    pub maintainer: Option<&'a str>,
    /// `Homepage`.
    pub homepage: Option<&'a str>,
    /// First line of its description.
    pub summary: &'a str,
    /// Only parts of it enter the boot chain.
    pub boot: bool,
    /// Bytes of its files in the root file system.
    pub bytes: u64,
    /// How many files they are.
    pub files: u64,
    /// Why it is there.
    pub reason: Reason,
    /// Licences; none where its copyright file is not machine-readable.
    pub licence: Option<Licence>,
    /// Packages it depends on, as numbers in the list.
    pub depends: Vec<usize>,
}

/// All packages, and what of the tree is theirs.
pub struct Inventory<'a> {
    /// In the lock's order.
    pub packages: Vec<Package<'a>>,
    /// Who needs whom.
    pub graph: Graph,
}

impl<'a> Inventory<'a> {
    /// Reads control files.
    #[must_use]
    pub fn new(facts: &Facts<'a>) -> Self {
        let shares = shares(facts);
        let controls: Vec<Control<'a>> = facts.packages.iter().map(Control::read).collect();
        let graph = Graph::new(facts, &controls);
        let packages = facts.packages.iter().zip(&controls).enumerate().map(|(index, (fact, control))| {
            let name = fact.locked.name.as_str();
            let (files, bytes) = shares.get(name).copied().unwrap_or_default();
            Package {
                name,
                version: &fact.locked.version,
                arch: &fact.locked.arch,
                source: source(control.get("Source"), name, &fact.locked.version),
                maintainer: control.get("Maintainer"),
                homepage: control.get("Homepage"),
                summary: control.get("Description").and_then(|text| text.lines().next()).unwrap_or_default(),
                boot: fact.locked.role == PackageRole::Boot,
                bytes,
                files,
                reason: graph.reason(index),
                licence: None,
                depends: graph.depends(index),
            }
        });
        let packages = packages.collect();
        Self { packages, graph }
    }

    /// Reads copyright files too: most of the work, and only bills of materials and the page need it.
    #[must_use]
    pub fn with_licences(mut self, facts: &Facts<'a>) -> Self {
        let mut copyrights = Copyrights::new(facts.packages);
        for package in &mut self.packages {
            package.licence = copyrights.licence(package.name, facts);
        }
        self
    }
}

/// Files and bytes of each package in the root file system; a file with several names counts once.
fn shares(facts: &Facts<'_>) -> BTreeMap<String, (u64, u64)> {
    let mut shares: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (_, inode) in facts.root.inodes() {
        let Origin::Package { name, .. } = facts.root.origin_of(inode.origin) else { continue };
        if let Kind::File(blob) = &inode.kind {
            let share = shares.entry(name).or_default();
            *share = (share.0 + 1, share.1 + blob.len());
        }
    }
    shares.into_iter().map(|(name, share)| (name.to_owned(), share)).collect()
}

/// `glibc-2.41` of `/nix/store/HASH-glibc-2.41`: what people call a store path.
pub(crate) fn store_name(path: &str) -> &str {
    const HASH: usize = 32;
    let base = path.rsplit('/').next().unwrap_or(path);
    base.get(HASH + 1..).unwrap_or(base)
}

/// The control file of a package.
pub(crate) struct Control<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Control<'a> {
    /// One that cannot be read has no fields: the lock knows name and version.
    fn read(package: &PackageFact<'a>) -> Self {
        let text = package.unpacked.control.text("control").unwrap_or_default();
        let parsed = stanzas(text, Dialect::Index, &Limits::default()).unwrap_or_default();
        let fields = parsed.into_iter().next().map(|stanza| stanza.fields).unwrap_or_default();
        Self(fields.into_iter().map(|field| (field.name, field.value)).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value).filter(|value| !value.is_empty())
    }
}

/// `Source: name (version)`; both default to the package's own (Policy 5.6.1).
fn source<'a>(field: Option<&'a str>, name: &'a str, version: &'a str) -> (&'a str, &'a str) {
    let Some(field) = field else { return (name, version) };
    match field.split_once('(') {
        Some((source, rest)) => (source.trim(), rest.trim_end_matches(')').trim()),
        None => (field.trim(), version),
    }
}

/// Copyright files as packages ship them, whatever the image leaves out.
struct Copyrights<'a> {
    /// `usr/share/doc/NAME` that is a link, to the name it leads to.
    links: BTreeMap<&'a [u8], &'a [u8]>,
    files: BTreeMap<&'a [u8], Blob>,
    /// Packages of one source mostly share their file: read once by digest.
    known: BTreeMap<pintle_model::Digest, Option<Licence>>,
}

const DOC: &[u8] = b"usr/share/doc/";

impl<'a> Copyrights<'a> {
    fn new(packages: &'a [PackageFact<'a>]) -> Self {
        let mut found = Self { links: BTreeMap::new(), files: BTreeMap::new(), known: BTreeMap::new() };
        for package in packages {
            for entry in &package.unpacked.entries {
                let Some(below) = entry.path.strip_prefix(DOC) else { continue };
                match &entry.kind {
                    EntryKind::Symlink(target) if !below.contains(&b'/') => {
                        let name = target.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                        found.links.insert(below, name);
                    }
                    EntryKind::File { offset, len, digest } => {
                        if let Some(name) = below.strip_suffix(b"/copyright") {
                            let blob = Blob::at(package.source, *offset, *len).with_digest(*digest);
                            found.files.insert(name, blob);
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn licence(&mut self, package: &str, facts: &Facts<'_>) -> Option<Licence> {
        let own = package.as_bytes();
        let blob = self.files.get(own).or_else(|| self.files.get(self.links.get(own)?))?;
        let digest = blob.digest()?;
        let limits = licence::Limits::default();
        let read = || {
            // A pack that cannot be read stops the build elsewhere; here nothing is known then.
            let bytes = blob.read(facts.contents, limits.file.max).ok()?;
            licence::read(package, &bytes, &limits)
        };
        self.known.entry(digest).or_insert_with(read).clone()
    }
}
