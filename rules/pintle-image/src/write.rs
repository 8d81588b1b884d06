use crate::usr_fs::UsrFsError;
use crate::{Content, ImagePlan, OnDisk, PartitionPlan, Role};
use pintle_disk::gpt::{Partition, Table, TableError};
use pintle_fs::{ext4, vfat};
use pintle_model::{Offset, Sink};
use std::io;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the disk; the last ones may have gone to the sink or be zero.
    pub disk_size: u64,
    /// The root file system, with the place of every file in it, and the byte of the disk where it begins; none where
    /// only `/usr` is on it.
    pub root: Option<(ext4::Summary, u64)>,
    /// The file system of the EFI system partition.
    pub esp: Option<vfat::Summary>,
}

/// Why a plan could not be carried out. Where it is not the sink's fault, [`crate::lint`] says so before.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The partitions do not make a table.
    #[error("the planned partitions do not make a partition table")]
    Table(#[source] TableError),
    /// A partition has no content to it.
    #[error("the plan has no content for partition {0}")]
    NoContent(usize),
    /// There is no partition for the root.
    #[error("the plan has no root partition")]
    NoRoot,
    /// Something reaches over the end of its partition.
    #[error("the content of partition {number} has {len} bytes, over the {size} bytes of the partition")]
    Overflow {
        /// Which partition.
        number: usize,
        /// Length of what should go in.
        len: u64,
        /// Its size.
        size: u64,
    },
    /// The root file system.
    #[error("writing the root file system failed")]
    Root(#[source] ext4::Error),
    /// `/usr`.
    #[error("writing the file system of /usr failed")]
    Usr(#[source] UsrFsError),
    /// The EFI system partition.
    #[error("writing the EFI system partition failed")]
    Esp(#[source] vfat::Error),
    /// The sink failed.
    #[error("writing the disk failed")]
    Sink(#[source] io::Error),
}

/// The partition table of the planned disk, or of a larger one with the same partitions.
///
/// # Errors
/// [`WriteError::Table`] where the partitions do not fit.
pub fn table(plan: &ImagePlan, disk_size: u64) -> Result<Table, WriteError> {
    let report = &plan.report;
    let partition = |p: &PartitionPlan| Partition {
        type_guid: p.type_uuid,
        guid: p.uuid,
        name: p.label.clone(),
        first: p.start / 512,
        last: ((p.start + p.size) / 512).saturating_sub(1),
        attributes: p.attributes,
    };
    let partitions = report.partitions.iter().map(partition).collect();
    let table = Table::new(report.disk_uuid, disk_size / 512, partitions).map_err(WriteError::Table)?;
    Ok(match &plan.content.bios {
        Some(bios) => table.with_boot_code(bios.boot_code),
        None => table,
    })
}

/// Writes the whole disk as planned, in ascending order.
///
/// # Errors
/// [`WriteError`].
pub fn write(plan: &ImagePlan, sink: &mut dyn Sink) -> Result<Written, WriteError> {
    let report = &plan.report;
    let table = table(plan, report.disk_size)?;
    check(plan)?;

    sink.write(0, &table.primary()).map_err(WriteError::Sink)?;
    let mut ascending: Vec<_> = report.partitions.iter().collect();
    ascending.sort_by_key(|partition| partition.start);
    let (mut root, mut esp) = (None, None);
    for partition in ascending {
        let mut place = Offset { sink: &mut *sink, base: partition.start };
        match (partition.role, &plan.content) {
            (Role::BiosBoot, Content { bios: Some(bios), .. }) => {
                place.write(0, &bios.core).map_err(WriteError::Sink)?;
            }
            (Role::Esp, Content { esp: Some((tree, options)), .. }) => {
                esp = Some(vfat::write(tree, options, &mut place).map_err(WriteError::Esp)?);
            }
            (Role::Root, Content { system: OnDisk::Root(options), root: tree, .. }) => {
                let summary = ext4::write(tree, options, &mut place);
                root = Some((summary.map_err(WriteError::Root)?, partition.start));
            }
            (Role::Usr, Content { system: OnDisk::Usr(usr), .. }) => {
                usr.fs.write(&usr.tree, &mut place).map_err(WriteError::Usr)?;
            }
            (Role::UsrVerity, Content { system: OnDisk::Usr(usr), .. }) => {
                usr.hashes.put(usr.hashes.uuid(), &mut place).map_err(WriteError::Sink)?;
            }
            _ => return Err(WriteError::NoContent(partition.number)),
        }
    }
    sink.write(table.backup_offset(), &table.backup()).map_err(WriteError::Sink)?;
    Ok(Written { disk_size: report.disk_size, root, esp })
}

/// Everything has a partition that is large enough, and every partition has something.
fn check(plan: &ImagePlan) -> Result<(), WriteError> {
    let Content { system, esp, bios, .. } = &plan.content;
    for &PartitionPlan { role, number, size, .. } in &plan.report.partitions {
        let len = match (role, system) {
            (Role::BiosBoot, _) => bios.as_ref().map(|bios| bios.core.len() as u64),
            (Role::Esp, _) => esp.as_ref().map(|(_, options)| options.size),
            (Role::Root, OnDisk::Root(options)) => options.size,
            (Role::Usr, OnDisk::Usr(usr)) => Some(usr.size),
            (Role::UsrVerity, OnDisk::Usr(usr)) => Some(usr.hashes.shape().len()),
            (Role::Root, OnDisk::Usr(_)) | (Role::Usr | Role::UsrVerity, OnDisk::Root(_)) => None,
        };
        match len {
            None => return Err(WriteError::NoContent(number)),
            Some(len) if len > size => return Err(WriteError::Overflow { number, len, size }),
            Some(_) => {}
        }
    }
    let has_root = plan.report.partitions.iter().any(|p| matches!(p.role, Role::Root | Role::Usr));
    if has_root { Ok(()) } else { Err(WriteError::NoRoot) }
}
