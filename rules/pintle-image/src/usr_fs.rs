//! The file system of `/usr`, which the kernel checks block by block: read-only, whichever it is.

use pintle_fs::erofs::{self, Packed};
use pintle_fs::ext4;
use pintle_model::{Sink, Timestamp, Tree, UsrFileSystem};
use std::sync::Arc;
use uuid::Uuid;

/// One, decided.
#[derive(Clone)]
pub enum UsrFs {
    /// EROFS; with its compressed files, where they are.
    Erofs(erofs::Options, Option<Arc<Packed>>),
    /// ext4 without a journal: for clouds that look into images, and know nothing else.
    Ext4(ext4::Options),
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum UsrFsError {
    /// EROFS.
    #[error(transparent)]
    Erofs(#[from] erofs::Error),
    /// ext4.
    #[error(transparent)]
    Ext4(#[from] ext4::Error),
}

impl UsrFs {
    /// As the definition has it. `identities`: of the file system, and what seeds the order of names.
    pub(crate) fn new(
        wanted: UsrFileSystem,
        packed: Option<Arc<Packed>>,
        (uuid, seed): (Uuid, Uuid),
        epoch: Timestamp,
    ) -> Self {
        const LABEL: &str = "usr";
        match wanted {
            UsrFileSystem::Ext4 => Self::Ext4(ext4::Options {
                label: LABEL.to_owned(),
                // It never has another file, and never grows.
                reserved_percent: 0,
                free_inodes: 0,
                grow_to: 0,
                ..ext4::Options::new(uuid, seed, epoch)
            }),
            _ => {
                let options = erofs::Options { label: LABEL.to_owned(), ..erofs::Options::new(uuid, epoch) };
                Self::Erofs(options, packed)
            }
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Erofs(_, None) => "EROFS",
            Self::Erofs(_, Some(_)) => "EROFS, compressed",
            Self::Ext4(_) => "ext4",
        }
    }

    pub(crate) fn uuid(&self) -> Uuid {
        match self {
            Self::Erofs(options, _) => options.uuid,
            Self::Ext4(options) => options.uuid,
        }
    }

    /// Bytes that it will have.
    pub(crate) fn layout(&self, tree: &Tree) -> Result<u64, UsrFsError> {
        Ok(match self {
            Self::Erofs(options, packed) => erofs::layout(tree, packed.as_deref(), options)?.size,
            Self::Ext4(options) => ext4::layout(tree, options)?.size,
        })
    }

    /// Writes it; gives its bytes.
    pub(crate) fn write(&self, tree: &Tree, sink: &mut dyn Sink) -> Result<u64, UsrFsError> {
        Ok(match self {
            Self::Erofs(options, packed) => erofs::write(tree, packed.as_deref(), options, sink)?.size,
            Self::Ext4(options) => ext4::write(tree, options, sink)?.size,
        })
    }
}
