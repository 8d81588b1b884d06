//! What a tree holds, wherever it is kept: kind, mode, owner, links, content of every path.

use pintle_fs::ext4::read::{ReadAt, ReadLimits, Reader, Stat};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// One path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// `file`, `directory`, `link`, `device`.
    pub(super) kind: &'static str,
    /// Mode, user, group; links count as 0777. Names of a file count too.
    pub(super) attributes: String,
    /// Digest, or target.
    pub(super) content: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.attributes, self.content.get(..60).unwrap_or(&self.content))
    }
}

/// A tree in a folder, and what it holds.
pub(super) struct Listing {
    /// The folder.
    pub(super) root: PathBuf,
    /// By absolute path.
    pub(super) entries: BTreeMap<String, Entry>,
}

/// Users and groups by number.
pub(super) struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    /// As the tree in a folder knows them.
    pub(super) fn read(root: &Path) -> Self {
        let column = |file: &str| {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let number = |line: &str| {
                let mut fields = line.split(':');
                let name = fields.next()?.to_owned();
                Some((fields.nth(1)?.parse().ok()?, name))
            };
            text.lines().filter_map(number).collect()
        };
        Self { users: column("etc/passwd"), groups: column("etc/group") }
    }

    /// Numbers that Debian fixes count with the name; those that each system gives out count as the name only.
    fn describe(&self, mode: u32, uid: u32, gid: u32, names: u64) -> String {
        let one = |names: &BTreeMap<u32, String>, number: u32| match names.get(&number) {
            Some(name) if (100..1000).contains(&number) => name.clone(),
            Some(name) => format!("{name}({number})"),
            None => format!("({number})"),
        };
        let more = if names > 1 { format!(" {names} names") } else { String::new() };
        format!("{mode:04o} {} {}{more}", one(&self.users, uid), one(&self.groups, gid))
    }
}

impl Listing {
    /// Of a folder.
    pub(super) fn of_folder(root: &Path, names: &Names) -> Self {
        let mut entries = BTreeMap::new();
        let mut todo = vec![root.to_owned()];
        while let Some(folder) = todo.pop() {
            for found in std::fs::read_dir(&folder).unwrap() {
                let path = found.unwrap().path();
                let entry = entry(&path, names);
                if entry.kind == "directory" {
                    todo.push(path.clone());
                }
                let inside = path.strip_prefix(root).unwrap();
                entries.insert(format!("/{}", inside.display()), entry);
            }
        }
        Self { root: root.to_owned(), entries }
    }

    /// Of a partition of an image; the files are put into a folder too, for tools that want them there.
    pub(super) fn of_image(image: &Path, start: u64, root: &Path) -> Self {
        let partition = Partition { image: File::open(image).unwrap(), start };
        let reader = Reader::open(&partition, ReadLimits::default()).unwrap();
        std::fs::create_dir_all(root).unwrap();
        let mut found = Vec::new();
        let visit = &mut |path: &pintle_model::TreePath, stat: &Stat| {
            let inside = String::from_utf8_lossy(path.as_bytes()).trim_start_matches('/').to_owned();
            let content = if stat.is_directory() { Vec::new() } else { reader.read(stat)? };
            unpack(&root.join(&inside), stat, &content);
            found.push((inside, stat.clone(), content_of(stat, &content)));
            Ok(())
        };
        reader.walk(visit).unwrap();
        let names = Names::read(root);
        let entries = found.into_iter().filter(|(path, ..)| !path.is_empty()).map(|(path, stat, content)| {
            let (mode, links) = if stat.is_symlink() { (0o777, 1) } else { (stat.attrs.mode, stat.links) };
            let links = if stat.is_directory() { 1 } else { links };
            let attributes = names.describe(mode.into(), stat.attrs.uid, stat.attrs.gid, links.into());
            (format!("/{path}"), Entry { kind: kind_of(&stat), attributes, content })
        });
        Self { root: root.to_owned(), entries: entries.collect() }
    }
}

fn entry(path: &Path, names: &Names) -> Entry {
    let meta = std::fs::symlink_metadata(path).unwrap();
    let kind = meta.file_type();
    let (kind, content) = if kind.is_dir() {
        ("directory", String::new())
    } else if kind.is_symlink() {
        ("link", std::fs::read_link(path).unwrap().display().to_string())
    } else if kind.is_char_device() || kind.is_block_device() {
        ("device", meta.rdev().to_string())
    } else {
        ("file", digest(&std::fs::read(path).unwrap()))
    };
    let mode = if kind == "link" { 0o777 } else { meta.mode() & 0o7777 };
    let links = if kind == "directory" { 1 } else { meta.nlink() };
    Entry { kind, attributes: names.describe(mode, meta.uid(), meta.gid(), links), content }
}

fn kind_of(stat: &Stat) -> &'static str {
    match stat {
        stat if stat.is_directory() => "directory",
        stat if stat.is_symlink() => "link",
        stat if stat.is_file() => "file",
        _ => "device",
    }
}

fn content_of(stat: &Stat, content: &[u8]) -> String {
    match kind_of(stat) {
        "file" => digest(content),
        "link" => String::from_utf8_lossy(content).into_owned(),
        _ => String::new(),
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Content and permissions; owners stay whoever runs this.
fn unpack(to: &Path, stat: &Stat, content: &[u8]) {
    match kind_of(stat) {
        "directory" => std::fs::create_dir_all(to).unwrap(),
        "link" => std::os::unix::fs::symlink(String::from_utf8_lossy(content).as_ref(), to).unwrap(),
        "file" => {
            std::fs::write(to, content).unwrap();
            let mode = std::fs::Permissions::from_mode(u32::from(stat.attrs.mode & 0o777));
            std::fs::set_permissions(to, mode).unwrap();
        }
        other => panic!("{} is a {other}", to.display()),
    }
}

struct Partition {
    image: File,
    start: u64,
}

impl ReadAt for Partition {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.image.read_exact_at(out, self.start + offset)
    }
}
