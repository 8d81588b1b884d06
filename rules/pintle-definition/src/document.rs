//! An already evaluated [`System`], as JSON from another language.

use crate::text::{TextKind, is_pattern};
use pintle_model::{Digest, FileContent, SYSTEM_SCHEMA, System};
use std::collections::BTreeSet;

/// The document is not a system.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DocumentError {
    /// Not JSON at all.
    #[error("{name}:{line}:{column}: this is not JSON: {reason}")]
    Syntax {
        /// The file.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's reason.
        reason: String,
    },
    /// Written for another version of Pintle.
    #[error("{name}: this document has schema {found}; this version of Pintle reads schema {expected}")]
    Schema {
        /// The file.
        name: String,
        /// The version in the document, as written; `none` where there is none.
        found: String,
        /// The version that is read.
        expected: u32,
    },
    /// A field is unknown, missing or of the wrong type.
    #[error("{name}:{line}:{column}: at `{path}`: {reason}")]
    Field {
        /// The file.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// Where in the document (`services[0].name`); `.` for its top.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Everything has the right type, but does not make a system.
    #[error("{name}: {source}")]
    Invalid {
        /// The file.
        name: String,
        /// What is wrong.
        #[source]
        source: InvalidSystem,
    },
}

/// A value that no system can have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("at `{path}`: {reason}")]
pub struct InvalidSystem {
    /// Where in the document (`services[0].name`).
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads an evaluated system; `name` is what errors call it.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn evaluate_document(name: &str, bytes: &[u8]) -> Result<System, DocumentError> {
    let short = |error: &serde_json::Error| {
        let text = error.to_string();
        text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
    };
    let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| DocumentError::Syntax {
        name: name.to_owned(),
        line: error.line(),
        column: error.column(),
        reason: short(&error),
    })?;
    if json.get("schema").and_then(serde_json::Value::as_u64) != Some(u64::from(SYSTEM_SCHEMA)) {
        let found = json.get("schema").map_or_else(|| "none".to_owned(), ToString::to_string);
        return Err(DocumentError::Schema { name: name.to_owned(), found, expected: SYSTEM_SCHEMA });
    }
    // Read again from the text: only that knows lines.
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let system: System =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| DocumentError::Field {
            name: name.to_owned(),
            line: error.inner().line(),
            column: error.inner().column(),
            path: error.path().to_string(),
            reason: short(error.inner()),
        })?;
    validate(&system).map_err(|source| DocumentError::Invalid { name: name.to_owned(), source })?;
    Ok(system)
}

/// Checks what types alone can not say.
///
/// # Errors
/// The first value that no system can have.
pub fn validate(system: &System) -> Result<(), InvalidSystem> {
    expect(TextKind::Image, "name", &system.name)?;
    expect(TextKind::Word, "version", &system.version)?;
    each("packages", &system.packages, TextKind::Package, |package| package)?;
    each("accept", &system.accept, TextKind::PlainPackage, |accept| &accept.package)?;
    each("kernel.own", &system.kernel.own, TextKind::KernelRelease, |release| release)?;
    if let Some(pattern) = &system.kernel.default {
        expect(TextKind::KernelPattern, "kernel.default", pattern)?;
    }
    each("kernel.parameters", &system.kernel.parameters, TextKind::Line, |parameter| parameter)?;
    each("units.enable", &system.units.enable, TextKind::Unit, |unit| unit)?;
    each("units.disable", &system.units.disable, TextKind::Unit, |unit| unit)?;
    each("units.mask", &system.units.mask, TextKind::Unit, |unit| unit)?;
    each("users", &system.users, TextKind::Name, |user| &user.name)?;
    each("groups", &system.groups, TextKind::Name, |group| &group.name)?;
    each("services", &system.services, TextKind::Name, |service| &service.name)?;
    each("files", &system.files, TextKind::Path, |file| &file.path)?;
    once("files", system.files.iter().map(|file| file.path.as_str()))?;
    once("users", system.users.iter().map(|user| user.name.as_str()))?;
    once("groups", system.groups.iter().map(|group| group.name.as_str()))?;
    once("services", system.services.iter().map(|service| service.name.as_str()))?;
    users_and_files(system)?;
    services(system)?;
    for (index, rule) in system.slim.iter().enumerate() {
        expect(TextKind::Line, &format!("slim[{index}].name"), &rule.name)?;
        if let Some(bad) = rule.remove.iter().chain(&rule.keep).find(|text| !is_pattern(text)) {
            return Err(invalid(
                &format!("slim[{index}]"),
                format!("`{bad}` is no pattern of paths: it begins with `/` or `*`"),
            ));
        }
    }
    beside_closure(system)?;
    if !(system.image.bios || system.image.uefi) && system.starts() {
        return Err(invalid("image", "an image with a kernel needs `bios` or `uefi` to boot".to_owned()));
    }
    Ok(())
}

/// A closure is the whole system: what else the document describes would be ignored.
fn beside_closure(system: &System) -> Result<(), InvalidSystem> {
    if system.source.nix.is_none() {
        return Ok(());
    }
    let units = &system.units;
    let described = [
        ("packages", system.packages.is_empty()),
        ("kernel", !system.kernel.is_wanted() && system.kernel.parameters.is_empty()),
        ("files", system.files.is_empty()),
        ("users", system.users.is_empty()),
        ("groups", system.groups.is_empty()),
        ("services", system.services.is_empty()),
        ("units", units.enable.is_empty() && units.disable.is_empty() && units.mask.is_empty()),
        ("slim", system.slim.is_empty()),
    ];
    match described.iter().find(|(_, empty)| !empty) {
        None => Ok(()),
        Some((path, _)) => Err(invalid(
            path,
            "`source.nix` names a closure, which is the whole system: this must be empty".to_owned(),
        )),
    }
}

fn users_and_files(system: &System) -> Result<(), InvalidSystem> {
    for (index, user) in system.users.iter().enumerate() {
        for (key, line) in user.ssh_keys.iter().enumerate() {
            expect(TextKind::SshKey, &format!("users[{index}].ssh_keys[{key}]"), line)?;
        }
        for (field, path) in [("home", &user.home), ("shell", &user.shell)] {
            if let Some(path) = path {
                expect(TextKind::Path, &format!("users[{index}].{field}"), path)?;
            }
        }
        // A colon or a line break would forge entries of /etc/passwd and /etc/shadow.
        let texts =
            [("description", Some(&user.description)), ("password_hash", user.password_hash.as_ref())];
        for (field, text) in texts {
            if text.is_some_and(|text| text.contains(|c: char| c.is_control() || c == ':')) {
                let path = format!("users[{index}].{field}");
                return Err(invalid(&path, "no `:` and no control characters here".to_owned()));
            }
        }
    }
    for (index, file) in system.files.iter().enumerate() {
        if let Some(mode) = &file.mode {
            expect(TextKind::Mode, &format!("files[{index}].mode"), mode)?;
        }
        if let FileContent::OciImage { digest, .. } = &file.content
            && digest.parse::<Digest>().is_err()
        {
            let reason = format!("`{digest}` is not a digest (`sha256:` and 64 hexadecimal digits)");
            return Err(invalid(&format!("files[{index}].content"), reason));
        }
        if let FileContent::Symlink(target) = &file.content
            && (target.is_empty() || target.contains('\0'))
        {
            return Err(invalid(&format!("files[{index}].content"), "an empty link target".to_owned()));
        }
    }
    Ok(())
}

fn services(system: &System) -> Result<(), InvalidSystem> {
    for (index, service) in system.services.iter().enumerate() {
        let commands = service.prepare.iter().chain(service.reload.iter()).chain([&service.command]);
        for command in commands {
            let program = command.first().map_or("", String::as_str);
            if !TextKind::Path.accepts(program) {
                let reason = format!("the program `{program}` must be {}", TextKind::Path.phrase());
                return Err(invalid(&format!("services[{index}] ({})", service.name), reason));
            }
        }
    }
    Ok(())
}

fn each<T>(list: &str, items: &[T], kind: TextKind, text: impl Fn(&T) -> &str) -> Result<(), InvalidSystem> {
    items
        .iter()
        .enumerate()
        .try_for_each(|(index, item)| expect(kind, &format!("{list}[{index}]"), text(item)))
}

fn expect(kind: TextKind, path: &str, text: &str) -> Result<(), InvalidSystem> {
    if kind.accepts(text) { Ok(()) } else { Err(invalid(path, format!("`{text}` is not {}", kind.phrase()))) }
}

fn once<'a>(list: &str, names: impl Iterator<Item = &'a str>) -> Result<(), InvalidSystem> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(invalid(list, format!("`{name}` is there twice")));
        }
    }
    Ok(())
}

fn invalid(path: &str, reason: String) -> InvalidSystem {
    InvalidSystem { path: path.to_owned(), reason }
}
