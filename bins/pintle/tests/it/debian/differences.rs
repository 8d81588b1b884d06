//! The reviewed list of intended differences, and the comparison that it excuses from.

use super::listing::{Entry, Listing};
use crate::common::succeed;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// `differences.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Differences {
    /// From what mmdebstrap makes.
    pub(super) made: List,
    /// From what packages ship.
    pub(super) shipped: List,
}

/// One list.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct List(Vec<Difference>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// Absolute paths; `*` stands for any text.
    paths: Vec<String>,
    what: What,
    /// Why it is meant to be so.
    reason: String,
    /// What must be equal nevertheless.
    still: Option<Still>,
    /// It depends on the machine that runs mmdebstrap whether the difference is there.
    #[serde(default)]
    sometimes: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// Only they have it.
    Theirs,
    /// Only we have it.
    Ours,
    /// Same kind, mode and owner, other content.
    Content,
    /// Same kind and content, other mode or owner.
    Attributes,
    /// Another thing altogether. In the list: anything of these.
    Everything,
}

impl What {
    fn covers(self, found: Self) -> bool {
        self == Self::Everything || self == found
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Still {
    /// The lines, in any order.
    Lines,
    /// Groups of three lines, in any order.
    Triples,
    /// The lines, in any order, with numbers that each system gives out (100 to 999) as one.
    Accounts,
    /// The text, with modules uncompressed.
    Modules,
    /// What ldconfig reads in it.
    Libraries,
    /// A line of tmpfiles.d makes it so at boot.
    Boot,
}

/// Whose paths are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A path that only one has is a difference.
    Both,
    /// Paths that only we have do not count.
    Theirs,
    /// Not this path.
    Neither,
}

impl Differences {
    pub(super) fn read() -> Self {
        toml::from_str(&super::trees::list()).unwrap()
    }
}

impl List {
    /// Differences that the list does not excuse, and excuses for nothing.
    pub(super) fn judge(&self, theirs: &Listing, ours: &Listing, side: &dyn Fn(&str) -> Side) -> Vec<String> {
        let mut problems = Vec::new();
        let mut used = BTreeSet::new();
        let paths: BTreeSet<&String> = theirs.entries.keys().chain(ours.entries.keys()).collect();
        for path in paths {
            let pair = (theirs.entries.get(path), ours.entries.get(path));
            let side = side(path);
            let Some(what) = what(pair) else { continue };
            if side == Side::Neither || (side == Side::Theirs && what == What::Ours) {
                continue;
            }
            let excuses: Vec<_> =
                self.excuses(path).filter(|(.., excuse)| excuse.what.covers(what)).collect();
            used.extend(excuses.iter().map(|(pattern, ..)| *pattern));
            let [(.., excuse)] = excuses[..] else {
                problems.push(format!("{path}: {}, {} excuses", describe(pair), excuses.len()));
                continue;
            };
            if let Some(still) = excuse.still
                && !still.holds(path, theirs, ours)
            {
                problems.push(format!(
                    "{path}: {}, not equal by {still:?}: {}",
                    describe(pair),
                    excuse.reason
                ));
            }
        }
        let all = self.0.iter().filter(|excuse| !excuse.sometimes);
        let all = all.flat_map(|excuse| excuse.paths.iter().map(move |pattern| (excuse, pattern)));
        let idle = all.filter(|(_, pattern)| !used.contains(pattern));
        problems.extend(
            idle.map(|(excuse, pattern)| format!("nothing is as listed: {pattern} ({:?})", excuse.what)),
        );
        problems
    }

    /// Whether a path is listed.
    pub(super) fn names(&self, path: &str) -> bool {
        self.excuses(path).next().is_some()
    }

    fn excuses<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a String, &'a Difference)> {
        let all = self.0.iter().flat_map(|excuse| excuse.paths.iter().map(move |pattern| (pattern, excuse)));
        all.filter(move |(pattern, _)| matches(pattern, path))
    }
}

fn what(pair: (Option<&Entry>, Option<&Entry>)) -> Option<What> {
    match pair {
        (Some(theirs), Some(ours)) if theirs == ours => None,
        (Some(theirs), Some(ours)) => {
            Some(match (theirs.kind == ours.kind, theirs.attributes == ours.attributes) {
                (true, true) => What::Content,
                (true, false) if theirs.content == ours.content => What::Attributes,
                _ => What::Everything,
            })
        }
        (Some(_), None) => Some(What::Theirs),
        (None, Some(_)) => Some(What::Ours),
        (None, None) => None,
    }
}

fn describe((theirs, ours): (Option<&Entry>, Option<&Entry>)) -> String {
    let one = |entry: Option<&Entry>| entry.map_or_else(|| "nothing".to_owned(), Entry::to_string);
    format!("theirs {}, ours {}", one(theirs), one(ours))
}

/// Whether `*` can stand for something that makes the texts equal.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
}

impl Still {
    fn holds(self, path: &str, theirs: &Listing, ours: &Listing) -> bool {
        let file = |tree: &Listing| tree.root.join(path.trim_start_matches('/'));
        let text = |tree: &Listing| std::fs::read_to_string(file(tree)).unwrap();
        let libraries = |tree: &Listing| libraries(&file(tree));
        match self {
            Self::Lines => groups(&text(theirs), 1) == groups(&text(ours), 1),
            Self::Triples => groups(&text(theirs), 3) == groups(&text(ours), 3),
            Self::Accounts => accounts(&text(theirs)) == accounts(&text(ours)),
            Self::Modules => text(theirs).replace(".ko.xz", ".ko") == text(ours),
            Self::Libraries => libraries(theirs) == libraries(ours),
            Self::Boot => made_at_boot(path, &ours.root),
        }
    }
}

fn groups(text: &str, size: usize) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut groups: Vec<Vec<&str>> = lines.chunks(size).map(<[&str]>::to_vec).collect();
    groups.sort_unstable();
    groups
}

fn accounts(text: &str) -> Vec<String> {
    let field = |field: &str| match field.parse() {
        Ok(100..1000_u32) => "given out".to_owned(),
        _ => field.to_owned(),
    };
    let mut lines: Vec<String> =
        text.lines().map(|line| line.split(':').map(field).collect::<Vec<_>>().join(":")).collect();
    lines.sort_unstable();
    lines
}

/// `ldconfig -p` of a cache, without the name of the file and of who made it.
fn libraries(cache: &Path) -> Vec<String> {
    let said = succeed(Command::new("/sbin/ldconfig").args(["-p", "-C"]).arg(cache));
    said.lines().filter(|line| line.starts_with('\t')).map(str::to_owned).collect()
}

fn made_at_boot(path: &str, root: &Path) -> bool {
    let files = ["usr/lib/tmpfiles.d", "etc/tmpfiles.d"].map(|folder| std::fs::read_dir(root.join(folder)));
    let files = files.into_iter().flatten().flatten().map(|file| file.unwrap().path());
    files.filter_map(|file| std::fs::read_to_string(file).ok()).any(|text| {
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|kind| kind.starts_with(['d', 'D', 'L', 'q', 'Q', 'v', 'f', 'z', 'C']))
                && words.next() == Some(path)
        })
    })
}

#[test]
fn a_difference_needs_an_excuse_and_an_excuse_a_difference() {
    let entry =
        |content: &str| Entry { kind: "file", attributes: "0644".to_owned(), content: content.to_owned() };
    let tree = |files: &[(&str, &str)]| Listing {
        root: "/nonexistent".into(),
        entries: files.iter().map(|(path, content)| ((*path).to_owned(), entry(content))).collect(),
    };
    let theirs = tree(&[("/a", "1"), ("/b/c", "1"), ("/d", "1")]);
    let ours = tree(&[("/a", "2"), ("/d", "1"), ("/e", "1")]);
    let judge = |list: &str, side| {
        let list: Differences = toml::from_str(list).unwrap();
        list.made.judge(&theirs, &ours, &|_| side)
    };
    let nothing = "made = []\nshipped = []";
    insta::assert_snapshot!(judge(nothing, Side::Both).join("\n"), @r"
    /a: theirs file 0644 1, ours file 0644 2, 0 excuses
    /b/c: theirs file 0644 1, ours nothing, 0 excuses
    /e: theirs nothing, ours file 0644 1, 0 excuses
    ");
    assert_eq!(judge(nothing, Side::Theirs).len(), 2);
    assert_eq!(judge(nothing, Side::Neither), [""; 0]);
    let list = "shipped = []\n[[made]]\npaths = [\"/a\"]\nwhat = \"content\"\nreason = \"x\"\n\
                [[made]]\npaths = [\"/*/c\", \"/e\"]\nwhat = \"theirs\"\nreason = \"x\"\n";
    insta::assert_snapshot!(judge(list, Side::Both).join("\n"), @r"
    /e: theirs nothing, ours file 0644 1, 0 excuses
    nothing is as listed: /e (Theirs)
    ");
}
