//! What the first boot makes of a disk: the second place for `/usr`, and `/var`, which may be encrypted.

use crate::verified::{VAR_MIN, var_label};
use pintle_model::{Attrs, Blob, Encrypt, Kind, Origin, System, Timestamp, Tree, TreeError, TreePath};

/// Label of a place for `/usr` in which nothing was put yet (repart.d(5), sysupdate.d(5)).
pub const EMPTY: &str = "_empty";
/// Where systemd-repart looks (repart.d(5)), in `/usr`.
const DEFINITIONS: &str = "lib/repart.d";
/// The same without encryption, for machines without a TPM.
const PLAIN: &str = "lib/pintle/repart.d";

/// Adds definitions and units to `/usr`; `data` and `hashes` are the bytes of its places.
pub(crate) fn add(
    tree: &mut Tree,
    system: &System,
    places: (u64, u64),
    epoch: Timestamp,
) -> Result<(), TreeError> {
    let encrypt = system.image.encrypt;
    let mut files = definitions(DEFINITIONS, system, places, encrypt != Encrypt::Off);
    if encrypt == Encrypt::TpmIfThere {
        files.extend(definitions(PLAIN, system, places, false));
    }
    // The partition grows by these definitions, its file system by this.
    let mut links = vec![("local-fs.target.wants/systemd-growfs@var.service", "../systemd-growfs@.service")];
    if encrypt != Encrypt::Off {
        let unit = "lib/systemd/system/pintle-recovery.service".to_owned();
        files.push((unit, recovery(&var_label(system))));
        links.push(("multi-user.target.wants/pintle-recovery.service", "../pintle-recovery.service"));
    }
    let origin = tree.origin(Origin::Generated("image".to_owned()));
    let attrs = |mode| Attrs { mtime: epoch, ..Attrs::root(mode) };
    let mut put = |path: TreePath, kind: Kind, mode| {
        if let Some(folder) = path.parent() {
            tree.ensure_directory(&folder, attrs(0o755), origin)?;
        }
        tree.add(&path, kind, attrs(mode), origin).map(drop)
    };
    for (path, text) in files {
        put(TreePath::literal(&path), Kind::File(Blob::inline(text.into_bytes())), 0o644)?;
    }
    for (name, target) in links {
        let path = TreePath::literal(&format!("lib/systemd/system/{name}"));
        put(path, Kind::Symlink(target.as_bytes().into()), 0o777)?;
    }
    Ok(())
}

/// systemd-repart finds the partitions of the image by their type, in order.
fn definitions(
    folder: &str,
    system: &System,
    (data, hashes): (u64, u64),
    encrypted: bool,
) -> Vec<(String, String)> {
    let place = |kind: &str, size: u64, more: &str| {
        format!("[Partition]\nType={kind}\nSizeMinBytes={size}\nSizeMaxBytes={size}\n{more}")
    };
    let empty = format!("Label={EMPTY}\nReadOnly=yes\n");
    let var = format!(
        "# What the machine keeps. It grows to the end of the disk.\n[Partition]\nType=var\nLabel={}\nFormat=ext4\n{}\
         SizeMinBytes={}\nFactoryReset=yes\n",
        var_label(system),
        if encrypted { "Encrypt=tpm2\n" } else { "" },
        VAR_MIN.bytes(),
    );
    let files = [
        ("10-usr-a.conf", place("usr", data, "")),
        ("11-usr-a-verity.conf", place("usr-verity", hashes, "")),
        ("20-usr-b.conf", place("usr", data, &empty)),
        ("21-usr-b-verity.conf", place("usr-verity", hashes, &empty)),
        ("30-var.conf", var),
    ];
    files.into_iter().map(|(name, text)| (format!("{folder}/{name}"), text)).collect()
}

/// Shows a recovery key, once. It is on the console alone: a journal would keep it beside what it opens.
fn recovery(label: &str) -> String {
    format!(
        "[Unit]\nDescription=Make a recovery key for /var and show it on the console\n\
         Documentation=man:systemd-cryptenroll(1)\nRequiresMountsFor=/var/lib/pintle\n\
         ConditionPathExists=/dev/mapper/var\nConditionPathExists=!/var/lib/pintle/recovery-key-shown\n\n[Service]\n\
         Type=oneshot\nRemainAfterExit=yes\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/console\n\
         ExecStart=/usr/bin/systemd-cryptenroll --unlock-tpm2-device=auto --recovery-key \
         /dev/disk/by-partlabel/{label}\nExecStartPost=/usr/bin/mkdir -p /var/lib/pintle\n\
         ExecStartPost=/usr/bin/touch /var/lib/pintle/recovery-key-shown\n"
    )
}
