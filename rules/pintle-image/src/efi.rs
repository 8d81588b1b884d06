//! The way of UEFI: systemd-boot with unified kernel images.

use crate::boot::{cmdline_of, timeout};
use crate::input::{BootFiles, EfiFiles, KernelFiles};
use crate::sign;
use crate::{Inputs, PlanError, slots};
use pintle_boot::cmdline::{Cmdline, RESCUE};
use pintle_boot::loader::{BootName, EspFiles, LoaderConf, TRIES, esp_tree, uki_path};
use pintle_boot::measure::{Measured, MeasuredFirmware};
use pintle_boot::uki::Sections;
use pintle_model::{Blob, Digest, Kind, Layout, Timestamp, Tree, TreePath};

/// os-release files have some hundred bytes.
const OS_RELEASE_MAX: u64 = 64 << 10;
/// The stub has 92 kB.
const STUB_MAX: u64 = 4 << 20;

/// What the firmware's choice adds to a plan.
pub(crate) struct Efi {
    pub(crate) tree: Tree,
    /// Each unified kernel image, in the order of the kernels; then a rescue.
    pub(crate) ukis: Vec<Uki>,
    /// What is measured before they run; none where nobody may ask.
    pub(crate) firmware: Option<MeasuredFirmware>,
}

/// A unified kernel image on the partition.
pub(crate) struct Uki {
    pub(crate) path: TreePath,
    pub(crate) len: u64,
    pub(crate) measured: Option<Measured>,
}

/// A unified kernel image with its name.
pub(crate) struct Placed {
    pub(crate) name: BootName,
    pub(crate) image: Blob,
    measured: Option<Measured>,
}

/// What images of one system are made of.
struct Maker<'a> {
    inputs: &'a Inputs<'a>,
    stub: Vec<u8>,
    /// Authenticode digest of the boot loader; none where nobody may ask what is measured.
    loader: Option<Digest>,
    /// Name and version of the system.
    title: String,
    /// The command line of kernels that do not bring their own.
    cmdline: &'a Cmdline,
}

/// The EFI system partition.
pub(crate) fn efi(
    inputs: &Inputs<'_>,
    boot: &BootFiles<'_>,
    files: &EfiFiles,
    cmdline: &Cmdline,
) -> Result<Efi, PlanError> {
    let system = inputs.system;
    let verified = system.image.layout == Layout::Verified;
    let stub = files.stub.read(inputs.contents, STUB_MAX);
    let stub = stub.map_err(|source| PlanError::Read { what: "systemd's EFI stub", source })?;
    let loader = sign::is_measured(inputs)
        .then(|| sign::authenticode(inputs, "systemd-boot", &files.systemd_boot))
        .transpose()?;
    let maker = Maker { inputs, stub, loader, title: format!("{}_{}", system.name, system.version), cmdline };
    let several = boot.kernels.len() > 1;
    let mut placed: Vec<Placed> =
        boot.kernels.iter().map(|kernel| maker.image(kernel, several)).collect::<Result<_, _>>()?;
    let timeout = timeout(&system.kernel, boot.kernels.len());
    let mut grub = Vec::new();
    if let (true, true, Some(first)) = (verified, system.image.bios, boot.kernels.first()) {
        grub = slots::files(inputs, &placed[0], &cmdline_of(first, cmdline)?, timeout)?;
    }
    let rescued = boot.kernels.first().filter(|_| verified && system.image.rescue);
    if let Some(kernel) = rescued {
        placed.push(maker.rescue(kernel)?);
    }
    let (enrolment, enrol) = sign::enrolment(inputs);
    let conf =
        LoaderConf { default: default(boot, inputs, &placed), timeout, enrolment, ..LoaderConf::default() };
    let images: Vec<_> = placed.iter().map(|placed| (placed.name.clone(), placed.image.clone())).collect();
    let tree = esp_tree(&EspFiles {
        arch: system.arch,
        systemd_boot: &sign::signed(inputs, "systemd-boot", &files.systemd_boot)?,
        images: &images,
        conf: &conf,
        enrol,
        more: &grub,
        time: Timestamp::from_secs(inputs.epoch),
    });
    let ukis = placed.into_iter().map(|placed| Uki {
        path: uki_path(&placed.name),
        len: placed.image.len(),
        measured: placed.measured,
    });
    let firmware = loader.map(|loader| sign::firmware(inputs, loader)).transpose()?;
    Ok(Efi { tree: tree.map_err(PlanError::Esp)?, ukis: ukis.collect(), firmware })
}

/// Pattern of the entry that starts by itself, where it is not the first of them.
fn default(boot: &BootFiles<'_>, inputs: &Inputs<'_>, placed: &[Placed]) -> Option<String> {
    let system = inputs.system;
    let several = boot.kernels.len() > 1;
    // Its own specialisations have longer names, and would come before it.
    if several && boot.kernels.first().is_some_and(|kernel| kernel.variant.is_some()) {
        return placed.first().map(|first| first.name.to_string());
    }
    // A pattern, so that the same kernel of the next version is the default as well.
    let asked = system.kernel.default.as_ref().filter(|_| several);
    asked.map(|pattern| format!("{}_*_{pattern}.efi", system.name))
}

impl Maker<'_> {
    /// The image of one kernel.
    fn image(&self, kernel: &KernelFiles, several: bool) -> Result<Placed, PlanError> {
        let title = &self.title;
        let stem = match &kernel.variant {
            Some(variant) if variant.name.is_empty() => title.clone(),
            Some(variant) => format!("{title}_{}", variant.name),
            None if several => format!("{title}_{}", kernel.release),
            None => title.clone(),
        };
        let mut name = BootName::image(&stem).map_err(PlanError::Name)?;
        if self.inputs.system.image.layout == Layout::Verified {
            name = name.with_tries(TRIES);
        }
        let os_release = os_release(self.inputs, kernel)?;
        self.make(name, kernel, &os_release, &cmdline_of(kernel, self.cmdline)?)
    }

    /// An image that systemd-boot starts when the tries of all others are used up: it is not counted, and comes behind
    /// those that have tries, before those that have none.
    fn rescue(&self, kernel: &KernelFiles) -> Result<Placed, PlanError> {
        let name = BootName::image(&format!("{}.rescue", self.title)).map_err(PlanError::Name)?;
        let rescue = Cmdline::parse(RESCUE).map_err(PlanError::Parameters)?;
        let cmdline = cmdline_of(kernel, self.cmdline)?.followed_by(&rescue);
        let os_release = String::from_utf8_lossy(&os_release(self.inputs, kernel)?).into_owned();
        self.make(name, kernel, rescue_release(&os_release).as_bytes(), &cmdline)
    }

    fn make(
        &self,
        name: BootName,
        kernel: &KernelFiles,
        os_release: &[u8],
        cmdline: &Cmdline,
    ) -> Result<Placed, PlanError> {
        let sections = Sections {
            os_release,
            cmdline: &cmdline.to_string(),
            device_tree: None,
            uname: &kernel.release,
            pcr_key: "",
            pcr_signature: "",
            linux: &kernel.image,
            initrd: kernel.initrd.as_ref(),
        };
        let made = sign::uki(self.inputs, self.loader, &self.stub, &sections)?;
        Ok(Placed { name, image: made.image, measured: made.measured })
    }
}

/// systemd-boot sorts by `IMAGE_ID` first: one that goes on behind the system's own comes after it.
fn rescue_release(os_release: &str) -> String {
    let mut text = String::new();
    for line in os_release.lines() {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let value = value.trim_matches(['"', '\'']);
        match key {
            "IMAGE_ID" => text += &format!("IMAGE_ID=\"{value}.rescue\"\n"),
            "PRETTY_NAME" => text += &format!("PRETTY_NAME=\"{value} (rescue)\"\n"),
            _ => text += &format!("{line}\n"),
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rescue_comes_behind_the_system_itself() {
        let text = rescue_release("ID=debian\nIMAGE_ID=\"web\"\nIMAGE_VERSION=1\nPRETTY_NAME='Web 1'\n");
        assert_eq!(
            text,
            "ID=debian\nIMAGE_ID=\"web.rescue\"\nIMAGE_VERSION=1\nPRETTY_NAME=\"Web 1 (rescue)\"\n"
        );
    }
}
