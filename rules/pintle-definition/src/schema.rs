//! What a module declares: options with types, and contributions.

use crate::raw::{Raw, RawTable};
use crate::source::Place;
use crate::text::TextKind;
use std::fmt;

/// The type of an option's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Text(TextKind),
    Bool,
    Integer {
        min: i64,
        max: i64,
    },
    /// A number of bytes, written as a number or with a unit.
    Size,
    /// A string, a whole number or a boolean.
    Scalar,
    Choice(Vec<String>),
    List(Box<Type>),
    /// Free keys of one kind.
    Map(TextKind, Box<Type>),
    Record(Vec<OptionDecl>),
}

/// The range of a port.
pub(crate) const PORT: Type = Type::Integer { min: 1, max: 65535 };
/// A whole number without bounds.
pub(crate) const ANY_INTEGER: Type = Type::Integer { min: i64::MIN, max: i64::MAX };

impl Type {
    /// What a value must be, after "must be".
    pub(crate) fn phrase(&self) -> String {
        match self {
            Self::Text(kind) => kind.phrase().to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            _ if *self == PORT => "a port (a whole number from 1 to 65535)".to_owned(),
            _ if *self == ANY_INTEGER => "a whole number".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number, at least {min}"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Size => "a size: a number of bytes, or a string such as \"512M\" or \"2G\"".to_owned(),
            Self::Scalar => "a string, a whole number or a boolean".to_owned(),
            Self::Choice(choices) => {
                let quoted: Vec<String> = choices.iter().map(|choice| format!("\"{choice}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::List(of) => format!("a list of {}", of.plural()),
            Self::Map(_, of) => format!("a table from names to {}", of.plural()),
            Self::Record(_) => "a table of options".to_owned(),
        }
    }

    fn plural(&self) -> String {
        match self {
            Self::Text(TextKind::Any) => "strings".to_owned(),
            Self::Text(TextKind::Address) => "addresses".to_owned(),
            Self::Text(kind) => format!("{}s", kind.word()),
            Self::Bool => "booleans".to_owned(),
            _ if *self == PORT => "ports".to_owned(),
            Self::Integer { .. } => "whole numbers".to_owned(),
            Self::Size => "sizes".to_owned(),
            Self::Scalar => "strings, whole numbers or booleans".to_owned(),
            Self::Choice(choices) => format!("choices among {}", choices.join(", ")),
            Self::List(of) => format!("lists of {}", of.plural()),
            Self::Map(_, of) => format!("tables of {}", of.plural()),
            Self::Record(_) => "tables of options".to_owned(),
        }
    }
}

/// The short form, as written in `module.toml`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(kind) => f.write_str(kind.word()),
            Self::Bool => f.write_str("bool"),
            _ if *self == PORT => f.write_str("port"),
            _ if *self == ANY_INTEGER => f.write_str("integer"),
            Self::Integer { min, max: i64::MAX } => write!(f, "integer ≥ {min}"),
            Self::Integer { min, max } => write!(f, "integer {min} to {max}"),
            Self::Size => f.write_str("size"),
            Self::Scalar => f.write_str("scalar"),
            Self::Choice(choices) => f.write_str(&choices.join(" | ")),
            Self::List(of) => write!(f, "list of {of}"),
            Self::Map(_, of) => write!(f, "map of {of}"),
            Self::Record(_) => f.write_str("record"),
        }
    }
}

/// One declared option.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OptionDecl {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// May stay without a value.
    pub(crate) optional: bool,
    pub(crate) doc: String,
    /// Used where nothing else sets it; strings in it may be templates over the top-level options.
    pub(crate) default: Option<Raw>,
    pub(crate) example: Option<Raw>,
    /// Where it is declared; none for what the engine itself declares.
    pub(crate) place: Option<Place>,
}

impl OptionDecl {
    /// Type and default in a few words: `port, default 80`.
    pub(crate) fn summary(&self) -> String {
        match (&self.default, self.optional) {
            (Some(default), _) => format!("{}, default {}", self.ty, default.to_toml()),
            (None, true) => format!("{}, may be left unset", self.ty),
            (None, false) => match self.ty {
                Type::List(_) | Type::Map(..) => format!("{}, default empty", self.ty),
                Type::Record(_) => self.ty.to_string(),
                _ => format!("{}, required", self.ty),
            },
        }
    }
}

/// When a module takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Active {
    Always,
    /// Unless `enable = false`.
    ByDefault,
    /// As soon as the definition (or another module) sets something of it, or `enable = true`.
    WhenUsed,
}

/// What a contribution adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Packages,
    Files,
    Users,
    Groups,
    Services,
    Units,
    Kernel,
    Checks,
    Health,
    Accept,
    Slim,
    Set,
    Require,
    Warn,
}

/// Name in `module.toml` and allowed fields, besides `when` and `for-each`.
pub(crate) const KINDS: [(Kind, &str, &[&str]); 14] = [
    (Kind::Packages, "packages", &["names"]),
    (
        Kind::Files,
        "files",
        &[
            "path",
            "text",
            "template",
            "file",
            "copy",
            "oci-digest",
            "symlink",
            "directory",
            "mode",
            "owner",
            "group",
        ],
    ),
    (
        Kind::Users,
        "users",
        &[
            "name",
            "uid",
            "group",
            "groups",
            "description",
            "home",
            "shell",
            "system",
            "ssh-keys",
            "password-hash",
        ],
    ),
    (Kind::Groups, "groups", &["name", "gid", "system"]),
    (
        Kind::Services,
        "services",
        &[
            "name",
            "description",
            "command",
            "prepare",
            "reload",
            "user",
            "group",
            "needs",
            "after",
            "ready",
            "restart",
            "restart-delay",
            "environment",
            "directory",
            "directories",
            "writable",
            "low-ports",
            "sandbox",
            "enable",
        ],
    ),
    (Kind::Units, "units", &["enable", "disable", "mask"]),
    (
        Kind::Kernel,
        "kernel",
        &["package", "packages", "own", "default", "menu-timeout", "parameters", "initrd-modules"],
    ),
    (Kind::Checks, "checks", &["unit", "tcp", "http", "command", "not-failed", "network"]),
    (Kind::Health, "health", &["deadline", "timeout", "on-failure"]),
    (Kind::Accept, "accept", &["package", "reason"]),
    (Kind::Slim, "slim", &["name", "remove", "keep"]),
    (Kind::Set, "set", &["option", "value", "priority"]),
    (Kind::Require, "require", &["that", "message", "at"]),
    (Kind::Warn, "warn", &["that", "message", "at"]),
];

/// Something a module adds to the system, still with its expressions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contribution {
    pub(crate) kind: Kind,
    /// Path of the option whose elements it is made for; empty for the module's own value.
    pub(crate) each: Option<Vec<String>>,
    pub(crate) when: Option<Raw>,
    pub(crate) fields: RawTable,
    pub(crate) place: Place,
}

/// One module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// Its folder as shown in places.
    pub(crate) folder: String,
    /// Its options as one value; not a record for modules that are a list or a map themselves.
    pub(crate) value: OptionDecl,
    pub(crate) active: Active,
    pub(crate) shipped: bool,
    pub(crate) contributions: Vec<Contribution>,
    /// Its other files by name, sorted.
    pub(crate) files: Vec<ModuleFile>,
}

/// A template or another file of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModuleFile {
    pub(crate) name: String,
    /// Its text; none where it is not UTF-8.
    pub(crate) text: Option<String>,
}

impl Module {
    pub(crate) fn file(&self, name: &str) -> Option<&ModuleFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// The module whose options stand at the top of the definition.
pub(crate) const ROOT: &str = "system";
