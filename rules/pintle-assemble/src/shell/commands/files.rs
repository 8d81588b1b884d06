//! Commands that make, change and remove files.

use super::{Invocation, before_unpacking, is_directory, unusual_mode, values};
use crate::effect::{Attributes, Content, Effect, EffectClass, Existing};
use crate::shell::run::{Run, Status};

/// Splits words into options (`-p`, `-m 0755`, in `with_value` order) and absolute paths; `None` if any word is
/// neither.
struct Parsed {
    flags: Vec<String>,
    values: Vec<(String, String)>,
    rest: Vec<String>,
}

fn parse(words: &[String], flags: &[&str], with_value: &[&str]) -> Option<Parsed> {
    let mut out = Parsed { flags: Vec::new(), values: Vec::new(), rest: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--" => out.rest.extend(words.by_ref().cloned()),
            _ if with_value.contains(&word.as_str()) => {
                out.values.push((word.clone(), words.next()?.clone()))
            }
            _ if flags.contains(&word.as_str()) => out.flags.push(word.clone()),
            _ if word.starts_with('-') => return None,
            _ => out.rest.push(word.clone()),
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
        let parsed = parse(&values(call)?, &["-p", "-pZ", "-Z", "-v"], &["-m"])?;
        let mode = match parsed.values.first() {
            Some((_, text)) => Some(mode(text)?),
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
        let parsed = parse(&values(call)?, &["-d", "-D", "-p"], &["-o", "-g", "-m"])?;
        let value =
            |name: &str| parsed.values.iter().find(|(option, _)| option == name).map(|(_, v)| v.clone());
        let mode = match value("-m") {
            Some(text) => mode(&text)?,
            None => 0o755,
        };
        let attributes = Attributes { owner: value("-o"), group: value("-g"), mode: Some(mode) };
        if !absolute(&parsed.rest) {
            return None;
        }
        if parsed.flags.iter().any(|flag| flag == "-d") {
            let directory = |path| Effect::Directory { path, attributes: attributes.clone() };
            return Some(parsed.rest.into_iter().map(directory).collect());
        }
        let [source, path] = <[String; 2]>::try_from(parsed.rest).ok()?;
        let existing = Existing::Replace;
        Some(vec![Effect::File { path, content: Content::CopyOf(source), attributes, existing }])
    })();
    effects(run, call, EffectClass::Files, found)
}

/// `chown OWNER[:GROUP] PATH…`, `chgrp GROUP PATH…`.
pub(super) fn chown(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, &["-h", "-f", "-v"], &[])?;
        let (spec, paths) = parsed.rest.split_first()?;
        let (owner, group) = match spec.split_once([':', '.']) {
            _ if call.name == "chgrp" => (None, Some(spec.clone())),
            Some((owner, group)) => (Some(owner.to_owned()), Some(group.to_owned())),
            None => (Some(spec.clone()), None),
        };
        let set = |name: Option<String>| name.filter(|name| !name.is_empty());
        let attributes = Attributes { owner: set(owner), group: set(group), mode: None };
        change(paths, &attributes)
    })();
    effects(run, call, EffectClass::Owners, found)
}

pub(super) fn chmod(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, &["-f", "-v"], &[])?;
        let (spec, paths) = parsed.rest.split_first()?;
        change(paths, &Attributes { mode: Some(mode(spec)?), ..Attributes::default() })
    })();
    effects(run, call, EffectClass::Owners, found)
}

fn change(paths: &[String], attributes: &Attributes) -> Option<Vec<Effect>> {
    let change = |path: &String| Effect::Change { path: path.clone(), attributes: attributes.clone() };
    absolute(paths).then(|| paths.iter().map(change).collect())
}

pub(super) fn touch(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, &[], &[])?;
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

/// `ln -s[fn] TARGET PATH`.
pub(super) fn ln(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let flags = ["-s", "-sf", "-fs", "-snf", "-sfn", "-nsf", "-f", "-n", "-T", "-sn", "-sfT"];
        let parsed = parse(&values(call)?, &flags, &[])?;
        let given = |letter: char| parsed.flags.iter().any(|flag| flag.contains(letter));
        if !given('s') {
            return None;
        }
        let [target, path] = <[String; 2]>::try_from(parsed.rest.clone()).ok()?;
        if !path.starts_with('/') || is_directory(run, &path) {
            return None;
        }
        let existing = if given('f') { Existing::Replace } else { Existing::Keep };
        Some(vec![Effect::Link { path, target, existing }])
    })();
    effects(run, call, EffectClass::Files, found)
}

/// `cp [-p] FILE PATH`.
pub(super) fn cp(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let found = (|| {
        let parsed = parse(&values(call)?, &["-p", "-a", "-f", "-pZ", "-aZ", "-dp"], &[])?;
        let [source, path] = <[String; 2]>::try_from(parsed.rest).ok()?;
        if !source.starts_with('/')
            || !path.starts_with('/')
            || is_directory(run, &path)
            || is_directory(run, &source)
        {
            return None;
        }
        let attributes = Attributes::default();
        Some(vec![Effect::File {
            path,
            content: Content::CopyOf(source),
            attributes,
            existing: Existing::Replace,
        }])
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
