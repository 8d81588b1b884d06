//! Units of an image, and what becomes of each at boot.

use crate::inventory::store_name;
use pintle_model::{Contents, Kind, Origin, Tree, TreePath};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Started by something of `/etc`.
    Enabled,
    /// Started by what its package ships.
    Vendor,
    /// Could be enabled.
    Disabled,
    /// Cannot be started.
    Masked,
    /// Started by others only.
    Static,
}

impl State {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Vendor => "wanted",
            Self::Disabled => "disabled",
            Self::Masked => "masked",
            Self::Static => "static",
        }
    }
}

/// One unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Full name.
    pub name: String,
    /// What becomes of it.
    pub state: State,
    /// `Description=`.
    pub description: String,
    /// When a timer fires, where a socket listens, what a service runs.
    pub detail: String,
    /// Who brought it.
    pub origin: String,
    /// Units that want or require it.
    pub wanted_by: Vec<String>,
}

/// Unit files are text; larger ones are something else.
const UNIT_MAX: u64 = 256 << 10;
const KINDS: [&str; 10] = [
    ".service",
    ".socket",
    ".timer",
    ".path",
    ".mount",
    ".automount",
    ".target",
    ".slice",
    ".scope",
    ".swap",
];
const PLACES: [(&str, bool); 2] = [("usr/lib/systemd/system", false), ("etc/systemd/system", true)];

/// System units of `tree`, by name. Aliases (links to other units) are not units of their own.
#[must_use]
pub fn units(tree: &Tree, contents: &dyn Contents) -> Vec<Unit> {
    let mut files: BTreeMap<String, (TreePath, String)> = BTreeMap::new();
    let mut masked: BTreeSet<String> = BTreeSet::new();
    let mut aliases: BTreeMap<String, String> = BTreeMap::new();
    let mut wanted: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (place, etc) in PLACES {
        let folder = TreePath::literal(place);
        for (name, id) in tree.children(&folder) {
            let text = String::from_utf8_lossy(name).into_owned();
            let inode = tree.inode(id);
            match &inode.kind {
                Kind::Directory(links) => {
                    let Some((by, _)) = text
                        .rsplit_once('.')
                        .filter(|(_, kind)| matches!(*kind, "wants" | "requires" | "upholds"))
                    else {
                        continue;
                    };
                    for unit in links.keys() {
                        let unit = String::from_utf8_lossy(unit).into_owned();
                        wanted.entry(unit).or_default().push((by.to_owned(), etc));
                    }
                }
                Kind::Symlink(target) if &**target == b"/dev/null" => drop(masked.insert(text)),
                Kind::Symlink(target) => {
                    let to = target.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                    aliases.insert(text, String::from_utf8_lossy(to).into_owned());
                }
                Kind::File(_) if KINDS.iter().any(|kind| text.ends_with(kind)) => {
                    let path = folder.join(name).unwrap_or_default();
                    files.insert(text, (path, origin(tree.origin_of(inode.origin))));
                }
                _ => {}
            }
        }
    }
    // Whoever wants an alias wants the unit; an instance stands for its template.
    let mut by_unit: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (name, by) in wanted {
        let real = aliases.get(&name).cloned().unwrap_or_else(|| template(&name).unwrap_or(name));
        by_unit.entry(real).or_default().extend(by);
    }
    let etc_alias: BTreeSet<&String> = aliases
        .iter()
        .filter(|(alias, _)| {
            tree.lookup(&TreePath::new(format!("etc/systemd/system/{alias}")).unwrap_or_default()).is_some()
        })
        .map(|(_, to)| to)
        .collect();
    let make = |(name, (path, origin)): (String, (TreePath, String))| {
        let text = text(tree, &path, contents);
        let by = by_unit.get(&name).map_or(&[][..], Vec::as_slice);
        let state = if masked.contains(&name) {
            State::Masked
        } else if by.iter().any(|(_, etc)| *etc) || etc_alias.contains(&name) {
            State::Enabled
        } else if !by.is_empty() {
            State::Vendor
        } else if text.contains("\n[Install]") {
            State::Disabled
        } else {
            State::Static
        };
        let mut wanted_by: Vec<String> = by.iter().map(|(by, _)| by.clone()).collect();
        wanted_by.sort();
        wanted_by.dedup();
        Unit {
            state,
            description: value(&text, &["Description"]),
            detail: detail(&name, &text),
            origin,
            wanted_by,
            name,
        }
    };
    files.into_iter().map(make).collect()
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Package { name, .. } => name.clone(),
        Origin::StorePath(path) => store_name(path).to_owned(),
        other => other.to_string(),
    }
}

fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (_, kind) = rest.rsplit_once('.')?;
    Some(format!("{prefix}@.{kind}"))
}

fn text(tree: &Tree, path: &TreePath, contents: &dyn Contents) -> String {
    let Some(Kind::File(blob)) = tree.get(path).map(|inode| &inode.kind) else { return String::new() };
    // A unit that cannot be read is listed without its words.
    let bytes = blob.read(contents, UNIT_MAX).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Values of the first of `keys` that the text has, several with commas between them.
fn value(text: &str, keys: &[&str]) -> String {
    for key in keys {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let values: Vec<&str> = lines.map(str::trim).filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            return values.join(", ");
        }
    }
    String::new()
}

fn detail(name: &str, text: &str) -> String {
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("timer") => {
            value(text, &["OnCalendar", "OnBootSec", "OnUnitActiveSec", "OnActiveSec", "OnStartupSec"])
        }
        Some("socket") => value(
            text,
            &["ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenNetlink"],
        ),
        Some("path") => {
            value(text, &["PathExists", "PathChanged", "PathModified", "DirectoryNotEmpty", "PathExistsGlob"])
        }
        Some("mount" | "automount") => value(text, &["Where"]),
        Some("service") => value(text, &["ExecStart"]),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Attrs, Blob, NoContents};

    #[test]
    fn states_are_told_apart() {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Package { name: "p".into(), version: "1".into() });
        let file = |tree: &mut Tree, path: &str, text: &str| {
            let path = TreePath::literal(path);
            tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
            tree.add(&path, Kind::File(Blob::inline(text.as_bytes())), Attrs::root(0o644), by).unwrap();
        };
        let link = |tree: &mut Tree, path: &str, target: &str| {
            let path = TreePath::literal(path);
            tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
            tree.add(&path, Kind::Symlink(target.as_bytes().into()), Attrs::root(0o777), by).unwrap();
        };
        let unit = |name: &str| format!("usr/lib/systemd/system/{name}");
        file(
            &mut tree,
            &unit("on.service"),
            "[Unit]\nDescription=On\n[Service]\nExecStart=/bin/on\n[Install]\nWantedBy=x\n",
        );
        file(&mut tree, &unit("off.timer"), "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=x\n");
        file(&mut tree, &unit("vendor.socket"), "[Socket]\nListenStream=22\n");
        file(&mut tree, &unit("still.target"), "[Unit]\n");
        file(&mut tree, &unit("gone.service"), "[Unit]\n");
        file(&mut tree, &unit("many@.service"), "[Unit]\n");
        link(
            &mut tree,
            "etc/systemd/system/multi-user.target.wants/on.service",
            "/usr/lib/systemd/system/on.service",
        );
        link(
            &mut tree,
            "etc/systemd/system/multi-user.target.wants/many@a.service",
            "/usr/lib/systemd/system/many@.service",
        );
        link(&mut tree, "usr/lib/systemd/system/sockets.target.wants/vendor.socket", "../vendor.socket");
        link(&mut tree, "etc/systemd/system/gone.service", "/dev/null");
        let shown: Vec<_> = units(&tree, &NoContents)
            .into_iter()
            .map(|unit| (unit.name, unit.state.word(), unit.detail))
            .collect();
        let expected = [
            ("gone.service", "masked", ""),
            ("many@.service", "enabled", ""),
            ("off.timer", "disabled", "daily"),
            ("on.service", "enabled", "/bin/on"),
            ("still.target", "static", ""),
            ("vendor.socket", "wanted", "22"),
        ];
        assert_eq!(shown, expected.map(|(name, state, detail)| (name.to_owned(), state, detail.to_owned())));
    }
}
