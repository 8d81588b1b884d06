//! Functions and programs by which packages of one family plug into each other.

use super::{Invocation, values};
use crate::effect::{Effect, EffectClass};
use crate::shell::run::{Run, Status};

/// What stands for the list of all modules of PHP.
pub(super) const ALL_MODULES: &str = "@all-modules";

/// `php_invoke enmod VERSION SAPI|ALL MODULE` (php-maintscript-helper).
pub(super) fn php(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (call.name, words.as_slice()) {
        // Modules are linked for every interface that there is.
        ("php_invoke", ["enmod", _, _, ALL_MODULES]) => Status::True,
        ("php_invoke", ["enmod", version, "ALL", name]) => {
            let (version, name) = ((*version).to_owned(), (*name).to_owned());
            run.effect(call.line, Effect::PhpModule { version, name })
        }
        _ => run.unknown(call.line, EffectClass::Files),
    }
}

/// `apache2_invoke enmod|enconf|ensite NAME [PRIORITY]` (apache2-maintscript-helper), `a2enmod [-m] [-q] NAME…`.
pub(super) fn apache(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let (command, names) = match (call.name, plain.as_slice()) {
        ("apache2_invoke", [command, name, ..]) => (*command, std::slice::from_ref(name)),
        (name, names) if !names.is_empty() => (name.trim_start_matches("a2"), names),
        _ => return run.unknown(call.line, EffectClass::Files),
    };
    let kind = match command {
        "enmod" => "mods",
        "enconf" => "conf",
        "ensite" => "sites",
        _ => return run.unknown(call.line, EffectClass::Files),
    };
    for name in names {
        run.effect(call.line, Effect::Apache { kind, name: (*name).to_owned() });
    }
    Status::True
}

/// What asks Apache, or changes how it works.
pub(super) fn apache_other(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    match call.name {
        "apache2_has_module" => Status::Unknown,
        _ => run.unknown(call.line, EffectClass::Files),
    }
}
