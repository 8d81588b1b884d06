//! The text of a draft: TOML in the order of the recipe format.

use super::{Evidence, Recorded};
use crate::error::AssembleError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A recipe while it is collected.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Tables by kind, in the order found.
    tables: BTreeMap<Table, Vec<Vec<(&'static str, String)>>>,
    pub(super) remove: Vec<String>,
    pub(super) left_out: BTreeSet<String>,
    pub(super) notes: Vec<String>,
    /// Paths that something else than a file table makes.
    pub(super) claimed: BTreeSet<String>,
}

/// Kinds of tables in the order of the recipe format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Group,
    User,
    Member,
    Divert,
    Directory,
    File,
    Ucf,
    Link,
    Change,
    StatOverride,
    Alternative,
    Enable,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::User => "user",
            Self::Member => "member",
            Self::Divert => "divert",
            Self::Directory => "directory",
            Self::File => "file",
            Self::Ucf => "ucf",
            Self::Link => "link",
            Self::Change => "change",
            Self::StatOverride => "statoverride",
            Self::Alternative => "alternative",
            Self::Enable => "enable",
        }
    }
}

impl Draft {
    /// Adds a table; values are TOML.
    pub(super) fn add(&mut self, table: Table, fields: Vec<(&'static str, String)>) {
        self.tables.entry(table).or_default().push(fields);
    }

    pub(super) fn finish(self, evidence: &Evidence<'_>) -> Recorded {
        let (package, version) = (evidence.package, evidence.version);
        let effects = self.tables.values().map(Vec::len).sum::<usize>() + self.remove.len();
        let mut out = format!(
            "# A draft: what the scripts of {package} {version} changed when they ran once, on a tree of their own.\n\
             # Read it with the scripts at hand, say in `why` what they do, take out what is not for every machine, and\n\
             # keep it under version control. Keys and databases belong into [[first-boot]].\n"
        );
        if !self.notes.is_empty() {
            out.push_str("#\n# Not expressed, or to be judged:\n");
            for line in self.notes.iter().flat_map(|note| note.lines()) {
                let _ = writeln!(out, "# - {line}");
            }
        }
        let why = format!("Recorded from the scripts of {version}; {effects} effects.");
        let _ = write!(out, "package = {}\nwhy = {}\n", quote(package), quote(&why));
        for (name, items) in [("left-out", self.left_out.into_iter().collect()), ("remove", self.remove)] {
            let items: Vec<String> = items;
            if !items.is_empty() {
                let items: Vec<String> = items.iter().map(|item| format!("    {},\n", quote(item))).collect();
                let _ = writeln!(out, "{name} = [\n{}]", items.concat());
            }
        }
        for (table, items) in &self.tables {
            out.push('\n');
            for fields in items {
                let _ = writeln!(out, "[[{}]]", table.name());
                for (name, value) in fields {
                    let _ = writeln!(out, "{name} = {value}");
                }
            }
        }
        for problem in evidence.problems {
            out.push_str(match problem {
                AssembleError::Uncovered(uncovered) => &uncovered.starter,
                AssembleError::RecipeOutdated(outdated) => &outdated.starter,
                _ => "",
            });
        }
        Recorded { text: out, notes: self.notes, effects }
    }
}

/// A TOML string.
pub(super) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A TOML string of several lines, as people write it.
pub(super) fn block(text: &str) -> String {
    let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if text.contains("'''") || !text.chars().all(plain) || !text.contains('\n') {
        return quote(text);
    }
    format!("'''\n{text}'''")
}

/// An octal mode.
pub(super) fn octal(mode: u16) -> String {
    quote(&format!("{mode:04o}"))
}
