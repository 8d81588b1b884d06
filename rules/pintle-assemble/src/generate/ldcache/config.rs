use super::LdCacheError;
use crate::shell::matches;
use pintle_model::{Arch, Contents, InodeId, Kind, Tree, TreePath};

/// Configuration files are a few lines; this bounds what is read of one.
const CONFIG_MAX: u64 = 1 << 20;
/// How deep configuration files may include each other.
const DEPTH_MAX: usize = 8;
/// Configuration files in all: a real system has five. Files that include each other twice would double at each depth.
const FILES_MAX: usize = 1000;

/// A directory that is searched for libraries.
pub(super) struct Directory {
    /// As it was written: `/lib/x86_64-linux-gnu`. Paths in the cache begin with it.
    pub(super) written: Vec<u8>,
    /// Without symbolic links.
    pub(super) real: TreePath,
    /// For `glibc-hwcaps/NAME` below another: the name.
    pub(super) hwcaps: Option<Vec<u8>>,
}

/// The directories in search order: those of the configuration, then the built-in ones, each once, each followed
/// by its `glibc-hwcaps` subdirectories.
pub(super) fn directories(
    tree: &Tree,
    contents: &dyn Contents,
    config: &TreePath,
) -> Result<Vec<Directory>, LdCacheError> {
    let mut found = Found { tree, directories: Vec::new(), seen: Vec::new(), files: 0 };
    found.parse(contents, config, 0)?;
    for arch in [Arch::Amd64, Arch::Arm64] {
        for parent in ["/lib", "/usr/lib"] {
            found.add(format!("{parent}/{}", arch.multiarch()).into_bytes());
        }
    }
    found.add(b"/lib".to_vec());
    found.add(b"/usr/lib".to_vec());
    Ok(found.directories)
}

struct Found<'a> {
    tree: &'a Tree,
    directories: Vec<Directory>,
    seen: Vec<InodeId>,
    /// Configuration files read.
    files: usize,
}

impl Found<'_> {
    /// ldconfig(8): a directory per line, `include PATTERN…`, comments.
    fn parse(&mut self, contents: &dyn Contents, path: &TreePath, depth: usize) -> Result<(), LdCacheError> {
        let Ok(real) = self.tree.resolve(path) else { return Ok(()) };
        let Some(Kind::File(blob)) = self.tree.get(&real).map(|inode| &inode.kind) else { return Ok(()) };
        let bytes = blob.read(contents, CONFIG_MAX);
        let bytes = bytes.map_err(|source| LdCacheError::Read { path: path.clone(), source })?;
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
            let bad = |why| LdCacheError::Config {
                path: path.clone(),
                line: number + 1,
                text: String::from_utf8_lossy(line).into_owned(),
                why,
            };
            match line.strip_prefix(b"include") {
                Some(patterns) if patterns.first().is_some_and(u8::is_ascii_whitespace) => {
                    if depth == DEPTH_MAX {
                        return Err(bad("files include each other too deeply"));
                    }
                    for pattern in patterns.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
                        for file in self.matching(path, pattern).map_err(bad)? {
                            self.files += 1;
                            if self.files > FILES_MAX {
                                return Err(bad("it includes too many files"));
                            }
                            self.parse(contents, &file, depth + 1)?;
                        }
                    }
                }
                _ if line.is_empty() || line.starts_with(b"hwcap ") => {}
                _ if line.contains(&b'=') => {
                    return Err(bad("library types (`=TYPE`) are of the time before glibc"));
                }
                _ => self.add(line.to_vec()),
            }
        }
        Ok(())
    }

    /// Files that a pattern means, in byte order; `*` and `?` in the last name only.
    fn matching(&self, from: &TreePath, pattern: &[u8]) -> Result<Vec<TreePath>, &'static str> {
        let slash = pattern.iter().rposition(|byte| *byte == b'/');
        let (dir, name) = pattern.split_at(slash.map_or(0, |at| at + 1));
        if dir.iter().chain(name).any(|byte| *byte == b'[' || *byte == b'\\') || dir.contains(&b'*') {
            return Err("only `*` and `?` in a file's name are known");
        }
        let dir = match dir {
            [b'/', ..] => TreePath::new(dir),
            _ => from.parent().unwrap_or_default().join(dir),
        };
        let dir = dir.map_err(|_| "it is not a usable path")?;
        let Ok(dir) = self.tree.resolve(&dir) else { return Ok(Vec::new()) };
        let names = self.tree.children(&dir).map(|(name, _)| name);
        // As in a shell, a leading dot is only matched by a dot.
        let visible = names.filter(|found| !found.starts_with(b".") || name.starts_with(b"."));
        let name = String::from_utf8_lossy(name);
        let fits = visible.filter(|found| matches(&name, &String::from_utf8_lossy(found)));
        Ok(fits.filter_map(|found| dir.join(found).ok()).collect())
    }

    fn add(&mut self, mut written: Vec<u8>) {
        while written.last() == Some(&b'/') {
            written.pop();
        }
        if let Some(real) = self.enter(&written) {
            self.directories.push(Directory { written: written.clone(), real: real.clone(), hwcaps: None });
            let Ok(parent) = real.join("glibc-hwcaps") else { return };
            let names: Vec<_> = self.tree.children(&parent).map(|(name, _)| name.to_vec()).collect();
            for name in names.into_iter().filter(|name| !name.starts_with(b".") && !name.contains(&b':')) {
                let written = [written.as_slice(), b"/glibc-hwcaps/", &name].concat();
                if let Some(real) = self.enter(&written) {
                    self.directories.push(Directory { written, real, hwcaps: Some(name) });
                }
            }
        }
    }

    /// The directory at `written`, the first time it is asked for.
    fn enter(&mut self, written: &[u8]) -> Option<TreePath> {
        let real = self.tree.resolve(&TreePath::new(written).ok()?).ok()?;
        let id = self.tree.lookup(&real)?;
        let fresh = matches!(self.tree.inode(id).kind, Kind::Directory(_)) && !self.seen.contains(&id);
        self.seen.push(id);
        fresh.then_some(real)
    }
}
