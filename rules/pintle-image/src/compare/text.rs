use super::{Change, Differences, FileChange, FileFact};
use pintle_model::Size;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

/// Which files are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Those that no changed package explains, so many at most; the others as a number.
    Surprises(usize),
    /// All of them.
    AllFiles,
}

pub(super) fn text(differences: &Differences, detail: Detail) -> String {
    let mut out = String::new();
    write(&mut out, differences, detail).expect("invariant: a String takes every write");
    out
}

fn write(out: &mut String, all: &Differences, detail: Detail) -> fmt::Result {
    writeln!(out, "{}", summary(all))?;
    if !all.unknown.is_empty() {
        let sides = format!("the {} and the {}", all.kinds[0], all.kinds[1]);
        writeln!(out, "not compared, because {sides} do not both tell: {}", all.unknown.join(", "))?;
    }
    changes(out, "kernel", &all.kernels, |release| release)?;
    if let Some([before, after]) = &all.cmdline {
        writeln!(out, "\ncommand line:\n- {before}\n+ {after}")?;
    }
    changes(out, "packages", &all.packages, |version| version)?;
    changes(out, "units", &all.units, |state| state)?;
    changes(out, "users", &all.users, |uid| uid)?;
    changes(out, "groups", &all.groups, |gid| gid)?;
    changes(out, "options", &all.options, |value| value)?;
    changes(out, "sizes", &all.sizes, |size| Size(*size))?;
    files(out, &all.files, detail)
}

/// How many differ, in one line.
fn summary(all: &Differences) -> String {
    if all.is_empty() {
        return format!("no differences ({} and {})", all.kinds[0], all.kinds[1]);
    }
    let mut parts = Vec::new();
    let mut part = |what: &str, changes: [usize; 3]| {
        let [added, removed, changed] = changes;
        let words = [(added, "added"), (removed, "removed"), (changed, "changed")];
        let words: Vec<String> =
            words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if !words.is_empty() {
            parts.push(format!("{what}: {}", words.join(", ")));
        }
    };
    part("packages", counts(&all.packages));
    part("kernels", counts(&all.kernels));
    part("command line", [0, 0, usize::from(all.cmdline.is_some())]);
    part("units", counts(&all.units));
    part("users", counts(&all.users));
    part("groups", counts(&all.groups));
    part("options", counts(&all.options));
    part("files", file_counts(&all.files));
    if let Some([before, after]) = all.file_bytes.filter(|[before, after]| before != after) {
        let sign = if after < before { "-" } else { "+" };
        parts.push(format!("{sign}{} in files", Size(after.abs_diff(before))));
    }
    parts.join("; ")
}

fn counts<T>(changes: &[Change<T>]) -> [usize; 3] {
    let added = changes.iter().filter(|change| change.before.is_none()).count();
    let removed = changes.iter().filter(|change| change.after.is_none()).count();
    [added, removed, changes.len() - added - removed]
}

fn file_counts(changes: &[FileChange]) -> [usize; 3] {
    let added = changes.iter().filter(|change| change.before.is_none()).count();
    let removed = changes.iter().filter(|change| change.after.is_none()).count();
    [added, removed, changes.len() - added - removed]
}

fn changes<'a, T, D: Display + PartialEq>(
    out: &mut String,
    what: &str,
    list: &'a [Change<T>],
    show: impl Fn(&'a T) -> D,
) -> fmt::Result {
    if list.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{what}:")?;
    for Change { name, before, after } in list {
        let shown = |value: &'a T| match show(value).to_string() {
            // A set's element, a kernel: the name says all.
            text if text.is_empty() || text == *name => String::new(),
            text => format!(" {text}"),
        };
        match (before, after) {
            (None, Some(after)) => writeln!(out, "+ {name}{}", shown(after))?,
            (Some(before), None) => writeln!(out, "- {name}{}", shown(before))?,
            (Some(before), Some(after)) => writeln!(out, "  {name}{} ->{}", shown(before), shown(after))?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn files(out: &mut String, all: &[FileChange], detail: Detail) -> fmt::Result {
    let surprising = |change: &&FileChange| detail == Detail::AllFiles || !change.with_package;
    let listed: Vec<&FileChange> = all.iter().filter(surprising).collect();
    let most = match detail {
        Detail::Surprises(most) => most,
        Detail::AllFiles => usize::MAX,
    };
    if !listed.is_empty() {
        writeln!(out, "\nfiles:")?;
    }
    for change in listed.iter().take(most) {
        file(out, change)?;
    }
    if let Some(more) = listed.len().checked_sub(most).filter(|more| *more > 0) {
        writeln!(out, "  … {more} more (--files lists all)")?;
    }
    let mut of_packages: BTreeMap<&str, usize> = BTreeMap::new();
    for change in all.iter().filter(|change| !surprising(change)) {
        let fact = change.after.as_ref().or(change.before.as_ref());
        *of_packages.entry(fact.and_then(|fact| fact.package.as_deref()).unwrap_or_default()).or_default() +=
            1;
    }
    if !of_packages.is_empty() {
        let count: usize = of_packages.values().sum();
        let packages = if of_packages.len() == 1 { "package" } else { "packages" };
        writeln!(
            out,
            "\nand {count} files of {} changed {packages} (--files lists them)",
            of_packages.len()
        )?;
    }
    Ok(())
}

fn file(out: &mut String, change: &FileChange) -> fmt::Result {
    match (&change.before, &change.after) {
        (None, Some(new)) => {
            writeln!(out, "+ {} ({})", change.path, whole(new))
        }
        (Some(old), None) => {
            writeln!(out, "- {} ({})", change.path, whole(old))
        }
        (Some(old), Some(new)) => {
            let mut facts = Vec::new();
            for what in &change.what {
                facts.push(match *what {
                    "kind" => format!("{} -> {}", old.kind, new.kind),
                    "mode" => format!("{} -> {}", old.mode, new.mode),
                    "owner" => format!("{} -> {}", old.owner, new.owner),
                    _ if old.size == new.size => format!("other content, {}", Size(new.size)),
                    _ => format!("{} -> {}", Size(old.size), Size(new.size)),
                });
            }
            let mut line = String::new();
            write!(line, "  {} ({})", change.path, facts.join(", "))?;
            writeln!(out, "{line}")
        }
        (None, None) => Ok(()),
    }
}

/// What a file is that only one side has.
fn whole(fact: &FileFact) -> String {
    let mut facts = vec![fact.kind.clone()];
    facts.extend((!fact.mode.is_empty()).then(|| fact.mode.clone()));
    facts.extend((fact.kind == "file").then(|| Size(fact.size).to_string()));
    facts.join(", ")
}
