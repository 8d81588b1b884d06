//! How `/etc` differs from what the image made it of. An edit lasts until the next boot: this shows what will be lost then.

use pintle_model::{Digest, printable};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: the digest of its content; none where it may not be read.
    File(Option<Digest>),
    /// A folder.
    Folder,
    /// A symbolic link, with its target.
    Link(String),
    /// A device, a socket, a pipe.
    Other,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Permissions, the lower twelve bits.
    pub mode: u32,
    /// Owner and group, as numbers.
    pub owner: (u32, u32),
}

/// Entries by their path below the folder.
pub type Items = BTreeMap<String, Item>;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Path below `/etc`.
    pub path: String,
    /// What happened to it.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another: how, in words.
    Changed {
        /// One phrase for each way.
        how: Vec<String>,
    },
    /// It cannot be compared without more rights.
    Unreadable,
}

/// What every machine makes in its `/etc` by itself: paths below it, and by whom.
const MADE: [(&str, &str); 8] = [
    (".pwd.lock", "whoever changes accounts"),
    (".updated", "systemd-update-done"),
    ("credstore", "systemd-tmpfiles: its mode; what is in it counts"),
    ("credstore.encrypted", "the same"),
    ("ld.so.cache", "ldconfig.service, at each boot"),
    ("machine-id", "systemd: this machine's identity"),
    ("mtab", "systemd-tmpfiles"),
    ("vconsole.conf", "systemd-tmpfiles"),
];

/// What a machine keeps of its own in `/etc`, from the list by which it does (`/usr/lib/pintle/keep.conf`, tmpfiles.d(5)):
/// paths below `/etc`.
#[must_use]
pub fn kept(list: &str) -> BTreeSet<String> {
    let own = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("C"))
            .then(|| words.next_back()?.strip_prefix("/etc/").map(str::to_owned))
            .flatten()
    };
    list.lines().filter_map(own).collect()
}

/// Compares `/etc` with `factory`, which it was made of, leaving out what the machine keeps and what every machine makes.
#[must_use]
pub fn compare(factory: &Items, etc: &Items, kept: &BTreeSet<String>) -> Vec<Change> {
    let own = |path: &str| kept.contains(path) || MADE.iter().any(|(made, _)| *made == path);
    let paths: BTreeSet<&String> = factory.keys().chain(etc.keys()).collect();
    let mut changes: Vec<Change> = Vec::new();
    for path in paths {
        if own(path) {
            continue;
        }
        let what = match (factory.get(path), etc.get(path)) {
            (Some(before), Some(now)) => match differences(before, now) {
                Some(what) => what,
                None => continue,
            },
            (None, _) => What::Added,
            (_, None) => What::Removed,
        };
        // A folder speaks for what is in it.
        let parent = changes.iter().rev().find(|change| below(path, &change.path));
        if parent.is_some_and(|parent| parent.what == what) {
            continue;
        }
        changes.push(Change { path: path.clone(), what });
    }
    changes
}

fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn differences(before: &Item, now: &Item) -> Option<What> {
    let mut how = Vec::new();
    match (&before.kind, &now.kind) {
        (Kind::File(Some(a)), Kind::File(Some(b))) if a == b => {}
        (Kind::File(Some(_)), Kind::File(Some(_))) => how.push("other content".to_owned()),
        (Kind::File(_), Kind::File(_)) => return Some(What::Unreadable),
        (Kind::Link(a), Kind::Link(b)) if a == b => {}
        (Kind::Link(a), Kind::Link(b)) => how.push(format!("points to {b}, not to {a}")),
        (a, b) if a == b => {}
        (a, b) => how.push(format!("{} in place of {}", word(b), word(a))),
    }
    // Links have no permissions of their own.
    if !matches!(now.kind, Kind::Link(_)) && before.mode != now.mode {
        how.push(format!("mode {:04o}, not {:04o}", now.mode, before.mode));
    }
    if before.owner != now.owner {
        let ((uid, gid), (old_uid, old_gid)) = (now.owner, before.owner);
        how.push(format!("owner {uid}:{gid}, not {old_uid}:{old_gid}"));
    }
    (!how.is_empty()).then_some(What::Changed { how })
}

fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::File(_) => "a file",
        Kind::Folder => "a folder",
        Kind::Link(_) => "a link",
        Kind::Other => "a device, socket or pipe",
    }
}

/// For people.
#[must_use]
pub fn text(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "/etc is what the image made it\n".to_owned();
    }
    let mut text = String::new();
    for Change { path, what } in changes {
        let line = match what {
            What::Added => format!("+ /etc/{path}"),
            What::Removed => format!("- /etc/{path}"),
            What::Changed { how } => format!("~ /etc/{path}: {}", how.join(", ")),
            What::Unreadable => format!("? /etc/{path}: only root may read it"),
        };
        text += &printable(&line);
        text.push('\n');
    }
    text + "these last until the next boot; to keep them, write them into the definition\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(entries: &[(&str, Kind, u32, u32)]) -> Items {
        let item = |(path, kind, mode, uid): &(&str, Kind, u32, u32)| {
            ((*path).to_owned(), Item { kind: kind.clone(), mode: *mode, owner: (*uid, 0) })
        };
        entries.iter().map(item).collect()
    }

    fn file(text: &str) -> Kind {
        Kind::File(Some(Digest::of(text.as_bytes())))
    }

    #[test]
    fn what_an_admin_did_is_told_and_what_the_machine_did_is_not() {
        let link = |to: &str| Kind::Link(to.to_owned());
        let factory = items(&[
            ("a", file("a"), 0o644, 0),
            ("b", file("b"), 0o644, 0),
            ("c", link("x"), 0o777, 0),
            ("d", Kind::Folder, 0o755, 0),
            ("d/gone", file("x"), 0o644, 0),
            ("e", file("e"), 0o640, 0),
            ("gone.d", Kind::Folder, 0o755, 0),
            ("gone.d/x", file("x"), 0o644, 0),
            ("shadow", Kind::File(None), 0o640, 0),
        ]);
        let etc = items(&[
            ("a", file("a"), 0o644, 0),
            ("b", file("other"), 0o600, 7),
            ("c", link("y\n"), 0o777, 0),
            ("d", Kind::Folder, 0o755, 0),
            ("e", link("e"), 0o777, 0),
            ("machine-id", file("1"), 0o444, 0),
            ("new.d", Kind::Folder, 0o755, 0),
            ("new.d/x", file("x"), 0o644, 0),
            ("new.d.conf", file("x"), 0o644, 0),
            ("shadow", file(""), 0o640, 0),
            ("ssh/ssh_host_rsa_key", file("k"), 0o600, 0),
        ]);
        let list = "d /var/lib/pintle 0700 0 0\nC /var/lib/pintle/etc/ssh/ssh_host_rsa_key - - - - /etc/ssh/ssh_host_rsa_key\n";
        insta::assert_snapshot!(text(&compare(&factory, &etc, &kept(list))), @"
        ~ /etc/b: other content, mode 0600, not 0644, owner 7:0, not 0:0
        ~ /etc/c: points to y
        , not to x
        - /etc/d/gone
        ~ /etc/e: a link in place of a file
        - /etc/gone.d
        + /etc/new.d
        + /etc/new.d.conf
        ? /etc/shadow: only root may read it
        these last until the next boot; to keep them, write them into the definition
        ");
        insta::assert_snapshot!(text(&compare(&factory, &factory.clone(), &BTreeSet::new())), @"
        ? /etc/shadow: only root may read it
        these last until the next boot; to keep them, write them into the definition
        ");
        let same = items(&[("a", file("a"), 0o644, 0)]);
        assert_eq!(compare(&same, &same, &BTreeSet::new()), []);
        insta::assert_snapshot!(text(&[]), @"/etc is what the image made it");
        let json = serde_json::to_string(&compare(&factory, &etc, &kept(list))[..1]).unwrap();
        insta::assert_snapshot!(json, @r#"[{"path":"b","change":"changed","how":["other content","mode 0600, not 0644","owner 7:0, not 0:0"]}]"#);
    }
}
