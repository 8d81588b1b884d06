//! A toy archive: packages made by hand.

use pintle_assemble::accounts::{allocate, needs};
use pintle_assemble::{AssembleErrors, Assembled, HostContent, Input, Package, Recipes, assemble};
use pintle_model::{
    Contents, Digest, Inode, Kind, LockedPackage, Origin, SourceId, System, Timestamp, Tree, TreePath,
};
use pintle_package::{EntryKind, FileEntry, UnpackedDeb};
use std::collections::BTreeMap;
use std::io;

pub(crate) const EPOCH: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) struct Packs(Vec<Vec<u8>>);

impl Contents for Packs {
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        out.copy_from_slice(&self.0[source.0 as usize][from..from + out.len()]);
        Ok(())
    }
}

pub(crate) struct World {
    debs: Vec<(LockedPackage, UnpackedDeb, Vec<u8>)>,
    pub(crate) recipes: Recipes,
    pub(crate) system: System,
    pub(crate) host: BTreeMap<String, HostContent>,
}

/// One package being made.
pub(crate) struct Deb<'w>(&'w mut (LockedPackage, UnpackedDeb, Vec<u8>));

impl World {
    /// The smallest Debian: the links of merged-/usr and base-passwd's masters.
    pub(crate) fn new() -> Self {
        let system = serde_json::json!({
            "schema": 1, "name": "toy", "version": "7", "source": { "debian": { "suites": [] } }
        });
        let mut world = Self {
            debs: Vec::new(),
            recipes: Recipes::default(),
            system: serde_json::from_value(system).unwrap(),
            host: BTreeMap::new(),
        };
        let base = world.package("base-files", "13");
        let base = ["usr", "usr/bin", "usr/sbin", "usr/lib", "etc", "var"]
            .iter()
            .fold(base, |deb, path| deb.dir(path));
        base.link("bin", "usr/bin")
            .link("sbin", "usr/sbin")
            .link("lib", "usr/lib")
            .file("usr/lib/os-release", "ID=debian\n");
        world
            .package("base-passwd", "3")
            .file(
                "usr/share/base-passwd/passwd.master",
                "root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
                 www-data:*:33:33:www-data:/var/www:/usr/sbin/nologin\n\
                 nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
            )
            .file(
                "usr/share/base-passwd/group.master",
                "root:*:0:\ndaemon:*:1:\nadm:*:4:\nsudo:*:27:\nwww-data:*:33:\nshadow:*:42:\nnogroup:*:65534:\n",
            );
        world
    }

    pub(crate) fn package(&mut self, name: &str, version: &str) -> Deb<'_> {
        let locked = LockedPackage {
            name: name.into(),
            version: version.into(),
            arch: "all".into(),
            suite: "trixie".into(),
            path: format!("pool/{name}.deb"),
            size: 1,
            sha256: Digest::of(name.as_bytes()),
            role: Default::default(),
            snapshot: None,
        };
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b>\nDescription: toy\n"
        );
        let mut deb = UnpackedDeb::default();
        deb.control.files.insert("control".into(), control.into_bytes());
        self.debs.push((locked, deb, Vec::new()));
        Deb(self.debs.last_mut().unwrap())
    }

    /// Overlays JSON on the system.
    pub(crate) fn system(&mut self, more: serde_json::Value) {
        let mut all = serde_json::to_value(&self.system).unwrap();
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        self.system = serde_json::from_value(all).unwrap();
    }

    pub(crate) fn assemble(&self) -> Result<Done, AssembleErrors> {
        let mut sorted: Vec<_> = self.debs.iter().enumerate().collect();
        sorted.sort_by(|a, b| a.1.0.name.cmp(&b.1.0.name));
        let packages: Vec<Package<'_>> = sorted
            .iter()
            .map(|(index, (locked, unpacked, _))| Package {
                locked,
                unpacked,
                source: SourceId(*index as u32),
            })
            .collect();
        let contents = Packs(self.debs.iter().map(|(_, _, pack)| pack.clone()).collect());
        let needs = needs(&packages, &self.system, &self.recipes, &contents)?;
        let (users, groups) = allocate(&needs, (&[], &[]))?;
        let assembled = assemble(&Input {
            system: &self.system,
            packages: &packages,
            users: &users,
            groups: &groups,
            contents: &contents,
            epoch: EPOCH,
            host_files: &self.host,
            agent: None,
            recipes: &self.recipes,
        })?;
        Ok(Done { assembled, contents })
    }

    /// The text of the errors.
    pub(crate) fn fail(&self) -> String {
        match self.assemble() {
            Ok(_) => panic!("it should not assemble"),
            Err(errors) => errors.to_string(),
        }
    }
}

impl Deb<'_> {
    fn entry(self, path: &str, kind: EntryKind, mode: u16) -> Self {
        self.0.1.entries.push(FileEntry {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            uname: "root".into(),
            gname: "root".into(),
            mtime: 1_600_000_000,
            xattrs: BTreeMap::new(),
        });
        self
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.entry(path, EntryKind::Directory, 0o755)
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let (offset, len, digest) = (self.0.2.len() as u64, text.len() as u64, Digest::of(text.as_bytes()));
        self.0.2.extend_from_slice(text.as_bytes());
        self.entry(path, EntryKind::File { offset, len, digest }, 0o644)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryKind::Symlink(target.into()), 0o777)
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryKind::Hardlink(target.into()), 0o644)
    }

    /// Owner, group and mode of the last entry.
    pub(crate) fn owned(self, owner: &str, group: &str, mode: u16) -> Self {
        let entry = self.0.1.entries.last_mut().unwrap();
        (entry.uname, entry.gname, entry.mode) = (owner.into(), group.into(), mode);
        // A number that means nothing here: names count.
        (entry.uid, entry.gid) = (4242, 4242);
        self
    }

    /// A member of control.tar.
    pub(crate) fn member(self, name: &str, text: &str) -> Self {
        self.0.1.control.files.insert(name.into(), text.into());
        self
    }

    /// A further field of the control file.
    pub(crate) fn field(self, text: &str) -> Self {
        self.0.1.control.files.get_mut("control").unwrap().extend_from_slice(format!("{text}\n").as_bytes());
        self
    }

    pub(crate) fn postinst(self, text: &str) -> Self {
        self.member("postinst", &format!("#!/bin/sh\nset -e\n{text}"))
    }
}

/// An assembled toy.
pub(crate) struct Done {
    pub(crate) assembled: Assembled,
    contents: Packs,
}

impl Done {
    pub(crate) fn tree(&self) -> &Tree {
        &self.assembled.tree
    }

    pub(crate) fn inode(&self, path: &str) -> &Inode {
        self.tree().get(&TreePath::literal(path)).unwrap_or_else(|| panic!("{path} is missing"))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.tree().get(&TreePath::literal(path)).is_some()
    }

    pub(crate) fn text(&self, path: &str) -> String {
        match &self.inode(path).kind {
            Kind::File(blob) => String::from_utf8(blob.read(&self.contents, 1 << 20).unwrap()).unwrap(),
            Kind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            other => other.noun().to_owned(),
        }
    }

    pub(crate) fn origin(&self, path: &str) -> &Origin {
        self.tree().origin_of(self.inode(path).origin)
    }

    /// `uid:gid mode`
    pub(crate) fn owner(&self, path: &str) -> String {
        let attrs = self.inode(path).attrs;
        format!("{}:{} {:o}", attrs.uid, attrs.gid, attrs.mode)
    }

    /// Writes the files below `folder` to a host directory, for judges to look at.
    pub(crate) fn export(&self, to: &std::path::Path) {
        for entry in self.tree().walk() {
            let path = to.join(&*entry.path.lossy());
            match &entry.inode.kind {
                Kind::Directory(_) => std::fs::create_dir_all(path).unwrap(),
                Kind::File(blob) => {
                    std::fs::write(path, blob.read(&self.contents, 1 << 20).unwrap()).unwrap()
                }
                Kind::Symlink(target) => {
                    std::os::unix::fs::symlink(String::from_utf8_lossy(target).as_ref(), path).unwrap();
                }
                _ => {}
            }
        }
    }
}

/// A judge's program, or a plain message where it is missing.
pub(crate) fn judge(program: &str) -> std::process::Command {
    let found = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|dir| std::path::Path::new(dir).join(program).exists());
    assert!(found, "{program} is not installed: run `cargo xtask test`, which installs the judges");
    let mut command = std::process::Command::new(program);
    command.env("LC_ALL", "C").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Runs a judge and returns what it printed; it must succeed.
pub(crate) fn verdict(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {text}");
    text
}
