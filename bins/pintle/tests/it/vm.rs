//! The image boots: on both firmwares, from every bus, in little memory; and is what it should be inside.

use crate::common::{Gate, pintle, succeed, web};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Boots with `options`, waits for the page, runs `script` inside and returns what it says.
fn boot(options: &[&str], script: &str) -> String {
    let image = &web().image;
    let _turn = Gate::enter();
    let mut command = pintle();
    command.args(["run", "--timeout", "600", "--until", "http://:80/"]).args(options).arg(image);
    succeed(command.args(["--quiet", "--exec", "sh", "-c"]).arg(format!("'{script}'")))
}

/// What must hold in every boot: the system is up, nothing failed.
const SOUND: &str = "systemctl is-system-running --wait; systemctl --failed --no-legend";

#[test]
fn boots_by_uefi_from_virtio_and_is_sound() {
    let said = boot(
        &[],
        &format!("{SOUND}; cat /proc/cmdline; id -un nginx 2>/dev/null; systemctl is-active beacon"),
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "running", "{said}");
    assert!(lines[1].contains("root=PARTUUID="), "nothing failed: {said}");
    assert_eq!(*lines.last().unwrap(), "active", "{said}");
}

#[test]
fn boots_by_bios_from_virtio_in_256_mib() {
    let said = boot(&["--firmware", "bios", "--memory", "256M"], SOUND);
    assert_eq!(said.trim(), "running");
}

#[test]
fn boots_by_uefi_from_scsi_in_256_mib() {
    let said = boot(&["--disk", "scsi", "--memory", "256M"], SOUND);
    assert_eq!(said.trim(), "running");
}

#[test]
fn boots_by_bios_from_sata() {
    let said = boot(&["--firmware", "bios", "--disk", "sata"], SOUND);
    assert_eq!(said.trim(), "running");
}

#[test]
fn boots_by_uefi_from_nvme() {
    let said = boot(&["--disk", "nvme"], SOUND);
    assert_eq!(said.trim(), "running");
}

#[test]
fn grows_to_a_larger_disk_and_takes_the_baked_key() {
    let built = web();
    let _turn = Gate::enter();
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("large.qcow2");
    succeed(Command::new("cp").arg(&built.qcow2).arg(&disk));
    succeed(Command::new("qemu-img").args(["resize", "-q"]).arg(&disk).arg("8G"));
    let port = free_port();
    let mut machine = pintle()
        .args(["run", "--quiet", "--keep", "--until", "ssh", "--timeout", "600", "--forward"])
        .arg(format!("{port}:22"))
        .arg(&disk)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let said = ssh(
        port,
        "df --output=size -B1M / | tail -1; resize2fs /dev/disk/by-partlabel/root 2>&1 | tail -1; ls /etc/ssh/ssh_host_*_key | wc -l",
    );
    succeed(Command::new("kill").args(["-INT", &machine.id().to_string()]));
    machine.wait().unwrap();
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert!(lines[0].parse::<u32>().unwrap() > 7000, "the root file system has the disk's size: {said}");
    assert!(lines[2].parse::<u32>().unwrap() >= 1, "host keys were made at first boot: {said}");
}

/// Runs a command as root with the baked key, waiting until the guest lets it in.
fn ssh(port: u16, command: &str) -> String {
    let until = Instant::now() + Duration::from_secs(600);
    loop {
        let output = Command::new("ssh")
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
            ])
            .args(["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-p"])
            .arg(port.to_string())
            .arg("-i")
            .arg(&web().key)
            .args(["root@127.0.0.1", command])
            .output()
            .unwrap();
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(Instant::now() < until, "the guest does not let us in: {message}");
        std::thread::sleep(Duration::from_secs(2));
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
