//! Trees from and to directories of the machine, so that the tools of the machine can judge ours.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by several tests; a test may panic")]

pub(crate) mod elf;

use pintle_model::{Attrs, Blob, Contents, Kind, Origin, SourceId, Timestamp, Tree, TreePath};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Files of the machine, numbered.
#[derive(Default)]
pub(crate) struct HostFiles(Vec<PathBuf>);

impl Contents for HostFiles {
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        std::fs::File::open(&self.0[source.0 as usize])?.read_exact_at(out, offset)
    }
}

/// The tree in `dir`.
pub(crate) fn load(dir: &Path) -> (Tree, HostFiles) {
    let (mut tree, mut files) = (Tree::new(), HostFiles::default());
    load_below(&mut tree, &mut files, dir, &TreePath::root());
    (tree, files)
}

fn load_below(tree: &mut Tree, files: &mut HostFiles, dir: &Path, at: &TreePath) {
    let by = tree.origin(Origin::Host("test".into()));
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = at.join(entry.file_name().as_bytes()).unwrap();
        let meta = entry.metadata().unwrap();
        let kind = if meta.is_dir() {
            Kind::Directory(BTreeMap::new())
        } else if meta.is_symlink() {
            Kind::Symlink(std::fs::read_link(entry.path()).unwrap().into_os_string().into_vec().into())
        } else if meta.is_file() {
            files.0.push(entry.path());
            Kind::File(Blob::at(SourceId(files.0.len() as u32 - 1), 0, meta.len()))
        } else {
            continue;
        };
        let mtime = Timestamp::from_secs(meta.mtime());
        let attrs = Attrs { mode: (meta.mode() & 0o7777) as u16, uid: meta.uid(), gid: meta.gid(), mtime };
        tree.add(&path, kind, attrs, by).unwrap();
        if meta.is_dir() {
            load_below(tree, files, &entry.path(), &path);
        }
    }
}

/// Writes directories, files and links of `tree` below `dir`.
pub(crate) fn store(tree: &Tree, contents: &dyn Contents, dir: &Path) {
    for entry in tree.walk().skip(1) {
        let path = dir.join(std::ffi::OsStr::from_bytes(entry.path.as_bytes()));
        match &entry.inode.kind {
            Kind::Directory(_) => std::fs::create_dir_all(&path).unwrap(),
            Kind::Symlink(target) => {
                std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), &path).unwrap();
            }
            Kind::File(blob) => {
                std::fs::write(&path, blob.read(contents, u64::MAX).unwrap()).unwrap();
                let mode = u32::from(entry.inode.attrs.mode);
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            }
            _ => {}
        }
    }
}

/// The bytes of the file at `path`.
pub(crate) fn bytes(tree: &Tree, contents: &dyn Contents, path: &str) -> Vec<u8> {
    match &tree.get(&TreePath::literal(path)).unwrap_or_else(|| panic!("no {path}")).kind {
        Kind::File(blob) => blob.read(contents, u64::MAX).unwrap(),
        other => panic!("{path} is a {}", other.noun()),
    }
}

/// Adds a file with its directories.
pub(crate) fn add(tree: &mut Tree, path: &str, content: impl Into<Vec<u8>>) {
    let (path, by) = (TreePath::literal(path), tree.origin(Origin::Host("test".into())));
    tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
    tree.add(&path, Kind::File(Blob::inline(content.into())), Attrs::root(0o644), by).unwrap();
}

/// Adds a symbolic link with its directories.
pub(crate) fn link(tree: &mut Tree, path: &str, target: &str) {
    let (path, by) = (TreePath::literal(path), tree.origin(Origin::Host("test".into())));
    tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
    tree.add(&path, Kind::Symlink(target.as_bytes().into()), Attrs::root(0o777), by).unwrap();
}

/// Runs a tool of the machine; `package` is where it comes from.
pub(crate) fn run(package: &str, tool: &str, arguments: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(tool).args(arguments).env("PATH", path).env("LC_ALL", "C").output();
    output.unwrap_or_else(|error| panic!("{tool}: {error}: run `cargo xtask test`, which installs {package}"))
}
