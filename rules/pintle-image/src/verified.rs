//! The layout `verified`: `/usr` in a partition that the kernel checks block by block, named by its digest.
//!
//! The partition with its hashes follows it. systemd finds both by the digest on the command line, whose halves are their
//! UUIDs (UAPI.2 Discoverable Partitions Specification, "Verity"), so the unified kernel image stands for every byte of
//! the system. Partitions for the next `/usr` and for `/var` are made on the first boot by systemd-repart, with the
//! definitions written here.

use crate::largest::largest;
use crate::usr_fs::UsrFs;
use crate::{Identity, Inputs, PlanError, boot, first_boot};
use pintle_boot::cmdline::Cmdline;
use pintle_disk::gpt::ALIGN;
use pintle_disk::verity::{self, HashSink, Hasher, Salt, Shape};
use pintle_model::{Size, System, Timestamp, Tree};
use uuid::Uuid;

/// `/usr`, decided and hashed.
#[derive(Clone)]
pub struct Usr {
    /// What is in it.
    pub tree: Tree,
    /// Its file system.
    pub fs: UsrFs,
    /// Bytes of it.
    pub size: u64,
    /// The hashes of its blocks.
    pub hashes: verity::Tree,
    /// Bytes of the partitions: of `/usr` and of its hashes. Those of the next `/usr` have the same.
    pub slot: (u64, u64),
}

impl Usr {
    /// UUIDs of the partitions with `/usr` and with its hashes.
    pub(crate) fn partition_uuids(&self) -> (Uuid, Uuid) {
        verity::partition_uuids(&self.hashes.root())
    }
}

/// `PARTLABEL` of the partition with `/var`: another system's on another disk of the machine has another.
#[must_use]
pub fn var_label(system: &System) -> String {
    // A GPT has 36 characters for it.
    let name: String = system.name.chars().take(32).collect();
    format!("{name}-var")
}

/// Threads for hashing; what comes out does not depend on their number.
const THREADS: usize = 2;
/// Sizes of places are multiples of it.
const STEP: u64 = 16 << 20;
/// `/var` has so much at least, or the first boot says that the disk is too small.
pub(crate) const VAR_MIN: Size = Size::mib(256);

/// Decides and hashes `/usr`.
///
/// # Errors
/// [`PlanError`]: it does not fit its place, or cannot be read.
pub(crate) fn usr(mut tree: Tree, inputs: &Inputs<'_>, identity: &Identity) -> Result<Usr, PlanError> {
    let epoch = Timestamp::from_secs(inputs.epoch);
    let identities = (identity.of("usr file system"), identity.of("usr directory hashes"));
    let fs = UsrFs::new(inputs.system.image.usr_file_system, inputs.usr_packed.clone(), identities, epoch);
    let needed = fs.layout(&tree).map_err(PlanError::UsrFileSystem)?;
    let slot = slot(inputs.system, needed)?;
    first_boot::add(&mut tree, inputs.system, slot, epoch).map_err(PlanError::Root)?;

    let failed = |source| PlanError::Read { what: "/usr", source };
    let hasher = Hasher::new(Salt::common(), THREADS).map_err(failed)?;
    let mut sink = HashSink::new(hasher, inputs.contents);
    let size = fs.write(&tree, &mut sink).map_err(PlanError::UsrFileSystem)?;
    let hashes = sink.finish(size).map_err(failed)?;
    let usr = Usr { tree, fs, size, hashes, slot };
    if size > slot.0 {
        return Err(too_small(slot.0, size));
    }
    Ok(usr)
}

fn too_small(slot: u64, needed: u64) -> PlanError {
    PlanError::SlotTooSmall { size: Size(slot), needed: Size(needed).round_up(ALIGN) }
}

/// Bytes of the partitions for `/usr` and for its hashes.
fn slot(system: &System, needed: u64) -> Result<(u64, u64), PlanError> {
    let data = match system.image.slot_size {
        Some(size) => size.round_up(ALIGN).bytes(),
        // The definitions of partitions are not counted in `needed`.
        None => (needed + needed / 4).next_multiple_of(STEP),
    };
    let shape = Shape::new(data / verity::format::BLOCK as u64);
    let shape = shape.filter(|_| data >= needed).ok_or_else(|| too_small(data, needed))?;
    Ok((data, shape.len().next_multiple_of(ALIGN)))
}

/// Size of a disk on which partitions begin at `start`: with room for the next `/usr` and for `/var`.
pub(crate) fn disk_size(system: &System, usr: &Usr, start: u64) -> Result<Size, PlanError> {
    let (data, hashes) = usr.slot;
    let var = system.image.free.bytes().max(VAR_MIN.bytes());
    let needed = |var: u64| Size(start + 2 * (data + hashes) + var + ALIGN).round_up(ALIGN);
    match system.image.size {
        None => Ok(needed(var)),
        Some(size) if size.bytes() < needed(VAR_MIN.bytes()).bytes() => {
            let (needed, largest) = (needed(VAR_MIN.bytes()), largest(&usr.tree));
            Err(PlanError::DiskTooSmall { size, needed, largest })
        }
        Some(size) => Ok(size),
    }
}

/// The command line that leads to `/usr`, before the definition's own words.
pub(crate) fn cmdline(inputs: &Inputs<'_>, usr: &Usr) -> Result<Cmdline, PlanError> {
    let own = format!(
        "root=tmpfs rw usrhash={} mount.usrfstype={} mount.usrflags=ro panic=10",
        usr.hashes.root().hex(),
        inputs.system.image.usr_file_system.kind(),
    );
    boot::before_theirs(inputs, &own, &["root=", "usrhash=", "mount.usr"])
}
