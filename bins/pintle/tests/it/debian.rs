//! The tree of an image against what Debian's own tools make of the same packages: mmdebstrap, which runs every
//! script, and dpkg-deb, which runs none. Where ours is meant to be different, `differences.toml` says why.

mod differences;
mod listing;
mod trees;

use crate::common::{finish, succeed, web};
use differences::{Differences, Side};
use std::process::Command;
use trees::trees;

/// Filled at run time, or apt's own business: not compared.
const VOLATILE: [&str; 6] = ["/dev/", "/proc/", "/sys/", "/run/", "/var/cache/apt/", "/var/lib/apt/"];

#[test]
fn what_scripts_make_is_equal() {
    let trees = trees();
    let volatile = |path: &str| VOLATILE.iter().any(|folder| path.starts_with(folder));
    let scripts: Vec<&String> = trees
        .made
        .entries
        .keys()
        .filter(|path| !trees.shipped.entries.contains_key(*path))
        .filter(|path| !volatile(path) && !path.starts_with("/var/lib/dpkg/info/"))
        .filter(|path| trees.ours.entries.contains_key(*path))
        .collect();
    assert!(scripts.len() > 400, "{} paths that scripts make are seen: {scripts:?}", scripts.len());
    let problems = Differences::read().made.judge(&trees.made, &trees.ours, &|path| {
        if volatile(path) { Side::Neither } else { Side::Both }
    });
    assert!(problems.is_empty(), "{} differences without a reason:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn what_packages_ship_is_equal() {
    let trees = trees();
    let problems = Differences::read().shipped.judge(&trees.shipped, &trees.ours, &|_| Side::Theirs);
    assert!(problems.is_empty(), "{} differences without a reason:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn dpkg_sees_a_sound_installation() {
    let trees = trees();
    let root = format!("--root={}", trees.ours.root.display());
    assert_eq!(succeed(Command::new("dpkg").args([&root, "--audit"])), "");
    let wanted: Vec<String> = trees::packages().map(|p| format!("ii  {} {}", p.name, p.version)).collect();
    let format = "-f=${db:Status-Abbrev} ${Package} ${Version}\n";
    let mut seen: Vec<String> =
        succeed(Command::new("dpkg-query").args([&root, "-W", format])).lines().map(str::to_owned).collect();
    seen.sort_unstable();
    assert_eq!(seen, wanted);
    // Lines such as `??5??????   /usr/lib/os-release`, for what differs from the packages' digests.
    let said = finish(Command::new("dpkg").args([&root, "--verify"]));
    let said = String::from_utf8(said.stdout).unwrap();
    let list = Differences::read().shipped;
    let unknown: Vec<&str> =
        said.lines().filter(|line| !list.names(line.rsplit(' ').next().unwrap())).collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn modprobe_loads_the_same() {
    let trees = trees();
    let ours = trees::load_all(&trees.ours.root);
    let first = trees.loads.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
    assert_eq!(first, None);
    assert_eq!(trees.loads.len(), ours.len());
}

#[test]
fn programs_of_the_system_accept_their_settings() {
    let root = &trees().ours.root;
    // Inside of the image the kernel provides this one.
    let null = root.join("dev/null");
    if !null.exists() {
        succeed(Command::new("mknod").args(["-m", "666"]).arg(&null).args(["c", "1", "3"]));
    }
    let inside = |arguments: &[&str]| {
        let output = finish(Command::new("chroot").arg(root).args(arguments));
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let units =
        ["default.target", "beacon.service", "nginx.service", "ssh.service", "systemd-networkd.service"];
    let verify = [&["systemd-analyze", "verify", "--man=no"][..], &units].concat();
    assert_eq!(inside(&verify), (Some(0), String::new()));
    let (code, said) = inside(&["nginx", "-t"]);
    assert_eq!(code, Some(0), "{said}");
    // Keys are made at the first boot: that they are missing is all there may be to say.
    assert_eq!(inside(&["/usr/sbin/sshd", "-t"]).1.trim(), "sshd: no hostkeys available -- exiting.");
    let (code, said) = inside(&["grpck", "-r"]);
    assert_eq!(code, Some(0), "{said}");
    // Debian's own users name folders that do not exist; nothing else may be wrong.
    let (_, said) = inside(&["pwck", "-r"]);
    let wrong: Vec<&str> = said
        .lines()
        .filter(|line| !line.ends_with("does not exist") && *line != "pwck: no changes")
        .collect();
    assert_eq!(wrong, [""; 0]);
    assert!(web().manifest["findings"].as_array().is_some_and(Vec::is_empty));
}
