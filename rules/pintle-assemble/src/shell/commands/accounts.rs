//! `adduser` and its kin.

use super::{Invocation, values};
use crate::effect::{AddUser, Effect, EffectClass};
use crate::shell::run::{Run, Status};

/// `getent passwd NAME`, `getent group NAME`, `id NAME`: on a fresh system only base-passwd's accounts are there.
pub(super) fn lookup(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    match (call.name, words.as_slice()) {
        ("getent", ["passwd", name]) | ("id", [name]) => Status::of(run.facts.users.contains(*name)),
        ("getent", ["group", name]) => Status::of(run.facts.groups.contains(*name)),
        _ => Status::Unknown,
    }
}

/// `adduser --system …`, `adduser USER GROUP`, `useradd --system …`.
pub(super) fn adduser(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    match values(call).as_deref().and_then(user) {
        Some(effects) => run.effects(call.line, effects),
        None => run.unknown(call.line, EffectClass::Accounts),
    }
}

fn user(words: &[String]) -> Option<Vec<Effect>> {
    let mut user = AddUser::default();
    let (mut system, mut own_group, mut names) = (false, false, Vec::new());
    let mut make_home = true;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, inline) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        let mut value = || inline.clone().or_else(|| words.next().cloned());
        match option {
            "--system" | "-r" => system = true,
            "--group" | "--user-group" | "-U" => own_group = true,
            "--ingroup" | "--gid" | "-g" => user.group = Some(value()?),
            "--home" | "--home-dir" | "-d" => user.home = Some(value()?),
            "--shell" | "-s" => user.shell = Some(value()?),
            "--gecos" | "--comment" | "-c" => user.description = value()?,
            "--uid" | "-u" => user.uid = Some(value()?.parse().ok()?),
            "--no-create-home" | "-M" => make_home = false,
            "--quiet"
            | "-q"
            | "--force-badname"
            | "--allow-bad-names"
            | "--allow-badname"
            | "--disabled-login"
            | "--disabled-password" => {}
            _ if option.starts_with('-') => return None,
            _ => names.push(option.to_owned()),
        }
    }
    match names.as_slice() {
        [user, group] if !system => Some(vec![Effect::Member { user: user.clone(), group: group.clone() }]),
        [name] if system => {
            user.name.clone_from(name);
            let mut effects = Vec::new();
            if own_group {
                user.group = Some(name.clone());
                effects.push(Effect::Group { name: name.clone(), gid: None });
            }
            let home = user.home.clone().filter(|home| make_home && home != "/nonexistent");
            let group = user.group.clone();
            effects.push(Effect::User(user));
            if let Some(path) = home {
                let attributes = crate::effect::Attributes {
                    owner: Some(name.clone()),
                    group: Some(group.unwrap_or_else(|| "nogroup".into())),
                    mode: Some(0o755),
                };
                effects.push(Effect::Directory { path, attributes });
            }
            Some(effects)
        }
        _ => None,
    }
}

/// `addgroup --system NAME`, `groupadd --system NAME`.
pub(super) fn addgroup(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    match values(call).as_deref().and_then(group) {
        Some(effect) => run.effect(call.line, effect),
        None => run.unknown(call.line, EffectClass::Accounts),
    }
}

fn group(words: &[String]) -> Option<Effect> {
    let (mut names, mut gid, mut system) = (Vec::new(), None, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--system" | "-r" => system = true,
            "--gid" | "-g" => gid = Some(words.next()?.parse().ok()?),
            "--quiet" | "--force-badname" | "--allow-bad-names" | "--allow-badname" | "-f" | "--force" => {}
            _ if word.starts_with('-') => return None,
            _ => names.push(word.clone()),
        }
    }
    match names.as_slice() {
        [name] if system => Some(Effect::Group { name: name.clone(), gid }),
        _ => None,
    }
}
