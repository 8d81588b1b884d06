//! What a root needs beyond its packages to boot from the planned disk and to grow on it.

use crate::PlanError;
use pintle_model::{Attrs, Blob, Kind, Origin, OriginId, Timestamp, Tree, TreePath};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Adds files to a root under one origin and time.
pub(crate) struct Additions<'a> {
    tree: &'a mut Tree,
    origin: OriginId,
    time: Timestamp,
}

impl<'a> Additions<'a> {
    pub(crate) fn to(tree: &'a mut Tree, epoch: i64) -> Self {
        let origin = tree.origin(Origin::Generated("image".to_owned()));
        Self { tree, origin, time: Timestamp::from_secs(epoch) }
    }

    fn attrs(&self, mode: u16) -> Attrs {
        Attrs { mtime: self.time, ..Attrs::root(mode) }
    }

    pub(crate) fn file(&mut self, path: &str, blob: Blob) -> Result<(), PlanError> {
        let path = TreePath::new(path).map_err(|error| PlanError::Root(error.into()))?;
        let attrs = self.attrs(0o755);
        if let Some(parent) = path.parent() {
            self.tree.ensure_directory(&parent, attrs, self.origin).map_err(PlanError::Root)?;
        }
        let attrs = self.attrs(0o644);
        self.tree.add(&path, Kind::File(blob), attrs, self.origin).map_err(PlanError::Root)?;
        Ok(())
    }

    /// `/etc/fstab` unless the system brings its own, the definition for systemd-repart, and `/efi`.
    ///
    /// The EFI system partition is not in fstab: systemd finds it by its type and mounts it on `/efi` when somebody
    /// looks there, and only where the machine was booted from it (systemd-gpt-auto-generator(8)). On a machine with a
    /// PC BIOS nothing waits for it.
    pub(crate) fn mounts(&mut self, root: Uuid) -> Result<(), PlanError> {
        if self.tree.lookup(&TreePath::literal("etc/fstab")).is_none() {
            self.file("etc/fstab", Blob::inline(fstab(root).into_bytes()))?;
        }
        self.file("usr/lib/repart.d/50-root.conf", Blob::inline(REPART.as_bytes()))?;
        if self.tree.lookup(&TreePath::literal("efi")).is_none() {
            let (attrs, kind) = (self.attrs(0o700), Kind::Directory(BTreeMap::new()));
            self.tree.add(&TreePath::literal("efi"), kind, attrs, self.origin).map_err(PlanError::Root)?;
        }
        Ok(())
    }
}

/// `x-systemd.growfs` is what makes the file system follow its partition: the GPT flag for that is only read where root
/// was found by its type, not where it is named on the command line (systemd-fstab-generator(8)).
fn fstab(root: Uuid) -> String {
    format!(
        "# The root file system grows to its partition at boot. The EFI system partition is found by its type.\n\
         PARTUUID={root} / ext4 errors=remount-ro,x-systemd.growfs 0 1\n"
    )
}

/// Only root is named: partitions without a definition stay as they are, so all free space behind root, which is the
/// last, goes to it (repart.d(5)).
const REPART: &str = "\
# The root partition grows to the end of the disk at boot.
[Partition]
Type=root
GrowFileSystem=yes
";
