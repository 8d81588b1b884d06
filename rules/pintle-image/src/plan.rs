use crate::additions::Additions;
use crate::boot;
use crate::efi::{self, Efi, Uki};
use crate::sign;
use crate::verified::{self, Usr};
use crate::{Identity, Inputs, Mounting, PlanError};
use crate::{kernels, layout};
use pintle_boot::cmdline::Cmdline;
use pintle_boot::grub::{Embedded, config, slots};
use pintle_boot::measure::{Measured, MeasuredFirmware};
use pintle_disk::gpt::ALIGN;
use pintle_fs::{ext4, vfat};
use pintle_model::{Arch, Digest, Encrypt, Layout, Tree, TreePath};
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
    /// `/usr` by itself.
    Usr,
    /// Hashes of the blocks of `/usr`.
    UsrVerity,
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
    /// What a TPM is expected to hold when it runs; none where nobody may ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
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
    /// The image that starts where no other has tries left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescue: Option<BootEntry>,
    /// What is measured before any image runs; none where nobody may ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredFirmware>,
    /// Unified kernel image of that kernel on the EFI system partition, with its length.
    pub uki: Option<(String, u64)>,
    /// SHA-256 of the certificate that what UEFI firmware starts is signed with; none where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Digest>,
    /// Versions of the packages that only the boot chain is made from.
    pub boot_packages: BTreeMap<String, String>,
}

/// What goes into the partitions.
#[derive(Clone)]
pub struct Content {
    /// The root with everything added.
    pub root: Tree,
    /// What of it is on the disk.
    pub system: OnDisk,
    /// The EFI system partition and its file system.
    pub esp: Option<(Tree, vfat::Options)>,
    /// GRUB's code for sector 0 and its core image.
    pub bios: Option<Embedded>,
}

/// How a system is on a disk.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum OnDisk {
    /// All of it, as a file system that can be written.
    Root(ext4::Options),
    /// Its `/usr`, verified.
    Usr(Usr),
}

impl OnDisk {
    /// UUID of the file system.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Root(options) => options.uuid,
            Self::Usr(usr) => usr.fs.uuid(),
        }
    }
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

pub(crate) const BIOS_SIZE: u64 = ALIGN;
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

    let usr = inputs.usr.take().map(|tree| verified::usr(tree, &inputs, &identity));
    let usr = usr.and_then(|usr| keep(usr, &mut errors));
    let cmdline = match &usr {
        Some(usr) => verified::cmdline(&inputs, usr),
        None => boot::cmdline(&inputs, root_partition),
    };
    let cmdline = keep(cmdline, &mut errors).unwrap_or_default();
    let (mut bios, mut esp, mut cmdline_max) = (None, None, u32::MAX);
    if let Some(boot) = &boot {
        let image = &system.image;
        if !image.bios && !image.uefi {
            errors.push(PlanError::NoFirmware);
        }
        let verified = image.layout == Layout::Verified;
        if image.bios && !image.uefi && verified {
            errors.push(PlanError::VerifiedNoUefi);
        }
        let policies = inputs.signing.is_some_and(|signing| signing.policies.is_some());
        if image.encrypt != Encrypt::Off && !policies {
            errors.push(PlanError::NoPolicyKey);
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
            let made = made.and_then(|files| efi::efi(&inputs, boot, files, &cmdline));
            esp = keep(made, &mut errors);
        }
        if image.bios {
            // Its place is fixed: the first partition, from 1 MiB on; root is the last, behind the EFI system partition.
            let start = ALIGN / 512;
            let made = match verified {
                // All of GRUB is in the core: a file system that is damaged cannot take a part of it away.
                true => boot::grub(boot, slots::MODULES, (2, &format!("/{}", slots::FOLDER)), start),
                false => {
                    boot::grub(boot, config::MODULES, (2 + usize::from(image.uefi), "/boot/grub"), start)
                }
            };
            bios = keep(made.and_then(fits), &mut errors);
            if !verified {
                keep(boot::grub_files(&mut inputs, boot, &cmdline, &identity), &mut errors);
            }
        }
    }
    if inputs.mounting == Mounting::Planned && usr.is_none() {
        keep(Additions::to(&mut inputs.root, inputs.epoch).mounts(root_partition), &mut errors);
    }
    let signed_by = esp.is_some().then(|| sign::signer(&inputs)).transpose();
    let signed_by = keep(signed_by, &mut errors).flatten().flatten();
    let first = boot.as_ref().and_then(|boot| boot.kernels.first());
    let cmdline = first.map_or(Ok(cmdline.clone()), |kernel| boot::cmdline_of(kernel, &cmdline));
    let cmdline = keep(cmdline, &mut errors).unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors);
    }
    let releases = boot.into_iter().flat_map(|boot| boot.kernels).map(|kernel| kernel.release).collect();
    let parts = Parts { releases, cmdline, cmdline_max, bios, esp, signed_by, usr };
    layout::layout(inputs, &identity, parts).map_err(|error| vec![error])
}

fn keep<T>(result: Result<T, PlanError>, errors: &mut Vec<PlanError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn fits(embedded: Embedded) -> Result<Embedded, PlanError> {
    let len = embedded.core.len() as u64;
    if len > BIOS_SIZE { Err(PlanError::CoreTooLarge { len, max: BIOS_SIZE }) } else { Ok(embedded) }
}

pub(crate) struct Parts {
    /// The kernels in their order.
    pub(crate) releases: Vec<String>,
    pub(crate) cmdline: Cmdline,
    pub(crate) cmdline_max: u32,
    pub(crate) bios: Option<Embedded>,
    pub(crate) esp: Option<Efi>,
    pub(crate) signed_by: Option<Digest>,
    pub(crate) usr: Option<Usr>,
}

impl Parts {
    /// Each kernel; and the rescue, where there is one.
    pub(crate) fn entries(&self) -> (Vec<BootEntry>, Option<BootEntry>) {
        let entry = |release: &str, uki: Option<&Uki>| BootEntry {
            release: release.to_owned(),
            uki: uki.map(|uki| uki.path.to_string()),
            uki_size: uki.map(|uki| uki.len),
            measured: uki.and_then(|uki| uki.measured.clone()),
        };
        let ukis: Vec<&Uki> = self.esp.iter().flat_map(|esp| &esp.ukis).collect();
        let kernels =
            self.releases.iter().enumerate().map(|(at, release)| entry(release, ukis.get(at).copied()));
        let rescue = self.releases.first().zip(ukis.get(self.releases.len()));
        (kernels.collect(), rescue.map(|(release, uki)| entry(release, Some(uki))))
    }
}
