//! Directories, paths, the walk.

use super::{ReadError, Reader, Stat, get16, get64};
use crate::erofs::format::{BLOCK, DIRENT};
use pintle_model::TreePath;

impl Reader<'_> {
    /// Names in a directory and their inodes, in order, without `.` and `..`.
    ///
    /// # Errors
    /// [`ReadError`]; that the names are not in order is one, because the kernel would not find them.
    pub fn names(&self, directory: &Stat) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
        if !directory.is_directory() {
            return Err(directory.damaged("directory"));
        }
        let bytes = self.read(directory)?;
        let mut names: Vec<(Vec<u8>, u64)> = Vec::new();
        for block in bytes.chunks(BLOCK) {
            let more = entries(block).ok_or(directory.damaged("block of the directory"))?;
            names.extend(more.into_iter().map(|(name, nid)| (name.to_vec(), nid)));
            self.allow_names(names.len())?;
        }
        if !names.is_sorted_by(|one, next| one.0 < next.0) {
            return Err(directory.damaged("order of the directory"));
        }
        names.retain(|(name, _)| name != b"." && name != b"..");
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
        let mut at = self.inode(self.superblock.root)?;
        for name in path.components() {
            if !at.is_directory() {
                return Ok(None);
            }
            let names = self.names(&at)?;
            let Ok(found) = names.binary_search_by(|(known, _)| known.as_slice().cmp(name)) else {
                return Ok(None);
            };
            at = self.inode(names[found].1)?;
        }
        Ok(Some(at))
    }

    /// Every path and its inode, depth first, names in order, the root first.
    ///
    /// # Errors
    /// [`ReadError`], from the reader or from `visit`.
    pub fn walk(
        &self,
        visit: &mut dyn FnMut(&TreePath, &Stat) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut todo = vec![(TreePath::root(), self.superblock.root)];
        let mut met = 0;
        while let Some((path, nid)) = todo.pop() {
            let stat = self.inode(nid)?;
            visit(&path, &stat)?;
            if !stat.is_directory() {
                continue;
            }
            let names = self.names(&stat)?;
            met += names.len();
            self.allow_names(met)?;
            for (name, below) in names.into_iter().rev() {
                // A name with `/`, or one that makes the path too long.
                let bad = || stat.damaged("name in the directory");
                if name.contains(&b'/') {
                    return Err(bad());
                }
                todo.push((path.join(&name).map_err(|_| bad())?, below));
            }
        }
        Ok(())
    }
}

/// The entries of one block; `None` if it contradicts itself.
fn entries(block: &[u8]) -> Option<Vec<(&[u8], u64)>> {
    if block.len() < DIRENT {
        return None;
    }
    let names_at = usize::from(get16(block, 8));
    if names_at == 0 || names_at % DIRENT != 0 || names_at > block.len() {
        return None;
    }
    let starts = (0..names_at).step_by(DIRENT);
    let mut out = Vec::with_capacity(names_at / DIRENT);
    for at in starts {
        let start = usize::from(get16(block, at + 8));
        let next = at + DIRENT;
        let name = if next < names_at {
            block.get(start..usize::from(get16(block, next + 8)))?
        } else {
            // Zeros fill the block behind the last name.
            block.get(start..)?.split(|byte| *byte == 0).next()?
        };
        if start < names_at || name.is_empty() || name.len() > 255 || name.contains(&0) {
            return None;
        }
        out.push((name, get64(block, at)));
    }
    Some(out)
}
