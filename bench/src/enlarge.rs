//! More paths for a store: always the same ones, with many small files, as a desktop's closure has them.

use pintle_model::{Attrs, Blob, Kind, NoContents, Origin, Tree, TreePath};
use pintle_nix::content_address::source_path;
use pintle_nix::{ContentAddress, PathInfo, References, StoreDir, nar};
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// So many paths are added.
const PATHS: u64 = 200;
/// Files of one folder.
const FILES: usize = 40;

/// Adds paths with about `bytes` in their files to the store in `root`, and says what a registration says of them.
///
/// # Errors
/// Of writing.
pub(crate) fn add(root: &Path, bytes: u64) -> io::Result<Vec<PathInfo>> {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    (0..PATHS).map(|number| path(root, number, bytes / PATHS, &mut noise)).collect()
}

fn path(root: &Path, number: u64, bytes: u64, noise: &mut Noise) -> io::Result<PathInfo> {
    let mut tree = Tree::new();
    let by = tree.origin(Origin::Nobody);
    let (mut made, mut files) = (0, 0);
    while made < bytes {
        let folder = TreePath::new(format!("share/part{:02}", files / FILES)).map_err(io::Error::other)?;
        tree.ensure_directory(&folder, Attrs::root(0o555), by).map_err(io::Error::other)?;
        let content = text(noise);
        made += content.len() as u64;
        let name = folder.join(format!("file{files:04}").as_bytes()).map_err(io::Error::other)?;
        let mode = if files % 16 == 0 { 0o555 } else { 0o444 };
        let kind = Kind::File(Blob::inline(content));
        tree.add(&name, kind, Attrs::root(mode), by).map_err(io::Error::other)?;
        files += 1;
    }
    let hashed = nar::hash(&tree, &TreePath::root(), &NoContents).map_err(io::Error::other)?;
    let (name, digest) = (format!("bench-{number:03}"), hashed.digest());
    let path = source_path(&StoreDir::default(), &name, digest, &References::default());
    let path = path.map_err(io::Error::other)?;
    let info = PathInfo {
        content_address: Some(ContentAddress::Nar(digest)),
        ..PathInfo::new(path, digest, hashed.len())
    };
    write(&tree, &root.join(info.path.to_string().trim_start_matches('/')))?;
    Ok(info)
}

/// As Nix leaves it: read-only, a second past 1970.
fn write(tree: &Tree, to: &Path) -> io::Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let host = |path: &TreePath| to.join(path.to_string().trim_start_matches('/'));
    let mut folders = Vec::new();
    for entry in tree.walk() {
        match &entry.inode.kind {
            Kind::File(blob) => {
                let mut file = File::create(host(&entry.path))?;
                file.write_all(&blob.read(&NoContents, u64::MAX)?)?;
                file.set_permissions(Permissions::from_mode(entry.inode.attrs.mode.into()))?;
                file.set_modified(time)?;
            }
            _ => {
                fs::create_dir_all(host(&entry.path))?;
                folders.push(host(&entry.path));
            }
        }
    }
    for folder in folders.into_iter().rev() {
        File::open(&folder)?.set_modified(time)?;
        fs::set_permissions(folder, Permissions::from_mode(0o555))?;
    }
    Ok(())
}

/// 1 to 200 KB, small ones as often as large ones; packs to a third, as programs and their data do.
fn text(noise: &mut Noise) -> Vec<u8> {
    let magnitude = 1024 << (noise.next() % 8);
    let len = (magnitude + noise.next() % magnitude).min(200 << 10) as usize;
    let tag = noise.next();
    let mut out = Vec::with_capacity(len + 64);
    while out.len() < len {
        out.extend_from_slice(&noise.next().to_le_bytes());
        out.extend_from_slice(&noise.next().to_le_bytes());
        out.extend_from_slice(format!("{tag:016x} of the same file\n").as_bytes());
    }
    out.truncate(len);
    out
}

/// xorshift64.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_paths_every_time() {
        let names = || {
            let dir = tempfile::tempdir().unwrap();
            let infos = add(dir.path(), 4 << 20).unwrap();
            let first = dir.path().join(infos[0].path.to_string().trim_start_matches('/'));
            assert!(first.join("share/part00/file0000").is_file());
            // What nobody may write cannot be removed by its owner either.
            for folder in [first.join("share/part00"), first.join("share"), first] {
                fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
            }
            infos.iter().map(|info| info.path.to_string()).collect::<Vec<_>>()
        };
        let paths = names();
        assert_eq!(paths.len(), 200);
        assert_eq!(paths, names());
    }
}
