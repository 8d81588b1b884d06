//! The two ways to the kernel: GRUB for PC BIOS, systemd-boot with a unified kernel image for UEFI.

use crate::additions::Additions;
use crate::input::{BootFiles, EfiFiles, GrubFiles, KernelFiles};
use crate::sign::{self, Measured};
use crate::{Identity, Inputs, PlanError};
use pintle_boot::cmdline::Cmdline;
use pintle_boot::grub::config::{MODULES, Menu, MenuEntry};
use pintle_boot::grub::{CoreSpec, Embedded, GrubError, core_image, embed};
use pintle_boot::loader::{BootName, EspFiles, LoaderConf, esp_tree};
use pintle_boot::uki::{HEAD_LEN, LinuxHeader, Sections};
use pintle_model::{Arch, Blob, Kernel, Kind, Timestamp, Tree, TreePath};
use uuid::Uuid;

/// os-release files have some hundred bytes.
const OS_RELEASE_MAX: u64 = 64 << 10;
/// The stub has 92 kB.
const STUB_MAX: u64 = 4 << 20;

/// The command line of an entry that does not bring its own: our root, then the definition's words.
pub(crate) fn cmdline(inputs: &Inputs<'_>, root: Uuid) -> Result<Cmdline, PlanError> {
    before_theirs(inputs, &format!("root=PARTUUID={root} rw"), &["root="])
}

/// `own`, then the definition's words, none of which may begin like one of `ours`.
pub(crate) fn before_theirs(inputs: &Inputs<'_>, own: &str, ours: &[&str]) -> Result<Cmdline, PlanError> {
    let own = Cmdline::parse(own).map_err(PlanError::Parameters)?;
    let theirs = Cmdline::parse(&inputs.system.kernel.parameters.join(" ")).map_err(PlanError::Parameters)?;
    match theirs.words().find(|word| ours.iter().any(|start| word.starts_with(start))) {
        Some(word) => Err(PlanError::RootParameter(word.to_owned())),
        None => Ok(own.followed_by(&theirs)),
    }
}

/// The command line of one entry.
pub(crate) fn cmdline_of(kernel: &KernelFiles, common: &Cmdline) -> Result<Cmdline, PlanError> {
    match &kernel.variant {
        Some(variant) => Cmdline::parse(&variant.cmdline).map_err(PlanError::Parameters),
        None => Ok(common.clone()),
    }
}

/// Longest command line of the kernel; checks that it is what it is called.
pub(crate) fn check_kernel(inputs: &Inputs<'_>, kernel: &KernelFiles) -> Result<u32, PlanError> {
    if inputs.system.arch != Arch::Amd64 {
        // Image headers of other architectures name no release; their limit is that of the generic COMMAND_LINE_SIZE.
        return Ok(2047);
    }
    let mut head = vec![0; HEAD_LEN.min(kernel.image.len()) as usize];
    let read = kernel.image.read_at(inputs.contents, 0, &mut head);
    read.map_err(|source| PlanError::Read { what: "the kernel", source })?;
    let release = kernel.release.clone();
    let header = LinuxHeader::parse(&head).map_err(|source| PlanError::Kernel { release, source })?;
    if header.release != kernel.release {
        return Err(PlanError::Release { release: kernel.release.clone(), found: header.release });
    }
    Ok(header.cmdline_max)
}

/// What the firmware's choice adds to a plan.
pub(crate) struct Efi {
    pub(crate) tree: Tree,
    /// Each unified kernel image, in the order of the kernels.
    pub(crate) ukis: Vec<Uki>,
}

/// A unified kernel image on the partition.
pub(crate) struct Uki {
    pub(crate) path: TreePath,
    pub(crate) len: u64,
    pub(crate) measured: Option<Measured>,
}

/// Seconds the menus wait: where there is a choice, a person must be able to make it.
fn timeout(kernel: &Kernel, kernels: usize) -> u32 {
    kernel.menu_timeout.unwrap_or(if kernels > 1 { 3 } else { 0 })
}

/// The tree of the EFI system partition.
pub(crate) fn efi(
    inputs: &Inputs<'_>,
    boot: &BootFiles<'_>,
    files: &EfiFiles,
    cmdline: &Cmdline,
) -> Result<Efi, PlanError> {
    let system = inputs.system;
    let title = format!("{}_{}", system.name, system.version);
    let stub = files.stub.read(inputs.contents, STUB_MAX);
    let stub = stub.map_err(|source| PlanError::Read { what: "systemd's EFI stub", source })?;
    let several = boot.kernels.len() > 1;
    let (mut images, mut measured) = (Vec::new(), Vec::new());
    for kernel in &boot.kernels {
        let stem = match &kernel.variant {
            Some(variant) if variant.name.is_empty() => title.clone(),
            Some(variant) => format!("{title}_{}", variant.name),
            None if several => format!("{title}_{}", kernel.release),
            None => title.clone(),
        };
        let name = BootName::image(&stem).map_err(PlanError::Name)?;
        let os_release = os_release(inputs, kernel)?;
        let sections = Sections {
            os_release: &os_release,
            cmdline: &cmdline_of(kernel, cmdline)?.to_string(),
            device_tree: None,
            uname: &kernel.release,
            pcr_key: "",
            pcr_signature: "",
            linux: &kernel.image,
            initrd: kernel.initrd.as_ref(),
        };
        let made = sign::uki(inputs, &stub, &sections)?;
        images.push((name, made.image));
        measured.push(made.measured);
    }
    // A pattern, so that the same kernel of the next version is the default as well.
    let default = system.kernel.default.as_ref().filter(|_| several);
    let default = default.map(|pattern| format!("{}_*_{pattern}.efi", system.name));
    // Its own specialisations have longer names, and would come before it.
    let itself = boot.kernels.first().is_some_and(|kernel| kernel.variant.is_some());
    let default = if itself && several { images.first().map(|(name, _)| name.to_string()) } else { default };
    let (enrolment, enrol) = sign::enrolment(inputs);
    let timeout = timeout(&system.kernel, boot.kernels.len());
    let conf = LoaderConf { default, timeout, enrolment, ..LoaderConf::default() };
    let tree = esp_tree(&EspFiles {
        arch: system.arch,
        systemd_boot: &sign::signed(inputs, "systemd-boot", &files.systemd_boot)?,
        images: &images,
        conf: &conf,
        enrol,
        time: Timestamp::from_secs(inputs.epoch),
    });
    let uki = |((name, image), measured): (&(BootName, Blob), _)| Uki {
        path: pintle_boot::loader::uki_path(name),
        len: image.len(),
        measured,
    };
    Ok(Efi { tree: tree.map_err(PlanError::Esp)?, ukis: images.iter().zip(measured).map(uki).collect() })
}

fn os_release(inputs: &Inputs<'_>, kernel: &KernelFiles) -> Result<Vec<u8>, PlanError> {
    if let Some(variant) = &kernel.variant {
        return Ok(variant.os_release.clone());
    }
    let found = ["etc/os-release", "usr/lib/os-release"].iter().find_map(|path| inputs.root.find(path));
    let Some(Kind::File(blob)) = found.map(|inode| &inode.kind) else { return Err(PlanError::NoOsRelease) };
    let bytes = blob.read(inputs.contents, OS_RELEASE_MAX);
    bytes.map_err(|source| PlanError::Read { what: "os-release", source })
}

/// GRUB's core image for a root that is partition `root_number`, embedded at sector `start`.
pub(crate) fn grub(boot: &BootFiles<'_>, root_number: usize, start: u64) -> Result<Embedded, PlanError> {
    let missing = PlanError::NoBootFiles { option: "bios", what: "GRUB" };
    let GrubFiles { files } = boot.grub.as_ref().ok_or(missing)?;
    // A partition of the disk that was booted, whatever its number: a copy on another disk cannot take its place.
    let prefix = format!("(,gpt{root_number})/boot/grub");
    let spec = CoreSpec { modules: MODULES, prefix: &prefix, ..CoreSpec::default() };
    let core = core_image(files, &spec).map_err(PlanError::Grub)?;
    let boot_img = files("boot.img").ok_or_else(|| GrubError::Missing("boot.img".to_owned()));
    embed(&boot_img.map_err(PlanError::Grub)?, core, start).map_err(PlanError::Grub)
}

/// GRUB's menu and the initrds, in the root; the kernels are there already.
pub(crate) fn grub_files(
    inputs: &mut Inputs<'_>,
    boot: &BootFiles<'_>,
    cmdline: &Cmdline,
    identity: &Identity,
) -> Result<(), PlanError> {
    let system = inputs.system;
    let title = format!("{} {}", system.name, system.version);
    let mut entries = Vec::new();
    for (number, kernel) in boot.kernels.iter().enumerate() {
        if !matches!(inputs.root.get(&kernel.path).map(|inode| &inode.kind), Some(Kind::File(_))) {
            return Err(PlanError::KernelMissing(kernel.path.clone()));
        }
        let several = boot.kernels.len() > 1;
        let (name, title) = match &kernel.variant {
            Some(variant) => (variant.name.as_str(), variant.title.clone()),
            None if several => (kernel.release.as_str(), format!("{title}, Linux {}", kernel.release)),
            None => (kernel.release.as_str(), title.clone()),
        };
        entries.push(MenuEntry {
            id: if number == 0 { "system".to_owned() } else { format!("system-{name}") },
            title,
            kernel: kernel.path.to_string(),
            initrd: kernel.initrd.as_ref().map(|_| initrd_path(kernel)),
            cmdline: cmdline_of(kernel, cmdline)?,
        });
    }
    let rescue = Cmdline::parse(RESCUE).map_err(PlanError::Parameters)?;
    entries.extend(entries.first().cloned().map(|first| MenuEntry {
        id: "rescue".to_owned(),
        title: format!("{} (rescue)", first.title),
        cmdline: first.cmdline.clone().followed_by(&rescue),
        ..first
    }));
    let timeout = timeout(&system.kernel, boot.kernels.len());
    let menu = Menu { root_uuid: identity.of("root file system").to_string(), timeout, entries };
    let text = menu.render().map_err(PlanError::Menu)?;
    let mut additions = Additions::to(&mut inputs.root, inputs.epoch);
    additions.file("boot/grub/grub.cfg", Blob::inline(text.into_bytes()))?;
    for kernel in &boot.kernels {
        if let (Some(blob), None) = (&kernel.initrd, &kernel.initrd_path) {
            additions.file(&initrd_path(kernel), blob.clone())?;
        }
    }
    Ok(())
}

fn initrd_path(kernel: &KernelFiles) -> String {
    let made = || format!("/boot/initrd.img-{}", kernel.release);
    kernel.initrd_path.as_ref().map_or_else(made, ToString::to_string)
}

/// A shell on the console although root has no password: who can choose a menu entry can edit it too.
const RESCUE: &str = "systemd.unit=rescue.target systemd.setenv=SYSTEMD_SULOGIN_FORCE=1";
