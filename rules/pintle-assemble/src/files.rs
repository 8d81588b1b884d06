//! The definition's files: they may replace a package's, never each other.

use crate::accounts::Accounts;
use crate::edit::Editor;
use crate::error::AssembleError;
use crate::input::HostContent;
use pintle_model::{Attrs, Blob, FileContent, FileSpec, Kind, Origin, Tree, TreePath};
use std::collections::BTreeMap;

/// Places all files of the definition.
pub(crate) fn place(
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    files: &[FileSpec],
    host: &BTreeMap<String, HostContent>,
) -> Vec<AssembleError> {
    let mut placed: BTreeMap<TreePath, &str> = BTreeMap::new();
    let mut errors = Vec::new();
    for spec in files {
        editor.act_as(Origin::Definition(spec.origin.clone()));
        let mut placer = Placer { editor, accounts, spec, host };
        match placer.path() {
            Ok(path) => {
                let directory = matches!(spec.content, FileContent::Directory);
                match placed.get(&path).filter(|_| !directory) {
                    Some(first) => errors.push(AssembleError::SetTwice {
                        path: path.clone(),
                        first: (*first).to_owned(),
                        second: spec.origin.clone(),
                    }),
                    None => errors.extend(placer.place(&path).err()),
                }
                if !directory {
                    placed.insert(path, &spec.origin);
                }
            }
            Err(error) => errors.push(error),
        }
    }
    errors
}

struct Placer<'p, 'a> {
    editor: &'p mut Editor<'a>,
    accounts: &'p Accounts,
    spec: &'p FileSpec,
    host: &'p BTreeMap<String, HostContent>,
}

impl Placer<'_, '_> {
    fn bad(&self, value: &str, problem: &'static str) -> AssembleError {
        AssembleError::Definition { origin: self.spec.origin.clone(), value: value.to_owned(), problem }
    }

    fn path(&mut self) -> Result<TreePath, AssembleError> {
        if !self.spec.path.starts_with('/') || self.spec.path == "/" {
            return Err(self.bad(&self.spec.path, "not an absolute path of a file"));
        }
        self.editor.path(&self.spec.path)
    }

    fn mode(&self) -> Result<Option<u16>, AssembleError> {
        let Some(text) = &self.spec.mode else { return Ok(None) };
        let mode = u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
        mode.map(Some).ok_or_else(|| self.bad(text, "not an octal file mode"))
    }

    fn attrs(&self, usual: u16) -> Result<Attrs, AssembleError> {
        let by = &self.spec.origin;
        let uid = self.accounts.uid(&self.spec.owner, by)?;
        let gid = self.accounts.gid(&self.spec.group, by)?;
        Ok(Attrs { uid, gid, ..self.editor.attrs(self.mode()?.unwrap_or(usual)) })
    }

    fn place(&mut self, path: &TreePath) -> Result<(), AssembleError> {
        match &self.spec.content {
            FileContent::Text(text) => {
                let attrs = self.attrs(0o644)?;
                self.editor.put(path, Kind::File(Blob::inline(text.clone().into_bytes())), attrs)
            }
            FileContent::Symlink(target) if target.is_empty() => {
                Err(self.bad(target, "an empty link target"))
            }
            FileContent::Symlink(target) => {
                let attrs = Attrs { mode: 0o777, ..self.attrs(0o777)? };
                self.editor.put(path, Kind::Symlink(target.as_bytes().into()), attrs)
            }
            FileContent::Directory => {
                let attrs = self.attrs(0o755)?;
                self.editor.directory(&self.spec.path, Some(attrs.mode), Some(attrs.uid), Some(attrs.gid))
            }
            FileContent::Copy(source) | FileContent::OciImage { path: source, .. } => {
                match self.host.get(source) {
                    Some(HostContent::File { blob, executable }) => {
                        let attrs = self.attrs(if *executable { 0o755 } else { 0o644 })?;
                        self.editor.put(path, Kind::File(blob.clone()), attrs)
                    }
                    Some(HostContent::Folder(tree)) => self.folder(path, tree),
                    None => Err(self.bad(source, "the file or folder to copy was not read")),
                }
            }
        }
    }

    /// A folder, whole: names and contents from the host, owners from the definition. A mode in the definition is
    /// that of the folder itself.
    fn folder(&mut self, path: &TreePath, tree: &Tree) -> Result<(), AssembleError> {
        for entry in tree.walk() {
            let target =
                path.join(entry.path.as_bytes()).map_err(|error| self.editor.refused(error.into()))?;
            let executable = entry.inode.attrs.mode & 0o100 != 0;
            let (kind, usual) = match &entry.inode.kind {
                Kind::Directory(_) => (Kind::Directory(BTreeMap::new()), 0o755),
                Kind::File(blob) => (Kind::File(blob.clone()), if executable { 0o755 } else { 0o644 }),
                Kind::Symlink(target) => (Kind::Symlink(target.clone()), 0o777),
                _ => return Err(self.bad(&entry.path.to_string(), "neither a file, a folder nor a link")),
            };
            let mut attrs = self.attrs(usual)?;
            if !entry.path.is_root() {
                attrs.mode = usual;
            }
            self.editor.put(&target, kind, attrs)?;
        }
        Ok(())
    }
}
