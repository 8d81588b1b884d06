//! `HASH.ls`, what is in an archive and where (Nix manual, "Nix Archive Listing"): for those who want one file of it.

use crate::nar::{self, WriteError};
use pintle_model::{Count, Kind, Limit, Tree, TreePath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What reading accepts: the largest package of nixpkgs has 20 MiB.
pub const SIZE: Limit = Limit::new(256 << 20, "bytes in one listing");
const VERSION: u32 = 1;

/// What is in an archive. In JSON with keys in order, as Nix writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The root.
    pub root: ListingNode,
    version: u32,
}

/// One file, link or directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub enum ListingNode {
    /// A directory.
    Directory(BTreeMap<String, ListingNode>),
    /// A regular file.
    File {
        /// Whether it is a program.
        executable: bool,
        /// Length in bytes.
        size: u64,
        /// Where its bytes start in the plain archive, where known.
        nar_offset: Option<u64>,
    },
    /// A symbolic link and its target.
    Symlink(String),
}

/// Fields in the order of their names.
#[derive(Clone, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entries: Option<BTreeMap<String, ListingNode>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    executable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nar_offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    r#type: String,
}

impl TryFrom<Wire> for ListingNode {
    type Error = String;
    fn try_from(wire: Wire) -> Result<Self, String> {
        let Wire { entries, executable, nar_offset, size, target, r#type } = wire;
        match (r#type.as_str(), entries, size, target) {
            ("directory", Some(entries), _, _) => {
                let bad = |name: &&String| {
                    name.is_empty() || *name == "." || *name == ".." || name.contains(['/', '\0'])
                };
                match entries.keys().find(bad) {
                    Some(name) => Err(format!("`{}` cannot be the name of a file", name.escape_debug())),
                    None => Ok(Self::Directory(entries)),
                }
            }
            // Nix writes 0 where it does not know.
            ("regular", _, Some(size), _) => {
                let nar_offset = nar_offset.filter(|offset| *offset != 0);
                Ok(Self::File { executable, size, nar_offset })
            }
            ("symlink", _, _, Some(target)) => Ok(Self::Symlink(target)),
            (kind, ..) => Err(format!("a node of type `{}` lacks what it should have", kind.escape_debug())),
        }
    }
}

impl From<ListingNode> for Wire {
    fn from(node: ListingNode) -> Self {
        let wire = |kind: &str| Self { r#type: kind.to_owned(), ..Self::default() };
        match node {
            ListingNode::Directory(entries) => Self { entries: Some(entries), ..wire("directory") },
            ListingNode::File { executable, size, nar_offset } => {
                Self { executable, size: Some(size), nar_offset, ..wire("regular") }
            }
            ListingNode::Symlink(target) => Self { target: Some(target), ..wire("symlink") },
        }
    }
}

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// Over the limit.
    #[error("{len} is over the limit of {} {}", SIZE.max, SIZE.what)]
    Limit {
        /// Their number.
        len: u64,
    },
    /// Not such a document.
    #[error("the listing cannot be read")]
    Json(#[source] serde_json::Error),
    /// A version to come.
    #[error("the listing is of version {0}; only 1 is understood")]
    Version(u32),
    /// JSON has no place for it.
    #[error("{0} has a name or target that is not UTF-8: a listing cannot hold it")]
    NotUtf8(TreePath),
    /// The archive itself cannot be.
    #[error(transparent)]
    Nar(#[from] WriteError),
}

impl Listing {
    /// What [`nar::write`] would write from `root` of `tree`, with the places where it would.
    ///
    /// # Errors
    /// [`ListingError`].
    pub fn of(tree: &Tree, root: &TreePath) -> Result<Self, ListingError> {
        let mut nodes = Vec::new();
        nar::write_with(tree, root, &mut Count::default(), &mut |path, offset| {
            nodes.push((path.clone(), offset));
        })?;
        // Directories come before what is in them; from behind, what is in them is ready.
        let mut ready: BTreeMap<TreePath, BTreeMap<String, ListingNode>> = BTreeMap::new();
        for (path, offset) in nodes.into_iter().rev() {
            let not_utf8 = || ListingError::NotUtf8(path.clone());
            let text = |bytes: &[u8]| str::from_utf8(bytes).map(str::to_owned).map_err(|_| not_utf8());
            let inode = tree.get(&path).expect("invariant: the writer saw it");
            let node = match &inode.kind {
                Kind::Symlink(target) => ListingNode::Symlink(text(target)?),
                Kind::File(blob) => ListingNode::File {
                    executable: inode.attrs.mode & 0o100 != 0,
                    size: blob.len(),
                    nar_offset: Some(offset),
                },
                _ => ListingNode::Directory(ready.remove(&path).unwrap_or_default()),
            };
            if path == *root {
                return Ok(Self { root: node, version: VERSION });
            }
            let (parent, name) = path.parent().zip(path.name()).ok_or_else(not_utf8)?;
            ready.entry(parent).or_default().insert(text(name)?, node);
        }
        Err(WriteError::Missing(root.clone()).into())
    }

    /// Reads a listing.
    ///
    /// # Errors
    /// [`ListingError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ListingError> {
        if !SIZE.allows(bytes.len() as u64) {
            return Err(ListingError::Limit { len: bytes.len() as u64 });
        }
        let listing: Self = serde_json::from_slice(bytes).map_err(ListingError::Json)?;
        if listing.version == VERSION { Ok(listing) } else { Err(ListingError::Version(listing.version)) }
    }

    /// The document's text.
    #[must_use]
    pub fn render(&self) -> String {
        serde_json::to_string(self).expect("invariant: strings and numbers serialise")
    }
}
