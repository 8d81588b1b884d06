//! The way from the firmware to the system, a step each, for each firmware.

use pintle_boot::measure::{BANK, after_boot};
use pintle_image::{BootEntry, ImagePlan, OnDisk, Role};
use pintle_model::{Digest, Kind, Tree};
use pintle_report::facts::BootStep;

/// All steps.
pub(super) fn steps(plan: &ImagePlan) -> Vec<BootStep> {
    let Some(kernel) = &plan.report.kernel else { return Vec::new() };
    let mut steps = uefi(plan);
    steps.extend(bios(plan));
    let root = &plan.content.root;
    steps.push(step("both", "Linux", kernel.clone(), file(root, &format!("boot/vmlinuz-{kernel}"))));
    if let OnDisk::Usr(usr) = &plan.content.system {
        let detail = "systemd makes missing partitions, and the root of what is in /usr".into();
        steps.push(step("both", "Initrd", detail, None));
        let detail = format!("{}, checked by dm-verity: {}", usr.fs.name(), usr.hashes.root().hex());
        steps.push(step("both", "/usr", detail, Some(usr.size)));
        return steps;
    }
    let detail = "systemd finds and mounts the root file system".into();
    steps.push(step("both", "Initrd", detail, file(root, &format!("boot/initrd.img-{kernel}"))));
    let number = plan.report.partitions.iter().find(|partition| partition.role == Role::Root);
    let detail =
        number.map_or_else(String::new, |root| format!("partition {}, ext4, grows to the disk", root.number));
    steps.push(step("both", "Root file system", detail, number.map(|root| root.size)));
    steps
}

fn step(way: &'static str, name: &str, detail: String, size: Option<u64>) -> BootStep {
    BootStep { name: name.to_owned(), detail, size, way }
}

fn uefi(plan: &ImagePlan) -> Vec<BootStep> {
    let report = &plan.report;
    let Some(((esp, _), (path, len))) = plan.content.esp.as_ref().zip(report.uki.as_ref()) else {
        return Vec::new();
    };
    let step = |name, detail, size| step("uefi", name, detail, size);
    let firmware = match &report.signed_by {
        Some(certificate) => {
            format!(
                "looks on the EFI system partition; with Secure Boot, for what {} signed",
                certificate.hex()
            )
        }
        None => "looks on the EFI system partition".to_owned(),
    };
    let loader =
        esp.walk().find(|entry| entry.path.as_bytes().to_ascii_lowercase().starts_with(b"efi/boot/boot"));
    let (mut loader, size) = loader.map_or_else(Default::default, |entry| {
        let size = if let Kind::File(blob) = &entry.inode.kind { Some(blob.len()) } else { None };
        (entry.path.to_string(), size)
    });
    if is_counted(plan) {
        loader += ": counts the tries of each release in the name of its image";
    }
    let measured =
        report.kernels.first().and_then(held).map(|value| format!("; PCR 11 once it is up: {value}"));
    let image =
        format!("{path}: kernel, initrd and command line in one file{}", measured.unwrap_or_default());
    let mut steps = vec![
        step("UEFI firmware", firmware, None),
        step("systemd-boot", loader, size),
        step("Unified kernel image", image, Some(*len)),
    ];
    if let Some((path, len)) =
        report.rescue.as_ref().and_then(|rescue| rescue.uki.as_ref().zip(rescue.uki_size))
    {
        let detail = format!("{path}, where no release has tries left: SSH and a console");
        steps.push(step("Or a rescue", detail, Some(len)));
    }
    steps
}

/// PCR 11 after a whole boot.
fn held(entry: &BootEntry) -> Option<String> {
    let phases = entry.measured.as_ref()?.pcr11.get(BANK.name())?;
    after_boot(phases).map(Digest::hex)
}

fn is_counted(plan: &ImagePlan) -> bool {
    matches!(plan.content.system, OnDisk::Usr(_))
}

fn bios(plan: &ImagePlan) -> Vec<BootStep> {
    let Some(bios) = &plan.content.bios else { return Vec::new() };
    let grub = if is_counted(plan) {
        "core image in the partition `bios`, its files in /grub of the EFI system partition: counts the tries of each \
         release, compares kernel and initrd of the unified kernel image with their SHA-256, has a rescue in its menu"
    } else {
        "core image in the partition `bios`, menu /boot/grub/grub.cfg"
    };
    vec![
        step("bios", "BIOS", "runs sector 0 of the disk".into(), Some(512)),
        step("bios", "GRUB", grub.to_owned(), Some(bios.core.len() as u64)),
    ]
}

fn file(tree: &Tree, path: &str) -> Option<u64> {
    match &tree.find(path)?.kind {
        Kind::File(blob) => Some(blob.len()),
        _ => None,
    }
}
