use crate::additions::Additions;
use crate::boot::{self, Efi};
use crate::kernels;
use crate::largest::largest;
use crate::{Identity, Inputs, Mounting, PlanError};
use pintle_boot::cmdline::Cmdline;
use pintle_boot::grub::Embedded;
use pintle_disk::gpt::{self, ALIGN, PlaceError, Request, attributes, types};
use pintle_fs::{ext4, vfat};
use pintle_model::{Arch, PackageRole, Size, Timestamp, Tree, TreePath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a partition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// GRUB's core image.
    BiosBoot,
    /// EFI system partition.
    Esp,
    /// Root file system.
    Root,
}

/// One partition, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionPlan {
    /// What it is for.
    pub role: Role,
    /// Number in the table, from 1.
    pub number: usize,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
    /// Type.
    pub type_uuid: Uuid,
    /// `PARTUUID`.
    pub uuid: Uuid,
    /// `PARTLABEL`.
    pub label: String,
    /// GPT attribute bits.
    pub attributes: u64,
    /// What is in it, for people.
    pub content: String,
}

/// One kernel of the boot menus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEntry {
    /// `uname -r`.
    pub release: String,
    /// Unified kernel image on the EFI system partition.
    pub uki: Option<String>,
    /// Its bytes.
    pub uki_size: Option<u64>,
}

/// The plan as a report: what `NAME.json` beside an image says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the system.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Architecture.
    pub arch: Arch,
    /// Time of everything made for the image, seconds since 1970.
    pub epoch: i64,
    /// Bytes of the disk.
    pub disk_size: u64,
    /// GUID of the disk.
    pub disk_uuid: Uuid,
    /// UUID of the root file system.
    pub root_uuid: Uuid,
    /// Partitions in the order of the disk.
    pub partitions: Vec<PartitionPlan>,
    /// Bytes an ordinary user can still write to root before it grows.
    pub root_free: u64,
    /// Kernel command line; empty without kernel.
    pub cmdline: String,
    /// `uname -r` of the kernel that starts by itself; none without kernel.
    pub kernel: Option<String>,
    /// Every kernel: the one that starts by itself, then the others, newest first.
    pub kernels: Vec<BootEntry>,
    /// Unified kernel image of that kernel on the EFI system partition, with its length.
    pub uki: Option<(String, u64)>,
    /// Versions of the packages that only the boot chain is made from.
    pub boot_packages: BTreeMap<String, String>,
}

/// What goes into the partitions.
#[derive(Clone)]
pub struct Content {
    /// The root with everything added.
    pub root: Tree,
    /// Its file system.
    pub root_options: ext4::Options,
    /// The EFI system partition and its file system.
    pub esp: Option<(Tree, vfat::Options)>,
    /// GRUB's code for sector 0 and its core image.
    pub bios: Option<Embedded>,
}

/// A disk image, decided to the last byte.
#[derive(Clone)]
pub struct ImagePlan {
    /// Partitions and identities.
    pub report: Report,
    /// Their content.
    pub content: Content,
    /// Longest command line of the kernel.
    pub cmdline_max: u32,
    /// Who sees to it that root is found and grown.
    pub mounting: Mounting,
    /// Folder that holds `RELEASE/` with the modules of each kernel.
    pub modules: TreePath,
}

const BIOS_SIZE: u64 = ALIGN;
/// Below it the EFI system partition would be FAT16 or have no room for a second kernel.
const ESP_MIN: u64 = 64 << 20;
/// File names on the disk; systemd and people look for them.
const LABELS: [&str; 3] = ["bios", "esp", "root"];

/// Decides everything about an image. Nothing is written; the same inputs give the same plan.
///
/// # Errors
/// Every [`PlanError`] that can be found independently of the others.
pub fn plan(mut inputs: Inputs<'_>) -> Result<ImagePlan, Vec<PlanError>> {
    let system = inputs.system;
    let identity = Identity::new(&system.name, &system.version);
    let root_partition = identity.of("root");
    let mut boot = inputs.boot.take();
    let mut errors = Vec::new();
    if let Some(boot) =
        boot.as_mut().filter(|boot| boot.kernels.iter().all(|kernel| kernel.variant.is_none()))
    {
        keep(kernels::order(&mut boot.kernels, system.kernel.default.as_deref()), &mut errors);
    }

    let cmdline = keep(boot::cmdline(&inputs, root_partition), &mut errors).unwrap_or_default();
    let (mut bios, mut esp, mut cmdline_max) = (None, None, u32::MAX);
    if let Some(boot) = &boot {
        let image = &system.image;
        if !image.bios && !image.uefi {
            errors.push(PlanError::NoFirmware);
        }
        if image.bios && system.arch != Arch::Amd64 {
            errors.push(PlanError::NoBios(system.arch));
        }
        let checked =
            boot.kernels.iter().map(|kernel| keep(boot::check_kernel(&inputs, kernel), &mut errors));
        cmdline_max = checked.collect::<Vec<_>>().into_iter().flatten().min().unwrap_or_default();
        if image.uefi {
            let missing = PlanError::NoBootFiles { option: "uefi", what: "systemd-boot" };
            let made = boot.efi.as_ref().ok_or(missing);
            let made = made.and_then(|files| boot::efi(&inputs, boot, files, &cmdline));
            esp = keep(made, &mut errors);
        }
        if image.bios {
            // Its place is fixed: the first partition, from 1 MiB on; root is the last.
            let root_number = 2 + usize::from(image.uefi);
            bios = keep(boot::grub(boot, root_number, ALIGN / 512).and_then(fits), &mut errors);
            keep(boot::grub_files(&mut inputs, boot, &cmdline, &identity), &mut errors);
        }
    }
    if inputs.mounting == Mounting::Planned {
        keep(Additions::to(&mut inputs.root, inputs.epoch).mounts(root_partition), &mut errors);
    }
    let first = boot.as_ref().and_then(|boot| boot.kernels.first());
    let cmdline = first.map_or(Ok(cmdline.clone()), |kernel| boot::cmdline_of(kernel, &cmdline));
    let cmdline = keep(cmdline, &mut errors).unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors);
    }
    let releases = boot.into_iter().flat_map(|boot| boot.kernels).map(|kernel| kernel.release).collect();
    let parts = Parts { releases, cmdline, cmdline_max, bios, esp };
    layout(inputs, &identity, parts).map_err(|error| vec![error])
}

fn keep<T>(result: Result<T, PlanError>, errors: &mut Vec<PlanError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn fits(embedded: Embedded) -> Result<Embedded, PlanError> {
    let len = embedded.core.len() as u64;
    if len > BIOS_SIZE { Err(PlanError::CoreTooLarge { len, max: BIOS_SIZE }) } else { Ok(embedded) }
}

struct Parts {
    /// The kernels in their order.
    releases: Vec<String>,
    cmdline: Cmdline,
    cmdline_max: u32,
    bios: Option<Embedded>,
    esp: Option<Efi>,
}

impl Parts {
    fn entries(&self) -> Vec<BootEntry> {
        let ukis = self.esp.iter().flat_map(|esp| &esp.ukis).map(Some).chain(std::iter::repeat(None));
        let entry = |(release, uki): (&String, Option<&(TreePath, u64)>)| BootEntry {
            release: release.clone(),
            uki: uki.map(|(path, _)| path.to_string()),
            uki_size: uki.map(|(_, len)| *len),
        };
        self.releases.iter().zip(ukis).map(entry).collect()
    }
}

/// Gives every partition its size and place.
fn layout(inputs: Inputs<'_>, identity: &Identity, parts: Parts) -> Result<ImagePlan, PlanError> {
    let system = inputs.system;
    let epoch = Timestamp::from_secs(inputs.epoch);
    let esp_size = match &parts.esp {
        Some(esp) => Some(esp_size(&esp.tree, system.image.esp_size)?),
        None => None,
    };
    // 1 MiB before the first partition, then those before root, all in whole MiB.
    let root_start = ALIGN + if parts.bios.is_some() { BIOS_SIZE } else { 0 } + esp_size.unwrap_or(0);
    let mut root_options =
        ext4::Options::new(identity.of("root file system"), identity.of("directory hashes"), epoch);
    root_options.label = match &inputs.mounting {
        Mounting::Planned => "root".to_owned(),
        Mounting::ByLabel(label) => label.clone(),
    };
    let root_size = root_size(&inputs, &mut root_options, root_start)?;
    let summary = ext4::layout(&inputs.root, &root_options).map_err(PlanError::RootFileSystem)?;

    let request = |role: Role, size: u64| Request {
        type_guid: match role {
            Role::BiosBoot => types::BIOS_BOOT,
            Role::Esp => types::ESP,
            Role::Root => system.arch.root_partition_type(),
        },
        guid: identity.of(LABELS[role as usize]),
        name: LABELS[role as usize].to_owned(),
        attributes: if role == Role::Root { attributes::GROW_FILE_SYSTEM } else { 0 },
        size,
    };
    let roles = [
        parts.bios.as_ref().map(|_| (Role::BiosBoot, BIOS_SIZE)),
        esp_size.map(|size| (Role::Esp, size)),
        Some((Role::Root, root_size)),
    ];
    let roles: Vec<_> = roles.into_iter().flatten().collect();
    let requests = roles.iter().map(|(role, size)| request(*role, *size)).collect();
    let sectors = system.image.size.map(|size| size.round_up(ALIGN).bytes() / 512);
    let table = gpt::place(identity.of("disk"), requests, sectors)
        .map_err(|error| no_room(error, system.image.size, &inputs.root))?;

    let describe = |role| match role {
        Role::BiosBoot => "GRUB core image".to_owned(),
        Role::Esp if parts.releases.len() > 1 => "vfat, systemd-boot and unified kernel images".to_owned(),
        Role::Esp => "vfat, systemd-boot and unified kernel image".to_owned(),
        Role::Root => format!("ext4, {} of {} blocks free", summary.free_blocks, summary.block_count),
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
    let kernels = parts.entries();
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
        root_uuid: root_options.uuid,
        partitions,
        root_free: summary.free_blocks.saturating_sub(summary.reserved_blocks) * 4096,
        cmdline: if kernels.is_empty() { String::new() } else { parts.cmdline.to_string() },
        kernel: kernels.first().map(|first| first.release.clone()),
        kernels,
        uki,
        boot_packages: boot_packages.map(|package| (package.name.clone(), package.version.clone())).collect(),
    };
    let content = Content { root: inputs.root, root_options, esp, bios: parts.bios };
    let (mounting, modules) = (inputs.mounting, inputs.modules);
    Ok(ImagePlan { report, content, cmdline_max: parts.cmdline_max, mounting, modules })
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
