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
            "--stdoutmsglevel" | "--stderrmsglevel" | "--logmsglevel" => drop(value()?),
            "--quiet"
            | "-q"
            | "--force-badname"
            | "--allow-bad-names"
            | "--allow-badname"
            | "--allow-all-names"
            | "--verbose"
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

/// `usermod -aG GROUP USER`, `gpasswd -a USER GROUP`: a user enters groups. Other changes are not followed.
pub(super) fn member(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-q").collect();
    let (user, groups) = match (call.name, words.as_slice()) {
        ("usermod", ["-aG" | "-Ga", groups, user] | ["-a" | "--append", "-G" | "--groups", groups, user]) => {
            (*user, *groups)
        }
        ("usermod", ["-G", groups, "-a" | "--append", user]) => (*user, *groups),
        // A user that the script just made is in no other group.
        ("usermod", ["-G" | "--groups", groups, user]) if run.has_user(user) => (*user, *groups),
        ("usermod", [option, value, user]) if run.has_user(user) => {
            return match change(run, option, value, user) {
                true => Status::True,
                false => run.unknown(call.line, EffectClass::Accounts),
            };
        }
        ("gpasswd", ["-a" | "--add", user, group]) => (*user, *group),
        _ => return run.unknown(call.line, EffectClass::Accounts),
    };
    for group in groups.split(',') {
        run.effect(call.line, Effect::Member { user: user.to_owned(), group: group.to_owned() });
    }
    Status::True
}

/// `usermod -c TEXT USER` and the like, of a user that the script made.
fn change(run: &mut Run<'_>, option: &str, value: &str, name: &str) -> bool {
    let users = run.found.effects.iter_mut().filter_map(|(_, effect)| match effect {
        Effect::User(user) if user.name == name => Some(user),
        _ => None,
    });
    let mut known = false;
    for user in users {
        known = true;
        match option {
            "-c" | "--comment" => value.clone_into(&mut user.description),
            "-d" | "--home" => user.home = Some(value.to_owned()),
            "-g" | "--gid" => user.group = Some(value.to_owned()),
            "-s" | "--shell" => user.shell = Some(value.to_owned()),
            _ => return false,
        }
    }
    known
}

/// `id -nG USER | grep -q GROUP`, `groups USER | grep -qw GROUP`: whether a user is in a group. `None` where the words
/// are others or it is not known.
pub(crate) fn membership(run: &Run<'_>, asks: &[String], filters: &[String]) -> Option<Status> {
    let plain = |words: &[String]| -> Vec<String> {
        words[1..].iter().filter(|word| !word.starts_with('-')).cloned().collect()
    };
    let quiet = filters[1..].iter().any(|word| word.starts_with("-") && word.contains('q'));
    let known = matches!(asks[0].as_str(), "id" | "groups") && filters[0] == "grep" && quiet;
    let [user] = <[String; 1]>::try_from(plain(asks)).ok()?;
    let [group] = <[String; 1]>::try_from(plain(filters)).ok()?;
    let group = group.trim_matches(['^', '$', ' ']).trim_start_matches("\\b").trim_end_matches("\\b");
    let name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !known || !name(group) || !name(&user) {
        return None;
    }
    let inside = run.found.effects.iter().any(|(_, effect)| match effect {
        Effect::User(made) => made.name == user && made.group.as_deref() == Some(group),
        Effect::Member { user: made, group: entered } => *made == user && entered == group,
        _ => false,
    });
    Some(Status::of(inside || user == group))
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
            _ if word.starts_with("--stdoutmsglevel=") || word.starts_with("--stderrmsglevel=") => {}
            _ if word.starts_with('-') => return None,
            _ => names.push(word.clone()),
        }
    }
    match names.as_slice() {
        [name] if system => Some(Effect::Group { name: name.clone(), gid }),
        _ => None,
    }
}
