//! What must not be in an image: secrets, and whatever makes two machines the same one.

use crate::error::AssembleError;
use pintle_model::{Blob, Contents, Kind, Tree, TreePath};
use std::collections::BTreeSet;

/// Keys are small: larger files are not looked into.
const KEY_FILE_MAX: u64 = 64 << 10;
/// A key's header stands at its beginning, perhaps after some comments.
const LOOKED_AT: u64 = 8 << 10;

/// What the lint found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What stops the build.
    pub errors: Vec<AssembleError>,
    /// Files that run with another's rights: path and mode.
    pub privileged: Vec<(String, u16)>,
}

/// Looks through the whole tree, in which there may be a display server or not.
#[must_use]
pub fn lint(tree: &Tree, contents: &dyn Contents, display_server: bool) -> Findings {
    let mut findings = Findings::default();
    let mut displays = BTreeSet::new();
    for entry in tree.walk() {
        let Kind::File(blob) = &entry.inode.kind else { continue };
        let mode = entry.inode.attrs.mode;
        if mode & 0o6000 != 0 {
            findings.privileged.push((entry.path.to_string(), mode));
        }
        let origin = || tree.origin_of(entry.inode.origin).clone();
        if !display_server && is_display_server(&entry.path) && displays.insert(origin().to_string()) {
            findings.errors.push(AssembleError::DisplayServer { path: entry.path.clone(), origin: origin() });
        }
        let what = match identity(&entry.path, blob) {
            None => private_key(&entry.path, blob, contents),
            found => Ok(found),
        };
        match what {
            Ok(None) => {}
            Ok(Some(what)) => {
                findings.errors.push(AssembleError::Identity { path: entry.path, what, origin: origin() })
            }
            Err(source) => {
                findings.errors.push(AssembleError::Read { path: entry.path.to_string(), source });
            }
        }
    }
    findings
}

/// Files that tell one machine from others, by their path.
fn identity(path: &TreePath, blob: &Blob) -> Option<&'static str> {
    let text = path.lossy();
    match &*text {
        // Digits and a line end; `uninitialized` is shorter.
        "etc/machine-id" | "var/lib/dbus/machine-id" if blob.len() >= 32 => Some("a machine id"),
        "var/lib/systemd/random-seed" | "var/lib/urandom/random-seed" | "boot/loader/random-seed" => {
            Some("a random seed")
        }
        "var/lib/systemd/credential.secret" => Some("the host's credential secret"),
        _ if text.starts_with("etc/ssh/ssh_host_") && text.ends_with("_key") => Some("an SSH host key"),
        _ => None,
    }
}

/// What draws on screens; a session says that there is one.
fn is_display_server(path: &TreePath) -> bool {
    let text = path.lossy();
    matches!(&*text, "usr/lib/xorg/Xorg" | "usr/bin/Xorg" | "usr/bin/Xwayland")
        || text.starts_with("usr/share/wayland-sessions/")
        || text.starts_with("usr/share/xsessions/")
}

/// Documentation and test data of packages hold keys that everybody knows; Perl modules have their manuals in them.
fn is_sample(path: &TreePath) -> bool {
    let text = path.lossy();
    text.starts_with("usr/share/doc/")
        || text.starts_with("usr/") && (text.ends_with(".pm") || text.ends_with(".pod"))
        || text.split('/').any(|name| matches!(name, "test" | "tests" | "testdata"))
}

/// RFC 7468 labels (`-----BEGIN … PRIVATE KEY-----`), OpenSSH's among them, and PuTTY's.
fn private_key(
    path: &TreePath,
    blob: &Blob,
    contents: &dyn Contents,
) -> std::io::Result<Option<&'static str>> {
    if blob.is_empty() || blob.len() > KEY_FILE_MAX || is_sample(path) {
        return Ok(None);
    }
    let mut bytes = vec![0; blob.len().min(LOOKED_AT) as usize];
    blob.read_at(contents, 0, &mut bytes)?;
    // Programs and scripts name the header without holding a key: a key's header is a line of its own.
    let key_line = |line: &[u8]| {
        let line = line.trim_ascii();
        line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")
            || line.starts_with(b"PuTTY-User-Key-File-")
    };
    Ok(bytes.split(|b| *b == b'\n').any(key_line).then_some("a private key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Attrs, NoContents, Origin};

    fn problems(files: &[(&str, &str)]) -> String {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Definition("system.toml:3:1".into()));
        for (path, text) in files {
            let path = TreePath::literal(path);
            tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
            tree.add(&path, Kind::File(Blob::inline(text.as_bytes())), Attrs::root(0o4755), by).unwrap();
        }
        let findings = lint(&tree, &NoContents, false);
        assert_eq!(findings.privileged.len(), files.len());
        findings.errors.iter().map(|error| format!("{error}\n")).collect()
    }

    #[test]
    fn secrets_and_identities_are_found() {
        let key = "# mine\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n";
        let found = problems(&[
            ("etc/ssl/private/site.pem", "-----BEGIN EC PRIVATE KEY-----\r\nMHc\n"),
            ("root/.ssh/id_ed25519", key),
            ("etc/ssh/ssh_host_rsa_key", "x"),
            ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
            ("var/lib/systemd/random-seed", "x"),
            ("root/putty", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
        ]);
        insta::assert_snapshot!(found, @r"
        /etc/machine-id must not be in an image: a machine id (from the definition (system.toml:3:1))
        /etc/ssh/ssh_host_rsa_key must not be in an image: an SSH host key (from the definition (system.toml:3:1))
        /etc/ssl/private/site.pem must not be in an image: a private key (from the definition (system.toml:3:1))
        /root/.ssh/id_ed25519 must not be in an image: a private key (from the definition (system.toml:3:1))
        /root/putty must not be in an image: a private key (from the definition (system.toml:3:1))
        /var/lib/systemd/random-seed must not be in an image: a random seed (from the definition (system.toml:3:1))
        ");
    }

    #[test]
    fn a_server_has_no_screen() {
        let found = problems(&[("usr/lib/xorg/Xorg", "x"), ("usr/share/xsessions/kiosk.desktop", "x")]);
        insta::assert_snapshot!(found, @"/usr/lib/xorg/Xorg is of a display server (from the definition (system.toml:3:1)), for which a server has no use: leave its package out (`pintle why NAME` says who wants it), or allow it with `image.display-server = true`");
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Nobody);
        let path = TreePath::literal("usr/bin/Xwayland");
        tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
        tree.add(&path, Kind::File(Blob::inline(*b"x")), Attrs::root(0o755), by).unwrap();
        assert_eq!(lint(&tree, &NoContents, true).errors.len(), 0);
        assert_eq!(lint(&tree, &NoContents, false).errors.len(), 1);
    }

    #[test]
    fn what_everybody_knows_is_no_secret() {
        let found = problems(&[
            ("etc/machine-id", crate::identity::UNINITIALIZED),
            ("usr/share/doc/x/examples/key.pem", "-----BEGIN PRIVATE KEY-----\n"),
            ("usr/bin/script", "grep -- '-----BEGIN PRIVATE KEY-----' \"$1\"\n"),
            ("etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\n"),
        ]);
        assert_eq!(found, "");
    }
}
