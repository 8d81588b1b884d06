//! What platforms say of systems, and what a container runs.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod toy;

use pintle_image::platform::{check, next_steps};
use pintle_image::{Inputs, container, plan};
use pintle_model::{Blob, Contents, NoContents, OutputFormat, Platform, Service, Size, System};
use toy::{RELEASE, add, inputs, lock, root, system};

const ALL: [Platform; 6] = [
    Platform::DigitalOcean,
    Platform::Ec2,
    Platform::Gcp,
    Platform::Azure,
    Platform::OpenStack,
    Platform::Proxmox,
];

fn findings(platforms: &[Platform], system: &System, inputs: Inputs<'_>) -> String {
    let contents: &dyn Contents = &NoContents;
    let plan = plan(inputs).unwrap();
    let found = platforms.iter().flat_map(|platform| check(*platform, &plan, system, contents));
    found.map(|finding| finding.to_string()).collect::<Vec<_>>().join("\n")
}

/// A root with the drivers, programs and settings that everybody wants.
fn complete() -> pintle_model::Tree {
    let mut tree = root();
    let builtin = "kernel/drivers/virtio/virtio-pci.ko\nkernel/drivers/hv/hv_vmbus.ko\n";
    add(&mut tree, &format!("usr/lib/modules/{RELEASE}/modules.builtin"), Blob::inline(builtin.as_bytes()));
    for name in [
        "virtio_blk.ko.xz",
        "virtio-net.ko",
        "virtio_scsi.ko.zst",
        "virtio_balloon.ko",
        "isofs.ko",
        "udf.ko",
        "nvme.ko",
        "ena.ko",
        "gve.ko",
        "xen-blkfront.ko",
        "xen-netfront.ko",
        "hv_storvsc.ko",
        "hv_netvsc.ko",
        "hv_utils.ko",
    ] {
        add(&mut tree, &format!("usr/lib/modules/{RELEASE}/kernel/{name}"), Blob::inline(*b"elf"));
    }
    for path in [
        "usr/bin/cloud-init",
        "usr/sbin/sshd",
        "var/lib/dpkg/info/cloud-init.list",
        "var/lib/dpkg/info/qemu-guest-agent.list",
    ] {
        add(&mut tree, path, Blob::inline(*b"x"));
    }
    tree
}

#[test]
fn a_complete_system_suits_everybody() {
    let (system, lock) = (system(), lock());
    let inputs = Inputs { root: complete(), ..inputs(&system, &lock) };
    assert_eq!(findings(&ALL, &system, inputs), "");
}

#[test]
fn a_bare_system_suits_nobody_and_hears_what_to_set() {
    let (mut system, lock) = (system(), lock());
    system.kernel.parameters = vec!["console=tty7".into()];
    system.image.bios = false;
    system.image.size = Some(Size(200_000_000_000));
    let said = |platform| findings(&[platform], &system, inputs(&system, &lock));
    insta::assert_snapshot!(said(Platform::DigitalOcean), @r#"
    error: digitalocean: machines there start by BIOS, and the image cannot (`image.bios = true`)
    error: digitalocean: the disk has 186.3 GiB, over 93.1 GiB: custom images have 100 GB at most once unpacked (`image.size`)
    error: digitalocean: kernel 6.12.1-toy has no module virtio_pci: disk and network of a droplet are virtio devices (`base.kernel.package = "linux-image-cloud-amd64"` has it)
    error: digitalocean: kernel 6.12.1-toy has no module virtio_blk: the droplet's disk (`base.kernel.package = "linux-image-cloud-amd64"` has it)
    error: digitalocean: kernel 6.12.1-toy has no module virtio_net: the droplet's network (`base.kernel.package = "linux-image-cloud-amd64"` has it)
    warning: digitalocean: kernel 6.12.1-toy has no module virtio_scsi: volumes
    warning: digitalocean: kernel 6.12.1-toy has no module isofs: the config drive, from which keys and user-data are read
    warning: digitalocean: no console on tty0: the recovery console stays black (add it to `base.kernel.consoles`)
    warning: digitalocean: no interface asks DHCP, which gives machines there their address (`[network]` without `interfaces` does)
    warning: digitalocean: there is no SSH server (`[ssh]`)
    warning: digitalocean: keys and user-data given with the droplet are not applied (`packages = ["cloud-init"]`)
    "#);
    insta::assert_snapshot!(said(Platform::Azure), @r#"
    error: azure: kernel 6.12.1-toy has no module hv_vmbus: Hyper-V's bus, on which everything else is (`base.kernel.package = "linux-image-cloud-amd64"` has it)
    error: azure: kernel 6.12.1-toy has no module hv_storvsc: disks (`base.kernel.package = "linux-image-cloud-amd64"` has it)
    error: azure: kernel 6.12.1-toy has no module hv_netvsc: network (`base.kernel.package = "linux-image-cloud-amd64"` has it)
    warning: azure: kernel 6.12.1-toy has no module hv_utils: shutdown, heartbeat and time from the host
    warning: azure: kernel 6.12.1-toy has no module nvme: disks of the sizes since version 6
    warning: azure: kernel 6.12.1-toy has no module udf: the drive from which cloud-init reads user and key
    warning: azure: no console on ttyS0: boot diagnostics and the serial console stay empty (add it to `base.kernel.consoles`)
    warning: azure: no interface asks DHCP, which gives machines there their address (`[network]` without `interfaces` does)
    warning: azure: there is no SSH server (`[ssh]`)
    warning: azure: nothing tells Azure that a machine is ready, so that it can be started from a disk of its own (`--attach-os-disk`), but not from a generalized image (`packages = ["cloud-init"]`)
    "#);
}

#[test]
fn what_cannot_run_anywhere_is_said_once() {
    let (mut system, lock) = (system(), lock());
    system.kernel.package = None;
    let inputs = Inputs { boot: None, ..inputs(&system, &lock) };
    insta::assert_snapshot!(findings(&[Platform::Gcp], &system, inputs), @r#"error: gcp: the system has no kernel (`base.kernel.package = "linux-image-cloud-amd64"`); the formats `directory`, `tar` and `oci` need none"#);
}

#[test]
fn commands_follow_the_image() {
    let (mut system, lock) = (system(), lock());
    system.image.bios = false;
    let inputs = Inputs { root: complete(), ..inputs(&system, &lock) };
    let plan = plan(inputs).unwrap();
    let commands = |platform| {
        let steps = next_steps(platform, &plan, "my out/toy.file");
        steps.into_iter().map(|step| step.command).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(commands(Platform::Proxmox), @r#"
    scp 'my out/toy.file' root@HOST:/var/lib/vz/import/toy.file
    qm create 9000 --name toy --ostype l26 --memory 1024 --cores 2 --cpu host --net0 virtio,bridge=vmbr0 --scsihw virtio-scsi-single --serial0 socket --agent enabled=1 --bios ovmf --machine q35 --efidisk0 STORAGE:1,efitype=4m
    qm set 9000 --scsi0 STORAGE:0,import-from=/var/lib/vz/import/toy.file,discard=on,iothread=1 --boot order=scsi0
    qm set 9000 --ide2 STORAGE:cloudinit --ipconfig0 ip=dhcp --sshkeys KEY_FILE
    qm start 9000 && qm terminal 9000
    "#);
    insta::assert_snapshot!(commands(Platform::OpenStack), @r#"
    openstack image create toy-1-0 --file 'my out/toy.file' --disk-format qcow2 --container-format bare --min-disk 1 --property os_type=linux --property os_distro=debian --property hw_firmware_type=uefi --property hw_machine_type=q35 --property hw_disk_bus=scsi --property hw_scsi_model=virtio-scsi --property hw_vif_model=virtio --property hw_rng_model=virtio --property architecture=x86_64 --property hw_qemu_guest_agent=yes
    openstack server create toy --image toy-1-0 --flavor FLAVOR --network NETWORK --key-name KEY --config-drive True
    "#);
    assert!(commands(Platform::Ec2).contains("--boot-mode uefi "));
    assert!(commands(Platform::Azure).contains("--hyper-v-generation V2 "));
}

#[test]
fn containers_run_the_init_or_a_service() {
    let mut system = system();
    let service = |name: &str| -> Service {
        serde_json::from_value(serde_json::json!({"name": name, "command": [format!("/usr/bin/{name}")]}))
            .unwrap()
    };
    let mut bare = pintle_model::Tree::new();
    add(&mut bare, "usr/bin/app", Blob::inline(*b"x"));
    let cmd = |system: &System, tree: &pintle_model::Tree| {
        container(system, tree, 0).map(|image| image.run.cmd.join(" ")).map_err(|error| error.to_string())
    };
    system.services = vec![service("app")];
    assert_eq!(cmd(&system, &root()).unwrap(), "/usr/lib/systemd/systemd");
    assert_eq!(cmd(&system, &bare).unwrap(), "/usr/bin/app");
    system.services.push(service("web"));
    assert_eq!(cmd(&system, &bare).unwrap(), "");
    system.image.container_service = Some("web".into());
    assert_eq!(cmd(&system, &root()).unwrap(), "/usr/bin/web");
    system.image.container_service = Some("wbe".into());
    insta::assert_snapshot!(cmd(&system, &bare).unwrap_err(), @"`image.container-service` is `wbe`, which is no service of the definition (there are: app, web)");
}

#[test]
fn formats_are_called_in_documents_as_on_the_command_line() {
    for format in OutputFormat::ALL {
        assert_eq!(serde_json::to_value(format).unwrap(), format.name());
    }
}
