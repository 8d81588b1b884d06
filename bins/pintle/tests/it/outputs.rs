//! What a build can write, before the programs of those who take it.

use crate::common::{finish, pintle, succeed, web};
use crate::toy::{Toy, base, listing, noise};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A system with hard links, odd modes and a service, that is also a container.
fn toy() -> Toy {
    let archive = base()
        .package("app 1")
        .file("/usr/bin/app", 0o4755, "#!/bin/sh\n")
        .file("/usr/lib/app.bin", 0o640, noise(3 << 20))
        .file("/usr/lib/zeros.bin", 0o644, vec![0; 2 << 20]);
    let toy = Toy::new(&archive, &["app"]);
    define(&toy, json!({}));
    toy
}

fn define(toy: &Toy, image: Value) {
    let mut whole = json!({"bios": false, "uefi": false, "free": 8 << 20});
    for (key, value) in image.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let service = json!({"name": "app", "command": ["/usr/bin/app", "--serve"], "user": "nobody",
        "environment": {"MODE": "fast"}, "enable": false});
    let more = json!({"image": whole, "services": [service]});
    toy.define(&toy.mirror().display().to_string(), &["app"], more);
}

fn formats(command: &mut Command, formats: &[&str]) {
    for format in formats {
        command.args(["--format", format]);
    }
}

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Digest in the manifest, by format.
fn digests(manifest: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let outputs = manifest["outputs"].as_array().unwrap();
    outputs.iter().map(|output| (text(&output["format"]), text(&output["sha256"]))).collect()
}

fn sha256(path: &Path) -> String {
    succeed(Command::new("sha256sum").arg(path)).split(' ').next().unwrap().to_owned()
}

const ALL: [&str; 14] = [
    "raw",
    "qcow2",
    "qcow2-zstd",
    "raw.gz",
    "raw.zst",
    "raw.xz",
    "vhd",
    "vmdk",
    "tar",
    "tar.gz",
    "tar.zst",
    "directory",
    "oci",
    "oci-archive",
];

fn qemu_img_agrees(raw: &Path, image: &Path, format: &str) {
    if format != "vpc" {
        succeed(Command::new("qemu-img").args(["check", "-q", "-f", format]).arg(image));
    }
    succeed(Command::new("qemu-img").args(["compare", "-q", "-f", "raw", "-F", format]).arg(raw).arg(image));
}

#[test]
fn one_build_writes_everything_and_the_manifest_lists_it() {
    let toy = toy();
    let mut build = toy.build();
    formats(&mut build, &ALL);
    succeed(&mut build);
    let out = toy.out();
    let listed = manifest(&out.join("toy.json"));
    let names: Vec<_> =
        listed["outputs"].as_array().unwrap().iter().map(|o| o["file"].as_str().unwrap()).collect();
    assert_eq!(
        names.join(" "),
        "toy.raw toy.qcow2 toy.zstd.qcow2 toy.raw.gz toy.raw.zst toy.raw.xz toy.vhd toy.vmdk toy.tar toy.tar.gz \
         toy.tar.zst toy.directory toy.oci toy.oci.tar"
    );
    for output in listed["outputs"].as_array().unwrap() {
        let path = out.join(output["file"].as_str().unwrap());
        let path = match output["format"].as_str().unwrap() {
            "directory" => out.join("toy.mtree"),
            "oci" => continue,
            _ => path,
        };
        assert_eq!(output["sha256"].as_str().unwrap(), sha256(&path), "{}", path.display());
    }
    let raw = out.join("toy.raw");
    for (name, format) in [("qcow2", "qcow2"), ("zstd.qcow2", "qcow2"), ("vhd", "vpc"), ("vmdk", "vmdk")] {
        qemu_img_agrees(&raw, &out.join(format!("toy.{name}")), format);
    }
    for (tool, packed, plain) in [
        ("gzip", "raw.gz", "raw"),
        ("zstd", "raw.zst", "raw"),
        ("xz", "raw.xz", "raw"),
        ("gzip", "tar.gz", "tar"),
        ("zstd", "tar.zst", "tar"),
    ] {
        let script = format!("{tool} -dc toy.{packed} | cmp - toy.{plain}");
        succeed(Command::new("sh").args(["-c", &script]).current_dir(&out));
    }
    // Nothing is left of the temporary names.
    let hidden: Vec<_> = listing(&out).into_iter().filter(|line| line.starts_with('.')).collect();
    assert_eq!(hidden, [""; 0]);
}

#[test]
fn what_else_is_written_changes_nothing_and_a_second_build_replaces_all() {
    let toy = toy();
    let mut build = toy.build();
    formats(&mut build, &ALL);
    succeed(&mut build);
    let all = digests(&manifest(&toy.out().join("toy.json")));
    let first = listing(&toy.out());
    succeed(&mut build);
    assert_eq!(first, listing(&toy.out()));
    for (format, digest) in &all {
        let mut build = toy.build();
        formats(&mut build, &[format, format]);
        succeed(&mut build);
        let alone = digests(&manifest(&toy.out().join("toy.json")));
        assert_eq!(alone, [(format.clone(), digest.clone())]);
    }
}

#[test]
fn all_outputs_appear_or_none() {
    let toy = toy();
    fs::create_dir_all(toy.out().join("toy.qcow2")).unwrap();
    let mut build = toy.build();
    formats(&mut build, &["raw", "qcow2"]);
    assert_snapshot!(toy.fails(&mut build), @r#"
    exit 1
    error: cannot write out/toy.qcow2: a directory is in its place; remove it, or choose another path
    "#);
    assert_eq!(listing(&toy.out()), ["toy.qcow2 4096"]);
    fs::remove_dir(toy.out().join("toy.qcow2")).unwrap();
    fs::write(toy.out().join("toy.directory"), "mine").unwrap();
    let mut build = toy.build();
    formats(&mut build, &["raw", "directory"]);
    assert_snapshot!(toy.fails(&mut build), @r#"
    exit 1
    error: cannot write out/toy.directory: a file is where a folder must be; remove it, or choose another path
    "#);
}

#[test]
fn platforms_refuse_a_system_that_cannot_start_there() {
    let toy = toy();
    let mut build = toy.build();
    formats(&mut build, &["raw", "digitalocean", "azure"]);
    assert_snapshot!(toy.fails(&mut build), @r#"
    exit 4
    made the lock: 3 packages; keep it with the definition
    error: the planned image would not work:
      warning: the image has no kernel and will not boot by itself; the formats `directory`, `tar` and `oci` hold its files without a disk
      warning: root will not grow to the disk it is copied to: systemd-repart is missing (package systemd-repart)
      error: digitalocean: the system has no kernel (`base.kernel.package = "linux-image-cloud-amd64"`); the formats `directory`, `tar` and `oci` need none
      error: azure: the system has no kernel (`base.kernel.package = "linux-image-cloud-amd64"`); the formats `directory`, `tar` and `oci` need none
    "#);
    let mut build = toy.build();
    formats(&mut build, &["ova"]);
    let said = toy.fails(&mut build);
    assert!(said.contains("not an output format (known: raw, qcow2, "), "{said}");
}

#[test]
fn a_system_without_kernel_is_a_tree() {
    let toy = toy();
    define(&toy, json!({"formats": ["tar", "oci"]}));
    let said = toy.builds();
    assert!(!said.contains("kernel"), "nothing is said of disks: {said}");
    assert_eq!(manifest(&toy.out().join("toy.json"))["disk"], Value::Null);
    let listed =
        succeed(Command::new("tar").arg("-tvf").arg(toy.out().join("toy.tar")).args(["--numeric-owner"]));
    assert!(listed.contains("-rwsr-xr-x 0/0") && listed.contains(" usr/bin/app\n"), "{listed}");
    assert!(!listed.contains("etc/fstab"), "a tree has no disk to mount: {listed}");
}

#[test]
fn containers_are_read_by_skopeo_and_umoci() {
    let toy = toy();
    let mut build = toy.build();
    formats(&mut build, &["oci", "oci-archive"]);
    succeed(&mut build);
    let out = toy.out();
    let digest = digests(&manifest(&out.join("toy.json")))[0].1.clone();
    for image in [
        format!("oci:{}:1", out.join("toy.oci").display()),
        format!("oci-archive:{}", out.join("toy.oci.tar").display()),
    ] {
        let said: Value =
            serde_json::from_str(&succeed(Command::new("skopeo").args(["inspect", &image]))).unwrap();
        assert_eq!(said["Digest"], format!("sha256:{digest}"), "{image}");
        assert_eq!(said["Labels"]["org.opencontainers.image.title"], "toy");
        let config = succeed(Command::new("skopeo").args(["inspect", "--config", &image]));
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["config"]["Cmd"], json!(["/usr/bin/app", "--serve"]));
        assert_eq!(config["config"]["User"], "nobody");
        assert_eq!(config["config"]["Env"][1], "MODE=fast");
    }
    // A copy checks every digest on the way.
    let copy = format!("dir:{}", toy.folder().join("copy").display());
    let from = format!("oci:{}:1", out.join("toy.oci").display());
    succeed(Command::new("skopeo").args(["copy", "--quiet", "--insecure-policy", &from, &copy]));
    let bundle = toy.folder().join("bundle");
    let image = format!("{}:1", out.join("toy.oci").display());
    succeed(Command::new("umoci").args(["unpack", "--rootless", "--image", &image]).arg(&bundle));
    let app = fs::read(bundle.join("rootfs/usr/lib/app.bin")).unwrap();
    assert!(app == noise(3 << 20));
    define(&toy, json!({"container_service": "web"}));
    let mut build = toy.build();
    formats(&mut build, &["oci"]);
    assert_snapshot!(toy.fails(&mut build), @r#"
    exit 3
    error: `image.container-service` is `web`, which is no service of the definition (there are: app)
    "#);
}

/// As `find` shows it: type, mode and path.
fn found(folder: &Path) -> String {
    let mut found = Command::new("find");
    succeed(found.arg(folder).args(["-printf", "%y %m %P\n"]))
        .lines()
        .map(str::to_owned)
        .fold(String::new(), |all, line| all + &line + "\n")
}

#[test]
fn a_folder_keeps_what_its_owner_may_set_and_the_listing_the_rest() {
    let toy = toy();
    let mut build = toy.build();
    formats(&mut build, &["directory", "tar"]);
    succeed(&mut build);
    let root = succeed(Command::new("id").arg("-u")).trim() == "0";
    let kept = found(&toy.out().join("toy.directory"));
    let mode = if root { "f 4755 usr/bin/app" } else { "f 755 usr/bin/app" };
    assert!(kept.contains(mode), "{kept}");
    // What the listing says is what the archive says.
    let listed =
        succeed(Command::new("bsdtar").arg("-tvf").arg(toy.out().join("toy.mtree")).env("TZ", "UTC"));
    let archived = succeed(
        Command::new("bsdtar")
            .arg("-tvf")
            .arg(toy.out().join("toy.tar"))
            .arg("--numeric-owner")
            .env("TZ", "UTC"),
    );
    let lines = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let name = words[8..].join(" ").trim_start_matches("./").trim_end_matches('/').to_owned();
                format!("{} {} {} {name}", words[0], words[2], words[3])
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&listed).len(), lines(&archived).len());
    let missing: Vec<_> =
        lines(&archived).into_iter().filter(|line| !lines(&listed).contains(line)).collect();
    assert!(missing.iter().all(|line| line.ends_with(' ') || line.ends_with(" .")), "{missing:?}");
}

#[test]
fn clouds_take_the_web_server() {
    let built = web();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut build = pintle();
    build.args(["--json", "build", "--locked", "--offline", "--output"]).arg(&out).arg(&built.folder);
    formats(&mut build, &["digitalocean", "ec2", "gcp", "azure", "openstack", "proxmox"]);
    let output = finish(&mut build);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The example has a key, DHCP, a serial console and every driver; only programs of the platforms are missing.
    let findings: Vec<&str> =
        said["findings"].as_array().unwrap().iter().map(|f| f["text"].as_str().unwrap()).collect();
    assert_snapshot!(findings.join("\n"), @r#"
    digitalocean: keys and user-data given with the droplet are not applied (`packages = ["cloud-init"]`)
    ec2: key pair and user-data given with the instance are not applied (`packages = ["cloud-init"]`)
    gcp: SSH keys of the project's metadata are not applied (`packages = ["google-guest-agent"]`)
    azure: nothing tells Azure that a machine is ready, so that it can be started from a disk of its own (`--attach-os-disk`), but not from a generalized image (`packages = ["cloud-init"]`)
    openstack: key pair and user-data given with the server are not applied (`packages = ["cloud-init"]`)
    proxmox: the host sees no addresses, and backups do not freeze the file systems (`packages = ["qemu-guest-agent"]`)
    "#);
    let raw = &built.image;
    qemu_img_agrees(raw, &out.join("web.ec2.vmdk"), "vmdk");
    qemu_img_agrees(raw, &out.join("web.azure.vhd"), "vpc");
    qemu_img_agrees(raw, &out.join("web.openstack.qcow2"), "qcow2");
    assert_eq!(sha256(&out.join("web.openstack.qcow2")), sha256(&built.qcow2));
    assert_eq!(sha256(&out.join("web.openstack.qcow2")), sha256(&out.join("web.proxmox.qcow2")));
    succeed(Command::new("gzip").arg("-t").arg(out.join("web.digitalocean.raw.gz")));
    let size = fs::metadata(out.join("web.azure.vhd")).unwrap().len();
    assert!((size - 512).is_multiple_of(1 << 20), "{size}");
    // The disk in the archive for Compute Engine has whole GiB, and sound tables at both ends.
    succeed(Command::new("tar").arg("-xSzf").arg(out.join("web.gcp.tar.gz")).arg("-C").arg(folder.path()));
    let disk = folder.path().join("disk.raw");
    assert!(fs::metadata(&disk).unwrap().len().is_multiple_of(1 << 30));
    let verified = succeed(Command::new("sgdisk").arg("-v").arg(&disk));
    assert!(verified.contains("No problems found"), "{verified}");
    let partitions = |path: &Path| {
        succeed(Command::new("sgdisk").arg("-p").arg(path))
            .lines()
            .rev()
            .take(3)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(partitions(&disk), partitions(raw));
    let commands: Vec<String> = said["next"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|next| next["steps"].as_array().unwrap())
        .map(|step| step["command"].as_str().unwrap().replace(&out.display().to_string(), "OUT"))
        .collect();
    assert_snapshot!(commands.join("\n"), @r#"
    s3cmd put --acl-public OUT/web.digitalocean.raw.gz s3://BUCKET/web.digitalocean.raw.gz
    doctl compute image create web-1 --image-url https://BUCKET.REGION.digitaloceanspaces.com/web.digitalocean.raw.gz --region REGION --image-distribution Debian
    doctl compute image list-user --format ID,Name,Status
    doctl compute droplet create web --image IMAGE_ID --size s-1vcpu-512mb-10gb --region REGION --ssh-keys FINGERPRINT --wait
    aws s3 cp OUT/web.ec2.vmdk s3://BUCKET/web.ec2.vmdk
    aws ec2 import-snapshot --description web-1 --disk-container 'Format=VMDK,UserBucket={S3Bucket=BUCKET,S3Key=web.ec2.vmdk}'
    aws ec2 describe-import-snapshot-tasks --import-task-ids IMPORT_TASK_ID
    aws ec2 register-image --name web-1 --architecture x86_64 --boot-mode uefi-preferred --ena-support --virtualization-type hvm --imds-support v2.0 --root-device-name /dev/xvda --block-device-mappings 'DeviceName=/dev/xvda,Ebs={SnapshotId=SNAPSHOT_ID,VolumeType=gp3}'
    gcloud storage cp OUT/web.gcp.tar.gz gs://BUCKET/web.gcp.tar.gz
    gcloud compute images create web-1 --source-uri gs://BUCKET/web.gcp.tar.gz --architecture X86_64 --guest-os-features UEFI_COMPATIBLE,GVNIC,VIRTIO_SCSI_MULTIQUEUE
    gcloud compute instances create web --image web-1 --machine-type e2-small --zone ZONE
    az storage blob upload --account-name ACCOUNT --container-name CONTAINER --type page --file OUT/web.azure.vhd --name web.azure.vhd
    az disk create --resource-group GROUP --name web-1 --source https://ACCOUNT.blob.core.windows.net/CONTAINER/web.azure.vhd --os-type Linux --hyper-v-generation V2 --architecture x64
    az vm create --resource-group GROUP --name web-1 --attach-os-disk web-1 --os-type Linux
    openstack image create web-1 --file OUT/web.openstack.qcow2 --disk-format qcow2 --container-format bare --min-disk 1 --property os_type=linux --property os_distro=debian --property hw_firmware_type=bios --property hw_disk_bus=scsi --property hw_scsi_model=virtio-scsi --property hw_vif_model=virtio --property hw_rng_model=virtio --property architecture=x86_64
    openstack server create web --image web-1 --flavor FLAVOR --network NETWORK --key-name KEY --config-drive True
    scp OUT/web.proxmox.qcow2 root@HOST:/var/lib/vz/import/web.proxmox.qcow2
    qm create 9000 --name web --ostype l26 --memory 1024 --cores 2 --cpu host --net0 virtio,bridge=vmbr0 --scsihw virtio-scsi-single --serial0 socket
    qm set 9000 --scsi0 STORAGE:0,import-from=/var/lib/vz/import/web.proxmox.qcow2,discard=on,iothread=1 --boot order=scsi0
    qm start 9000 && qm terminal 9000
    "#);
}
