//! The image boots: on both firmwares, from every bus, in little memory; and is what it should be inside.

use crate::common::{Gate, cache, pintle, succeed, web};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Boots with `options`, waits for the page, runs `script` inside and returns what it says.
fn boot(options: &[&str], script: &str) -> String {
    let image = &web().image;
    let _turn = Gate::enter();
    let mut command = pintle();
    // One processor: two stall each other's timers on a loaded host without KVM.
    command
        .args(["run", "--cpus", "1", "--timeout", "600", "--until", "http://:80/"])
        .args(options)
        .arg(image);
    succeed(command.args(["--quiet", "--exec", "sh", "-c"]).arg(format!("'{script}'")))
}

/// What must hold in every boot: the system is up, nothing failed.
const SOUND: &str = "systemctl is-system-running --wait; systemctl --failed --no-legend";

#[test]
fn boots_by_uefi_from_virtio_and_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("boot.svg");
    let said = boot(
        &["--plot", plot.to_str().unwrap()],
        &format!("{SOUND}; cat /proc/cmdline; id -un nginx 2>/dev/null; systemctl is-active beacon"),
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "running", "{said}");
    assert!(lines[1].contains("root=PARTUUID="), "nothing failed: {said}");
    assert_eq!(*lines.last().unwrap(), "active", "{said}");
    plotted(
        &plot,
        &["firmware", "boot loader", "kernel", "initrd", "system", "nginx.service", "multi-user.target"],
    );
}

/// The picture is sound XML, and shows what it should.
fn plotted(picture: &Path, expected: &[&str]) {
    let words = "import sys, xml.dom.minidom as x
print(' '.join(n.firstChild.data for n in x.parse(sys.argv[1]).getElementsByTagName('title')))";
    let said = succeed(Command::new("python3").args(["-c", words]).arg(picture));
    for word in expected {
        assert!(said.contains(&format!("{word}: ")), "{word} in {said}");
    }
    let drawn = std::fs::read_to_string(picture).unwrap();
    assert!(drawn.matches("class=\"critical\"").count() >= 3 && drawn.contains("class=\"link\""), "a chain");
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
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("boot.svg");
    let said = boot(&["--firmware", "bios", "--disk", "sata", "--plot", plot.to_str().unwrap()], SOUND);
    assert_eq!(said.trim(), "running");
    // Whether GRUB's own words reach the serial line is the firmware's choice.
    plotted(&plot, &["kernel", "initrd", "system", "nginx.service"]);
    assert!(std::fs::read_to_string(&plot).unwrap().contains("<title>firmware"));
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
        .args(["run", "--quiet", "--cpus", "1", "--keep", "--until", "ssh", "--timeout", "600", "--forward"])
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

/// Every path with kind, mode, owner, links, size (but of directories: each file system has its own), time and target;
/// digests; extended attributes. Run in the tree's root.
const LISTING: &str = "export LC_ALL=C; find . -mindepth 1 ! -path ./lost+found \\( -type d -printf \"%p %y %m %U %G %n %T@\\n\" \
-o -printf \"%p %y %m %U %G %n %s %T@ %l\\n\" \\) | sort; find . -type f ! -path ./odd/sparse -print0 | sort -z | xargs -0 sha256sum; \
tail -c +1999999001 odd/sparse | head -c 1000000 | sha256sum; getfattr -R -h -d -m - . | sort";

#[test]
fn the_kernel_reads_our_file_systems_as_dpkg_unpacks() {
    assert_eq!(
        rustix::process::getuid().as_raw(),
        0,
        "dpkg -x keeps owners only as root: run the tests as root"
    );
    let built = web();
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    for package in built.manifest["packages"].as_array().unwrap() {
        let (digest, role) = (package["sha256"].as_str().unwrap(), &package["role"]);
        // The kernel's modules alone are more than all the rest; ten thousand files are enough.
        if role.is_null() && !package["name"].as_str().unwrap().starts_with("linux-image") {
            succeed(Command::new("dpkg-deb").arg("-x").arg(blob(digest)).arg(&tree));
        }
    }
    odd_files(&tree);
    let expected = succeed(Command::new("sh").args(["-c", LISTING]).current_dir(&tree));
    let mut run = pintle();
    run.args(["run", "--quiet", "--cpus", "1", "--timeout", "1800", "--until", "ssh"]);
    for (number, arguments) in FILE_SYSTEMS.iter().enumerate() {
        let image = folder.path().join(format!("{number}.img"));
        succeed(pintle().arg("mkfs").args(*arguments).arg(&tree).arg(&image));
        run.arg("--drive").arg(image);
    }
    run.arg(&built.image).args(["--exec", "sh", "-c"]);
    let drives = ('b'..).take(FILE_SYSTEMS.len()).map(|drive| format!("/dev/vd{drive} "));
    let each = format!("mount -o ro $drive /mnt && cd /mnt && {LISTING}; cd / && umount /mnt && echo END");
    run.arg(format!("'for drive in {}; do {each}; done'", drives.collect::<String>()));
    let _turn = Gate::enter();
    let seen = succeed(&mut run);
    let listings: Vec<&str> = seen.split_terminator("END\n").collect();
    assert_eq!(listings.len(), FILE_SYSTEMS.len());
    for (listing, what) in listings.iter().zip(FILE_SYSTEMS) {
        for (ours, theirs) in listing.lines().zip(expected.lines()) {
            assert_eq!(ours, theirs, "{what:?}");
        }
        assert_eq!(listing.lines().count(), expected.lines().count(), "{what:?}");
    }
}

/// File systems that the kernel has to mount, as `pintle mkfs` is asked for them.
const FILE_SYSTEMS: [&[&str]; 5] = [
    &["ext4"],
    &["erofs"],
    &["erofs", "--compress", "lz4", "--cluster", "64K"],
    &["erofs", "--compress", "zstd"],
    &["erofs", "--compress", "zstd,1", "--cluster", "1M", "--align"],
];

/// A downloaded package.
fn blob(digest: &str) -> std::path::PathBuf {
    let found =
        succeed(Command::new("find").arg(cache().join("blobs")).args(["-name", &format!("*{digest}*")]));
    found.lines().next().unwrap_or_else(|| panic!("{digest} is in the cache")).into()
}

/// What packages seldom have.
fn odd_files(tree: &Path) {
    let script = "mkdir odd && cd odd && mkfifo fifo && mknod null c 1 3 && mknod disk b 8 300 && ln null again && \
        truncate -s 3G sparse && printf end | dd of=sparse bs=1 seek=2000000000 conv=notrunc status=none && \
        touch -d 2100-01-02T03:04:05.678901234Z future && touch -d 1910-01-01 past && \
        touch \"$(printf %0255d 0)\" && ln -s \"$(printf %0200d 0)\" long-link && chown 70000:80000 future && \
        cp /bin/true capable && setcap cap_net_raw+ep capable && setfattr -n user.note -v text past && \
        mkdir many && cd many && seq 5000 | xargs touch && chmod 7755 .";
    succeed(Command::new("sh").args(["-ec", script]).current_dir(tree));
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
