//! What several fuzz targets share.

use arbitrary::{Arbitrary, Result, Unstructured};
use pintle_assemble::accounts::{allocate, needs};
use pintle_assemble::{Package, Recipes};
use pintle_model::{
    Attrs, Blob, Contents, Digest, Kind, LockedPackage, Origin, PackSink, SourceId, System, Timestamp, Tree,
    TreePath,
};
use pintle_package::{EntryKind, FileEntry, UnpackedDeb};
use std::collections::BTreeMap;
use std::io;

/// Makes a struct from the fuzzer's bytes, field by field. (The derive macro would have every build of the workspace,
/// which replays the targets, compile half of its dependencies once more.)
#[macro_export]
macro_rules! any_struct {
    ($name:ident { $($field:ident),* }) => {
        impl<'a> ::arbitrary::Arbitrary<'a> for $name {
            fn arbitrary(from: &mut ::arbitrary::Unstructured<'a>) -> ::arbitrary::Result<Self> {
                Ok(Self { $($field: from.arbitrary()?),* })
            }
        }
    };
}

/// A pack in memory.
#[derive(Default)]
pub struct Pack(Vec<u8>);

impl PackSink for Pack {
    fn begin(&mut self) -> io::Result<u64> {
        self.0.resize(self.0.len().next_multiple_of(4096), 0);
        Ok(self.0.len() as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Contents for Pack {
    fn read_exact_at(&self, _source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        out.copy_from_slice(self.0.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Reads the scripts and files of a toy package as a lock does, and gives its accounts numbers.
pub fn toy_needs(control: &[(&str, &str)], files: &[(&str, &str)]) {
    let mut pack = Pack::default();
    let mut deb = UnpackedDeb::default();
    deb.control.files.insert("control".into(), b"Package: toy\nVersion: 1\nArchitecture: all\n".to_vec());
    for (name, text) in control {
        deb.control.files.insert((*name).into(), text.as_bytes().to_vec());
    }
    for (path, text) in files {
        let offset = pack.begin().expect("memory takes it");
        pack.append(text.as_bytes()).expect("memory takes it");
        let digest = Digest::of(text.as_bytes());
        deb.entries.push(file_entry(path, EntryKind::File { offset, len: text.len() as u64, digest }));
    }
    let locked = LockedPackage {
        name: "toy".into(),
        version: "1".into(),
        arch: "all".into(),
        suite: "trixie".into(),
        path: "pool/toy.deb".into(),
        size: 1,
        sha256: Digest::of(b""),
        role: Default::default(),
        snapshot: None,
    };
    let packages = [Package { locked: &locked, unpacked: &deb, source: SourceId(0) }];
    match needs(&packages, &toy_system(), &Recipes::default(), &pack) {
        Ok(needs) => drop(allocate(&needs, (&[], &[]))),
        Err(errors) => drop(errors.to_string()),
    }
}

fn toy_system() -> System {
    let text = r#"{ "schema": 1, "name": "toy", "version": "7", "source": { "debian": { "suites": [] } } }"#;
    serde_json::from_str(text).expect("the toy system is well formed")
}

fn file_entry(path: &str, kind: EntryKind) -> FileEntry {
    FileEntry {
        path: path.into(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        uname: "root".into(),
        gname: "root".into(),
        mtime: 1_600_000_000,
        xattrs: BTreeMap::new(),
    }
}

/// A tree with the same bytes at each of `paths`.
#[must_use]
pub fn tree_of(paths: &[&str], data: &[u8]) -> Tree {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Nobody);
    for path in paths {
        let path = TreePath::literal(path);
        let parent = path.parent().expect("no path here is the root");
        tree.ensure_directory(&parent, Attrs::root(0o755), origin).expect("the paths do not clash");
        tree.add(&path, Kind::File(Blob::inline(data)), Attrs::root(0o644), origin)
            .expect("the paths do not clash");
    }
    tree
}

/// Any small tree, as a list of what to try to add.
#[derive(Debug)]
pub struct AnyTree(Vec<(Place, AnyKind, AnyAttrs)>);

impl<'a> Arbitrary<'a> for AnyTree {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        from.arbitrary().map(Self)
    }
}

/// Where something goes: a name in one of the directories made so far.
#[derive(Debug)]
struct Place {
    directory: u8,
    name: Vec<u8>,
}

any_struct!(Place { directory, name });

#[derive(Debug)]
enum AnyKind {
    Directory,
    /// Bytes, repeated.
    File(Vec<u8>, u8),
    Symlink(Vec<u8>),
    Device(bool, u32, u32),
    Fifo,
    Socket,
    /// Another name for something made before.
    Link(u8),
}

impl<'a> Arbitrary<'a> for AnyKind {
    fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match from.int_in_range(0..=6u8)? {
            0 => Self::Directory,
            1 => Self::File(from.arbitrary()?, from.arbitrary()?),
            2 => Self::Symlink(from.arbitrary()?),
            3 => Self::Device(from.arbitrary()?, from.arbitrary()?, from.arbitrary()?),
            4 => Self::Fifo,
            5 => Self::Socket,
            _ => Self::Link(from.arbitrary()?),
        })
    }
}

any_struct!(AnyAttrs { uid, gid, mode, mtime, xattr });

#[derive(Debug)]
struct AnyAttrs {
    uid: u32,
    gid: u32,
    mode: u16,
    mtime: i64,
    xattr: Option<(Vec<u8>, Vec<u8>)>,
}

impl AnyTree {
    /// Adds what can be added.
    #[must_use]
    pub fn build(&self) -> Tree {
        let mut tree = Tree::new();
        let origin = tree.origin(Origin::Nobody);
        let mut directories = vec![TreePath::root()];
        let mut made = Vec::new();
        for (place, kind, any) in &self.0 {
            let below = &directories[usize::from(place.directory) % directories.len()];
            let Ok(path) = below.join(&place.name) else { continue };
            let kind = match kind {
                AnyKind::Directory => Kind::Directory(BTreeMap::new()),
                AnyKind::File(bytes, times) => Kind::File(Blob::inline(bytes.repeat(usize::from(*times)))),
                AnyKind::Symlink(target) => Kind::Symlink(target.as_slice().into()),
                AnyKind::Device(true, major, minor) => Kind::BlockDevice { major: *major, minor: *minor },
                AnyKind::Device(false, major, minor) => Kind::CharDevice { major: *major, minor: *minor },
                AnyKind::Fifo => Kind::Fifo,
                AnyKind::Socket => Kind::Socket,
                AnyKind::Link(to) => {
                    if let Some(id) = made.get(usize::from(*to)) {
                        let _ = tree.link(&path, *id);
                    }
                    continue;
                }
            };
            let is_directory = matches!(kind, Kind::Directory(_));
            let mut attrs = Attrs::root(any.mode & 0o7777);
            (attrs.uid, attrs.gid, attrs.mtime) = (any.uid, any.gid, Timestamp::from_secs(any.mtime));
            let Ok(id) = tree.add(&path, kind, attrs, origin) else { continue };
            if let Some((name, value)) = &any.xattr {
                tree.inode_mut(id).xattrs.insert(name.as_slice().into(), value.as_slice().into());
            }
            made.push(id);
            if is_directory {
                directories.push(path);
            }
        }
        tree
    }
}
