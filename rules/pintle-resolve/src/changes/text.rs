use super::{Changes, Direction, Moved, MovedSource, Single};
use pintle_model::Size;
use std::fmt::{self, Write as _};

/// How much of the changelogs is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    None,
    /// So many lines of each source package.
    Lines(usize),
    /// Everything.
    Full,
}

pub(super) fn text(changes: &Changes, detail: Detail) -> String {
    let mut out = String::new();
    write(&mut out, changes, detail).expect("invariant: a String takes every write");
    out
}

fn write(out: &mut String, changes: &Changes, detail: Detail) -> fmt::Result {
    writeln!(out, "{}", summary(changes))?;
    for suite in &changes.suites {
        match (&suite.before, &suite.after) {
            (Some(before), Some(after)) => writeln!(out, "  suite {}: {before} -> {after}", suite.name)?,
            (None, Some(after)) => writeln!(out, "  suite {}: new, {after}", suite.name)?,
            _ => writeln!(out, "  suite {}: gone", suite.name)?,
        }
    }
    if let Some(kernel) = &changes.kernel {
        let list = |images: &[String]| if images.is_empty() { "none".to_owned() } else { images.join(", ") };
        writeln!(out, "  kernel: {} -> {}", list(&kernel.before), list(&kernel.after))?;
    }
    let security = |wanted: bool| changes.moved.iter().filter(move |source| source.security == wanted);
    heading(out, "security fixes", security(true), |out, one| source(out, one, detail))?;
    heading(out, "moved", security(false), |out, one| source(out, one, detail))?;
    heading(out, "replaced", changes.replaced.iter(), |out, one| {
        let (before, after) = (&one.before, &one.after);
        writeln!(out, "  {} {} -> {} {}", before.name, before.version, after.name, after.version)
    })?;
    heading(out, "added", changes.added.iter(), single)?;
    heading(out, "removed", changes.removed.iter(), single)
}

fn heading<'a, T: 'a>(
    out: &mut String,
    name: &str,
    items: impl Iterator<Item = &'a T>,
    mut each: impl FnMut(&mut String, &'a T) -> fmt::Result,
) -> fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_some() {
        writeln!(out, "\n{name}:")?;
    }
    items.try_for_each(|item| each(out, item))
}

fn single(out: &mut String, package: &Single) -> fmt::Result {
    writeln!(out, "  {} {} ({}, {})", package.name, package.version, package.suite, Size(package.size))
}

/// One line: what happened to how many packages, and what it costs.
fn summary(changes: &Changes) -> String {
    if changes.is_empty() {
        return format!("{} packages, none changed", changes.packages);
    }
    let fixes = changes.moved.iter().filter(|source| source.security).count();
    let mut counts = Vec::new();
    for (count, what) in [
        (changes.count(Direction::Upgraded), "upgraded"),
        (changes.count(Direction::Downgraded), "downgraded"),
        (changes.count(Direction::Rebuilt), "with other content"),
        (changes.count(Direction::Reassigned), "from another suite"),
        (changes.replaced.len(), "replaced"),
        (changes.added.len(), "added"),
        (changes.removed.len(), "removed"),
    ] {
        if count > 0 {
            counts.push(format!("{count} {what}"));
        }
    }
    let mut text = format!("{} packages: {}", changes.packages, counts.join(", "));
    if fixes > 0 {
        let what = if fixes == 1 { "a source package" } else { "source packages" };
        let number = if fixes == 1 { String::new() } else { format!("{fixes} ") };
        let _ = write!(text, "; security fixes in {number}{what}");
    }
    let _ = write!(text, "; {} of packages", Size(changes.download));
    if changes.installed_change != 0 {
        let _ = write!(text, ", {} installed", signed(changes.installed_change));
    }
    text
}

fn signed(bytes: i64) -> String {
    format!("{}{}", if bytes < 0 { "-" } else { "+" }, Size(bytes.unsigned_abs()))
}

fn source(out: &mut String, source: &MovedSource, detail: Detail) -> fmt::Result {
    match source.packages.as_slice() {
        [one] => writeln!(out, "  {}", moved(one))?,
        several => {
            let before = source.before.as_deref().unwrap_or("?");
            writeln!(out, "  {} {before} -> {}", source.source, source.after)?;
            for package in several {
                writeln!(out, "      {}", moved(package))?;
            }
        }
    }
    let mut facts = Vec::new();
    if !source.urgency.is_empty() && source.urgency != "medium" {
        facts.push(format!("urgency {}", source.urgency));
    }
    if !source.cves.is_empty() {
        facts.push(source.cves.join(", "));
    }
    if !facts.is_empty() {
        writeln!(out, "    {}", facts.join("; "))?;
    }
    changelog(out, source, detail)
}

fn moved(package: &Moved) -> String {
    let mut text = format!("{} {}", package.name, package.before);
    if package.before != package.after {
        let _ = write!(text, " -> {}", package.after);
    }
    match package.direction {
        Direction::Upgraded | Direction::Reassigned => {}
        Direction::Downgraded => text.push_str(" (downgraded)"),
        Direction::Rebuilt => text.push_str(" (same version, other content)"),
    }
    match &package.suite_before {
        Some(before) => {
            let _ = write!(text, " (from {}, was from {before})", package.suite);
        }
        None if package.suite.ends_with("-security") => {
            let _ = write!(text, " (from {})", package.suite);
        }
        None => {}
    }
    text
}

fn changelog(out: &mut String, source: &MovedSource, detail: Detail) -> fmt::Result {
    let most = match detail {
        Detail::None => return Ok(()),
        Detail::Lines(most) => most,
        Detail::Full => usize::MAX,
    };
    let mut lines = Vec::new();
    for entry in &source.changelog {
        let mut head = format!("{} ({}", entry.version, entry.distribution);
        if let Some(date) = entry.date {
            // The day is enough.
            let _ = write!(head, ", {}", &pintle_package::control::date::rfc3339(date)[..10]);
        }
        lines.push(format!("{head})"));
        lines.extend(entry.changes.iter().filter(|line| !line.is_empty()).map(|line| format!("  {line}")));
    }
    for line in lines.iter().take(most) {
        writeln!(out, "    | {}", line.trim_end())?;
    }
    match lines.len().checked_sub(most) {
        Some(more) if more > 0 => writeln!(out, "    | … {more} more lines")?,
        _ if !source.changelog.is_empty() && !source.changelog_complete => {
            writeln!(out, "    | … the changelog does not reach back further")?;
        }
        _ => {}
    }
    Ok(())
}
