//! What an image is, read from outside, without starting it.

mod esp;

use crate::image::{Disk, ImageError, Root, RootError, Window};
use pintle_disk::gpt;
use pintle_disk::verity;
use pintle_health::status::os_release;
use pintle_image::inspect::{
    Bios, Compared, EMPTY, INSPECT_SCHEMA, Inspection, Part, Place, Purpose, SNIFF, Table, holds,
};
use pintle_model::{TreePath, with_causes};
use pintle_world::Store;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Why an image cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It cannot be opened or read.
    #[error(transparent)]
    Open(#[from] ImageError),
    /// Its partition table.
    #[error("cannot read the partition table of {}", .0.display())]
    Table(PathBuf, #[source] gpt::read::ReadError),
    /// It has no partition table, and is no file system.
    #[error("{} is neither a disk with partitions nor a file system", .0.display())]
    Unknown(PathBuf),
}

/// Reads all of `path` that says what it is, and compares `/usr` with its root hash, on so many threads beside this one.
///
/// # Errors
/// [`InspectError`]. What is damaged inside is no error: it is among [`Inspection::problems`].
pub fn inspect(path: &Path, store: &Store, threads: usize) -> Result<Inspection, InspectError> {
    let disk = Disk::open(path, store)?;
    let mut found = Inspection {
        schema: INSPECT_SCHEMA,
        format: disk.format(),
        size: disk.len(),
        ..Inspection::default()
    };
    let Some(table) = table(&disk, path)? else {
        name(&mut found, release(&disk.window(0, disk.len())).as_deref());
        return Ok(found);
    };
    found.table = Some(Table { disk: table.disk, damage: damage(&table.health) });
    found.partitions = parts(&disk, &table).map_err(|error| unreadable(path, error))?;
    look_inside(&mut found, &disk, threads);
    Ok(found.judged())
}

/// The partition table; none: the whole image is one file system.
fn table(disk: &Disk<'_>, path: &Path) -> Result<Option<gpt::read::Found>, InspectError> {
    let whole = disk.window(0, disk.len());
    match gpt::read::read(&mut whole.clone()) {
        Ok(table) => Ok(Some(table)),
        Err(gpt::read::ReadError::NoTable { .. }) if Root::open(&whole).is_ok() => Ok(None),
        Err(error @ gpt::read::ReadError::NoTable { .. }) => {
            let first = whole.beginning(512).map_err(|error| unreadable(path, error))?;
            // Where firmware would look for a table, it is damaged; elsewhere there never was one.
            Err(match first.get(510..) {
                Some([0x55, 0xaa]) => InspectError::Table(path.to_owned(), error),
                _ => InspectError::Unknown(path.to_owned()),
            })
        }
        Err(error) => Err(InspectError::Table(path.to_owned(), error)),
    }
}

fn unreadable(path: &Path, source: io::Error) -> ImageError {
    ImageError::Read { path: path.to_owned(), source }
}

fn parts(disk: &Disk<'_>, table: &gpt::read::Found) -> io::Result<Vec<Part>> {
    let part = |(number, partition): (&u32, &gpt::Partition)| {
        let (start, size) = (partition.offset(), partition.len());
        Ok(Part {
            number: *number,
            start,
            size,
            type_uuid: partition.type_guid,
            purpose: Purpose::of(partition.type_guid),
            label: partition.name.clone(),
            uuid: partition.guid,
            holds: holds(&disk.window(start, size).beginning(SNIFF)?),
        })
    };
    table.partitions.iter().map(part).collect()
}

/// Places for `/usr`, and what firmware starts.
fn look_inside(found: &mut Inspection, disk: &Disk<'_>, threads: usize) {
    let window = |part: &Part| disk.window(part.start, part.size);
    let of = |purpose: Purpose| -> Vec<&Part> {
        found.partitions.iter().filter(|part| part.purpose == purpose).collect()
    };
    let hashes = of(Purpose::UsrVerity);
    let places = of(Purpose::Usr).into_iter().zip('A'..='Z').enumerate().map(|(rank, (usr, letter))| {
        let hashes = hashes.get(rank).map(|part| (part.uuid, window(part)));
        place(letter, usr, window(usr), hashes, threads)
    });
    let slots: Vec<Place> = places.collect();
    let mut of_release = of(Purpose::Root).first().and_then(|root| release(&window(root)));
    let mut bios = (!of(Purpose::BiosBoot).is_empty()).then(Bios::default);
    let (mut uefi, mut problems) = (None, Vec::new());
    match of(Purpose::EfiSystem).first().map(|esp| esp::read(window(esp))) {
        None => {}
        Some(Ok(esp)) => {
            if let Some(bios) = &mut bios {
                esp.remembered(bios, &slots);
            }
            of_release = of_release.or(esp.release);
            uefi = esp.uefi;
        }
        Some(Err(error)) => problems.push(format!("the EFI system partition: {}", with_causes(&error))),
    }
    (found.slots, found.uefi, found.bios, found.problems) = (slots, uefi, bios, problems);
    name(found, of_release.as_deref());
}

fn damage(health: &gpt::read::Health) -> Option<String> {
    match health {
        gpt::read::Health::Good => None,
        gpt::read::Health::NoBackup(why) => {
            Some(format!("its copy at the end of the disk does not count: {why}"))
        }
        gpt::read::Health::NoPrimary(why) => Some(format!("its copy at the beginning does not count: {why}")),
        gpt::read::Health::Differ => Some("its two copies differ".to_owned()),
    }
}

fn place(
    letter: char,
    usr: &Part,
    mut data: Window<'_>,
    hashes: Option<(Uuid, Window<'_>)>,
    threads: usize,
) -> Place {
    let empty = Place { letter, label: usr.label.clone(), usrhash: None, verity: Compared::Empty };
    let Some((second, hashes)) = hashes.filter(|_| usr.label != EMPTY) else { return empty };
    let root = verity::root_hash(usr.uuid, second);
    let verified = verity::verify(&mut data, &mut BufReader::new(hashes), &root, threads);
    let verity = match verified {
        Ok(_) => Compared::Verified,
        Err(error) => Compared::Damaged(with_causes(&error)),
    };
    Place { usrhash: Some(root), verity, ..empty }
}

/// The os-release(5) of a root file system.
fn release(root: &Window<'_>) -> Option<String> {
    /// Longest that is read, as everywhere.
    const MAX: u64 = 64 << 10;
    let read = |path: &str| -> Result<Option<Vec<u8>>, RootError> {
        let reader = Root::open(root)?;
        let stat = reader.find(&TreePath::literal(path))?.filter(|stat| stat.is_file() && stat.size <= MAX);
        stat.map(|stat| reader.read(&stat)).transpose()
    };
    let bytes = ["etc/os-release", "usr/lib/os-release"].iter().find_map(|path| read(path).ok().flatten());
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn name(found: &mut Inspection, release: Option<&str>) {
    let value = |key: &str| release.and_then(|text| os_release(text, key)).map(str::to_owned);
    found.name = value("IMAGE_ID").or_else(|| value("ID"));
    found.version = value("IMAGE_VERSION").or_else(|| value("VERSION_ID"));
}
