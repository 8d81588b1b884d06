use super::build::{Build, generated};
use super::needs::{DIRECTORIES, WRITTEN};
use super::{InitrdError, literal};
use crate::generate::place::attrs;
use pintle_model::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// The directories, merged-`/usr` links, device nodes and configuration that are not copied.
pub(super) fn skeleton(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let epoch = build.options.epoch;
    for (path, mode, _) in DIRECTORIES {
        let path = literal(path);
        if let Some(parent) = path.parent() {
            build.directory(&parent)?;
        }
        build.add(&path, Kind::Directory(BTreeMap::new()), attrs(*mode, epoch), generated())?;
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        let path = literal(name);
        if let Some(Kind::Symlink(_)) = build.system.get(&path).map(|inode| &inode.kind) {
            build.copy(&path)?;
        }
    }
    build.link(&literal("var/run"), "../run")?;
    // The kernel opens it as standard input and output of /init before devtmpfs is mounted.
    let console = Kind::CharDevice { major: 5, minor: 1 };
    build.add(&literal("dev/console"), console, attrs(0o600, epoch), generated())?;
    for (path, mode, text, _) in WRITTEN {
        build.write(&literal(path), *mode, text.as_bytes().to_vec())?;
    }
    release(build)
}

/// `/etc/initrd-release` tells systemd that it is in an initrd; it has the form of os-release(5).
fn release(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let path = literal("usr/lib/os-release");
    let text = build.text(&path)?;
    let why = "its copy /etc/initrd-release is how systemd knows that it is in an initrd";
    let text = text.ok_or(InitrdError::Missing { path, why, package: "base-files" })?;
    build.write(&literal("etc/initrd-release"), 0o644, text.into_bytes())?;
    build.link(&literal("etc/os-release"), "initrd-release")
}

/// `/etc/group` with the groups that the copied udev rules give device nodes to.
pub(super) fn groups(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let mut wanted = BTreeSet::from(["root".to_owned()]);
    for (name, _) in build.tree.children(&literal("usr/lib/udev/rules.d")) {
        let path = literal("usr/lib/udev/rules.d").join(name)?;
        let text = build.text(&path)?.unwrap_or_default();
        let names = text.split("GROUP=\"").skip(1).filter_map(|rest| rest.split('"').next());
        wanted.extend(names.map(str::to_owned));
    }
    let path = literal("etc/group");
    let why = "udev gives device nodes to groups";
    let group =
        build.text(&path)?.ok_or(InitrdError::Missing { path: path.clone(), why, package: "base-passwd" })?;
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let lines: Vec<_> = group.lines().filter(|line| wanted.contains(&name(line))).collect();
    build.write(&path, 0o644, (lines.join("\n") + "\n").into_bytes())
}
