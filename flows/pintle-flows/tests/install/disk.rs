//! An EFI system partition in memory that notes every effect, and what a power cut may leave of them.

use pintle_model::{Blob, Contents, Digest};
use pintle_world::esp::{Esp, Room};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub(crate) const CLUSTER: u64 = 512;

/// Files and folders.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Disk {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) folders: BTreeSet<String>,
    /// Bytes that fit; none: any number.
    pub(crate) size: Option<u64>,
    /// Pairs of names of one chain of clusters, as a cut in a rename leaves them.
    pub(crate) twins: BTreeSet<(String, String)>,
}

/// An effect.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    MakeFolder(String),
    Write(String, Vec<u8>),
    Rename(String, String),
    Remove(String),
    Sync,
}

/// What became of an effect that no sync came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is on the disk.
    Done,
    /// It is not.
    Lost,
    /// Of a write: the first half. Of a rename to a new name: the new name, empty, beside the old one.
    Half,
    /// Of a rename: both names lead to the same bytes.
    Twins,
    /// Of a rename to a new name: neither name; of another: the old file stays, the temporary name is gone.
    Neither,
}

pub(crate) const FATES: [Fate; 5] = [Fate::Done, Fate::Lost, Fate::Half, Fate::Twins, Fate::Neither];

impl Disk {
    pub(crate) fn used(&self) -> u64 {
        // One chain under two names takes its room once.
        let second = |path: &String| self.twins.iter().any(|(from, _)| from == path);
        let own = self.files.iter().filter(|(path, _)| !second(path));
        let files: u64 = own.map(|(_, bytes)| (bytes.len() as u64).next_multiple_of(CLUSTER)).sum();
        files + self.folders.len() as u64 * CLUSTER
    }

    fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.to_owned(), bytes);
        assert!(self.size.is_none_or(|size| self.used() <= size), "no room for {path}: the plan was wrong");
    }

    /// An effect with this fate.
    pub(crate) fn apply(&mut self, op: &Op, fate: Fate) {
        match (op, fate) {
            (_, Fate::Lost) | (Op::Sync, _) => {}
            (Op::MakeFolder(path), Fate::Done) => drop(self.folders.insert(path.clone())),
            (Op::Write(path, bytes), Fate::Done) => self.put(path, bytes.clone()),
            (Op::Write(path, bytes), Fate::Half) => self.put(path, bytes[..bytes.len() / 2].to_vec()),
            (Op::Remove(path), Fate::Done) => drop(self.files.remove(path)),
            (Op::Rename(from, to), fate) => self.rename(from, to, fate),
            // Nothing in between is known of these.
            (Op::MakeFolder(_) | Op::Write(..) | Op::Remove(_), _) => {}
        }
    }

    fn rename(&mut self, from: &str, to: &str, fate: Fate) {
        let replaces = self.files.contains_key(to);
        let Some(bytes) = self.files.get(from).cloned() else { return };
        match fate {
            Fate::Done => {
                self.files.remove(from);
                self.files.insert(to.to_owned(), bytes);
            }
            Fate::Twins => {
                self.files.insert(to.to_owned(), bytes);
                self.twins.insert((from.to_owned(), to.to_owned()));
            }
            // The entry of what is replaced changes in one piece.
            Fate::Half if !replaces => drop(self.files.insert(to.to_owned(), Vec::new())),
            Fate::Neither => drop(self.files.remove(from)),
            Fate::Half | Fate::Lost => {}
        }
    }
}

/// The disk, with notes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) disk: Disk,
    pub(crate) ops: Vec<Op>,
}

impl Recorder {
    pub(crate) fn on(disk: Disk) -> Self {
        Self { disk, ops: Vec::new() }
    }

    fn note(&mut self, op: Op) -> io::Result<()> {
        self.disk.apply(&op, Fate::Done);
        self.ops.push(op);
        Ok(())
    }
}

impl Esp for Recorder {
    fn list(&self, folder: &str) -> io::Result<Option<Vec<(String, u64)>>> {
        let inside = |(path, bytes): (&String, &Vec<u8>)| {
            let (parent, name) = path.rsplit_once('/')?;
            (parent == folder).then(|| (name.to_owned(), bytes.len() as u64))
        };
        Ok(self.disk.folders.contains(folder).then(|| self.disk.files.iter().filter_map(inside).collect()))
    }

    fn read(&self, path: &str, _max: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk.files.get(path).cloned())
    }

    fn digest(&self, path: &str) -> io::Result<Option<Digest>> {
        Ok(self.disk.files.get(path).map(|bytes| Digest::of(bytes)))
    }

    fn room(&self) -> io::Result<Room> {
        let free = self.disk.size.map_or(u64::MAX / 2, |size| size - self.disk.used());
        Ok(Room { free, cluster: CLUSTER })
    }

    fn make_folder(&mut self, path: &str) -> io::Result<()> {
        let parent = path.rsplit_once('/').map(|(parent, _)| parent);
        assert!(parent.is_none_or(|parent| self.disk.folders.contains(parent)), "{path} has no parent");
        self.note(Op::MakeFolder(path.to_owned()))
    }

    fn write(&mut self, path: &str, blob: &Blob, contents: &dyn Contents) -> io::Result<()> {
        assert!(!self.disk.files.contains_key(path), "{path} would be written over");
        assert!(self.disk.folders.contains(path.rsplit_once('/').unwrap().0), "{path} has no folder");
        self.note(Op::Write(path.to_owned(), blob.read(contents, u64::MAX)?))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        assert!(self.disk.files.contains_key(from), "{from} is not there");
        self.note(Op::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        assert!(self.disk.files.contains_key(path), "{path} is not there");
        self.note(Op::Remove(path.to_owned()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.note(Op::Sync)
    }
}

/// Every state of the disk that a power cut during `ops` may leave: after each effect those before the last sync are on
/// the disk, those since then have any fate each. `choose(n)` gives a number below `n`; `samples` states are tried for
/// each effect, beside those in which all since the sync have one fate.
pub(crate) fn cuts(
    before: &Disk,
    ops: &[Op],
    samples: usize,
    mut choose: impl FnMut(usize) -> usize,
    mut visit: impl FnMut(usize, Disk),
) {
    let mut synced = before.clone();
    let mut since = 0;
    for end in 0..=ops.len() {
        if end > 0 && matches!(ops[end - 1], Op::Sync) {
            ops[since..end].iter().for_each(|op| synced.apply(op, Fate::Done));
            since = end;
        }
        let pending = &ops[since..end];
        let state = |mut fate: Box<dyn FnMut() -> Fate + '_>| {
            let mut disk = synced.clone();
            pending.iter().for_each(|op| disk.apply(op, fate()));
            disk
        };
        for fate in FATES {
            visit(end, state(Box::new(move || fate)));
        }
        for _ in 0..samples {
            visit(end, state(Box::new(|| FATES[choose(FATES.len())])));
        }
    }
}
