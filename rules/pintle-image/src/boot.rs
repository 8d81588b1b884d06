//! What both ways to the kernel have, and the way of PC BIOS to a root that can be written: GRUB.

use crate::additions::Additions;
use crate::input::{BootFiles, GrubFiles, KernelFiles};
use crate::{Identity, Inputs, PlanError};
use pintle_boot::cmdline::Cmdline;
use pintle_boot::grub::config::{Menu, MenuEntry};
use pintle_boot::grub::{CoreSpec, Embedded, GrubError, core_image, embed};
use pintle_boot::uki::{HEAD_LEN, LinuxHeader};
use pintle_model::{Arch, Blob, Kernel, Kind};
use uuid::Uuid;

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

/// Seconds the menus wait: where there is a choice, a person must be able to make it.
pub(crate) fn timeout(kernel: &Kernel, kernels: usize) -> u32 {
    kernel.menu_timeout.unwrap_or(if kernels > 1 { 3 } else { 0 })
}

/// GRUB's core image, embedded at sector `start`, whose files are in `folder` of partition `number`: one of the disk that
/// was booted, whatever its number, so that a copy on another disk cannot take its place.
pub(crate) fn grub(
    boot: &BootFiles<'_>,
    modules: &[&str],
    (number, folder): (usize, &str),
    start: u64,
) -> Result<Embedded, PlanError> {
    let missing = PlanError::NoBootFiles { option: "bios", what: "GRUB" };
    let GrubFiles { files } = boot.grub.as_ref().ok_or(missing)?;
    let prefix = format!("(,gpt{number}){folder}");
    let spec = CoreSpec { modules, prefix: &prefix, ..CoreSpec::default() };
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
