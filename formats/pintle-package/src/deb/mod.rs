//! Binary packages (deb(5)): an `ar` of `debian-binary`, `control.tar` and `data.tar`.
//!
//! [`unpack`] reads one from front to back, puts file bytes into a pack and returns the rest as [`UnpackedDeb`].
//! Nothing is extracted onto a file system, so a hostile path has nowhere to go; it is refused all the same, because
//! the same names go into an image later.

mod beside;
mod data;
mod error;
mod limits;
mod modules;

pub use error::DebError;
pub use limits::Limits;

use crate::ar::{self, Member};
use crate::compress::Compression;
use crate::tar::{self, EntryType};
use crate::{ControlFiles, UnpackedDeb};
use error::Place;
use limits::Budget;
use pintle_model::{PackSink, TreePath};
use std::io::Read;

/// Unpacks a .deb: control files into memory, the bytes of files into `pack`.
///
/// The package's own digest is what it is verified by, and the caller did that: checksums inside are not looked at.
///
/// Kernel modules are stored unpacked and lose their `.xz`, `.zst` or `.gz` (images hold them so: block-wise updates
/// of an image stay small, and the index of modules is made from their bytes). The root directory `./` is left out;
/// its attributes are the image's. A directory that is listed twice with equal attributes counts once.
///
/// # Errors
/// [`DebError`] names the member, the path or offset, and what is wrong. `pack` holds garbage then.
pub fn unpack(reader: impl Read, limits: &Limits, pack: &mut dyn PackSink) -> Result<UnpackedDeb, DebError> {
    let mut archive = ar::Reader::new(reader)?;
    check_version(&mut archive)?;
    let mut control = None;
    while let Some(member) = archive.next_member()? {
        if let Some(kind) = compression(&member, "control.tar")? {
            control = Some(with_tar(&mut archive, &member, kind, limits, |tar| {
                read_control(tar, &member.name, limits)
            })?);
        } else if let Some(kind) = compression(&member, "data.tar")? {
            let control = control.ok_or(DebError::Missing("control.tar"))?;
            let entries = with_tar(&mut archive, &member, kind, limits, |tar| {
                data::read(tar, &member.name, limits, pack)
            })?;
            return Ok(UnpackedDeb { control, entries });
        } else if !member.name.starts_with('_') {
            // deb(5): members that are not understood may follow only with a leading underscore.
            return Err(DebError::UnknownMember(member.name));
        }
    }
    Err(DebError::Missing(if control.is_some() { "data.tar" } else { "control.tar" }))
}

fn check_version(archive: &mut ar::Reader<impl Read>) -> Result<(), DebError> {
    let first = archive.next_member()?.ok_or(DebError::Missing("debian-binary"))?;
    if first.name != "debian-binary" {
        return Err(DebError::Missing("debian-binary"));
    }
    let mut text = Vec::new();
    let read = archive.take(64).read_to_end(&mut text);
    if let Some(error) = archive.truncation() {
        return Err(error.into());
    }
    read.map_err(|source| ar::ArError::Io { at: first.offset, source })?;
    if text.starts_with(b"2.") { Ok(()) } else { Err(DebError::Version(lossy(&text))) }
}

/// The compression of `member` if it is `base` with or without an extension.
fn compression(member: &Member, base: &'static str) -> Result<Option<Compression>, DebError> {
    let Some(extension) = member.name.strip_prefix(base) else { return Ok(None) };
    match extension {
        "" => Ok(Some(Compression::Plain)),
        ".gz" => Ok(Some(Compression::Gzip)),
        ".xz" => Ok(Some(Compression::Xz)),
        ".zst" => Ok(Some(Compression::Zstd)),
        _ => Err(DebError::Compression(member.name.clone())),
    }
}

type Tar<'a> = tar::Reader<Box<dyn Read + 'a>>;

/// The read stack of a member, in the order bytes pass: ar member, decompressor, budget of unpacked bytes, tar.
fn with_tar<T, R: Read>(
    archive: &mut ar::Reader<R>,
    member: &Member,
    kind: Compression,
    limits: &Limits,
    read: impl FnOnce(&mut Tar<'_>) -> Result<T, DebError>,
) -> Result<T, DebError> {
    let place = Place { member: member.name.clone(), offset: member.offset };
    let result = kind
        .verified_reader(&mut *archive)
        .map_err(|source| DebError::unreadable(&place, source))
        .and_then(|unpacked| {
            let budgeted: Box<dyn Read + '_> = Box::new(Budget::new(unpacked, limits, member.size));
            read(&mut tar::Reader::new(budgeted, limits.tar))
        });
    // What a decompressor says of a cut file is vague; the archive knows where it ended.
    match (result, archive.truncation()) {
        (Err(_), Some(error)) => Err(error.into()),
        (result, _) => result,
    }
}

fn read_control(tar: &mut Tar<'_>, member: &str, limits: &Limits) -> Result<ControlFiles, DebError> {
    let in_member = |source| DebError::Tar { member: member.to_owned(), source };
    let mut control = ControlFiles::default();
    let mut total = 0;
    while let Some(entry) = tar.next_entry().map_err(in_member)? {
        let path = checked_path(member, &entry.path)?;
        if path.is_root() || entry.kind == EntryType::Directory {
            continue;
        }
        let name = path.lossy().into_owned();
        if entry.kind != EntryType::File {
            return Err(DebError::ControlKind(name));
        }
        total += entry.size;
        if !limits.control.allows(total) {
            return Err(DebError::Limit { path: name, value: total, limit: limits.control });
        }
        let mut bytes = Vec::new();
        tar.read_to_end(&mut bytes).map_err(|error| in_member(tar.sort(error)))?;
        if control.files.insert(name.clone(), bytes).is_some() {
            return Err(DebError::Duplicate(name));
        }
    }
    if control.files.contains_key("control") { Ok(control) } else { Err(DebError::Missing("control")) }
}

/// A leading `./` is dropped; everything else that is not a plain path is refused. dpkg takes absolute paths too, but
/// no tool of Debian's writes them, so one is a sign of mischief.
fn checked_path(member: &str, path: &[u8]) -> Result<TreePath, DebError> {
    if path.starts_with(b"/") {
        return Err(DebError::Absolute { member: member.to_owned(), path: lossy(path) });
    }
    TreePath::new(path).map_err(|source| DebError::Path { member: member.to_owned(), source })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}
