//! A system whose only file system from the image is `/usr`: everything else is made of it at each start.
//!
//! What packages and the definition put elsewhere moves below `/usr/share/factory`. A list for systemd-tmpfiles
//! (tmpfiles.d(5)), which the initrd carries, makes the root of it: `/etc` anew at each start, `/var` where something is
//! missing. So there is no drift: whoever goes back to an older `/usr` goes back to its `/etc` as well.

use crate::hardened::hardened;
use pintle_model::{Attrs, Blob, Inode, InodeId, Kind, Origin, Timestamp, Tree, TreeError, TreePath};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A system, split.
#[derive(Clone, Debug)]
pub struct Stateless {
    /// What is below `/usr`.
    pub usr: Tree,
    /// For systemd-tmpfiles in the initrd, first: what of an earlier start must not stay.
    pub remove: String,
    /// For systemd-tmpfiles in the initrd: how to make the root.
    pub root: String,
}

/// Where what is not below `/usr` waits, as seen from `/usr`.
const FACTORY: &str = "share/factory";
/// Folders of which `/var` keeps the content, so that it survives: where they are, and where below `/var`.
const KEPT: [(&str, &str); 3] = [("home", "var/home"), ("root", "var/root"), ("srv", "var/srv")];
/// Never filled, but looked for by everyone.
const MOUNT_POINTS: [(&str, u16); 5] =
    [("dev", 0o755), ("proc", 0o555), ("run", 0o755), ("sys", 0o555), ("tmp", 0o1777)];
/// Files of `/etc` that are a machine's own: [`KEEP_BACK`] puts them back.
const OWN: [&str; 1] = ["etc/machine-id"];
/// dpkg's database says what is in `/usr`: it belongs there.
const DATABASE: (&str, &str) = ("var/lib/dpkg", "lib/sysimage/dpkg");

/// Host state below `/etc`, kept in `/var/lib/pintle/etc`: identity and host keys.
const STATE: [&str; 7] = [
    "machine-id",
    "ssh/ssh_host_ecdsa_key",
    "ssh/ssh_host_ecdsa_key.pub",
    "ssh/ssh_host_ed25519_key",
    "ssh/ssh_host_ed25519_key.pub",
    "ssh/ssh_host_rsa_key",
    "ssh/ssh_host_rsa_key.pub",
];

/// For systemd-tmpfiles in the initrd, after the root was made: the machine's own files come back.
#[must_use]
pub fn put_back() -> String {
    let line = |name: &&str| format!("C /etc/{name} - - - - /var/lib/pintle/etc/{name}\n");
    STATE.iter().map(line).collect()
}

/// For systemd-tmpfiles, last of all: a machine that has no identity yet gets one when it starts
/// (machine-id(5), "First Boot Semantics").
pub const NO_IDENTITY: &str = "f /etc/machine-id 0444 0 0 - uninitialized\\n\n";

/// For systemd-tmpfiles in the running system: what is new of the machine's own files is kept.
#[must_use]
fn keep() -> String {
    let mut text =
        "d /var/lib/pintle 0700 0 0\nd /var/lib/pintle/etc 0700 0 0\nd /var/lib/pintle/etc/ssh 0700 0 0\n"
            .to_owned();
    for name in STATE {
        writeln!(text, "C /var/lib/pintle/etc/{name} - - - - /etc/{name}")
            .expect("invariant: a String takes all");
    }
    text
}

/// Runs [`keep`], once identity and host keys are there.
const KEEP_UNIT: &str = "\
[Unit]
Description=Keep this machine's identity and host keys
Documentation=man:tmpfiles.d(5)
After=systemd-machine-id-commit.service sshd-keygen.service ssh.service
RequiresMountsFor=/var/lib/pintle

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=systemd-tmpfiles --create /usr/lib/pintle/keep.conf
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID
PrivateDevices=yes
PrivateNetwork=yes
ProtectSystem=strict
ReadWritePaths=/var/lib
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service
";

/// Splits `system`.
///
/// # Errors
/// [`TreeError`], where something is in the way of a generated file.
pub fn split(system: &Tree, epoch: Timestamp) -> Result<Stateless, TreeError> {
    let mut split =
        Split { system, usr: Tree::new(), moved: BTreeMap::new(), lines: Vec::new(), remove: String::new() };
    for entry in system.walk() {
        split.entry(&entry.path, entry.id, entry.inode)?;
    }
    for (path, mode) in MOUNT_POINTS {
        split.line(&TreePath::literal(path), format!("d /{path} {mode:04o} 0 0"));
    }
    for (path, kept) in KEPT {
        split.line(&TreePath::literal(path), format!("L /{path} - - - - {kept}"));
    }
    split.line(&TreePath::literal("var/lib/dpkg"), format!("L+ /{} - - - - /usr/{}", DATABASE.0, DATABASE.1));
    split.ours(epoch)?;
    let mut root: Vec<(TreePath, String)> = split.lines;
    root.sort();
    root.dedup_by(|a, b| a.0 == b.0);
    let root = root.into_iter().map(|(_, line)| line + "\n").collect();
    Ok(Stateless { usr: split.usr, root, remove: split.remove })
}

struct Split<'a> {
    system: &'a Tree,
    usr: Tree,
    /// Files with several names keep them.
    moved: BTreeMap<InodeId, InodeId>,
    lines: Vec<(TreePath, String)>,
    remove: String,
}

impl Split<'_> {
    fn line(&mut self, path: &TreePath, line: String) {
        self.lines.push((path.clone(), line));
    }

    fn entry(&mut self, path: &TreePath, id: InodeId, inode: &Inode) -> Result<(), TreeError> {
        let Some(first) = path.components().next() else {
            // The root itself: /usr is as it is in the system.
            return Ok(());
        };
        if first == b"usr" {
            let inside = path.components().skip(1).collect::<Vec<_>>().join(&b'/');
            if inside.is_empty() {
                let root = self.usr.root();
                self.usr.inode_mut(root).attrs = inode.attrs;
                return Ok(());
            }
            return self.put(&TreePath::new(inside)?, id, inode);
        }
        if OWN.iter().any(|own| path.as_bytes() == own.as_bytes())
            || MOUNT_POINTS.iter().any(|(name, _)| first == name.as_bytes())
        {
            return Ok(());
        }
        if let Some(inside) = below(path, DATABASE.0) {
            let to = [DATABASE.1.as_bytes(), inside].concat();
            return self.put(&TreePath::new(to)?, id, inode);
        }
        let place = match KEPT.iter().find(|(name, _)| first == name.as_bytes()) {
            Some((name, kept)) => {
                TreePath::new([kept.as_bytes(), below(path, name).unwrap_or_default()].concat())?
            }
            None => path.clone(),
        };
        self.describe(&place, inode);
        // Directories are made by their own line, with what is in them.
        let in_etc = first == b"etc";
        if in_etc || !matches!(inode.kind, Kind::Directory(_)) {
            let to = TreePath::new([FACTORY.as_bytes(), b"/", place.as_bytes()].concat())?;
            return self.put(&to, id, inode);
        }
        Ok(())
    }

    /// The line that makes what is at `path` of the root.
    fn describe(&mut self, path: &TreePath, inode: &Inode) {
        let Attrs { mode, uid, gid, .. } = inode.attrs;
        if path.as_bytes() == b"etc" {
            return self.line(path, format!("C /etc - - - - /usr/{FACTORY}/etc"));
        }
        if path.as_bytes().starts_with(b"etc/") {
            return;
        }
        let name = escape(path);
        // What the image says of keys counts, whatever is there.
        if path.name() == Some(b"authorized_keys") {
            writeln!(self.remove, "r {name}").expect("invariant: a String takes all");
        }
        let line = match &inode.kind {
            Kind::Directory(_) => format!("d {name} {mode:04o} {uid} {gid}"),
            Kind::Symlink(target) => format!("L {name} - - - - {}", escape_text(target)),
            _ => format!("C {name} - - - - /usr/{FACTORY}{name}"),
        };
        self.line(path, line);
    }

    fn put(&mut self, to: &TreePath, id: InodeId, inode: &Inode) -> Result<(), TreeError> {
        let origin = self.usr.origin(self.system.origin_of(inode.origin).clone());
        if let Some(parent) = to.parent() {
            self.usr.ensure_directory(&parent, Attrs::root(0o755), origin)?;
        }
        if let Some(moved) = self.moved.get(&id) {
            return self.usr.link(to, *moved);
        }
        if let Kind::Directory(_) = inode.kind {
            let made = self.usr.ensure_directory(to, inode.attrs, origin)?;
            let there = self.usr.inode_mut(made);
            (there.attrs, there.origin, there.xattrs) = (inode.attrs, origin, inode.xattrs.clone());
            return Ok(());
        }
        let moved = self.usr.insert(to, Inode { origin, ..inode.clone() })?;
        self.moved.insert(id, moved);
        Ok(())
    }

    /// What keeps the machine's own files.
    fn ours(&mut self, epoch: Timestamp) -> Result<(), TreeError> {
        let origin = self.usr.origin(Origin::Generated("stateless".to_owned()));
        let attrs = |mode| Attrs { mtime: epoch, ..Attrs::root(mode) };
        let files = [
            ("lib/pintle/keep.conf", keep()),
            ("lib/systemd/system/pintle-keep.service", hardened(KEEP_UNIT)),
        ];
        for (path, text) in files {
            let path = TreePath::literal(path);
            if let Some(parent) = path.parent() {
                self.usr.ensure_directory(&parent, attrs(0o755), origin)?;
            }
            self.usr.add(&path, Kind::File(Blob::inline(text.into_bytes())), attrs(0o644), origin)?;
        }
        let wants = TreePath::literal("lib/systemd/system/multi-user.target.wants/pintle-keep.service");
        if let Some(parent) = wants.parent() {
            self.usr.ensure_directory(&parent, attrs(0o755), origin)?;
        }
        let target = Kind::Symlink((*b"../pintle-keep.service").into());
        self.usr.add(&wants, target, attrs(0o777), origin)?;
        // systemd's own list makes directories of what are links here.
        let masked = TreePath::new([FACTORY, "/etc/tmpfiles.d/home.conf"].concat())?;
        if self.usr.lookup(&masked).is_none() {
            if let Some(parent) = masked.parent() {
                self.usr.ensure_directory(&parent, attrs(0o755), origin)?;
            }
            self.usr.add(&masked, Kind::Symlink((*b"/dev/null").into()), attrs(0o777), origin)?;
        }
        Ok(())
    }
}

/// What of `path` is below `folder`: empty for itself, else with a leading slash.
fn below<'a>(path: &'a TreePath, folder: &str) -> Option<&'a [u8]> {
    let rest = path.as_bytes().strip_prefix(folder.as_bytes())?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

/// A path as tmpfiles.d(5) reads it: specifiers doubled, other bytes than plain ones in C's escapes.
fn escape(path: &TreePath) -> String {
    format!("/{}", escape_text(path.as_bytes()))
}

fn escape_text(text: &[u8]) -> String {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'%' => out.push_str("%%"),
            b'\\' | b'"' | b'\'' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            0x21..=0x7e => out.push(char::from(*byte)),
            _ => write!(out, "\\x{byte:02x}").expect("invariant: a String takes all"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Nobody);
        let mut add = |path: &str, kind: Kind, mode: u16, uid: u32| {
            let path = TreePath::literal(path);
            if let Some(parent) = path.parent() {
                tree.ensure_directory(&parent, Attrs::root(0o755), by).unwrap();
            }
            tree.add(&path, kind, Attrs { uid, ..Attrs::root(mode) }, by).unwrap()
        };
        let file = |text: &str| Kind::File(Blob::inline(text.as_bytes()));
        add("bin", Kind::Symlink((*b"usr/bin").into()), 0o777, 0);
        let sh = add("usr/bin/sh", file("sh"), 0o755, 0);
        add("etc/passwd", file("root"), 0o644, 0);
        add("etc/machine-id", file("uninitialized"), 0o444, 0);
        add("var/lib/dpkg/status", file("Package: a"), 0o644, 0);
        add("var/lib/a b/100%", file("x"), 0o640, 7);
        add("home/ann/.ssh/authorized_keys", file("key"), 0o600, 1000);
        add("run/lost", file("x"), 0o644, 0);
        tree.link(&TreePath::literal("usr/bin/dash"), sh).unwrap();
        tree
    }

    #[test]
    fn the_root_is_made_of_what_is_in_usr() {
        let split = split(&sample(), Timestamp::from_secs(1)).unwrap();
        insta::assert_snapshot!(split.root, @r"
        L /bin - - - - usr/bin
        d /dev 0755 0 0
        C /etc - - - - /usr/share/factory/etc
        L /home - - - - var/home
        d /proc 0555 0 0
        L /root - - - - var/root
        d /run 0755 0 0
        L /srv - - - - var/srv
        d /sys 0555 0 0
        d /tmp 1777 0 0
        d /var 0755 0 0
        d /var/home 0755 0 0
        d /var/home/ann 0755 0 0
        d /var/home/ann/.ssh 0755 0 0
        C /var/home/ann/.ssh/authorized_keys - - - - /usr/share/factory/var/home/ann/.ssh/authorized_keys
        d /var/lib 0755 0 0
        d /var/lib/a\x20b 0755 0 0
        C /var/lib/a\x20b/100%% - - - - /usr/share/factory/var/lib/a\x20b/100%%
        L+ /var/lib/dpkg - - - - /usr/lib/sysimage/dpkg
        ");
        insta::assert_snapshot!(split.remove, @"r /var/home/ann/.ssh/authorized_keys");
        let names: Vec<String> = split.usr.walk().map(|entry| entry.path.to_string()).collect();
        insta::assert_snapshot!(names.join("\n"), @"
        /
        /bin
        /bin/dash
        /bin/sh
        /lib
        /lib/pintle
        /lib/pintle/keep.conf
        /lib/sysimage
        /lib/sysimage/dpkg
        /lib/sysimage/dpkg/status
        /lib/systemd
        /lib/systemd/system
        /lib/systemd/system/multi-user.target.wants
        /lib/systemd/system/multi-user.target.wants/pintle-keep.service
        /lib/systemd/system/pintle-keep.service
        /share
        /share/factory
        /share/factory/bin
        /share/factory/etc
        /share/factory/etc/passwd
        /share/factory/etc/tmpfiles.d
        /share/factory/etc/tmpfiles.d/home.conf
        /share/factory/var
        /share/factory/var/home
        /share/factory/var/home/ann
        /share/factory/var/home/ann/.ssh
        /share/factory/var/home/ann/.ssh/authorized_keys
        /share/factory/var/lib
        /share/factory/var/lib/a b
        /share/factory/var/lib/a b/100%
        ");
        let name = |path| split.usr.lookup(&TreePath::literal(path));
        assert_eq!(name("bin/sh"), name("bin/dash"), "names of one file stay so");
    }

    #[test]
    fn the_same_machine_comes_back() {
        assert!(put_back().starts_with("C /etc/machine-id - - - - /var/lib/pintle/etc/machine-id\n"));
        // Everything that is kept comes back.
        for line in put_back().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(keep().contains(&format!("C {} - - - - {}\n", words[6], words[1])), "{line}");
        }
    }
}
