//! Directories, paths, the walk.

use super::{ReadError, Reader, Stat, get16, get32};
use crate::ext4::format::ROOT_INO;
use pintle_model::TreePath;

impl Reader<'_> {
    /// Names in a directory and their inode numbers, in the order on disk, without `.` and `..`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn names(&self, directory: &Stat) -> Result<Vec<(Vec<u8>, u32)>, ReadError> {
        let damaged = |what| ReadError::Damaged { what, ino: directory.ino };
        if !directory.is_directory() {
            return Err(damaged("directory"));
        }
        let bytes = self.read(directory)?;
        let mut names = Vec::new();
        for block in bytes.chunks(self.superblock.block_size as usize) {
            let mut at = 0;
            while at + 8 <= block.len() {
                // 0 and 65535 stand for 65536, the whole of the largest block.
                let len = match get16(block, at + 4) {
                    0 | u16::MAX => 1 << 16,
                    len => usize::from(len),
                };
                let name = block.get(at + 8..at + 8 + usize::from(block[at + 6])).ok_or(damaged("entry"))?;
                let ino = get32(block, at);
                if len < 8 || len % 4 != 0 {
                    return Err(damaged("entry"));
                }
                if ino != 0 && name != b"." && name != b".." {
                    names.push((name.to_vec(), ino));
                }
                at += len;
            }
            self.allow_names(names.len())?;
        }
        Ok(names)
    }

    fn allow_names(&self, count: usize) -> Result<(), ReadError> {
        let limit = self.limits.names;
        let value = count as u64;
        if limit.allows(value) { Ok(()) } else { Err(ReadError::Limit { limit, value }) }
    }

    /// The inode at exactly `path`, if there is one; symbolic links are not followed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn find(&self, path: &TreePath) -> Result<Option<Stat>, ReadError> {
        let mut at = self.inode(ROOT_INO)?;
        for name in path.components() {
            if !at.is_directory() {
                return Ok(None);
            }
            let names = self.names(&at)?;
            let Some((_, ino)) = names.into_iter().find(|(known, _)| known == name) else { return Ok(None) };
            at = self.inode(ino)?;
        }
        Ok(Some(at))
    }

    /// Every path and its inode, depth first, names in the order on disk, the root first.
    ///
    /// # Errors
    /// [`ReadError`], from the reader or from `visit`.
    pub fn walk(
        &self,
        visit: &mut dyn FnMut(&TreePath, &Stat) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut todo = vec![(TreePath::root(), ROOT_INO)];
        let mut met = 0;
        while let Some((path, ino)) = todo.pop() {
            let stat = self.inode(ino)?;
            visit(&path, &stat)?;
            if !stat.is_directory() {
                continue;
            }
            let names = self.names(&stat)?;
            met += names.len();
            self.allow_names(met)?;
            for (name, below) in names.into_iter().rev() {
                // A name with `/`, or one that makes the path too long.
                let bad = ReadError::Damaged { what: "name in the directory", ino };
                if name.is_empty() || name.contains(&b'/') {
                    return Err(bad);
                }
                todo.push((path.join(&name).map_err(|_| bad)?, below));
            }
        }
        Ok(())
    }
}
