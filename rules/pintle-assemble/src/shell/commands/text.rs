//! What commands print, where it is known: for `$(…)`, pipelines, and files that are written.

use super::{Invocation, packages, values};
use crate::effect::{Content, Effect};
use crate::shell::run::Run;

/// What a command prints, where that is known.
pub(super) fn text(call: &Invocation<'_>) -> Option<String> {
    match (call.name, &call.here) {
        ("cat", Some(here)) if call.arguments.is_empty() => Some(here.clone()),
        (":" | "true", _) => Some(String::new()),
        ("cat", None) if values(call).is_some_and(|words| words == ["/dev/null"]) => Some(String::new()),
        ("echo", _) => {
            let words = values(call)?;
            let (words, end) = match words.split_first() {
                Some((first, rest)) if first == "-n" => (rest.to_vec(), ""),
                _ => (words, "\n"),
            };
            let option = |word: &String| {
                word.strip_prefix('-')
                    .is_some_and(|rest| rest.bytes().all(|b| b"neE".contains(&b)) && !rest.is_empty())
            };
            let plain = !words.first().is_some_and(option) && !words.iter().any(|word| word.contains('\\'));
            plain.then(|| words.join(" ") + end)
        }
        ("printf", _) => printf(&values(call)?),
        _ => None,
    }
}

/// `printf FORMAT WORD…` with plain text, `%s`, `%%` and `\n` (POSIX.1-2017 XCU `printf`).
fn printf(words: &[String]) -> Option<String> {
    let (format, words) = words.split_first()?;
    let mut words = words.iter();
    let mut out = String::new();
    loop {
        let before = words.len();
        let mut rest = format.chars();
        while let Some(c) = rest.next() {
            match c {
                '%' => match rest.next()? {
                    's' => out.push_str(words.next().map_or("", String::as_str)),
                    '%' => out.push('%'),
                    _ => return None,
                },
                '\\' => match rest.next()? {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    '\\' => out.push('\\'),
                    _ => return None,
                },
                c => out.push(c),
            }
        }
        // The format serves again as long as words are left.
        if words.len() == 0 || words.len() == before {
            return Some(out);
        }
    }
}

/// What `$(words)` prints, where that is known.
pub(in crate::shell) fn answer(run: &Run<'_>, words: &[String]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["command", "-v", name] | ["which", name] => Some(run.facts.program(name).unwrap_or_default()),
        // On a fresh system only base-passwd's accounts are there; what others look like is not known.
        ["id", "-u" | "-g" | "-un" | "-gn" | "-nu" | "-ng", name] | ["getent", "passwd", name]
            if !run.facts.users.contains(*name) && !run.has_user(name) =>
        {
            Some(String::new())
        }
        ["getent", "group", name] if !run.facts.groups.contains(*name) && !run.has_group(name) => {
            Some(String::new())
        }
        ["dpkg", "--print-architecture"] if !run.facts.arch.is_empty() => Some(run.facts.arch.clone()),
        ["uname", "-s"] => Some("Linux".to_owned()),
        ["seq", last] => sequence("1", last),
        ["seq", first, last] => sequence(first, last),
        ["umask"] => Some(format!("{:04o}", run.umask)),
        // Neither is there on a fresh system.
        ["dpkg-statoverride", "--list", _] => Some(String::new()),
        ["dpkg-divert", "--list", path] if !run.facts.diversions.contains_key(*path) => Some(String::new()),
        ["dirname", path] => Some(path.rsplit_once('/').map_or(".", |(parent, _)| parent).to_owned()),
        ["basename", path] => path.rsplit('/').next().map(str::to_owned),
        ["echo", rest @ ..] => Some(rest.join(" ")),
        // The modules of all packages: each is linked for all interfaces, by whoever brings it.
        ["phpquery", "-M", "-v", _] => Some(packages::ALL_MODULES.to_owned()),
        ["dpkg-divert", "--truename", path] => {
            Some(run.facts.diversions.get(*path).map_or(*path, |(to, _)| to).to_owned())
        }
        ["dpkg-divert", "--listpackage", path] => {
            Some(run.facts.diversions.get(*path).map(|(_, package)| package.clone()).unwrap_or_default())
        }
        _ => None,
    }
}

/// Longest sequence of numbers that is written out.
const SEQUENCE_MAX: u32 = 1000;

fn sequence(first: &str, last: &str) -> Option<String> {
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let short = last.saturating_sub(first) < SEQUENCE_MAX;
    short.then(|| (first..=last).map(|number| number.to_string()).collect::<Vec<_>>().join("\n"))
}

/// Nothing, or a line.
pub(super) fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

/// What a filter makes of a text: `cut -d: -f2`, `tr -d x`, `cat`.
pub(in crate::shell) fn filter(words: &[String], text: &str) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let joined = |lines: Vec<&str>| lines.iter().flat_map(|line| [*line, "\n"]).collect::<String>();
    match words.as_slice() {
        ["cat"] => Some(text.to_owned()),
        ["cut", "-d", delimiter, "-f", field] => cut(text, delimiter, field).map(joined),
        ["cut", options @ ..] if options.len() == 2 => {
            let option = |letter| options.iter().find_map(|word| word.strip_prefix(letter));
            cut(text, option("-d")?, option("-f")?).map(joined)
        }
        ["tr", "-d", set] if set.chars().count() == 1 => Some(text.replace(*set, "")),
        ["tr", from, to] if from.chars().count() == 1 && to.chars().count() == 1 => {
            Some(text.replace(*from, to))
        }
        _ => None,
    }
}

fn cut<'t>(text: &'t str, delimiter: &str, field: &str) -> Option<Vec<&'t str>> {
    let delimiter = delimiter.chars().next().filter(|_| delimiter.chars().count() == 1)?;
    let number: usize = field.parse().ok().filter(|number| *number > 0)?;
    let field = |line: &'t str| match line.contains(delimiter) {
        true => line.split(delimiter).nth(number - 1).unwrap_or(""),
        false => line,
    };
    Some(text.lines().map(field).collect())
}

/// The file that an earlier command of the script made, with its text.
pub(super) fn written<'r>(run: &'r Run<'_>, path: &str) -> Option<&'r str> {
    run.found.effects.iter().rev().find_map(|(_, effect)| match effect {
        Effect::File { path: made, content: Content::Text(text), .. } if made == path => Some(text.as_str()),
        _ => None,
    })
}
