//! Commands that make, change and remove files.

use super::{Invocation, before_unpacking, is_directory, unusual_mode, values};
use crate::effect::{Attributes, Content, Effect, EffectClass, Existing, ModeChange, ModeStep};
use crate::shell::run::{Run, Status};

/// A command's options and operands.
struct Parsed {
    flags: Vec<char>,
    values: Vec<(char, String)>,
    rest: Vec<String>,
}

impl Parsed {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(&flag)
    }

    fn value(&self, option: char) -> Option<String> {
        self.values.iter().rev().find(|(name, _)| *name == option).map(|(_, value)| value.clone())
    }
}

/// Long options of the commands here, by the letter of the short one.
const LONG: &[(&str, char)] = &[
    ("--mode", 'm'),
    ("--owner", 'o'),
    ("--group", 'g'),
    ("--directory", 'd'),
    ("--parents", 'p'),
    ("--recursive", 'R'),
    ("--symbolic", 's'),
    ("--force", 'f'),
    ("--no-dereference", 'h'),
    ("--no-target-directory", 'T'),
    ("--verbose", 'v'),
    ("--quiet", 'f'),
    ("--silent", 'f'),
    ("--archive", 'a'),
    ("--preserve", 'p'),
    ("--changes", 'v'),
    ("--remove-destination", 'f'),
];

/// Splits words into flags (clusters of letters in `flags`, their long names), options with a value (letters in
/// `valued`), and the rest; `None` if a word is none of these.
fn parse(words: &[String], flags: &str, valued: &str) -> Option<Parsed> {
    let mut out = Parsed { flags: Vec::new(), values: Vec::new(), rest: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            out.rest.extend(words.by_ref().cloned());
        } else if word.starts_with("--") {
            let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(n, v)| (n, Some(v)));
            let letter = LONG.iter().find(|(long, _)| *long == name)?.1;
            match (valued.contains(letter), value) {
                (true, Some(value)) => out.values.push((letter, value.to_owned())),
                (true, None) => out.values.push((letter, words.next()?.clone())),
                (false, None) if flags.contains(letter) => out.flags.push(letter),
                _ => return None,
            }
        } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            for (at, letter) in cluster.char_indices() {
                if valued.contains(letter) {
                    let inline = &cluster[at + letter.len_utf8()..];
                    let value = if inline.is_empty() { words.next()?.clone() } else { inline.to_owned() };
                    out.values.push((letter, value));
                    break;
                }
                if !flags.contains(letter) {
                    return None;
                }
                out.flags.push(letter);
            }
        } else {
            out.rest.push(word.clone());
        }
    }
    Some(out)
}

fn absolute(paths: &[String]) -> bool {
    !paths.is_empty() && paths.iter().all(|path| path.starts_with('/'))
}

fn mode(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)
}

fn effects(
    run: &mut Run<'_>,
    call: &Invocation<'_>,
    class: EffectClass,
    found: Option<Vec<Effect>>,
) -> Status {
    match found {
        Some(found) => run.effects(call.line, found),
        None => run.unknown(call.line, class),
    }
}

pub(super) fn mkdir(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, "pZv", "m")?;
        let mode = match parsed.value('m') {
            Some(text) => Some(mode(&text)?),
            None => unusual_mode(run, 0o777),
        };
        absolute(&parsed.rest).then(|| {
            let attributes = Attributes { mode, ..Attributes::default() };
            let directory = |path| Effect::Directory { path, attributes: attributes.clone() };
            parsed.rest.into_iter().map(directory).collect()
        })
    })();
    effects(run, call, EffectClass::Files, found)
}

/// `install -d [-o OWNER] [-g GROUP] [-m MODE] DIRECTORY…`, `install [-m MODE] SOURCE FILE`.
pub(super) fn install(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, "dDpvZTC", "ogm")?;
        let mode = match parsed.value('m') {
            Some(text) => mode(&text)?,
            None => 0o755,
        };
        let attributes = Attributes { owner: parsed.value('o'), group: parsed.value('g'), mode: Some(mode) };
        if !absolute(&parsed.rest) {
            return None;
        }
        if parsed.has('d') {
            let directory = |path| Effect::Directory { path, attributes: attributes.clone() };
            return Some(parsed.rest.into_iter().map(directory).collect());
        }
        let [source, path] = <[String; 2]>::try_from(parsed.rest).ok()?;
        let content = match source.as_str() {
            "/dev/null" => Content::Text(String::new()),
            _ => Content::CopyOf(source.clone()),
        };
        let path = into_folder(run, &source, path);
        Some(vec![Effect::File { path, content, attributes, existing: Existing::Replace }])
    })();
    effects(run, call, EffectClass::Files, found)
}

/// A copy to a folder goes below it, under its own name.
fn into_folder(run: &Run<'_>, source: &str, path: String) -> String {
    match source.rsplit_once('/') {
        Some((_, name)) if is_directory(run, &path) => format!("{}/{name}", path.trim_end_matches('/')),
        _ => path,
    }
}

/// `chown [-R] OWNER[:GROUP] PATH…`, `chgrp [-R] GROUP PATH…`.
pub(super) fn chown(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, "hfvcR", "")?;
        let (spec, paths) = parsed.rest.split_first()?;
        let (owner, group) = match spec.split_once([':', '.']) {
            _ if call.name == "chgrp" => (None, Some(spec.clone())),
            // The owner's login group.
            Some((owner, "")) => (Some(owner.to_owned()), Some(format!("{owner}:"))),
            Some((owner, group)) => (Some(owner.to_owned()), Some(group.to_owned())),
            None => (Some(spec.clone()), None),
        };
        let set = |name: Option<String>| name.filter(|name| !name.is_empty());
        let attributes = Attributes { owner: set(owner), group: set(group), mode: None };
        let all = parsed.has('R');
        let change = |path: &String| match all {
            true => Effect::ChangeAll { path: path.clone(), attributes: attributes.clone() },
            false => Effect::Change { path: path.clone(), attributes: attributes.clone() },
        };
        absolute(paths).then(|| paths.iter().map(change).collect())
    })();
    effects(run, call, EffectClass::Owners, found)
}

pub(super) fn chmod(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        // A symbolic mode may begin like an option: `-x`.
        let mut words = values(call)?;
        let first = words.iter().position(|word| !is_option(word))?;
        let spec = words.remove(first);
        let parsed = parse(&words, "fvcR", "")?;
        let recursive = parsed.has('R');
        let change = match mode(&spec) {
            Some(mode) if !recursive => {
                let attributes = Attributes { mode: Some(mode), ..Attributes::default() };
                let change =
                    |path: &String| Effect::Change { path: path.clone(), attributes: attributes.clone() };
                return absolute(&parsed.rest).then(|| parsed.rest.iter().map(change).collect());
            }
            Some(mode) => ModeChange::To(mode),
            None => ModeChange::Steps(symbolic(&spec, run.umask)?),
        };
        let change = |path: &String| Effect::Mode { path: path.clone(), change: change.clone(), recursive };
        absolute(&parsed.rest).then(|| parsed.rest.iter().map(change).collect())
    })();
    effects(run, call, EffectClass::Owners, found)
}

/// An option of chmod's, which unlike a mode has none of its letters.
fn is_option(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|rest| !rest.is_empty() && !rest.contains(['r', 'w', 'x', 'X', 's', 't']))
        || word.starts_with("--")
}

/// A symbolic mode (POSIX.1-2017 XCU `chmod`); `None` for copies (`g=u`) and what is not one.
fn symbolic(text: &str, umask: u16) -> Option<Vec<ModeStep>> {
    let mut steps = Vec::new();
    for clause in text.split(',') {
        let end = clause.find(['+', '-', '='])?;
        let mut who = 0;
        for letter in clause[..end].chars() {
            who |= match letter {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => 0o7777,
                _ => return None,
            };
        }
        let who = if end == 0 { 0o7777 & !umask } else { who };
        let mut rest = &clause[end..];
        while let Some(operator) = rest.chars().next() {
            let letters = &rest[1..];
            let length = letters.find(['+', '-', '=']).unwrap_or(letters.len());
            let (mut bits, mut search) = (0, false);
            for letter in letters[..length].chars() {
                match letter {
                    'r' => bits |= 0o444,
                    'w' => bits |= 0o222,
                    'x' => bits |= 0o111,
                    's' => bits |= 0o6000,
                    't' => bits |= 0o1000,
                    'X' => search = true,
                    _ => return None,
                }
            }
            steps.push(ModeStep { who, operator, bits, search });
            rest = &letters[length..];
        }
    }
    Some(steps)
}

pub(super) fn touch(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, "acm", "")?;
        let file = |path| Effect::File {
            path,
            content: Content::Text(String::new()),
            attributes: Attributes { mode: unusual_mode(run, 0o666), ..Attributes::default() },
            existing: Existing::Keep,
        };
        absolute(&parsed.rest).then(|| parsed.rest.into_iter().map(file).collect())
    })();
    effects(run, call, EffectClass::Files, found)
}

/// `ln -s[fnTr] TARGET PATH`.
pub(super) fn ln(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, "sfnTrv", "")?;
        if !parsed.has('s') {
            return None;
        }
        let [target, path] = <[String; 2]>::try_from(parsed.rest.clone()).ok()?;
        if !path.starts_with('/') {
            return None;
        }
        let name = target.clone();
        let path = if parsed.has('T') { path } else { into_folder(run, &name, path) };
        let target = if parsed.has('r') { relative(&target, &path)? } else { target };
        let existing = if parsed.has('f') { Existing::Replace } else { Existing::Keep };
        Some(vec![Effect::Link { path, target, existing }])
    })();
    effects(run, call, EffectClass::Files, found)
}

/// `target` as seen from the folder of `path`, both absolute (`ln -r`).
fn relative(target: &str, path: &str) -> Option<String> {
    let names =
        |text: &str| text.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    if !target.starts_with('/') || target.contains("..") || path.contains("..") {
        return None;
    }
    let (target, mut from) = (names(target), names(path));
    from.pop();
    let shared = target.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - shared).map(str::to_owned);
    Some(up.chain(target[shared..].iter().cloned()).collect::<Vec<_>>().join("/"))
}

/// `cp [-p] FILE PATH`.
pub(super) fn cp(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, "pafdZTvu", "")?;
        let [source, path] = <[String; 2]>::try_from(parsed.rest.clone()).ok()?;
        if !absolute(&parsed.rest) || is_directory(run, &source) {
            return None;
        }
        let path = into_folder(run, &source, path);
        let attributes = Attributes::default();
        let existing = Existing::Replace;
        Some(vec![Effect::File { path, content: Content::CopyOf(source), attributes, existing }])
    })();
    effects(run, call, EffectClass::Files, found)
}

/// `rm` of what no package ships does nothing on a fresh installation; before unpacking there is nothing at all.
pub(super) fn rm(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    if before_unpacking(run) {
        return Status::True;
    }
    let mut removed = Vec::new();
    for field in call.arguments {
        match field.value.as_deref() {
            Some(word) if word.starts_with('-') => {}
            Some(word) if field.glob && word.starts_with('/') && !run.facts.any_match(word) => {}
            Some(word) if !field.glob && word.starts_with('/') && !is_directory(run, word) => {
                if run.facts.look(word).is_some() || run.has_made(word) {
                    removed.push(Effect::Remove { path: word.to_owned() });
                }
            }
            _ => return run.unknown(call.line, EffectClass::Files),
        }
    }
    run.effects(call.line, removed)
}
