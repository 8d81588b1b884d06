//! Files, folders and links that came, changed or went.

use super::accounts::Names;
use super::draft::{Draft, Table, block, octal, quote};
use super::paths::{ignored, made_on_use};
use super::{Evidence, RecordError, TEXT_MAX, text};
use pintle_model::{Attrs, Blob, Contents, Inode, Kind, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes compared at once.
const STEP: u64 = 1 << 16;

pub(super) fn compare(evidence: &Evidence<'_>, draft: &mut Draft) -> Result<(), RecordError> {
    let names = Names::after(evidence)?;
    let ucf = text(evidence.after, "var/lib/ucf/hashfile", evidence.contents)?;
    let ucf: BTreeSet<String> =
        ucf.lines().filter_map(|line| line.split_once(' ')).map(|(_, path)| path.trim().to_owned()).collect();
    let mut seen = BTreeSet::new();
    let mut compare = Comparer { evidence, draft, names, ucf, same: None };
    for entry in evidence.after.walk() {
        let path = entry.path.lossy().into_owned();
        if !path.is_empty() && !ignored(&path) {
            compare.one(&path, entry.inode)?;
        }
        seen.insert(path);
    }
    let gone: Vec<String> = evidence
        .before
        .walk()
        .map(|entry| entry.path.lossy().into_owned())
        .filter(|path| !seen.contains(path) && !ignored(path))
        .collect();
    for path in gone.iter().rev() {
        match evidence.before.find(path).map(|inode| &inode.kind) {
            // Devices are not made where scripts are recorded.
            Some(Kind::File(_) | Kind::Symlink(_) | Kind::Directory(_)) | None => {
                compare.draft.remove.push(format!("/{path}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

struct Comparer<'e, 'd> {
    evidence: &'e Evidence<'e>,
    draft: &'d mut Draft,
    names: Names,
    /// Paths that ucf looks after.
    ucf: BTreeSet<String>,
    /// Files of before by length, for copies; made when first needed.
    same: Option<BTreeMap<u64, Vec<String>>>,
}

impl Comparer<'_, '_> {
    fn one(&mut self, path: &str, inode: &Inode) -> Result<(), RecordError> {
        // Exactly there: a link must not stand for what it leads to.
        let place = pintle_model::TreePath::new(path).ok();
        let old = place.and_then(|place| self.evidence.before.get(&place));
        let changed = match (old.map(|old| &old.kind), &inode.kind) {
            (Some(Kind::Directory(_)), Kind::Directory(_)) => false,
            (Some(Kind::Symlink(old)), Kind::Symlink(new)) => old != new,
            (Some(Kind::File(old)), Kind::File(new)) => {
                // Written by the tree's own time: nobody touched it.
                let touched = self
                    .evidence
                    .before
                    .find(path)
                    .is_none_or(|old| old.attrs.mtime.secs != inode.attrs.mtime.secs);
                old.len() != new.len()
                    || touched
                        && !equal(old, new, self.evidence.contents)
                            .map_err(|source| RecordError::Read { path: path.to_owned(), source })?
            }
            _ => true,
        };
        if changed {
            return self.made(path, inode, old.is_some());
        }
        let owners = |attrs: &Attrs| (attrs.uid, attrs.gid, attrs.mode);
        if let Some(old) = old
            && !matches!(inode.kind, Kind::Symlink(_))
            && owners(&old.attrs) != owners(&inode.attrs)
            && !self.draft.claimed.contains(path)
        {
            let mut fields = vec![("path", quote(&format!("/{path}")))];
            if old.attrs.mode != inode.attrs.mode {
                fields.push(("mode", octal(inode.attrs.mode)));
            }
            if old.attrs.uid != inode.attrs.uid {
                fields.push(("owner", quote(&self.names.user(inode.attrs.uid))));
            }
            if old.attrs.gid != inode.attrs.gid {
                fields.push(("group", quote(&self.names.group(inode.attrs.gid))));
            }
            self.draft.add(Table::Change, fields);
        }
        Ok(())
    }

    fn made(&mut self, path: &str, inode: &Inode, replaces: bool) -> Result<(), RecordError> {
        if let Some(what) = made_on_use(path) {
            self.draft.left_out.insert(what.to_owned());
            return Ok(());
        }
        let shown = format!("/{path}");
        let place = pintle_model::TreePath::new(path).ok();
        if place.is_none_or(|place| self.evidence.again.get(&place).is_none()) {
            let why = "made in only one of two runs: its name is chance";
            self.draft.notes.push(format!("{shown} is {why}"));
            self.draft.left_out.insert(format!("{shown}: {why}"));
            return Ok(());
        }
        match &inode.kind {
            Kind::Directory(_) if path.contains("__pycache__") => {}
            Kind::Directory(_) => {
                let mut fields = vec![("path", quote(&shown))];
                self.attributes(inode, 0o755, &mut fields);
                self.draft.add(Table::Directory, fields);
            }
            // Tools that keep their own records make these links.
            Kind::Symlink(_) if self.draft.claimed.contains(path) => {}
            Kind::Symlink(target) => {
                let target = String::from_utf8_lossy(target);
                let mut fields = vec![("path", quote(&shown)), ("target", quote(&target))];
                if replaces {
                    fields.push(("existing", quote("replace")));
                }
                if path.starts_with("etc/systemd/") && path.contains(".wants/") {
                    let unit = path.rsplit('/').next().unwrap_or(path);
                    self.draft.add(Table::Enable, vec![("unit", quote(unit)), ("always", "true".into())]);
                } else {
                    self.draft.add(Table::Link, fields);
                }
            }
            Kind::File(blob) => return self.file(path, inode, blob, replaces),
            other => {
                self.draft.notes.push(format!("{shown} is a {}: a recipe cannot make one", other.noun()))
            }
        }
        Ok(())
    }

    fn attributes(&self, inode: &Inode, usual: u16, fields: &mut Vec<(&'static str, String)>) {
        if inode.attrs.mode != usual {
            fields.push(("mode", octal(inode.attrs.mode)));
        }
        if inode.attrs.uid != 0 {
            fields.push(("owner", quote(&self.names.user(inode.attrs.uid))));
        }
        if inode.attrs.gid != 0 {
            fields.push(("group", quote(&self.names.group(inode.attrs.gid))));
        }
    }

    fn file(&mut self, path: &str, inode: &Inode, blob: &Blob, replaces: bool) -> Result<(), RecordError> {
        let shown = format!("/{path}");
        let failed = |source| RecordError::Read { path: shown.clone(), source };
        let source = if blob.is_empty() { None } else { self.copy_of(blob).map_err(failed)? };
        if let Some(source) = source.as_ref().filter(|_| self.ucf.contains(&shown)) {
            let source = quote(&format!("/{source}"));
            self.draft.add(Table::Ucf, vec![("source", source), ("path", quote(&shown))]);
            return Ok(());
        }
        if let Some(Kind::File(other)) = self.evidence.again.find(path).map(|inode| &inode.kind)
            && !equal(blob, other, self.evidence.contents).map_err(failed)?
        {
            self.cannot(
                &shown,
                blob.len(),
                "different each time the scripts run: a key, a time, or a database",
            );
            return Ok(());
        }
        let mut fields = vec![("path", quote(&shown))];
        match source {
            Some(source) => fields.push(("copy", quote(&format!("/{source}")))),
            None if blob.len() > TEXT_MAX => {
                self.cannot(&shown, blob.len(), "too long to be written by people");
                return Ok(());
            }
            None => {
                let bytes = blob.read(self.evidence.contents, TEXT_MAX).map_err(failed)?;
                let Ok(text) = String::from_utf8(bytes) else {
                    self.cannot(&shown, blob.len(), "not text");
                    return Ok(());
                };
                if text.contains("PRIVATE KEY-----") {
                    let what = "a private key, which would be everyone's: let [[first-boot]] make it";
                    self.draft.notes.push(format!("{shown} is {what}"));
                    self.draft.left_out.insert(format!("{shown}: {what}"));
                    return Ok(());
                }
                if text.contains("recorded.invalid") {
                    self.draft.notes.push(format!("{shown} holds the host's name, here `recorded.invalid`"));
                }
                if self.ucf.contains(&shown) {
                    self.draft
                        .notes
                        .push(format!("{shown} is looked after by ucf, from a file that no package ships"));
                }
                fields.push(("text", block(&text)));
            }
        }
        self.attributes(inode, 0o644, &mut fields);
        if inode.attrs.mode == 0o644 {
            fields.push(("mode", octal(0o644)));
        }
        if replaces {
            fields.push(("existing", quote("replace")));
            self.draft
                .notes
                .push(format!("{shown} was there before and is changed: see what else writes it"));
        }
        self.draft.add(Table::File, fields);
        Ok(())
    }

    fn cannot(&mut self, path: &str, len: u64, why: &str) {
        let note = format!(
            "{path} ({len} bytes) is {why}: a recipe cannot hold it; let [[first-boot]] make it, or leave it out"
        );
        self.draft.left_out.insert(format!("{path}: {why}"));
        self.draft.notes.push(note);
    }

    /// A file of before with the same bytes.
    fn copy_of(&mut self, blob: &Blob) -> std::io::Result<Option<String>> {
        let before = self.evidence.before;
        let index = self.same.get_or_insert_with(|| by_length(before));
        for path in index.get(&blob.len()).into_iter().flatten() {
            if let Some(Kind::File(other)) = before.find(path).map(|inode| &inode.kind)
                && equal(other, blob, self.evidence.contents)?
            {
                return Ok(Some(path.clone()));
            }
        }
        Ok(None)
    }
}

/// Shipped files that something may be a copy of.
fn by_length(tree: &Tree) -> BTreeMap<u64, Vec<String>> {
    let mut out: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for entry in tree.walk() {
        let path = entry.path.lossy();
        if let Kind::File(blob) = &entry.inode.kind
            && (path.starts_with("usr/") || path.starts_with("etc/"))
        {
            out.entry(blob.len()).or_default().push(path.into_owned());
        }
    }
    out
}

fn equal(one: &Blob, other: &Blob, contents: &dyn Contents) -> std::io::Result<bool> {
    if one.len() != other.len() {
        return Ok(false);
    }
    let mut at = 0;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    while at < one.len() {
        let step = (one.len() - at).min(STEP) as usize;
        left.resize(step, 0);
        right.resize(step, 0);
        one.read_at(contents, at, &mut left)?;
        other.read_at(contents, at, &mut right)?;
        if left != right {
            return Ok(false);
        }
        at += step as u64;
    }
    Ok(true)
}
