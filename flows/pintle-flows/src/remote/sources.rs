//! What a build reads beside the evaluated definition: copied files and folders, recipes, the lock. It travels as
//! archives, and is a definition again on the other side, without touching that machine's files.

use super::frame::Writer;
use super::message::{Frames, Garbled, Incoming, Listing, Message, Order, Runs, say, stream};
use crate::build::{AgentError, Request, agent};
use crate::definition::{Copied, Definition, Received};
use crate::tar_tree::{self, TarTreeError};
use pintle_model::{Blob, Bytes, Kind, Lock, Segment, Tree, TreePath};
use pintle_package::tar;
use pintle_world::Store;
use pintle_world::host_tree::HostTreeError;
use pintle_world::sparse::Run;
use pintle_world::spool::Spool;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Everything that `definition` copies, by the text in it, in the order of the streams.
pub(super) fn read(
    definition: &Definition,
    store: &Store,
) -> Result<BTreeMap<String, Copied>, HostTreeError> {
    let mut found = BTreeMap::new();
    for path in definition.system().files.iter().filter_map(|file| file.content.copied()) {
        if !found.contains_key(path) {
            found.insert(path.to_owned(), definition.copied(path, store)?);
        }
    }
    Ok(found)
}

/// What an archive does not say of them.
pub(super) fn listings(copied: &BTreeMap<String, Copied>) -> Vec<Listing> {
    let listing = |(path, copied): (&String, &Copied)| Listing {
        path: path.clone(),
        is_folder: copied.is_folder,
        sparse: copied
            .tree
            .walk()
            .filter_map(|entry| Some((entry.path.as_bytes().to_vec(), runs(&entry.inode.kind)?)))
            .collect(),
    };
    copied.iter().map(listing).collect()
}

/// Where the data of a file with holes is; none for others.
fn runs(kind: &Kind) -> Option<Runs> {
    let Kind::File(blob) = kind else { return None };
    let runs: Runs = blob.segments().iter().map(|segment| (segment.at, segment.len)).collect();
    (runs.iter().map(|(_, len)| len).sum::<u64>() < blob.len()).then_some(runs)
}

/// Who asked for each package of the lock.
pub(super) fn asked(definition: &Definition, lock: &Lock) -> BTreeMap<String, Vec<String>> {
    let names = lock.packages.iter().map(|package| package.name.as_str());
    let asked = names.map(|name| (name.to_owned(), definition.asked_by(name).to_vec()));
    asked.filter(|(_, places)| !places.is_empty()).collect()
}

/// Texts of the user's own recipes, which were read before: what vanished meanwhile is left out, and shows there.
pub(super) fn recipes(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let own = folder.join("recipes");
    let mut found = BTreeMap::new();
    for name in pintle_world::files::names(&own)?.into_iter().filter(|name| name.ends_with(".toml")) {
        if let Some(bytes) = pintle_world::files::read(&own.join(&name))? {
            found.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(found)
}

/// The agent that the system gets; none where it gets none.
///
/// # Errors
/// [`AgentError`].
pub(super) fn agent(request: &Request<'_>) -> Result<Option<Vec<u8>>, AgentError> {
    let wanted = agent::wanted(request.definition.system());
    wanted.then(|| agent::bytes(request.agent)).transpose()
}

/// Sends the order and what it names.
pub(super) fn send<W: Write>(
    order: Order,
    copied: &BTreeMap<String, Copied>,
    agent: Option<&[u8]>,
    store: &Store,
    to: &mut Writer<W>,
) -> io::Result<()> {
    say(to, &Message::Order(Box::new(order)))?;
    for Copied { tree, .. } in copied.values() {
        stream(to, |out| {
            tar::write(tree, store, out).map_err(|error| io::Error::new(error.source.kind(), error))
        })?;
    }
    agent.map_or(Ok(()), |agent| stream(to, |out| out.write_all(agent)).map(drop))
}

/// Takes the agent in, which comes after what is copied: where it lies in `scratch`.
pub(super) fn take_agent<F: Frames>(
    order: &Order,
    from: &mut F,
    scratch: &Path,
) -> Result<Option<PathBuf>, F::Error>
where
    F::Error: From<TakeError>,
{
    let Some(size) = order.agent else { return Ok(None) };
    let keep = |source| TakeError::Keep { folder: scratch.display().to_string(), source };
    let mut bytes = Vec::new();
    from.stream("the agent", size, &mut |run| {
        match run {
            Run::Data(data) => bytes.extend_from_slice(data),
            // No longer than it was said to be: the stream counts.
            Run::Zeros(len) => bytes.resize(bytes.len() + len as usize, 0),
        }
        Ok(())
    })?;
    let path = scratch.join("pintle-agent");
    pintle_world::files::write_new(&path, &bytes).map_err(keep)?;
    Ok(Some(path))
}

/// What was sent cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// No room for it.
    #[error("cannot keep the files of the definition in {folder}")]
    Keep {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A damaged archive.
    #[error(transparent)]
    Archive(#[from] TarTreeError),
}

/// The definition of `order` with its files, whose streams come next; what has to lie in a folder lies in `scratch`.
pub(super) fn take<F: Frames>(
    order: &Order,
    from: &mut F,
    scratch: &Path,
    store: &Store,
) -> Result<Definition, F::Error>
where
    F::Error: From<TakeError>,
{
    let keep = |source| TakeError::Keep { folder: scratch.display().to_string(), source };
    let mut spool = Spool::new(store).map_err(keep)?;
    let mut copied = BTreeMap::new();
    for listing in &order.copied {
        let mut archive = Incoming::new(from, &listing.path);
        let read = tar_tree::read(&mut archive, &listing.path, &mut spool);
        // The connection comes first: without it there is no archive.
        archive.finish()?;
        let mut tree = read.map_err(TakeError::from)?;
        for (path, runs) in &listing.sparse {
            punch(&mut tree, path, runs).ok_or_else(|| {
                from.garbled(Garbled::Turn { found: "a file without holes", expected: "one with holes" })
            })?;
        }
        copied.insert(listing.path.clone(), Copied { tree, is_folder: listing.is_folder });
    }
    let folder = scratch.join("definition");
    write_recipes(&order.recipes, &folder.join("recipes")).map_err(keep)?;
    let spooled = spool.finish().map_err(keep)?;
    let (system, asked) = (order.system.clone(), order.asked.clone());
    Ok(Definition::received(folder, Received { system, asked, copied, _spooled: spooled }))
}

/// Gives a file of `tree` its holes back.
fn punch(tree: &mut Tree, path: &[u8], runs: &[(u64, u64)]) -> Option<()> {
    let id = tree.lookup(&TreePath::new(path).ok()?)?;
    let Kind::File(blob) = &tree.inode(id).kind else { return None };
    let base = match blob.segments() {
        [] => None,
        [Segment { at: 0, bytes: Bytes::At { source, offset }, .. }] => Some((*source, *offset)),
        _ => return None,
    };
    let segment = |(at, len): &(u64, u64)| {
        let (source, offset) = base?;
        Some(Segment { at: *at, len: *len, bytes: Bytes::At { source, offset: offset.checked_add(*at)? } })
    };
    let blob = Blob::sparse(blob.len(), runs.iter().map(segment).collect::<Option<_>>()?)?;
    tree.inode_mut(id).kind = Kind::File(blob);
    Some(())
}

fn write_recipes(recipes: &BTreeMap<String, String>, folder: &Path) -> io::Result<()> {
    pintle_world::files::make_folder(folder)?;
    for (name, text) in recipes.iter().filter(|(name, _)| !name.contains('/')) {
        pintle_world::files::write_new(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}
