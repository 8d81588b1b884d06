//! What a script can find out about the system it is installed into.

use pintle_package::{EntryKind, UnpackedDeb};
use std::collections::{BTreeMap, BTreeSet};

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shipped {
    Directory,
    File { executable: bool },
    Link,
}

/// The answers to a script's questions: files that packages ship, accounts of base-passwd, diversions. A path that no
/// package ships counts as missing: on a fresh installation nothing else is there, and every effect that such a test
/// guards only makes sure of something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    paths: BTreeMap<String, (Shipped, usize)>,
    packages: Vec<String>,
    /// Debian's name of the architecture.
    pub(crate) arch: String,
    pub(crate) users: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
    /// Diverted path to (new path, package).
    pub(crate) diversions: BTreeMap<String, (String, String)>,
    /// Paths that scripts make, and the first package whose script does.
    pub(crate) made: BTreeMap<String, String>,
}

/// Folders that many packages and tools write to.
const SHARED: [&str; 8] =
    ["usr/bin", "usr/sbin", "usr/lib", "usr/share", "var/lib", "var/log", "var/cache", "etc/systemd/system"];
const PROGRAM_FOLDERS: [&str; 2] = ["usr/bin", "usr/sbin"];

impl Facts {
    /// Nothing shipped yet.
    pub(crate) fn new(users: BTreeSet<String>, groups: BTreeSet<String>) -> Self {
        Self { users, groups, ..Self::default() }
    }

    /// Adds the files of a package.
    pub(crate) fn ship(&mut self, package: &str, deb: &UnpackedDeb) {
        let owner = self.packages.len();
        self.packages.push(package.to_owned());
        for entry in &deb.entries {
            let path = merged(&String::from_utf8_lossy(&entry.path));
            let kind = match entry.kind {
                EntryKind::Directory => Shipped::Directory,
                EntryKind::Symlink(_) => Shipped::Link,
                _ => Shipped::File { executable: entry.mode & 0o111 != 0 },
            };
            self.paths.insert(path, (kind, owner));
        }
    }

    /// What is at an absolute path.
    pub(crate) fn look(&self, path: &str) -> Option<Shipped> {
        self.paths.get(&merged(path)).map(|(kind, _)| *kind)
    }

    /// The package that ships an absolute path, the last of several.
    pub(crate) fn owner(&self, path: &str) -> Option<&str> {
        self.paths.get(&merged(path)).map(|(_, owner)| self.packages[*owner].as_str())
    }

    /// Where a program is.
    pub(crate) fn program(&self, name: &str) -> Option<String> {
        if name.contains('/') {
            return self.look(name).map(|_| name.to_owned());
        }
        let found = |folder: &&str| self.paths.contains_key(&format!("{folder}/{name}"));
        PROGRAM_FOLDERS.iter().find(|folder| found(folder)).map(|folder| format!("/{folder}/{name}"))
    }

    /// What a pattern stands for: shipped paths and `made` ones. `None` where a script of another package may make a
    /// path that matches.
    pub(crate) fn expand<'m>(
        &self,
        pattern: &str,
        made: impl Iterator<Item = &'m str>,
        package: &str,
    ) -> Option<Vec<String>> {
        let pattern = merged(pattern);
        // Of `/etc/*.conf` and the like nobody knows who else puts something there.
        let parent = pattern.rsplit_once('/').map_or("", |(parent, _)| parent);
        let shared = parent.split('/').count() < 2 || SHARED.contains(&parent);
        let start =
            pattern[parent.len()..].trim_start_matches('/').find(['*', '?', '[']).unwrap_or(usize::MAX);
        if shared && start < 3 {
            return None;
        }
        let fits = |path: &str| {
            path.split('/').count() == pattern.split('/').count()
                && path.split('/').zip(pattern.split('/')).all(|(name, pattern)| {
                    matches(pattern, name) && (!name.starts_with('.') || pattern.starts_with('.'))
                })
        };
        if self.made.iter().any(|(path, by)| by != package && fits(&merged(path))) {
            return None;
        }
        let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
        let shipped = self.paths.range(fixed.to_owned()..).map(|(path, _)| path.as_str());
        let shipped = shipped.take_while(|path| path.starts_with(fixed)).filter(|path| fits(path));
        let mut found: BTreeSet<String> = shipped.map(|path| format!("/{path}")).collect();
        found.extend(made.filter(|path| fits(&merged(path))).map(str::to_owned));
        Some(found.into_iter().collect())
    }

    /// True if some shipped path matches the pattern.
    pub(crate) fn any_match(&self, pattern: &str) -> bool {
        let pattern = merged(pattern);
        self.paths.keys().any(|path| matches(&pattern, path))
    }
}

/// Without leading slash, and below usr where merged-/usr has it.
fn merged(path: &str) -> String {
    let path = path.trim_matches('/');
    let first = path.split('/').next().unwrap_or(path);
    if matches!(first, "bin" | "sbin" | "lib" | "lib32" | "lib64" | "libx32" | "libo32") && first != path {
        format!("usr/{path}")
    } else {
        path.to_owned()
    }
}

/// Shell pattern matching (POSIX.1-2017 XCU 2.13.1) with `*`, `?` and simple `[…]`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        let step = one(&pattern[p..], text[t]);
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if step > 0 {
            p += step;
            t += 1;
        } else if let Some((from, at)) = star {
            p = from + 1;
            t = at + 1;
            star = Some((from, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Length of the pattern's first element if it matches `c`, else 0.
fn one(pattern: &[char], c: char) -> usize {
    match pattern.first() {
        Some('?') => 1,
        Some('[') => match pattern.iter().skip(2).position(|p| *p == ']') {
            Some(end) => {
                let set = &pattern[1..end + 2];
                let (negated, set) = if set[0] == '!' { (true, &set[1..]) } else { (false, set) };
                let range = |w: &[char]| w[1] == '-' && w[0] <= c && c <= w[2];
                let found = set.contains(&c) || set.windows(3).any(range);
                if found == negated { 0 } else { end + 3 }
            }
            None => usize::from(c == '['),
        },
        Some(p) if *p == c => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_case() {
        for (pattern, text, expected) in [
            ("configure", "configure", true),
            ("abort-*", "abort-upgrade", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("[Nn]*", "no", true),
            ("[!Nn]*", "no", false),
            ("[a-c]x", "bx", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
