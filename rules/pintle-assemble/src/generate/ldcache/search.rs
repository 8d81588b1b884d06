use super::config::Directory;
use super::write::compare_names;
use super::{Entry, LdCacheError};
use pintle_model::{Blob, Contents, Kind, Tree, TreePath};
use pintle_package::elf::{BlobSource, Class, Elf, ElfError, Limits, ObjectKind};
use std::cmp::Ordering;

/// The file that stands for one SONAME in a directory.
pub(super) struct Library {
    /// Its file name.
    pub(super) name: Vec<u8>,
    pub(super) soname: Vec<u8>,
    /// It is a link to a library elsewhere that calls itself by this name.
    pub(super) is_link: bool,
    flags: u32,
}

impl Library {
    /// The SONAME's path, so that the cache outlives an update of the file; in `glibc-hwcaps` directories, which have
    /// no links, the file's.
    pub(super) fn into_entry(self, directory: &Directory) -> Entry {
        let file = if directory.hwcaps.is_some() { &self.name } else { &self.soname };
        let path = [directory.written.as_slice(), b"/", file].concat();
        Entry { path, soname: self.soname, flags: self.flags, hwcaps: directory.hwcaps.clone() }
    }
}

/// The libraries of a directory, one for each SONAME: a file before a link, then the newest by name.
pub(super) fn libraries(
    tree: &Tree,
    contents: &dyn Contents,
    directory: &Directory,
) -> Result<Vec<Library>, LdCacheError> {
    let mut found: Vec<Library> = Vec::new();
    for (name, id) in tree.children(&directory.real) {
        if !looks_like_library(name) {
            continue;
        }
        let path = directory.real.join(name).map_err(pintle_model::TreeError::from)?;
        let linked = matches!(tree.inode(id).kind, Kind::Symlink(_));
        let Ok(real) = tree.resolve(&path) else { continue };
        let Some(Kind::File(blob)) = tree.get(&real).map(|inode| &inode.kind) else { continue };
        let Some((soname, flags)) = examine(blob, contents, &path)? else { continue };
        let library = choose(name, soname, linked, flags);
        match found.iter_mut().find(|there| there.soname == library.soname) {
            Some(there) if newer(&library, there) => *there = library,
            Some(_) => {}
            None => found.push(library),
        }
    }
    Ok(found)
}

/// `lib….so…`, `ld-….so…`.
fn looks_like_library(name: &[u8]) -> bool {
    let starts = name.starts_with(b"lib") || name.starts_with(b"ld-");
    let temporary = name.ends_with(b".dpkg-new") || name.ends_with(b".dpkg-tmp");
    starts && !temporary && name.windows(3).any(|three| three == b".so")
}

/// SONAME, if it has one, and flags.
type Examined = (Option<Vec<u8>>, u32);

/// SONAME and flags of a shared library for a machine we know; `None` for linker scripts and other things.
fn examine(blob: &Blob, contents: &dyn Contents, path: &TreePath) -> Result<Option<Examined>, LdCacheError> {
    let source = BlobSource { blob, contents };
    let read = || {
        let elf = match Elf::open(&source, Limits::default()) {
            Err(ElfError::NotElf | ElfError::Unknown { .. }) => return Ok(None),
            other => other?,
        };
        // FLAG_ELF_LIBC6 with the machine's bits; for 64-bit Arm FLAG_AARCH64_LIB64.
        let flags = match (elf.class(), elf.machine()) {
            (Class::Elf64, 62) => 0x0303,
            (Class::Elf32, 62) => 0x0803,
            (Class::Elf32, 3) => 0x0003,
            (Class::Elf64, 183) => 0x0a03,
            _ => return Ok(None),
        };
        match elf.dynamic()? {
            Some(dynamic) if elf.kind() == ObjectKind::Shared => Ok(Some((dynamic.soname, flags))),
            _ => Ok(None),
        }
    };
    read().map_err(|source| LdCacheError::Library { path: path.clone(), source })
}

/// What a file or link is taken for. A link counts as link when it is called by the library's SONAME, or is the
/// `.so` a linker uses; any other link is like a file of that name.
fn choose(name: &[u8], soname: Option<Vec<u8>>, linked: bool, flags: u32) -> Library {
    let soname = soname.unwrap_or_else(|| name.to_vec());
    let is_link = linked && (name == soname || (name.ends_with(b".so") && soname.starts_with(name)));
    let soname = if is_link { name.to_vec() } else { soname };
    Library { name: name.to_vec(), soname, is_link, flags }
}

fn newer(library: &Library, there: &Library) -> bool {
    match (library.is_link, there.is_link) {
        (false, true) => true,
        (true, false) => false,
        _ => compare_names(&there.name, &library.name) == Ordering::Less,
    }
}
