//! The files of a tree as the page's script reads them.

use crate::inventory::store_name;
use pintle_model::{InodeId, Kind, Origin, Tree};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes of one map: what a browser lays out at once without a pause, and some 600 kB of text.
const MOST: usize = 15_000;

/// Who brought files, numbered.
#[derive(Default)]
pub(super) struct Origins {
    ids: BTreeMap<String, usize>,
    pub(super) names: Vec<String>,
}

impl Origins {
    fn of(&mut self, origin: &Origin) -> usize {
        let name = match origin {
            Origin::Package { name, .. } => name.clone(),
            Origin::StorePath(path) => store_name(path).to_owned(),
            Origin::Definition(_) | Origin::Host(_) => "the definition".to_owned(),
            Origin::Generated(by) => format!("made: {by}"),
            Origin::Nobody => "nobody".to_owned(),
        };
        let next = self.names.len();
        *self.ids.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            next
        })
    }
}

/// `[name, [children]]` for a folder, `[name, bytes, origin, files]` for files; the last is left out for one file.
pub(super) fn nodes(tree: &Tree, origins: &mut Origins) -> Value {
    let files = tree.inodes().filter_map(|(_, inode)| match &inode.kind {
        Kind::File(blob) => Some(blob.len()),
        _ => None,
    });
    let mut sizes: Vec<u64> = files.collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    // Smaller files of one folder and origin become one node.
    let floor = sizes.get(MOST).map_or(0, |size| size + 1);
    let mut builder = Builder { tree, origins, floor, seen: BTreeSet::new() };
    json!(["", builder.children(tree.root())])
}

struct Builder<'a> {
    tree: &'a Tree,
    origins: &'a mut Origins,
    floor: u64,
    seen: BTreeSet<InodeId>,
}

impl Builder<'_> {
    fn children(&mut self, folder: InodeId) -> Vec<Value> {
        let mut out = Vec::new();
        let mut small: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        let Kind::Directory(names) = &self.tree.inode(folder).kind else { return out };
        for (name, id) in names {
            let inode = self.tree.inode(*id);
            match &inode.kind {
                Kind::Directory(_) => {
                    let below = self.children(*id);
                    match below.as_slice() {
                        [] => {}
                        // A folder with nothing large in it is no place to look into.
                        [only]
                            if self.floor > 0
                                && only[0].as_str().is_some_and(|name| name.ends_with(SMALLER)) =>
                        {
                            let share =
                                small.entry(only[2].as_u64().unwrap_or_default() as usize).or_default();
                            *share = (
                                share.0 + only[3].as_u64().unwrap_or(1),
                                share.1 + only[1].as_u64().unwrap_or(0),
                            );
                        }
                        _ => out.push(json!([String::from_utf8_lossy(name), below])),
                    }
                }
                // A file with several names takes its bytes once.
                Kind::File(blob) if self.seen.insert(*id) => {
                    let origin = self.origins.of(self.tree.origin_of(inode.origin));
                    if blob.len() < self.floor {
                        let share = small.entry(origin).or_default();
                        *share = (share.0 + 1, share.1 + blob.len());
                    } else {
                        out.push(json!([String::from_utf8_lossy(name), blob.len(), origin]));
                    }
                }
                _ => {}
            }
        }
        out.extend(
            small
                .into_iter()
                .map(|(origin, (files, bytes))| json!([format!("{files}{SMALLER}"), bytes, origin, files])),
        );
        out
    }
}

const SMALLER: &str = " smaller files";
