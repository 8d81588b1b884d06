//! How `/etc` differs from what the image made it of.

use crate::places::{DOCUMENT, ETC, FACTORY_ETC, KEEP};
use pintle_health::drift::{Change, Item, Items, Kind, compare, kept};
use pintle_machine::{FileError, Found, FoundKind, Machine};

/// Why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system is not of the layout that makes `/etc` anew.
    #[error("/etc of this system was not made at its start: there is no {KEEP}")]
    Plain,
}

/// Compares.
///
/// # Errors
/// [`DriftError`].
pub fn drift(machine: &Machine) -> Result<Vec<Change>, DriftError> {
    let list = machine.text(KEEP, DOCUMENT)?.ok_or(DriftError::Plain)?;
    let items = |path| Ok::<Items, FileError>(machine.folder(path)?.into_iter().map(item).collect());
    Ok(compare(&items(FACTORY_ETC)?, &items(ETC)?, &kept(&list)))
}

fn item(found: Found) -> (String, Item) {
    let kind = match found.kind {
        FoundKind::File(digest) => Kind::File(digest),
        FoundKind::Folder => Kind::Folder,
        FoundKind::Link(target) => Kind::Link(target),
        FoundKind::Other => Kind::Other,
    };
    (found.path, Item { kind, mode: found.mode, owner: (found.uid, found.gid) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_health::drift::text;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn an_edit_shows_and_what_the_machine_keeps_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::new(folder.path().to_owned(), "/bin/false".into());
        insta::assert_snapshot!(drift(&machine).unwrap_err(), @"/etc of this system was not made at its start: there is no /usr/lib/pintle/keep.conf");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("usr/lib/pintle/keep.conf", "C /var/lib/pintle/etc/machine-id - - - - /etc/machine-id\n");
        for etc in ["usr/share/factory/etc", "etc"] {
            write(&format!("{etc}/hosts"), "127.0.0.1 localhost\n");
            write(&format!("{etc}/nginx/nginx.conf"), "x\n");
            write(&format!("{etc}/motd"), "x\n");
            symlink("../run/resolv.conf", folder.path().join(etc).join("resolv.conf")).unwrap();
        }
        write("etc/machine-id", "0123\n");
        assert_eq!(drift(&machine).unwrap(), []);
        write("etc/hosts", "127.0.0.1 other\n");
        write("etc/cron.d/mine", "x\n");
        fs::set_permissions(folder.path().join("etc/motd"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_dir_all(folder.path().join("etc/nginx")).unwrap();
        fs::remove_file(folder.path().join("etc/resolv.conf")).unwrap();
        symlink("/dev/null", folder.path().join("etc/resolv.conf")).unwrap();
        insta::assert_snapshot!(text(&drift(&machine).unwrap()), @"
        + /etc/cron.d
        ~ /etc/hosts: other content
        ~ /etc/motd: mode 0600, not 0644
        - /etc/nginx
        ~ /etc/resolv.conf: points to /dev/null, not to ../run/resolv.conf
        these last until the next boot; to keep them, write them into the definition
        ");
    }
}
