//! What ext4 and EROFS say alike, since the kernel does.

use pintle_model::Kind;

/// The file type of a directory in an entry.
pub(crate) const DIRECTORY: u8 = 2;

/// Longest target of a symbolic link, in bytes: `PATH_MAX` without its NUL.
pub(crate) const SYMLINK_MAX: usize = 4095;

/// `file_type` of an entry (`fs_types.h`).
pub(crate) fn file_type(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory(_) => DIRECTORY,
        Kind::CharDevice { .. } => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink(_) => 7,
    }
}

/// What is wrong with the target of a symbolic link; completes "the target is …".
pub(crate) fn bad_target(target: &[u8]) -> Option<&'static str> {
    match target {
        [] => Some("empty"),
        _ if target.len() > SYMLINK_MAX => Some("longer than 4095 bytes"),
        _ if target.contains(&0) => Some("not text: it contains a NUL byte"),
        _ => None,
    }
}

/// True beyond the 12 and 20 bits that Linux has for numbers of devices.
pub(crate) fn is_large_device(major: u32, minor: u32) -> bool {
    major > 0xFFF || minor > 0xF_FFFF
}
