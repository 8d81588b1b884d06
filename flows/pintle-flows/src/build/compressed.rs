//! `/usr` of a file system that compresses its files: they are compressed before the image is planned, for its size follows.

use crate::mkfs_erofs::{CompressError, Compressed, Erofs, compress};
use crate::supply::Supply;
use pintle_fs::erofs::{Method, ZSTD_LEVEL};
use pintle_model::{System, Tree, UsrFileSystem};

/// The files of `usr`, where they are to be compressed.
pub(super) fn compressed(
    system: &System,
    usr: Option<&Tree>,
    supply: &Supply<'_>,
) -> Result<Option<Compressed>, CompressError> {
    let method = match system.image.usr_file_system {
        UsrFileSystem::Erofs | UsrFileSystem::Ext4 => None,
        UsrFileSystem::ErofsLz4 => Some(Method::Lz4),
        UsrFileSystem::ErofsZstd => Some(Method::Zstd(ZSTD_LEVEL)),
    };
    let wanted = Erofs { method, ..Erofs::default() };
    usr.map_or(Ok(None), |usr| compress(&wanted, usr, supply.store, supply.threads))
}
