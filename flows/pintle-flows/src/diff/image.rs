//! What an image says of itself: its partition table, its root file system, its EFI system partition.

use super::DiffError;
use crate::image::{Disk, Root, RootError, Stat, Window};
use pintle_boot::uki::{Pe, PeLimits};
use pintle_disk::gpt::{self, types};
use pintle_fs::vfat::read::{Limits, Volume};
use pintle_image::compare::{Facts, FileFact};
use pintle_model::{Digest, TreePath};
use std::collections::BTreeMap;

/// Largest file of the EFI system partition that is looked into: a kernel image with all firmware has 200 MB.
const ESP_FILE_MAX: u64 = 512 << 20;
/// Largest text file of the root that is looked into: dpkg's list of a desktop has 4 MB.
const TEXT_MAX: u64 = 64 << 20;

/// An image that was read.
pub(super) struct Image<'a> {
    pub(super) facts: Facts,
    root: Window<'a>,
    /// Inodes by path.
    inodes: BTreeMap<String, u64>,
    /// Digests of the files on the EFI system partition.
    esp: BTreeMap<String, Digest>,
}

/// Reads everything but the content of files.
pub(super) fn read<'a>(disk: &'a Disk<'a>) -> Result<Image<'a>, DiffError> {
    let mut sizes = BTreeMap::from([("disk".to_owned(), disk.len())]);
    let (mut root, mut esp) = (None, None);
    match gpt::read::read(&mut disk.window(0, disk.len())) {
        Ok(table) => {
            for (number, partition) in &table.partitions {
                let window = disk.window(partition.offset(), partition.len());
                let name = match partition.name.as_str() {
                    "" => format!("partition {number}"),
                    name => format!("partition {name}"),
                };
                sizes.insert(name, partition.len());
                if partition.type_guid == types::ESP {
                    esp = Some(window);
                } else if root.is_none() && Root::open(&window).is_ok() {
                    root = Some(window);
                }
            }
        }
        // A bare file system.
        Err(gpt::read::ReadError::NoTable { .. }) => root = Some(disk.window(0, disk.len())),
        Err(error) => return Err(DiffError::Table(error)),
    }
    let root = root.ok_or(DiffError::NoRoot)?;
    let reader = Root::open(&root)?;
    sizes.insert("used in root".to_owned(), reader.used());
    let mut image = Image {
        facts: Facts { kind: "image", ..Facts::default() },
        root,
        inodes: BTreeMap::new(),
        esp: BTreeMap::new(),
    };
    let mut files = walk(&reader, &mut image.inodes)?;
    own(&reader, &mut files)?;
    let facts = &mut image.facts;
    facts.packages = Some(packages(&reader)?);
    facts.users = Some(accounts(&reader, "etc/passwd")?);
    facts.groups = Some(accounts(&reader, "etc/group")?);
    facts.kernels = Some(names_in(&files, "/usr/lib/modules/"));
    facts.units = Some(units(&files));
    facts.cmdline = grub_cmdline(&reader)?;
    facts.sizes = Some(sizes);
    if let Some(window) = esp {
        let cmdline = read_esp(window, &mut files, &mut image.esp)?;
        facts.cmdline = cmdline.or(facts.cmdline.take());
    }
    facts.files = Some(files);
    Ok(image)
}

fn walk(
    reader: &Root<'_>,
    inodes: &mut BTreeMap<String, u64>,
) -> Result<BTreeMap<String, FileFact>, DiffError> {
    let mut files = BTreeMap::new();
    reader.walk(&mut |path, stat| {
        let path = format!("/{}", String::from_utf8_lossy(path.as_bytes()));
        files.insert(path.clone(), fact(reader, stat)?);
        inodes.insert(path, stat.number);
        Ok(())
    })?;
    Ok(files)
}

fn fact(reader: &Root<'_>, stat: &Stat) -> Result<FileFact, RootError> {
    let kind = match (stat.mode >> 12, stat.device) {
        (0o10, _) => "file".to_owned(),
        (0o04, _) => "directory".to_owned(),
        (0o12, _) => format!("link to {}", String::from_utf8_lossy(&reader.read(stat)?)),
        (_, Some((major, minor))) => format!("device {major}:{minor}"),
        (0o01, _) => "pipe".to_owned(),
        _ => "socket".to_owned(),
    };
    Ok(FileFact {
        size: if stat.is_file() { stat.size } else { 0 },
        mode: format!("{:04o}", stat.attrs.mode),
        owner: format!("{}:{}", stat.attrs.uid, stat.attrs.gid),
        kind,
        package: None,
    })
}

/// A text file of the root; empty when there is none.
fn text(reader: &Root<'_>, path: &str) -> Result<String, DiffError> {
    let path = TreePath::new(path).map_err(|_| DiffError::NoRoot)?;
    match reader.find(&path)? {
        Some(stat) if stat.is_file() && stat.size <= TEXT_MAX => {
            Ok(String::from_utf8_lossy(&reader.read(&stat)?).into_owned())
        }
        _ => Ok(String::new()),
    }
}

/// Installed packages, by dpkg's own list.
fn packages(reader: &Root<'_>) -> Result<BTreeMap<String, String>, DiffError> {
    let status = text(reader, "var/lib/dpkg/status")?;
    let stanzas = status.split("\n\n").filter_map(|stanza| {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name));
        let installed = field("Status: ").is_none_or(|status| status.ends_with(" installed"));
        installed.then(|| Some((field("Package: ")?.to_owned(), field("Version: ")?.to_owned())))?
    });
    Ok(stanzas.collect())
}

/// Folders that the merged `/usr` has moved, as packages still name them.
const MERGED: [&str; 4] = ["/bin/", "/sbin/", "/lib/", "/lib64/"];

/// Notes which package each file is of, by dpkg's own lists.
fn own(reader: &Root<'_>, files: &mut BTreeMap<String, FileFact>) -> Result<(), DiffError> {
    let folder = TreePath::new("var/lib/dpkg/info").map_err(|_| DiffError::NoRoot)?;
    let Some(info) = reader.find(&folder)?.filter(Stat::is_directory) else { return Ok(()) };
    for (name, ino) in reader.names(&info)? {
        let name = String::from_utf8_lossy(&name).into_owned();
        let package = name.rsplit_once('.').map_or(name.as_str(), |(package, _)| package);
        let package = package.split(':').next().unwrap_or(package).to_owned();
        // What dpkg knows of a package goes with it.
        if let Some(fact) = files.get_mut(&format!("/var/lib/dpkg/info/{name}")) {
            fact.package = Some(package.clone());
        }
        if !name.ends_with(".list") {
            continue;
        }
        let stat = reader.inode(ino)?;
        if !stat.is_file() || stat.size > TEXT_MAX {
            continue;
        }
        for path in String::from_utf8_lossy(&reader.read(&stat)?).lines() {
            let merged = MERGED.iter().any(|top| path.starts_with(top)).then(|| format!("/usr{path}"));
            if let Some(fact) = files.get_mut(merged.as_deref().unwrap_or(path))
                && fact.kind != "directory"
            {
                fact.package = Some(package.clone());
            }
        }
    }
    Ok(())
}

/// Name and number of each line of passwd(5) or group(5).
fn accounts(reader: &Root<'_>, path: &str) -> Result<BTreeMap<String, String>, DiffError> {
    let text = text(reader, path)?;
    let line = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.to_owned()))
    };
    Ok(text.lines().filter_map(line).collect())
}

fn names_in(files: &BTreeMap<String, FileFact>, folder: &str) -> Vec<String> {
    let below = files.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
    let names = below.filter_map(|(path, _)| path.strip_prefix(folder)).filter(|name| !name.contains('/'));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Unit files, and what becomes of them: enabled by a link in a `.wants` or `.requires`, masked by one to nothing.
fn units(files: &BTreeMap<String, FileFact>) -> BTreeMap<String, String> {
    const KINDS: [&str; 7] = [".service", ".socket", ".timer", ".path", ".mount", ".target", ".slice"];
    let mut units = BTreeMap::new();
    for name in names_in(files, "/usr/lib/systemd/system/") {
        if KINDS.iter().any(|kind| name.ends_with(kind)) {
            units.insert(name, "there".to_owned());
        }
    }
    const OWN: &str = "/etc/systemd/system/";
    for (path, fact) in files.range(OWN.to_owned()..).take_while(|(path, _)| path.starts_with(OWN)) {
        let Some(name) = path.strip_prefix(OWN) else { continue };
        let state = match name.split_once('/') {
            None if fact.kind == "link to /dev/null" => "masked",
            None if fact.kind == "file" => "there",
            Some((folder, _)) if folder.ends_with(".wants") || folder.ends_with(".requires") => "enabled",
            _ => continue,
        };
        let unit = name.rsplit('/').next().unwrap_or(name);
        let known = units.entry(unit.to_owned()).or_default();
        if known != "enabled" {
            state.clone_into(known);
        }
    }
    units
}

/// The command line of the first `linux` of GRUB's configuration.
fn grub_cmdline(reader: &Root<'_>) -> Result<Option<String>, DiffError> {
    let config = text(reader, "boot/grub/grub.cfg")?;
    let mut lines = config.lines().map(str::trim_start).filter(|line| line.starts_with("linux"));
    let line = lines.next().and_then(|line| line.splitn(3, char::is_whitespace).nth(2));
    Ok(line.map(str::to_owned))
}

/// Reads the EFI system partition; gives the command line of its unified kernel image.
fn read_esp(
    window: Window<'_>,
    files: &mut BTreeMap<String, FileFact>,
    digests: &mut BTreeMap<String, Digest>,
) -> Result<Option<String>, DiffError> {
    let mut volume = Volume::open(window, Limits::default())?;
    let mut found = Vec::new();
    volume.walk(&mut |path, entry| found.push((path.to_owned(), entry.clone())))?;
    let mut cmdline = None;
    for (path, entry) in found {
        let name = format!("esp:/{path}");
        let kind = if entry.is_directory { "directory" } else { "file" };
        let fact = FileFact {
            kind: kind.to_owned(),
            mode: String::new(),
            owner: String::new(),
            size: u64::from(entry.len),
            package: None,
        };
        files.insert(name.clone(), fact);
        if !entry.is_directory && u64::from(entry.len) <= ESP_FILE_MAX {
            let bytes = volume.read(&path, ESP_FILE_MAX)?;
            digests.insert(name, Digest::of(&bytes));
            cmdline = uki_cmdline(&bytes).or(cmdline);
        }
    }
    Ok(cmdline)
}

fn uki_cmdline(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(pintle_boot::uki::HEAD_LEN as usize)];
    let pe = Pe::parse(head, bytes.len() as u64, &PeLimits::default()).ok()?;
    pe.text(bytes, ".cmdline")
}

/// Bytes compared at once.
const CHUNK: usize = 1 << 20;

/// Which of the files at `paths`, that have the same size on both, have other bytes.
pub(super) fn differing(
    a: &Image<'_>,
    b: &Image<'_>,
    paths: &[&str],
) -> Result<std::collections::BTreeSet<String>, DiffError> {
    let readers = [Root::open(&a.root)?, Root::open(&b.root)?];
    let mut known: BTreeMap<(u64, u64), bool> = BTreeMap::new();
    let mut buffers = [vec![0; CHUNK], vec![0; CHUNK]];
    let mut found = std::collections::BTreeSet::new();
    for path in paths {
        let differs = match (a.inodes.get(*path), b.inodes.get(*path)) {
            (Some(&one), Some(&other)) => match known.get(&(one, other)) {
                Some(&differs) => differs,
                None => {
                    let differs = !same(&readers, [one, other], &mut buffers)?;
                    known.insert((one, other), differs);
                    differs
                }
            },
            _ => a.esp.get(*path) != b.esp.get(*path),
        };
        if differs {
            found.insert((*path).to_owned());
        }
    }
    Ok(found)
}

fn same(readers: &[Root<'_>; 2], inodes: [u64; 2], buffers: &mut [Vec<u8>; 2]) -> Result<bool, RootError> {
    let stats = [readers[0].inode(inodes[0])?, readers[1].inode(inodes[1])?];
    let pieces = [readers[0].pieces(&stats[0])?, readers[1].pieces(&stats[1])?];
    let mut at = 0;
    while at < stats[0].size {
        let n = (stats[0].size - at).min(CHUNK as u64) as usize;
        for side in 0..2 {
            pieces[side].read(at, &mut buffers[side][..n])?;
        }
        if buffers[0][..n] != buffers[1][..n] {
            return Ok(false);
        }
        at += n as u64;
    }
    Ok(true)
}
