//! The root file system of an image, whichever kind it is.

use pintle_fs::erofs::read as erofs;
use pintle_fs::ext4::read as ext4;
use pintle_model::{Attrs, TreePath};

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// An ext4.
    #[error(transparent)]
    Ext4(#[from] ext4::ReadError),
    /// An EROFS.
    #[error(transparent)]
    Erofs(#[from] erofs::ReadError),
}

/// An opened file system.
pub(crate) enum Root<'a> {
    Ext4(ext4::Reader<'a>),
    Erofs(erofs::Reader<'a>),
}

/// An inode of one.
pub(crate) struct Stat {
    pub(crate) number: u64,
    pub(crate) mode: u16,
    pub(crate) attrs: Attrs,
    pub(crate) size: u64,
    pub(crate) device: Option<(u32, u32)>,
    own: Own,
}

enum Own {
    Ext4(ext4::Stat),
    Erofs(erofs::Stat),
}

impl From<ext4::Stat> for Stat {
    fn from(own: ext4::Stat) -> Self {
        let ext4::Stat { mode, attrs, size, device, .. } = own;
        Self { number: own.ino.into(), mode, attrs, size, device, own: Own::Ext4(own) }
    }
}

impl From<erofs::Stat> for Stat {
    fn from(own: erofs::Stat) -> Self {
        let erofs::Stat { mode, attrs, size, device, .. } = own;
        Self { number: own.nid, mode, attrs, size, device, own: Own::Erofs(own) }
    }
}

impl Stat {
    pub(crate) fn is_file(&self) -> bool {
        self.mode >> 12 == 0o10
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.mode >> 12 == 0o04
    }
}

impl<'a> Root<'a> {
    /// What `image` starts with decides; what is neither is said to be no ext4.
    pub(crate) fn open(image: &'a dyn ext4::ReadAt) -> Result<Self, RootError> {
        match erofs::Reader::open(image, erofs::ReadLimits::default()) {
            Err(erofs::ReadError::NotErofs) => {
                Ok(Self::Ext4(ext4::Reader::open(image, ext4::ReadLimits::default())?))
            }
            other => Ok(Self::Erofs(other?)),
        }
    }

    /// Bytes of the blocks in use.
    pub(crate) fn used(&self) -> u64 {
        match self {
            Self::Ext4(reader) => {
                let superblock = reader.superblock();
                superblock.block_count.saturating_sub(superblock.free_blocks) * superblock.block_size
            }
            Self::Erofs(reader) => reader.superblock().block_count * 4096,
        }
    }

    pub(crate) fn find(&self, path: &TreePath) -> Result<Option<Stat>, RootError> {
        Ok(match self {
            Self::Ext4(reader) => reader.find(path)?.map(Stat::from),
            Self::Erofs(reader) => reader.find(path)?.map(Stat::from),
        })
    }

    pub(crate) fn inode(&self, number: u64) -> Result<Stat, RootError> {
        Ok(match self {
            Self::Ext4(reader) => {
                // (A number that is too long is one that the file system does not have.)
                reader.inode(u32::try_from(number).unwrap_or(0))?.into()
            }
            Self::Erofs(reader) => reader.inode(number)?.into(),
        })
    }

    /// Names in a directory and their inodes.
    pub(crate) fn names(&self, directory: &Stat) -> Result<Vec<(Vec<u8>, u64)>, RootError> {
        match (self, &directory.own) {
            (Self::Ext4(reader), Own::Ext4(stat)) => {
                let names = reader.names(stat)?;
                Ok(names.into_iter().map(|(name, ino)| (name, ino.into())).collect())
            }
            (Self::Erofs(reader), Own::Erofs(stat)) => Ok(reader.names(stat)?),
            _ => Ok(Vec::new()),
        }
    }

    /// The whole content of a file or link.
    pub(crate) fn read(&self, stat: &Stat) -> Result<Vec<u8>, RootError> {
        match (self, &stat.own) {
            (Self::Ext4(reader), Own::Ext4(stat)) => Ok(reader.read(stat)?),
            (Self::Erofs(reader), Own::Erofs(stat)) => Ok(reader.read(stat)?),
            _ => Ok(Vec::new()),
        }
    }

    /// A file to be read piece by piece.
    pub(crate) fn pieces<'r>(&'r self, stat: &'r Stat) -> Result<Pieces<'r>, RootError> {
        Ok(match (self, &stat.own) {
            (Self::Ext4(reader), Own::Ext4(stat)) => Pieces::Ext4(reader, stat, reader.extents(stat)?),
            (Self::Erofs(reader), Own::Erofs(stat)) => Pieces::Erofs(reader, stat),
            _ => Pieces::None,
        })
    }

    /// Every path and its inode.
    pub(crate) fn walk(
        &self,
        visit: &mut dyn FnMut(&TreePath, &Stat) -> Result<(), RootError>,
    ) -> Result<(), RootError> {
        // The readers' own errors pass through their walks, others are kept aside.
        let mut failed = None;
        let mut keep = |path: &TreePath, stat: Stat| {
            if failed.is_none() {
                failed = visit(path, &stat).err();
            }
        };
        match self {
            Self::Ext4(reader) => reader.walk(&mut |path, stat| {
                keep(path, stat.clone().into());
                Ok(())
            })?,
            Self::Erofs(reader) => reader.walk(&mut |path, stat| {
                keep(path, stat.clone().into());
                Ok(())
            })?,
        }
        failed.map_or(Ok(()), Err)
    }
}

/// A file, read piece by piece.
pub(crate) enum Pieces<'r> {
    Ext4(&'r ext4::Reader<'r>, &'r ext4::Stat, Vec<pintle_fs::ext4::Extent>),
    Erofs(&'r erofs::Reader<'r>, &'r erofs::Stat),
    /// Of another file system.
    None,
}

impl Pieces<'_> {
    /// Fills `out` from byte `at` on.
    pub(crate) fn read(&self, at: u64, out: &mut [u8]) -> Result<(), RootError> {
        match self {
            Self::Ext4(reader, stat, extents) => Ok(reader.read_range(stat, extents, at, out)?),
            Self::Erofs(reader, stat) => Ok(reader.read_range(stat, at, out)?),
            Self::None => Ok(()),
        }
    }
}
