//! data.tar: its members into a pack and a list.

use super::beside::{self, Beside, Module};
use super::modules::{compressed_module, reader as module_reader};
use super::{DebError, Limits, Tar, checked_path};
use crate::compress::Compression;
use crate::tar::{Entry, EntryType};
use crate::{EntryKind, FileEntry};
use pintle_model::{Digest, Hasher, Limit, PATH_MAX, PackSink, TreePath};
use std::collections::HashMap;
use std::io::{self, Read};

/// File bytes moved at once.
const CHUNK: usize = 128 << 10;

/// Reads the whole of data.tar.
pub(super) fn read(
    tar: &mut Tar<'_>,
    member: &str,
    limits: &Limits,
    pack: &mut dyn PackSink,
) -> Result<Vec<FileEntry>, DebError> {
    std::thread::scope(|scope| {
        let mut into = Into {
            member,
            limits,
            pack,
            buffer: vec![0; CHUNK],
            list: List { entries: Vec::new(), by_path: HashMap::new() },
            modules: Beside::new(scope, limits.module),
        };
        while let Some(entry) = tar.next_entry().map_err(|source| in_tar(member, source))? {
            into.add(tar, entry)?;
        }
        into.settle(0)?;
        Ok(into.list.entries)
    })
}

/// Where members of data.tar go.
struct Into<'a, 'scope, 'env> {
    member: &'a str,
    limits: &'a Limits,
    pack: &'a mut dyn PackSink,
    buffer: Vec<u8>,
    list: List,
    /// Modules being unpacked: their places in the list.
    modules: Beside<'scope, 'env>,
}

impl Into<'_, '_, '_> {
    fn add(&mut self, tar: &mut Tar<'_>, entry: Entry) -> Result<(), DebError> {
        let path = checked_path(self.member, &entry.path)?;
        if path.is_root() {
            return Ok(());
        }
        let count = self.list.entries.len() as u64 + 1;
        if !self.limits.entries.allows(count) {
            return Err(DebError::Limit { path: shown(&path), value: count, limit: self.limits.entries });
        }
        self.list.room(&path)?;
        let (path, kind) = match entry.kind {
            EntryType::File => match compressed_module(&path) {
                Some((plain, packed)) if beside::takes(entry.size) => {
                    return self.module(tar, plain, packed, entry);
                }
                Some((plain, packed)) => {
                    let kind = self.file(&plain, |limit| module_reader(&mut *tar, packed, limit))?;
                    (plain, kind.map_err(|source| bad_module(&path, source))?)
                }
                None => {
                    let kind = self.file(&path, |_| Ok(&mut *tar))?;
                    (path, kind.map_err(|source| in_tar(self.member, tar.sort(source)))?)
                }
            },
            EntryType::Hardlink => self.list.hardlink(self.member, path, &entry.link)?,
            EntryType::Symlink => {
                let kind = symlink(&path, &entry.link)?;
                (path, kind)
            }
            EntryType::Directory => (path, EntryKind::Directory),
            EntryType::Fifo => (path, EntryKind::Fifo),
            EntryType::CharDevice => (path, EntryKind::CharDevice { major: entry.major, minor: entry.minor }),
            EntryType::BlockDevice => {
                (path, EntryKind::BlockDevice { major: entry.major, minor: entry.minor })
            }
        };
        self.list.push(path, kind, entry).map(drop)
    }

    /// Begins to unpack a module, which is in the list from now on.
    fn module(
        &mut self,
        tar: &mut Tar<'_>,
        path: TreePath,
        kind: Compression,
        entry: Entry,
    ) -> Result<(), DebError> {
        let mut packed = Vec::with_capacity(entry.size as usize);
        let read = tar.read_to_end(&mut packed);
        read.map_err(|source| in_tar(self.member, tar.sort(source)))?;
        // Where it will be in the pack is told by those before it.
        let unknown = EntryKind::File { offset: 0, len: 0, digest: Digest::of(b"") };
        if let Some(number) = self.list.push(path, unknown, entry)? {
            self.settle(beside::AHEAD - 1)?;
            self.modules.give(number, packed, kind);
        }
        Ok(())
    }

    /// Puts modules that are unpacked into the pack, in the order of the archive, until `most` are under way.
    fn settle(&mut self, most: usize) -> Result<(), DebError> {
        while let Some((number, module)) = self.modules.take(most) {
            let path = TreePath::new(&self.list.entries[number].path).expect("invariant: it was one before");
            let kind = match module {
                Ok(Module::Whole(bytes, digest)) => self.keep(&path, &bytes, digest)?,
                Ok(Module::Large(packed, kind)) => {
                    let limit = self.limits.module;
                    let opened = module_reader(packed.as_slice(), kind, limit);
                    let copied = match opened {
                        Ok(reader) => copy(&path, reader, &mut self.buffer, self.pack)?,
                        Err(error) => Err(error),
                    };
                    copied.map_err(|source| bad_module(&path, source))?
                }
                Err(source) => return Err(bad_module(&path, source)),
            };
            self.list.entries[number].kind = kind;
        }
        Ok(())
    }

    fn keep(&mut self, path: &TreePath, bytes: &[u8], digest: Digest) -> Result<EntryKind, DebError> {
        let keep = |source| DebError::Store { path: shown(path), source };
        let offset = if bytes.is_empty() { 0 } else { self.pack.begin().map_err(keep)? };
        self.pack.append(bytes).map_err(keep)?;
        Ok(EntryKind::File { offset, len: bytes.len() as u64, digest })
    }

    /// Stores what `open` gives, after all that came before it. The outer error is the pack's, the inner one that of
    /// the bytes.
    fn file<R: Read>(
        &mut self,
        path: &TreePath,
        open: impl FnOnce(Limit) -> io::Result<R>,
    ) -> Result<io::Result<EntryKind>, DebError> {
        self.settle(0)?;
        match open(self.limits.module) {
            Ok(reader) => copy(path, reader, &mut self.buffer, self.pack),
            Err(error) => Ok(Err(error)),
        }
    }
}

fn in_tar(member: &str, source: crate::tar::TarError) -> DebError {
    DebError::Tar { member: member.to_owned(), source }
}

fn shown(path: &TreePath) -> String {
    path.lossy().into_owned()
}

fn symlink(path: &TreePath, target: &[u8]) -> Result<EntryKind, DebError> {
    if target.is_empty() || target.len() > PATH_MAX || target.contains(&0) {
        return Err(DebError::SymlinkTarget(shown(path)));
    }
    Ok(EntryKind::Symlink(target.to_vec()))
}

/// The entries so far.
struct List {
    entries: Vec<FileEntry>,
    by_path: HashMap<Vec<u8>, usize>,
}

impl List {
    fn get(&self, path: &[u8]) -> Option<&FileEntry> {
        self.by_path.get(path).map(|number| &self.entries[*number])
    }

    /// Refuses a path below something of this archive that is no directory.
    fn room(&self, path: &TreePath) -> Result<(), DebError> {
        let bytes = path.as_bytes();
        let above = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &bytes[..at]);
        for above in above {
            if self.get(above).is_some_and(|entry| entry.kind != EntryKind::Directory) {
                return Err(DebError::Below { path: shown(path), above: super::lossy(above) });
            }
        }
        Ok(())
    }

    /// A link's own name and its target, which may both be those of an unpacked module.
    fn hardlink(&self, member: &str, path: TreePath, link: &[u8]) -> Result<(TreePath, EntryKind), DebError> {
        let plain = |path: TreePath| compressed_module(&path).map_or(path, |(plain, _)| plain);
        let target = checked_path(member, link)?;
        let missing = DebError::HardlinkTarget { path: shown(&path), target: shown(&target) };
        let target = plain(target);
        match self.get(target.as_bytes()).map(|entry| &entry.kind) {
            Some(EntryKind::File { .. }) => {
                Ok((plain(path), EntryKind::Hardlink(target.as_bytes().to_vec())))
            }
            _ => Err(missing),
        }
    }

    /// Its place in the list; `None` for a directory that is there.
    fn push(&mut self, path: TreePath, kind: EntryKind, entry: Entry) -> Result<Option<usize>, DebError> {
        let entry = FileEntry {
            path: path.as_bytes().to_vec(),
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            uname: entry.uname,
            gname: entry.gname,
            mtime: entry.mtime,
            xattrs: entry.xattrs,
        };
        match self.get(&entry.path) {
            Some(there) if *there == entry && entry.kind == EntryKind::Directory => return Ok(None),
            Some(_) => return Err(DebError::Duplicate(shown(&path))),
            None => {}
        }
        let number = self.entries.len();
        self.by_path.insert(entry.path.clone(), number);
        self.entries.push(entry);
        Ok(Some(number))
    }
}

fn bad_module(path: &TreePath, source: io::Error) -> DebError {
    DebError::Module { path: shown(path), source }
}

/// Copies until `from` ends. The outer error is the pack's, the inner one that of `from`.
fn copy(
    path: &TreePath,
    mut from: impl Read,
    buffer: &mut [u8],
    pack: &mut dyn PackSink,
) -> Result<io::Result<EntryKind>, DebError> {
    let keep = |source| DebError::Store { path: shown(path), source };
    let mut hasher = Hasher::new();
    let mut offset = 0;
    loop {
        let n = match from.read(buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(error)),
        };
        if hasher.is_empty() {
            offset = pack.begin().map_err(keep)?;
        }
        hasher.update(&buffer[..n]);
        pack.append(&buffer[..n]).map_err(keep)?;
    }
    let hashed = hasher.finish();
    Ok(Ok(EntryKind::File { offset, len: hashed.len(), digest: hashed.digest() }))
}
