//! The user's cache: what was downloaded and unpacked before, by digest. Everything in it can be had again.
//!
//! ```text
//! ROOT/blobs/ab/abcd…        downloads, named by SHA-256
//! ROOT/partial/abcd…         downloads and packs under way; the next run resumes or removes them
//! ROOT/packs/v1/ab/abcd….{pack,index}   unpacked packages (see [`crate::store`])
//! ROOT/vouched               which packs were compared with their digests, and when the machine was started
//! ROOT/indices/              what was learnt about archives
//! ROOT/scratch/              of runs for other machines, while they last (see [`crate::scratch`])
//! ROOT/bin/abcd…             programs that other machines sent to build with, named by SHA-256
//! ```

use pintle_model::Digest;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Marks the folder as a cache for backup programs (<https://bford.info/cachedir/>).
const TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# Made by pintle; everything here can be had again.\n";

/// The cache could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the cache folder {}; set PINTLE_CACHE_DIR to a folder you may write to", .path.display())]
pub struct CacheError {
    /// The folder or file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Paths within the cache folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache at `root`, making its folders where they are missing.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let root = root.into();
        for folder in ["blobs", "partial", "packs", "indices"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|source| CacheError { path, source })?;
        }
        let path = root.join("CACHEDIR.TAG");
        match fs::File::create_new(&path) {
            Ok(mut file) => io::Write::write_all(&mut file, TAG.as_bytes()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|source| CacheError { path, source })?;
        Ok(Self { root })
    }

    /// Where the cache is unless the user says otherwise: `$PINTLE_CACHE_DIR`, `$XDG_CACHE_HOME/pintle`,
    /// `$HOME/.cache/pintle`. `variable` reads the environment ([`std::env::var_os`]).
    pub fn default_root(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        path("PINTLE_CACHE_DIR")
            // The XDG base directory specification has relative paths ignored.
            .or_else(|| path("XDG_CACHE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("pintle")))
            .or_else(|| path("HOME").map(|p| p.join(".cache/pintle")))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for what was learnt about archives (last release files, parsed indices).
    #[must_use]
    pub fn indices(&self) -> PathBuf {
        self.root.join("indices")
    }

    /// Where the download with this digest is, once it is there.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.root.join("blobs").join(&hex[..2]).join(hex)
    }

    /// Where the download with this digest grows.
    pub(crate) fn partial(&self, digest: &Digest) -> PathBuf {
        self.partial_folder().join(digest.hex())
    }

    /// The folder of what is not complete yet.
    pub(crate) fn partial_folder(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// Path of a pack or its index, without extension.
    pub(crate) fn pack(&self, digest: &Digest, format: u32) -> PathBuf {
        let hex = digest.hex();
        self.root.join("packs").join(format!("v{format}")).join(&hex[..2]).join(hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_follows_the_environment() {
        let root = |set: &[(&str, &str)]| {
            Cache::default_root(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
        };
        let home = ("HOME", "/home/me");
        assert_eq!(root(&[home]), Some("/home/me/.cache/pintle".into()));
        assert_eq!(root(&[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/pintle".into()));
        assert_eq!(root(&[home, ("XDG_CACHE_HOME", "rel")]), Some("/home/me/.cache/pintle".into()));
        assert_eq!(root(&[home, ("PINTLE_CACHE_DIR", "/p")]), Some("/p".into()));
        assert_eq!(root(&[]), None);
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("blobs"), "").unwrap();
        let error = Cache::open(dir.path()).unwrap_err().to_string();
        let error = error.replace(&dir.path().display().to_string(), "DIR");
        insta::assert_snapshot!(error, @"cannot use the cache folder DIR/blobs; set PINTLE_CACHE_DIR to a folder you may write to");
        Cache::open(dir.path().join("new")).unwrap();
        Cache::open(dir.path().join("new")).unwrap();
    }
}
