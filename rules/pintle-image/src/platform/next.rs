//! From the file to a machine: commands to run next, with what must be filled in by hand in capitals.

use super::{has, installed};
use crate::{ImagePlan, Role};
use pintle_model::{Arch, Platform};
use serde::{Deserialize, Serialize};

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// What it is for.
    pub purpose: String,
    /// The command line.
    pub command: String,
}

/// What makes a machine of `file`, in order.
#[must_use]
pub fn next_steps(platform: Platform, plan: &ImagePlan, file: &str) -> Vec<NextStep> {
    let report = &plan.report;
    let base = file.rsplit('/').next().unwrap_or(file);
    let image = Image {
        plan,
        // Clouds take letters, digits and hyphens in names.
        name: format!("{}-{}", report.name, report.version).replace(['.', '_', '+', '~'], "-"),
        system: report.name.replace(['.', '_'], "-"),
        file: quoted(file),
        base: quoted(base),
        uefi: has(plan, Role::Esp),
        bios: has(plan, Role::BiosBoot),
    };
    match platform {
        Platform::DigitalOcean => image.digital_ocean(),
        Platform::Ec2 => image.ec2(),
        Platform::Gcp => image.gcp(),
        Platform::Azure => image.azure(),
        Platform::OpenStack => image.openstack(),
        Platform::Proxmox => image.proxmox(),
    }
}

fn step(purpose: &str, command: String) -> NextStep {
    NextStep { purpose: purpose.to_owned(), command }
}

/// As a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-+~".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

struct Image<'a> {
    plan: &'a ImagePlan,
    name: String,
    system: String,
    file: String,
    base: String,
    uefi: bool,
    bios: bool,
}

impl Image<'_> {
    fn digital_ocean(&self) -> Vec<NextStep> {
        let Self { name, system, file, base, .. } = self;
        vec![
            step(
                "put it where Digital Ocean can fetch it",
                format!("s3cmd put --acl-public {file} s3://BUCKET/{base}"),
            ),
            step(
                "import it",
                format!(
                    "doctl compute image create {name} --image-url https://BUCKET.REGION.digitaloceanspaces.com/{base} \
                     --region REGION --image-distribution Debian"
                ),
            ),
            step(
                "wait until it is available (an image that vanishes was refused)",
                "doctl compute image list-user --format ID,Name,Status".to_owned(),
            ),
            step(
                "start it",
                format!(
                    "doctl compute droplet create {system} --image IMAGE_ID --size s-1vcpu-512mb-10gb --region REGION \
                     --ssh-keys FINGERPRINT --wait"
                ),
            ),
        ]
    }

    fn ec2(&self) -> Vec<NextStep> {
        let Self { name, file, base, .. } = self;
        let mode = match (self.uefi, self.bios) {
            (true, true) => "uefi-preferred",
            (true, false) => "uefi",
            _ => "legacy-bios",
        };
        let arch = self.arch("x86_64", "arm64");
        vec![
            step("upload it", format!("aws s3 cp {file} s3://BUCKET/{base}")),
            step(
                "make a snapshot of it",
                format!(
                    "aws ec2 import-snapshot --description {name} --disk-container \
                     'Format=VMDK,UserBucket={{S3Bucket=BUCKET,S3Key={base}}}'"
                ),
            ),
            step(
                "wait until it is completed, and note its SnapshotId",
                "aws ec2 describe-import-snapshot-tasks --import-task-ids IMPORT_TASK_ID".to_owned(),
            ),
            step(
                "make an AMI of the snapshot",
                format!(
                    "aws ec2 register-image --name {name} --architecture {arch} --boot-mode {mode} --ena-support \
                     --virtualization-type hvm --imds-support v2.0 --root-device-name /dev/xvda \
                     --block-device-mappings 'DeviceName=/dev/xvda,Ebs={{SnapshotId=SNAPSHOT_ID,VolumeType=gp3}}'"
                ),
            ),
        ]
    }

    fn gcp(&self) -> Vec<NextStep> {
        let Self { name, system, file, base, .. } = self;
        let arch = self.arch("X86_64", "ARM64");
        let firmware = if self.uefi { "UEFI_COMPATIBLE," } else { "" };
        vec![
            step("upload it", format!("gcloud storage cp {file} gs://BUCKET/{base}")),
            step(
                "make an image of it",
                format!(
                    "gcloud compute images create {name} --source-uri gs://BUCKET/{base} --architecture {arch} \
                     --guest-os-features {firmware}GVNIC,VIRTIO_SCSI_MULTIQUEUE"
                ),
            ),
            step(
                "start it",
                format!(
                    "gcloud compute instances create {system} --image {name} --machine-type e2-small --zone ZONE"
                ),
            ),
        ]
    }

    fn azure(&self) -> Vec<NextStep> {
        let Self { name, file, base, .. } = self;
        let generation = if self.uefi { "V2" } else { "V1" };
        let arch = self.arch("x64", "Arm64");
        vec![
            step(
                "upload it, as a page blob",
                format!(
                    "az storage blob upload --account-name ACCOUNT --container-name CONTAINER --type page \
                     --file {file} --name {base}"
                ),
            ),
            step(
                "make a disk of it",
                format!(
                    "az disk create --resource-group GROUP --name {name} --source \
                     https://ACCOUNT.blob.core.windows.net/CONTAINER/{base} --os-type Linux \
                     --hyper-v-generation {generation} --architecture {arch}"
                ),
            ),
            step(
                "start it",
                format!(
                    "az vm create --resource-group GROUP --name {name} --attach-os-disk {name} --os-type Linux"
                ),
            ),
        ]
    }

    fn openstack(&self) -> Vec<NextStep> {
        let Self { name, system, file, .. } = self;
        let firmware: &[&str] = if self.bios {
            &["hw_firmware_type=bios"]
        } else {
            &["hw_firmware_type=uefi", "hw_machine_type=q35"]
        };
        let mut properties = vec!["os_type=linux", "os_distro=debian"];
        properties.extend_from_slice(firmware);
        properties.extend(["hw_disk_bus=scsi", "hw_scsi_model=virtio-scsi", "hw_vif_model=virtio"]);
        properties.extend(["hw_rng_model=virtio", self.arch("architecture=x86_64", "architecture=aarch64")]);
        if installed(&self.plan.content.root, "qemu-guest-agent") {
            properties.push("hw_qemu_guest_agent=yes");
        }
        let properties: String =
            properties.iter().map(|property| format!(" --property {property}")).collect();
        let gib = self.plan.report.disk_size.div_ceil(1 << 30);
        vec![
            step(
                "upload it, with the properties that fit it",
                format!(
                    "openstack image create {name} --file {file} --disk-format qcow2 --container-format bare \
                     --min-disk {gib}{properties}"
                ),
            ),
            step(
                "start it",
                format!(
                    "openstack server create {system} --image {name} --flavor FLAVOR --network NETWORK --key-name KEY \
                     --config-drive True"
                ),
            ),
        ]
    }

    fn proxmox(&self) -> Vec<NextStep> {
        let Self { system, file, base, .. } = self;
        let firmware =
            if self.bios { "" } else { " --bios ovmf --machine q35 --efidisk0 STORAGE:1,efitype=4m" };
        let root = &self.plan.content.root;
        let agent = if installed(root, "qemu-guest-agent") { " --agent enabled=1" } else { "" };
        let mut steps = vec![
            step("bring it to the host", format!("scp {file} root@HOST:/var/lib/vz/import/{base}")),
            step(
                "make a machine (on the host; its number must be free)",
                format!(
                    "qm create 9000 --name {system} --ostype l26 --memory 1024 --cores 2 --cpu host \
                     --net0 virtio,bridge=vmbr0 --scsihw virtio-scsi-single --serial0 socket{agent}{firmware}"
                ),
            ),
            step(
                "give it the disk (before Proxmox VE 7.2: qm importdisk)",
                format!(
                    "qm set 9000 --scsi0 STORAGE:0,import-from=/var/lib/vz/import/{base},discard=on,iothread=1 \
                     --boot order=scsi0"
                ),
            ),
        ];
        if installed(root, "cloud-init") {
            steps.push(step(
                "give it address, user and key",
                "qm set 9000 --ide2 STORAGE:cloudinit --ipconfig0 ip=dhcp --sshkeys KEY_FILE".to_owned(),
            ));
        }
        steps.push(step("start it and see its console", "qm start 9000 && qm terminal 9000".to_owned()));
        steps
    }

    fn arch(&self, amd64: &'static str, arm64: &'static str) -> &'static str {
        match self.plan.report.arch {
            Arch::Amd64 => amd64,
            Arch::Arm64 => arm64,
        }
    }
}
