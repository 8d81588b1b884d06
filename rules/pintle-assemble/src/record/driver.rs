//! What runs inside: a shell script that gives files their owners, calls the maintainer scripts as dpkg does, and lists
//! owners and modes as the scripts saw them. Owners are kept by fakeroot(1): the namespace has only one user.

use crate::input::Package;
use pintle_model::{Kind, Tree};
use pintle_package::EntryKind;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Path of the script inside.
pub const DRIVER: &str = "/.pintle/run.sh";
/// Statuses of the script, for the maintainer script that failed.
const FAILED: [(&str, i32); 2] = [("preinst", 81), ("postinst", 82)];

/// Files of one run, by path without leading slash.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Path, bytes, whether it is a program.
    pub files: Vec<(String, Vec<u8>, bool)>,
}

impl Session {
    /// For the scripts (`preinst`, `postinst`) of `package`, on `tree`.
    #[must_use]
    pub fn new(package: &Package<'_>, scripts: &[&str], tree: &Tree) -> Self {
        let mut files = vec![
            (DRIVER.trim_start_matches('/').to_owned(), driver(package, scripts).into_bytes(), true),
            (".pintle/owners".to_owned(), owners(tree).into_bytes(), false),
            (".pintle/shipped".to_owned(), shipped(package, scripts).into_bytes(), false),
            // No service starts: the programs that would be asked say so.
            ("usr/sbin/policy-rc.d".to_owned(), b"#!/bin/sh\nexit 101\n".to_vec(), true),
            ("usr/sbin/start-stop-daemon".to_owned(), b"#!/bin/sh\nexit 0\n".to_vec(), true),
        ];
        files.retain(|(path, _, _)| !path.is_empty());
        Self { files }
    }

    /// Which maintainer script an exit status of the run blames.
    #[must_use]
    pub fn blamed(code: Option<i32>) -> &'static str {
        FAILED.iter().find(|(_, status)| Some(*status) == code).map_or("recording", |(name, _)| name)
    }
}

/// `NAME` or, for packages of which several architectures can be installed, `NAME:ARCH`.
fn info_name(package: &Package<'_>) -> String {
    let control = package.unpacked.control.text("control").unwrap_or_default();
    let same = control.lines().any(|line| line.trim_end() == "Multi-Arch: same");
    let name = &package.locked.name;
    if same { format!("{name}:{}", package.locked.arch) } else { name.clone() }
}

fn driver(package: &Package<'_>, scripts: &[&str]) -> String {
    let (name, arch, info) = (&package.locked.name, &package.locked.arch, info_name(package));
    let mut out = format!(
        "cd /\n\
         while read -r owner mode path; do chown -h \"$owner\" \"$path\" && chmod \"$mode\" \"$path\"; done < /.pintle/owners\n\
         export HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true\n\
         export SYSTEMD_OFFLINE=1 DPKG_ROOT= DPKG_ADMINDIR=/var/lib/dpkg DPKG_RUNNING_VERSION=1.22.0\n\
         export DPKG_MAINTSCRIPT_PACKAGE={name} DPKG_MAINTSCRIPT_ARCH={arch} DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1\n"
    );
    for (script, status) in FAILED.iter().filter(|(script, _)| scripts.contains(script)) {
        let call = if *script == "preinst" { "install" } else { "configure ''" };
        let before = *script == "preinst";
        if before {
            out.push_str(STASH);
        }
        let _ = writeln!(
            out,
            "DPKG_MAINTSCRIPT_NAME={script} /var/lib/dpkg/info/{info}.{script} {call} || exit {status}"
        );
        if before {
            out.push_str(RESTORE);
        }
    }
    out.push_str(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /.pintle \\) -prune -o \
         ! -type l -printf '%U %G %m %P\\0' > /.pintle/listing || exit 83\n",
    );
    out
}

/// Before unpacking, nothing of the package is there.
const STASH: &str = "n=0; mkdir -p /.pintle/own\n\
    while read -r path; do n=$((n+1)); mv -T \"$path\" \"/.pintle/own/$n\"; done < /.pintle/shipped\n";
const RESTORE: &str = "n=0\n\
    while read -r path; do n=$((n+1)); mv -f -T \"/.pintle/own/$n\" \"$path\"; done < /.pintle/shipped\n";

/// Owner and mode of all that is not root's or that its owner cannot write: such files lie on the disk with other modes.
fn owners(tree: &Tree) -> String {
    let mut out = String::new();
    for entry in tree.walk() {
        let (attrs, path) = (entry.inode.attrs, entry.path.lossy());
        let plain = match entry.inode.kind {
            Kind::Directory(_) => attrs.mode & 0o700 == 0o700,
            Kind::File(_) => attrs.mode & 0o600 == 0o600,
            _ => continue,
        };
        if (attrs.uid, attrs.gid) != (0, 0) || !plain {
            let _ = writeln!(out, "{}:{} {:o} /{path}", attrs.uid, attrs.gid, attrs.mode);
        }
    }
    out
}

/// Files that only this package ships and that the recording itself does not need.
fn shipped(package: &Package<'_>, scripts: &[&str]) -> String {
    let control = package.unpacked.control.text("control").unwrap_or_default();
    let needed = |line: &str| {
        matches!(line.trim_end(), "Essential: yes" | "Priority: required" | "Priority: important")
    };
    let entries = &package.unpacked.entries;
    let library = entries.iter().any(|entry| {
        let path = String::from_utf8_lossy(&entry.path);
        path.contains(".so") && path.matches('/').count() <= 3
    });
    if !scripts.contains(&"preinst") || library || control.lines().any(needed) {
        return String::new();
    }
    let mut out = String::new();
    for entry in entries.iter().filter(|entry| !matches!(entry.kind, EntryKind::Directory)) {
        let _ = writeln!(out, "/{}", String::from_utf8_lossy(&entry.path));
    }
    out
}

/// Owners and modes by path, from the list that the script leaves.
#[must_use]
pub fn listing(bytes: &[u8]) -> BTreeMap<String, (u32, u32, u16)> {
    let mut out = BTreeMap::new();
    for record in bytes.split(|b| *b == 0) {
        let record = String::from_utf8_lossy(record);
        let mut words = record.splitn(4, ' ');
        let mut number = |radix| words.next().and_then(|word| u32::from_str_radix(word, radix).ok());
        if let (Some(uid), Some(gid), Some(mode)) = (number(10), number(10), number(8))
            && let Some(path) = words.next()
        {
            out.insert(path.to_owned(), (uid, gid, (mode & 0o7777) as u16));
        }
    }
    out
}
