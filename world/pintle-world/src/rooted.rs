//! Files of a system that is at `/` or in a folder: links are followed inside of it, absolute ones from its own root.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Links followed at most: what Linux follows.
const LINKS: usize = 40;

/// A folder that is some system's `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rooted(PathBuf);

impl Rooted {
    /// The system in `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Where `path` of the system is on this machine; its links are not followed.
    #[must_use]
    pub fn host(&self, path: &Path) -> PathBuf {
        let inside = path.components().filter(|part| matches!(part, Component::Normal(_)));
        self.0.join(inside.collect::<PathBuf>())
    }

    /// `path` with every link followed, as the system names it: absolute, without links. `None`: nothing is there.
    ///
    /// # Errors
    /// Of reading, links in a circle among them; not of absence.
    pub fn resolve(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let parts = |path: &Path| {
            path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<OsString>>()
        };
        let mut todo: VecDeque<OsString> = parts(path).into();
        let (mut done, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = todo.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::RootDir) => done = PathBuf::from("/"),
                Some(Component::ParentDir) => drop(done.pop()),
                Some(Component::Normal(name)) => {
                    let next = done.join(name);
                    match std::fs::symlink_metadata(self.host(&next)) {
                        Ok(metadata) if metadata.is_symlink() => {
                            links += 1;
                            if links > LINKS {
                                let text = format!("the links at {} lead in a circle", path.display());
                                return Err(io::Error::other(text));
                            }
                            let target = std::fs::read_link(self.host(&next))?;
                            parts(&target).into_iter().rev().for_each(|part| todo.push_front(part));
                        }
                        Ok(_) => done = next,
                        Err(error) if absent(&error) => return Ok(None),
                        Err(error) => return Err(error),
                    }
                }
                _ => {}
            }
        }
        Ok(Some(done))
    }

    /// The bytes of a small file; `None`: nothing is there.
    ///
    /// # Errors
    /// Of reading, not of absence; [`io::ErrorKind::FileTooLarge`] over `max` bytes.
    pub fn read(&self, path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.resolve(path)? else { return Ok(None) };
        let host = self.host(&path);
        if std::fs::metadata(&host)?.len() > max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        std::fs::read(host).map(Some)
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("nix/store/a/etc")).unwrap();
        fs::write(at("nix/store/a/etc/os-release"), "ID=toy\n").unwrap();
        symlink("/nix/store/a", at("system")).unwrap();
        symlink("../../../../../../nix/store/a/etc", at("nix/etc")).unwrap();
        symlink("b", at("nix/b")).unwrap();
        symlink("/nowhere", at("nix/dangling")).unwrap();
        let rooted = Rooted::new(folder.path());
        let real =
            |path: &str| rooted.resolve(Path::new(path)).unwrap().map(|path| path.display().to_string());
        assert_eq!(real("/system/etc").as_deref(), Some("/nix/store/a/etc"));
        assert_eq!(real("/nix/etc/os-release").as_deref(), Some("/nix/store/a/etc/os-release"));
        assert_eq!(real("/../../system").as_deref(), Some("/nix/store/a"));
        assert_eq!(real("/nix/dangling"), None);
        assert_eq!(real("/system/etc/os-release/more"), None);
        assert!(rooted.resolve(Path::new("/nix/b")).unwrap_err().to_string().contains("circle"));
        assert_eq!(rooted.read(Path::new("/system/etc/os-release"), 99).unwrap().unwrap(), b"ID=toy\n");
        assert_eq!(
            rooted.read(Path::new("/system/etc/os-release"), 3).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }
}
