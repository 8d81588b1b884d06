use super::format::{ALIGN, Header, TRAILER};
use pintle_model::{Blob, Inode, Kind, PATH_MAX, Sink, Tree, TreePath};
use std::io;

/// Why a tree cannot become an archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of 4 GiB or more.
    #[error("{path} has {len} bytes: a cpio archive holds files of at most 4294967295 bytes")]
    FileTooLarge {
        /// Its path.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// The kernel skips links whose target is longer than `PATH_MAX`.
    #[error("{path} is a symbolic link to a path of {len} bytes: the kernel unpacks at most 4095")]
    LongTarget {
        /// Its path.
        path: TreePath,
        /// Length of the target.
        len: usize,
    },
    /// The one name an archive cannot hold.
    #[error("{0} cannot be put into a cpio archive: the name marks the archive's end")]
    Trailer(TreePath),
    /// The sink failed.
    #[error("writing {path} into the cpio archive failed")]
    Sink {
        /// The member that was being written.
        path: TreePath,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Writes `tree` as a cpio archive and returns its length, a multiple of four, so that archives can stand back to
/// back. The root is the member `.`, other names have no leading slash, and order is that of the tree's walk.
///
/// The archive says nothing of the machine it was made on: inode numbers count the members, devices are 0. Extended
/// attributes have no place in the format. Times before 1970 and after 2106 become the nearest possible.
///
/// # Errors
/// [`Error`]; where it is not [`Error::Sink`], nothing has been written.
pub fn write(tree: &Tree, sink: &mut dyn Sink) -> Result<u64, Error> {
    let links = tree.link_counts();
    for entry in tree.walk() {
        check(&entry.path, entry.inode)?;
    }
    // For each inode its number (0: not met yet) and how many names are still to come.
    let mut numbers = vec![0; tree.table_len()];
    let mut left = links.clone();
    let mut out = Archive { sink, end: 0 };
    let mut next = 1;
    for entry in tree.walk() {
        let index = entry.id.index();
        if numbers[index] == 0 {
            numbers[index] = next;
            next += 1;
        }
        left[index] = left[index].saturating_sub(1);
        let kind = &entry.inode.kind;
        // The data of a file with several names comes with the last of them: GNU cpio unpacks only that, the
        // kernel takes any.
        let data = match kind {
            Kind::File(blob) if left[index] == 0 => Data::Blob(blob),
            Kind::Symlink(target) => Data::Text(target),
            _ => Data::None,
        };
        let name = if entry.path.is_root() { b"." } else { entry.path.as_bytes() };
        let header = header(entry.inode, numbers[index], links[index]);
        out.member(name, header, &data).map_err(|source| Error::Sink { path: entry.path, source })?;
    }
    let header = Header { nlink: 1, ..Header::default() };
    let trailer = out.member(TRAILER, header, &Data::None);
    trailer.map_err(|source| Error::Sink { path: TreePath::root(), source })?;
    Ok(out.end)
}

fn check(path: &TreePath, inode: &Inode) -> Result<(), Error> {
    match &inode.kind {
        _ if path.as_bytes() == TRAILER => Err(Error::Trailer(path.clone())),
        Kind::File(blob) if blob.len() > u64::from(u32::MAX) => {
            Err(Error::FileTooLarge { path: path.clone(), len: blob.len() })
        }
        Kind::Symlink(target) if target.len() > PATH_MAX => {
            Err(Error::LongTarget { path: path.clone(), len: target.len() })
        }
        _ => Ok(()),
    }
}

fn header(inode: &Inode, ino: u32, nlink: u32) -> Header {
    let rdev = match inode.kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => (major, minor),
        _ => (0, 0),
    };
    let attrs = &inode.attrs;
    Header {
        ino,
        mode: u32::from(inode.kind.type_bits() | attrs.mode & 0o7777),
        uid: attrs.uid,
        gid: attrs.gid,
        nlink,
        mtime: attrs.mtime.secs.clamp(0, i64::from(u32::MAX)) as u32,
        rdev,
        ..Header::default()
    }
}

/// What follows a header.
enum Data<'a> {
    None,
    Text(&'a [u8]),
    Blob(&'a Blob),
}

struct Archive<'a> {
    sink: &'a mut dyn Sink,
    /// A multiple of [`ALIGN`]; gaps before it read as zeros, which is what padding is.
    end: u64,
}

impl Archive<'_> {
    fn member(&mut self, name: &[u8], header: Header, data: &Data) -> io::Result<()> {
        let len = match data {
            Data::None => 0,
            Data::Text(text) => text.len() as u64,
            Data::Blob(blob) => blob.len(),
        };
        let mut head = Header { len: len as u32, name_len: name.len() as u32 + 1, ..header }.text();
        head.extend_from_slice(name);
        head.push(0);
        head.resize(head.len().next_multiple_of(ALIGN as usize), 0);
        self.sink.write(self.end, &head)?;
        let at = self.end + head.len() as u64;
        match data {
            Data::None => {}
            Data::Text(text) => self.sink.write(at, text)?,
            Data::Blob(blob) => self.sink.blob(at, blob)?,
        }
        self.end = (at + len).next_multiple_of(ALIGN);
        Ok(())
    }
}
