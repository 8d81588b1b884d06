//! Debian's own helpers: dpkg, update-alternatives, deb-systemd-helper, systemctl, ucf.

use super::{Invocation, values};
use crate::effect::{Alternative, Effect, EffectClass, Presets, Scope, Slave};
use crate::shell::run::{Run, Status};

/// `dpkg --compare-versions`: dpkg(1) says that an empty version is earlier than any with `lt le eq ne ge gt`, later
/// than any with the `-nl` forms.
pub(super) fn dpkg(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let texts: Vec<Option<&str>> =
        call.arguments.iter().map(|a| a.value.as_deref()).filter(|a| *a != Some("--")).collect();
    match texts.as_slice() {
        [Some("--compare-versions"), Some(""), Some(op), Some(right)] if !right.is_empty() => match *op {
            "lt" | "le" | "ne" | "<<" | "<=" | "<" | "gt-nl" | "ge-nl" => Status::True,
            "gt" | "ge" | "eq" | ">>" | ">=" | ">" | "=" | "lt-nl" | "le-nl" => Status::False,
            _ => Status::Unknown,
        },
        [Some("--compare-versions" | "-s" | "-l" | "-L" | "--print-architecture" | "--status"), ..] => {
            Status::Unknown
        }
        _ => run.unknown(call.line, EffectClass::Program),
    }
}

/// `dpkg-divert [--package P] [--rename|--no-rename] --divert TO [--add] FROM`.
pub(super) fn divert(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let Some(words) = values(call) else { return run.unknown(call.line, EffectClass::Files) };
    let (mut package, mut to, mut from) = (None, None, None);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--truename" | "--listpackage" | "--list" => return Status::Unknown,
            // On a fresh installation there is no diversion of an earlier version to remove.
            "--remove" => return Status::True,
            "--package" => package = words.next().map(str::to_owned),
            "--divert" => to = words.next().map(str::to_owned),
            "--add" | "--no-rename" | "--rename" | "--quiet" => {}
            _ if word.starts_with('/') => from = Some(word.to_owned()),
            _ => return run.unknown(call.line, EffectClass::Files),
        }
    }
    let Some(from) = from else { return run.unknown(call.line, EffectClass::Files) };
    let to = to.unwrap_or_else(|| format!("{from}.distrib"));
    run.effect(call.line, Effect::Divert { from, to, package })
}

/// `dpkg-statoverride --list PATH` finds nothing on a fresh system; `--add OWNER GROUP MODE PATH`.
pub(super) fn statoverride(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    if call.arguments.iter().any(|field| field.value.as_deref() == Some("--list")) {
        return Status::False;
    }
    let words = values(call);
    let words: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
    if words.contains(&"--remove") {
        // Only an earlier version could have left one.
        return Status::True;
    }
    let plain: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with("--")).collect();
    match (words.contains(&"--add"), plain.as_slice()) {
        (true, [owner, group, mode, path]) => match u16::from_str_radix(mode, 8) {
            Ok(mode) => run.effect(
                call.line,
                Effect::StatOverride {
                    path: (*path).to_owned(),
                    owner: (*owner).to_owned(),
                    group: (*group).to_owned(),
                    mode,
                },
            ),
            Err(_) => run.unknown(call.line, EffectClass::Owners),
        },
        _ => run.unknown(call.line, EffectClass::Owners),
    }
}

/// `update-alternatives --install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]…`.
pub(super) fn alternatives(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call);
    let words: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
    let mut words = words.as_slice();
    while let [option, rest @ ..] = words
        && matches!(*option, "--quiet" | "--force")
    {
        words = rest;
    }
    match words {
        ["--install", link, name, path, priority, rest @ ..] => match (priority.parse(), slaves(rest)) {
            (Ok(priority), Some(slaves)) => run.effect(
                call.line,
                Effect::Alternative(Alternative {
                    name: (*name).to_owned(),
                    link: (*link).to_owned(),
                    path: (*path).to_owned(),
                    priority,
                    slaves,
                }),
            ),
            _ => run.unknown(call.line, EffectClass::Files),
        },
        ["--remove" | "--remove-all" | "--auto", ..] => Status::True,
        ["--list" | "--query" | "--display" | "--get-selections", ..] => Status::Unknown,
        _ => run.unknown(call.line, EffectClass::Files),
    }
}

fn slaves(words: &[&str]) -> Option<Vec<Slave>> {
    words
        .chunks(4)
        .map(|chunk| match chunk {
            ["--slave", link, name, path] => {
                Some(Slave { name: (*name).to_owned(), link: (*link).to_owned(), path: (*path).to_owned() })
            }
            _ => None,
        })
        .collect()
}

/// deb-systemd-helper(1p): on a fresh installation `was-enabled` says yes, `debian-installed` no.
pub(super) fn systemd_helper(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let Some(words) = values(call) else { return run.unknown(call.line, EffectClass::Units) };
    let scope = if words.iter().any(|word| word == "--user") { Scope::User } else { Scope::System };
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    match plain.as_slice() {
        ["enable", units @ ..] => enable(run, call, units, scope, Presets::Asked),
        ["was-enabled", ..] => Status::True,
        ["debian-installed", ..] => Status::False,
        ["update-state", units @ ..] => {
            for unit in units {
                run.effect(call.line, Effect::Remember { unit: (*unit).to_owned(), scope });
            }
            Status::True
        }
        ["unmask" | "disable" | "purge" | "reenable", ..] => Status::True,
        _ => run.unknown(call.line, EffectClass::Units),
    }
}

fn enable(
    run: &mut Run<'_>,
    call: &Invocation<'_>,
    units: &[&str],
    scope: Scope,
    presets: Presets,
) -> Status {
    for unit in units {
        run.effect(call.line, Effect::Enable { unit: (*unit).to_owned(), scope, presets });
    }
    Status::True
}

/// `systemctl enable` writes links; the rest speaks to a manager that does not run.
pub(super) fn systemctl(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let Some(words) = values(call) else { return run.unknown(call.line, EffectClass::Units) };
    let scope =
        if words.iter().any(|w| w == "--user" || w == "--global") { Scope::User } else { Scope::System };
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    match plain.as_slice() {
        ["enable", units @ ..] => enable(run, call, units, scope, Presets::Ignored),
        ["preset", units @ ..] => enable(run, call, units, scope, Presets::Asked),
        [
            "daemon-reload"
            | "daemon-reexec"
            | "start"
            | "stop"
            | "restart"
            | "try-restart"
            | "reload"
            | "kill"
            | "reload-or-restart"
            | "reload-or-try-restart"
            | "reset-failed"
            | "unmask",
            ..,
        ] => run.handled("units start at boot"),
        ["is-active" | "is-system-running" | "is-enabled" | "show" | "cat" | "list-units", ..] => {
            Status::Unknown
        }
        _ => run.unknown(call.line, EffectClass::Units),
    }
}

/// `update-rc.d NAME defaults`, `defaults-disabled`, `remove`; arguments behind are ignored, as update-rc.d(8) does.
pub(super) fn run_levels(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-f").collect();
    match plain.as_slice() {
        [name, action @ ("defaults" | "defaults-disabled" | "start" | "stop"), ..] => {
            let start = *action != "defaults-disabled";
            run.effect(call.line, Effect::RunLevels { name: (*name).to_owned(), start })
        }
        [_, "remove"] => Status::True,
        // It takes back what was enabled before: the unit, and the links.
        [name, "disable"] => {
            let unit = format!("{name}.service");
            run.found.effects.retain(|(_, effect)| match effect {
                Effect::Enable { unit: enabled, .. } => *enabled != unit,
                Effect::RunLevels { name: linked, .. } => linked != name,
                _ => true,
            });
            run.effect(call.line, Effect::RunLevels { name: (*name).to_owned(), start: false })
        }
        _ => run.unknown(call.line, EffectClass::Units),
    }
}

/// `systemd-tmpfiles --create X.conf`: the first boot does the same.
pub(super) fn tmpfiles(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let Some(words) = values(call) else { return run.unknown(call.line, EffectClass::Files) };
    for word in words.iter().filter(|word| !word.starts_with('-')) {
        run.handled(format!("tmpfiles.d/{word} is applied at boot"));
    }
    Status::True
}

pub(super) fn journalctl(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    match values(call).is_some_and(|words| words.iter().any(|word| word == "--update-catalog")) {
        true => run.handled("journal catalog is generated"),
        false => Status::Unknown,
    }
}

/// `ucf [options] SOURCE PATH`: a configuration file that only a fresh system gets as it is.
pub(super) fn ucf(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let plain: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    if words.iter().any(|word| word == "--purge" || word == "-p") {
        // Forgets what an earlier version left.
        return Status::True;
    }
    match plain.as_slice() {
        [source, path] => {
            // dpkg runs scripts in the root folder.
            let absolute = |path: &str| format!("/{}", path.trim_start_matches('/'));
            run.effect(call.line, Effect::Ucf { source: absolute(source), path: absolute(path) })
        }
        _ => run.unknown(call.line, EffectClass::Files),
    }
}
