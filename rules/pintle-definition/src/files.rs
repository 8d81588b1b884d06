use std::collections::BTreeMap;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// The files a definition is made of. Paths are relative to the definition's folder, with `/` between parts and, where
/// a fragment lies outside of it, leading `..` parts.
pub trait Files {
    /// The whole file; `None` when there is none.
    ///
    /// # Errors
    /// Why it can not be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError>;

    /// Names in a folder, sorted; empty when there is no such folder.
    ///
    /// # Errors
    /// Why it can not be listed.
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError>;

    /// What is at `path`; `None` when nothing is.
    ///
    /// # Errors
    /// Why it can not be looked at.
    fn kind(&self, path: &str) -> Result<Option<FileKind>, FilesError>;
}

/// A file of the definition can not be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("can not read {path}: {reason}")]
pub struct FilesError {
    /// The path as it was asked for.
    pub path: String,
    /// The system's reason.
    pub reason: String,
}

/// Files held in memory: standard input, tests, examples.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(BTreeMap<String, Vec<u8>>);

impl MemoryFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more file; folders come with their files.
    #[must_use]
    pub fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.to_owned(), content.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let prefix = format!("{folder}/");
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.dedup();
        Ok(names)
    }

    fn kind(&self, path: &str) -> Result<Option<FileKind>, FilesError> {
        if self.0.contains_key(path) {
            return Ok(Some(FileKind::File));
        }
        let prefix = format!("{path}/");
        Ok(self.0.keys().any(|key| key.starts_with(&prefix)).then_some(FileKind::Folder))
    }
}

/// `path` as written in a file of `folder`, relative to the definition: without `.`, and `..` only in front.
/// Absolute paths stay as they are.
pub(crate) fn beside(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The folder a file is in, `""` for the definition's own.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_shortened() {
        for (folder, path, joined) in [
            ("", "common.toml", "common.toml"),
            ("web", "../common/./base.toml", "common/base.toml"),
            ("web", "../../base.toml", "../base.toml"),
            ("", "../../a", "../../a"),
            ("a/b", "..", "a"),
            ("", ".", "."),
            ("x", "/etc/keys.asc", "/etc/keys.asc"),
        ] {
            assert_eq!(beside(folder, path), joined, "{folder} + {path}");
        }
        assert_eq!(folder_of("a/b/c.toml"), "a/b");
        assert_eq!(folder_of("system.toml"), "");
    }
}
