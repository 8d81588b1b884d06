//! The places of partitions on the disk.

use crate::largest::largest;
use crate::plan::{BIOS_SIZE, Content, ImagePlan, OnDisk, PartitionPlan, Parts, Report, Role};
use crate::{Identity, Inputs, Mounting, PlanError, verified};
use pintle_disk::gpt::{self, ALIGN, Discoverable, PlaceError, Request, attributes, types};
use pintle_fs::{ext4, vfat};
use pintle_model::{PackageRole, Size, Timestamp, Tree};

/// Below it the EFI system partition would be FAT16 or have no room for a second kernel.
const ESP_MIN: u64 = 64 << 20;
/// File names on the disk; systemd and people look for them.
const LABELS: [&str; 5] = ["bios", "esp", "root", "usr", "usr-verity"];

/// Gives every partition its size and place.
pub(crate) fn layout(
    inputs: Inputs<'_>,
    identity: &Identity,
    mut parts: Parts,
) -> Result<ImagePlan, PlanError> {
    let system = inputs.system;
    let epoch = Timestamp::from_secs(inputs.epoch);
    let esp_size = match &parts.esp {
        Some(esp) => Some(esp_size(&esp.tree, system.image.esp_size)?),
        None => None,
    };
    // 1 MiB before the first partition, then those before root, all in whole MiB.
    let root_start = ALIGN + if parts.bios.is_some() { BIOS_SIZE } else { 0 } + esp_size.unwrap_or(0);
    let system_fs = match parts.usr.take() {
        Some(usr) => OnDisk::Usr(usr),
        None => OnDisk::Root(root_options(&inputs, identity, root_start)?),
    };
    let of_system = match &system_fs {
        OnDisk::Root(options) => [Some((Role::Root, options.size.unwrap_or(0))), None],
        OnDisk::Usr(usr) => [Some((Role::Usr, usr.slot.0)), Some((Role::UsrVerity, usr.slot.1))],
    };
    let free = free_blocks(&inputs.root, &system_fs)?;

    let request = |role: Role, size: u64| Request {
        type_guid: match role {
            Role::BiosBoot => types::BIOS_BOOT,
            Role::Esp => types::ESP,
            Role::Root => system.arch.root_partition_type(),
            Role::Usr => Discoverable::Usr.type_guid(system.arch),
            Role::UsrVerity => Discoverable::UsrVerity.type_guid(system.arch),
        },
        guid: match (&system_fs, role) {
            (OnDisk::Usr(usr), Role::Usr) => usr.partition_uuids().0,
            (OnDisk::Usr(usr), Role::UsrVerity) => usr.partition_uuids().1,
            _ => identity.of(LABELS[role as usize]),
        },
        name: match role {
            // As systemd-sysupdate names them.
            Role::Usr => short(&format!("{}_{}", system.name, system.version)),
            Role::UsrVerity => short(&format!("{}_{}_verity", system.name, system.version)),
            _ => LABELS[role as usize].to_owned(),
        },
        attributes: match role {
            Role::Root => attributes::GROW_FILE_SYSTEM,
            Role::Usr | Role::UsrVerity => attributes::READ_ONLY,
            _ => 0,
        },
        size,
    };
    let roles =
        [parts.bios.as_ref().map(|_| (Role::BiosBoot, BIOS_SIZE)), esp_size.map(|size| (Role::Esp, size))];
    let roles = roles.into_iter().chain(of_system);
    let roles: Vec<_> = roles.flatten().collect();
    let requests = roles.iter().map(|(role, size)| request(*role, *size)).collect();
    let size = match &system_fs {
        OnDisk::Root(_) => system.image.size,
        // What the first boot makes must have room, wherever the image is copied to. It is a hole.
        OnDisk::Usr(usr) => Some(verified::disk_size(system, usr, root_start)?),
    };
    let sectors = size.map(|size| size.round_up(ALIGN).bytes() / 512);
    let table = gpt::place(identity.of("disk"), requests, sectors)
        .map_err(|error| no_room(error, system.image.size, &inputs.root))?;

    let describe = |role| match role {
        Role::BiosBoot => "GRUB core image".to_owned(),
        Role::Esp if parts.releases.len() > 1 => "vfat, systemd-boot and unified kernel images".to_owned(),
        Role::Esp => "vfat, systemd-boot and unified kernel image".to_owned(),
        Role::Root => format!("ext4, {} of {} blocks free", free.of_all, free.all),
        Role::Usr => match &system_fs {
            OnDisk::Usr(usr) => format!("{}, /usr", usr.fs.name()),
            OnDisk::Root(_) => "/usr".to_owned(),
        },
        Role::UsrVerity => "dm-verity, the hashes of /usr".to_owned(),
    };
    let placed = (1..).zip(table.partitions()).zip(&roles);
    let partitions: Vec<_> = placed
        .map(|((number, partition), (role, _))| PartitionPlan {
            role: *role,
            number,
            start: partition.offset(),
            size: partition.len(),
            type_uuid: partition.type_guid,
            uuid: partition.guid,
            label: partition.name.clone(),
            attributes: partition.attributes,
            content: describe(*role),
        })
        .collect();
    let (kernels, rescue) = parts.entries();
    let measured = parts.esp.as_ref().and_then(|esp| esp.firmware.clone());
    let uki = kernels.first().and_then(|first| first.uki.clone().zip(first.uki_size));
    let esp_start = partitions.iter().find(|partition| partition.role == Role::Esp).map(|esp| esp.start);
    let esp = parts.esp.zip(esp_size).zip(esp_start).map(|((esp, size), start)| {
        let options = vfat::Options {
            size,
            label: "ESP".to_owned(),
            serial: identity.short("esp file system"),
            epoch,
            // Behind 1 GiB at most; a larger BIOS partition does not exist.
            hidden_sectors: (start / 512) as u32,
        };
        (esp.tree, options)
    });
    let boot_packages = inputs.lock.packages.iter().filter(|package| package.role == PackageRole::Boot);
    let report = Report {
        name: system.name.clone(),
        version: system.version.clone(),
        arch: system.arch,
        epoch: inputs.epoch,
        disk_size: table.sectors() * 512,
        disk_uuid: table.disk(),
        root_uuid: system_fs.uuid(),
        partitions,
        root_free: if matches!(system_fs, OnDisk::Root(_)) { free.for_users * 4096 } else { 0 },
        cmdline: if kernels.is_empty() { String::new() } else { parts.cmdline.to_string() },
        kernel: kernels.first().map(|first| first.release.clone()),
        kernels,
        rescue,
        measured,
        uki,
        signed_by: parts.signed_by,
        boot_packages: boot_packages.map(|package| (package.name.clone(), package.version.clone())).collect(),
    };
    let content = Content { root: inputs.root, system: system_fs, esp, bios: parts.bios };
    let (mounting, modules) = (inputs.mounting, inputs.modules);
    Ok(ImagePlan { report, content, cmdline_max: parts.cmdline_max, mounting, modules })
}

/// How to make the root file system, which fills its partition.
fn root_options(inputs: &Inputs<'_>, identity: &Identity, start: u64) -> Result<ext4::Options, PlanError> {
    let epoch = Timestamp::from_secs(inputs.epoch);
    let mut options =
        ext4::Options::new(identity.of("root file system"), identity.of("directory hashes"), epoch);
    options.label = match &inputs.mounting {
        Mounting::Planned => "root".to_owned(),
        Mounting::ByLabel(label) => label.clone(),
    };
    root_size(inputs, &mut options, start)?;
    Ok(options)
}

/// Blocks of a file system.
struct Free {
    all: u64,
    of_all: u64,
    /// What is not kept for root.
    for_users: u64,
}

fn free_blocks(root: &Tree, system: &OnDisk) -> Result<Free, PlanError> {
    let OnDisk::Root(options) = system else { return Ok(Free { all: 0, of_all: 0, for_users: 0 }) };
    let summary = ext4::layout(root, options).map_err(PlanError::RootFileSystem)?;
    Ok(Free {
        all: summary.block_count,
        of_all: summary.free_blocks,
        for_users: summary.free_blocks.saturating_sub(summary.reserved_blocks),
    })
}

/// A GPT has 36 characters for a name.
fn short(label: &str) -> String {
    label.chars().take(36).collect()
}

/// What the files need, twice, so that an update can stand beside the running system; at least [`ESP_MIN`].
fn esp_size(tree: &Tree, asked: Option<Size>) -> Result<u64, PlanError> {
    let least = vfat::minimum_size(tree).map_err(PlanError::EspFileSystem)?;
    let size = asked.map_or((least * 2).max(ESP_MIN), Size::bytes).next_multiple_of(ALIGN);
    if size < least {
        return Err(PlanError::EspTooSmall { size: Size(size), needed: Size(least).round_up(ALIGN) });
    }
    Ok(size)
}

/// Size of the root partition, and of the file system that fills it: what `image.size` leaves, or what content and
/// `image.free` need.
fn root_size(inputs: &Inputs<'_>, options: &mut ext4::Options, start: u64) -> Result<u64, PlanError> {
    let image = &inputs.system.image;
    // The backup table needs the last 33 sectors, so the last MiB of the disk is not root's.
    let around = start + ALIGN;
    let size = match image.size {
        None => {
            options.free = image.free.bytes();
            let summary = ext4::layout(&inputs.root, options).map_err(PlanError::RootFileSystem)?;
            summary.size.next_multiple_of(ALIGN)
        }
        Some(size) => {
            let disk = size.round_up(ALIGN).bytes();
            let root = disk.saturating_sub(around);
            options.size = Some(root);
            match ext4::layout(&inputs.root, options) {
                Err(ext4::Error::TooSmall { needed, .. }) => {
                    let needed = Size(needed + around).round_up(ALIGN);
                    return Err(PlanError::DiskTooSmall { size, needed, largest: largest(&inputs.root) });
                }
                other => other.map_err(PlanError::RootFileSystem)?,
            };
            root
        }
    };
    options.size = Some(size);
    Ok(size)
}

fn no_room(error: PlaceError, size: Option<Size>, root: &Tree) -> PlanError {
    match (error, size) {
        (PlaceError::NoRoom { needed, .. }, Some(size)) => {
            let needed = Size(needed * 512).round_up(ALIGN);
            PlanError::DiskTooSmall { size, needed, largest: largest(root) }
        }
        (error, _) => PlanError::Place(error),
    }
}
