use super::names::{self, FOLDERS};
use super::room::{self, Budget, NoRoom};
use pintle_boot::loader::Entry;
use pintle_model::{Arch, Blob, Digest};
use std::collections::{BTreeMap, BTreeSet};

/// A file that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFile {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub blob: Blob,
    /// Their digest.
    pub digest: Digest,
}

/// An entry of the menu, and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedEntry {
    /// Its generation.
    pub number: Option<u32>,
    /// For people.
    pub title: String,
    /// The unified kernel image or type #1 entry.
    pub entry: WantedFile,
    /// Kernel and so on of a type #1 entry.
    pub files: Vec<WantedFile>,
}

/// What must be on the partition.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Architecture, which names of boot loaders hold.
    pub arch: Arch,
    /// Entries, the most important first.
    pub entries: Vec<WantedEntry>,
    /// Programs of systemd-boot, in the order in which they are replaced.
    pub loaders: Vec<WantedFile>,
    /// `loader.conf`, and what else takes effect with it.
    pub conf: Vec<WantedFile>,
    /// Generations that could not be read now: what is there of them stays.
    pub keep: BTreeSet<u32>,
}

/// What is on the partition.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Present {
    /// Folders among [`FOLDERS`].
    pub folders: BTreeSet<String>,
    /// Files in them, with their lengths.
    pub files: BTreeMap<String, u64>,
    /// Of these, the wanted ones whose bytes are what they should be.
    pub same: BTreeSet<String>,
    /// Texts of `loader.conf` and of type #1 entries of ours.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that files are allocated in.
    pub cluster: u64,
}

/// A single effect. Numbers are of [`Plan::files`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a folder.
    MakeFolder(String),
    /// Writes a new file under its temporary name.
    Write {
        /// The name.
        path: String,
        /// What.
        file: usize,
    },
    /// Gives a file its final name, in place of what has it.
    Rename {
        /// Temporary name.
        from: String,
        /// Final name.
        to: String,
    },
    /// Removes a file.
    Remove(String),
    /// Waits until everything before is on the disk.
    Sync,
}

/// What to do, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Plan {
    /// Files to write.
    pub files: Vec<WantedFile>,
    /// Effects.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Final names of what is written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// What is removed, leftovers of interrupted runs included.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Remove(path) => Some(path.as_str()),
            _ => None,
        })
    }
}

/// The way from what is there to what must be.
///
/// # Errors
/// [`NoRoom`]; then there is no way that keeps both the old and the new default on the disk.
pub fn plan(wanted: &Wanted, present: &Present) -> Result<Plan, NoRoom> {
    let all: Vec<&WantedEntry> = wanted.entries.iter().collect();
    let sorted = Sorted::new(wanted, &all, present);
    let budget = Budget::of(&sorted, present);
    if !budget.fits_early() {
        return Err(room::explain(wanted, present, budget));
    }
    let mut plan = Plan::default();
    plan.remove(&sorted.leftovers);
    let (early, late) = if budget.fits() {
        (Vec::new(), sorted.early.iter().chain(&sorted.late).cloned().collect())
    } else {
        (sorted.early.clone(), sorted.late.clone())
    };
    plan.remove(&early);
    if !sorted.folders.is_empty() {
        plan.steps.extend(sorted.folders.iter().map(|folder| Step::MakeFolder((*folder).to_owned())));
        plan.steps.push(Step::Sync);
    }
    plan.put(&sorted.files);
    plan.put(&sorted.entries);
    // One after the other: while one is replaced the other is whole.
    for loader in &sorted.loaders {
        plan.put(&[*loader]);
    }
    plan.put(&sorted.conf);
    plan.remove(&late);
    Ok(plan)
}

impl Plan {
    /// Files that may appear in any order.
    fn put(&mut self, files: &[&WantedFile]) {
        if files.is_empty() {
            return;
        }
        for file in files {
            self.steps.push(Step::Write { path: names::temporary(&file.path), file: self.files.len() });
            self.files.push((*file).clone());
        }
        self.steps.push(Step::Sync);
        let rename =
            |file: &&WantedFile| Step::Rename { from: names::temporary(&file.path), to: file.path.clone() };
        self.steps.extend(files.iter().map(rename));
        self.steps.push(Step::Sync);
    }

    /// Entries go before what they refer to.
    fn remove(&mut self, paths: &[String]) {
        let (entries, files): (Vec<&String>, Vec<&String>) =
            paths.iter().partition(|path| names::is_entry(path));
        for group in [entries, files] {
            if !group.is_empty() {
                self.steps.extend(group.into_iter().cloned().map(Step::Remove));
                self.steps.push(Step::Sync);
            }
        }
    }
}

/// Everything by what happens to it.
pub(super) struct Sorted<'a> {
    /// Temporary files of interrupted runs.
    pub(super) leftovers: Vec<String>,
    /// Garbage that even the old default does not need.
    pub(super) early: Vec<String>,
    /// Garbage once the new default is the default.
    pub(super) late: Vec<String>,
    /// Folders to make.
    pub(super) folders: Vec<&'static str>,
    files: Vec<&'a WantedFile>,
    entries: Vec<&'a WantedFile>,
    loaders: Vec<&'a WantedFile>,
    conf: Vec<&'a WantedFile>,
}

impl<'a> Sorted<'a> {
    pub(super) fn new(wanted: &'a Wanted, entries: &[&'a WantedEntry], present: &Present) -> Self {
        let mut needed: BTreeSet<&str> = BTreeSet::new();
        // Kernels are shared: each is written once.
        let mut new = |file: &&'a WantedFile| needed.insert(&file.path) && !present.same.contains(&file.path);
        let files = entries.iter().flat_map(|entry| &entry.files).filter(&mut new).collect();
        let new_entries = entries.iter().map(|entry| &entry.entry).filter(&mut new).collect();
        let loaders = wanted.loaders.iter().filter(&mut new).collect();
        let conf = wanted.conf.iter().filter(&mut new).collect();

        let kept = present.files.keys().filter(|path| {
            names::is_entry(path)
                && names::generation_of(path).is_some_and(|number| wanted.keep.contains(&number))
        });
        let kept: BTreeSet<String> = kept.flat_map(|path| with_references(path, present)).collect();
        let old = old_default(present);
        let ours = present.files.keys().filter(|path| names::is_entry(path) || names::is_file(path));
        let garbage = ours.filter(|path| !needed.contains(path.as_str()) && !kept.contains(*path)).cloned();
        let (late, early) = garbage.partition(|path| old.contains(path));
        let leftover = |path: &&String| names::final_of(path, wanted.arch).is_some();
        let leftovers = present.files.keys().filter(leftover).cloned().collect();
        let mut sorted =
            Self { leftovers, early, late, folders: Vec::new(), files, entries: new_entries, loaders, conf };
        sorted.folders = sorted.missing_folders(present);
        sorted
    }

    /// What is written.
    pub(super) fn writes(&self) -> impl Iterator<Item = &'a WantedFile> {
        [&self.files, &self.entries, &self.loaders, &self.conf].into_iter().flatten().copied()
    }

    fn missing_folders(&self, present: &Present) -> Vec<&'static str> {
        let needs = |folder: &str| {
            self.writes().any(|file| file.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
        };
        FOLDERS.into_iter().filter(|folder| !present.folders.contains(*folder) && needs(folder)).collect()
    }
}

/// An entry and what it refers to.
fn with_references(path: &str, present: &Present) -> Vec<String> {
    let mut found = vec![path.to_owned()];
    // An entry that cannot be read starts nothing.
    if let Some(entry) = present.texts.get(path).and_then(|text| Entry::parse(text).ok()) {
        for key in ["linux", "initrd", "devicetree"] {
            found.extend(entry.all(key).map(|value| value.trim_start_matches('/').to_owned()));
        }
    }
    found
}

/// The entries of ours that the present `loader.conf` may start by itself, with what they refer to. A pattern may mean
/// every entry that begins like it. Without a default any may be it.
fn old_default(present: &Present) -> BTreeSet<String> {
    let text = present.texts.get(names::CONF).map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.trim().split_once([' ', '\t']));
    let default = lines.rfind(|(key, _)| *key == "default").map(|(_, value)| value.trim().to_owned());
    let entries = present.files.keys().filter(|path| names::is_entry(path));
    let means = |path: &&String| {
        let name = names::split(path).1;
        let Some(default) = &default else { return true };
        match default.find(['*', '?', '[']) {
            Some(end) => name.starts_with(&default[..end]),
            None => name == default || name.rsplit_once('.').is_some_and(|(stem, _)| stem == default),
        }
    };
    entries.filter(means).flat_map(|path| with_references(path, present)).collect()
}

#[cfg(test)]
mod tests;
