use crate::{ImagePlan, Mounting, OnDisk, PartitionPlan, Role};
use pintle_disk::gpt::{ALIGN, BACKUP_SECTORS, FIRST_USABLE};
use pintle_fs::vfat;
use pintle_model::{Contents, Kind, Size};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Works, but not as well as it could.
    Warning,
    /// Would not boot or would be damaged: nothing should be written.
    Error,
}

/// Something about a plan that its author should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.text)
    }
}

/// Looks a whole plan over. `contents` reads the few files of the root that are looked into.
#[must_use]
pub fn lint(plan: &ImagePlan, contents: &dyn Contents) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    table(plan, &mut findings);
    esp(plan, &mut findings);
    boot(plan, &mut findings);
    if plan.mounting == Mounting::Planned && matches!(plan.content.system, OnDisk::Root(_)) {
        growth(plan, contents, &mut findings);
    }
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, text: String) {
        self.0.push(Finding { severity: Severity::Error, text });
    }

    fn warning(&mut self, text: String) {
        self.0.push(Finding { severity: Severity::Warning, text });
    }
}

fn table(plan: &ImagePlan, findings: &mut Findings) {
    let report = &plan.report;
    let usable = FIRST_USABLE * 512..report.disk_size.saturating_sub(BACKUP_SECTORS * 512);
    let end = |p: &PartitionPlan| p.start.saturating_add(p.size);
    if !report.disk_size.is_multiple_of(ALIGN) {
        findings.error(format!("the disk of {} bytes is not a whole number of MiB", report.disk_size));
    }
    for (index, partition) in report.partitions.iter().enumerate() {
        let PartitionPlan { number, start, size, .. } = *partition;
        if !start.is_multiple_of(ALIGN) || !size.is_multiple_of(4096) || size == 0 {
            findings.error(format!(
                "partition {number} at {start} with {size} bytes is not aligned to 1 MiB and 4 KiB"
            ));
        }
        if start < usable.start || end(partition) > usable.end {
            findings
                .error(format!("partition {number} reaches into the partition tables or beyond the disk"));
        }
        for other in &report.partitions[..index] {
            if start < end(other) && other.start < end(partition) {
                findings.error(format!("partitions {} and {number} overlap", other.number));
            }
            if partition.uuid == other.uuid {
                findings.error(format!("partitions {} and {number} have the same UUID", other.number));
            }
        }
    }
    let last = report.partitions.iter().max_by_key(|partition| partition.start);
    let grows = matches!(plan.content.system, OnDisk::Root(_));
    if grows && last.is_some_and(|last| last.role != Role::Root) {
        findings.error("root is not the last partition, so it cannot grow".to_owned());
    }
}

fn esp(plan: &ImagePlan, findings: &mut Findings) {
    let Some((tree, options)) = &plan.content.esp else { return };
    let uki = plan.report.kernels.iter().filter_map(|kernel| kernel.uki_size).max().unwrap_or(0);
    if uki > options.size {
        let (uki, size) = (Size(uki), Size(options.size));
        findings.error(format!("the unified kernel image has {uki}, the EFI system partition {size}"));
        return;
    }
    let Ok(summary) = vfat::layout(tree, options) else {
        findings.error(format!(
            "the boot files do not fit in the EFI system partition of {}",
            Size(options.size)
        ));
        return;
    };
    let free = u64::from(summary.free_clusters) * u64::from(summary.cluster_size);
    if free < uki {
        findings.warning(format!(
            "the EFI system partition has {} left, too little for a second unified kernel image of {}: an update will \
             not fit beside the running system (raise `image.esp_size`)",
            Size(free),
            Size(uki),
        ));
    }
    if summary.fat != vfat::FatType::Fat32 {
        findings.warning(format!(
            "the EFI system partition of {} is too small for FAT32: some firmware reads nothing else (34 MiB do)",
            Size(options.size),
        ));
    }
}

fn boot(plan: &ImagePlan, findings: &mut Findings) {
    let report = &plan.report;
    if report.kernel.is_none() {
        findings.warning(
            "the image has no kernel and will not boot by itself; the formats `directory`, `tar` and `oci` hold its files \
             without a disk"
                .to_owned(),
        );
        return;
    }
    let has = |role| report.partitions.iter().any(|partition| partition.role == role);
    if plan.content.bios.is_none() && plan.content.esp.is_none() {
        findings.error("no firmware can boot the image: neither GRUB nor systemd-boot is in it".to_owned());
    }
    if plan.content.bios.is_some() != has(Role::BiosBoot) || plan.content.esp.is_some() != has(Role::Esp) {
        findings.error("boot files and boot partitions do not match".to_owned());
    }
    let (len, max) = (report.cmdline.len() as u64, u64::from(plan.cmdline_max));
    // GRUB puts `BOOT_IMAGE=PATH ` before it.
    let path = |release: &str| release.len() as u64 + "BOOT_IMAGE=/boot/vmlinuz- ".len() as u64;
    let grub = report.kernels.iter().map(|kernel| path(&kernel.release)).max().unwrap_or(0);
    let len = if plan.content.bios.is_some() { len + grub } else { len };
    if len > max {
        findings.error(format!(
            "the kernel command line has {len} bytes, the kernel takes {max} and drops the rest (shorten `kernel.parameters`)"
        ));
    }
    init(plan, findings);
}

fn init(plan: &ImagePlan, findings: &mut Findings) {
    // A system that says on its command line what to start has no need of the usual places.
    let mut words = plan.report.cmdline.split(' ');
    if let Some(own) = words.find_map(|word| word.strip_prefix("init=")) {
        if plan.content.root.find(own).is_none() {
            findings.error(format!("the command line starts {own}, which the root does not have"));
        }
        return;
    }
    if ["sbin/init", "usr/lib/systemd/systemd", "etc/init", "bin/init"]
        .iter()
        .all(|path| plan.content.root.find(path).is_none())
    {
        findings.error("the root has no init (package systemd-sysv?)".to_owned());
    }
}

/// fstab files have some hundred bytes; a larger one is not looked into.
const FSTAB_MAX: u64 = 64 << 10;

fn growth(plan: &ImagePlan, contents: &dyn Contents, findings: &mut Findings) {
    let root = &plan.content.root;
    if root.find("usr/bin/systemd-repart").is_none() {
        findings.warning(
            "root will not grow to the disk it is copied to: systemd-repart is missing (package systemd-repart)".to_owned(),
        );
    }
    let fstab = match root.find("etc/fstab").map(|inode| &inode.kind) {
        Some(Kind::File(blob)) => blob.read(contents, FSTAB_MAX).unwrap_or_default(),
        _ => Vec::new(),
    };
    let grows = String::from_utf8_lossy(&fstab).lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("/")
            && words.nth(1).is_some_and(|options| options.split(',').any(|o| o == "x-systemd.growfs"))
    });
    if !grows {
        findings.warning(
            "the file system of root will not grow: /etc/fstab comes from the definition and mounts / without \
             `x-systemd.growfs`"
                .to_owned(),
        );
    }
}
