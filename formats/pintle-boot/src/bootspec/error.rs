use super::path::BadBootPath;
use crate::cmdline::CmdlineError;
use std::io;

/// A document is no bootspec, or none can be made. Places are JSON pointers (RFC 6901).
#[derive(Debug, thiserror::Error)]
pub enum BootspecError {
    /// Over the limit.
    #[error("boot.json has {len} bytes, more than the {max} that are read")]
    TooLarge {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// No JSON.
    #[error("boot.json is no JSON document")]
    Json(#[source] serde_json::Error),
    /// Neither the key of version 1 nor of what came before.
    #[error("{} has no `org.nixos.bootspec.v1`{}", place(.at), others(.found))]
    NoVersion {
        /// Where.
        at: String,
        /// Keys of other versions.
        found: Vec<String>,
    },
    /// A key that must be there.
    #[error("{}: `{key}` is missing", place(.at))]
    Missing {
        /// Where.
        at: String,
        /// Which.
        key: &'static str,
    },
    /// A null. "An optional field … is either missing or present, but never null" (RFC 0125).
    #[error("{}: null, where a value is either there or not", place(.at))]
    Null {
        /// Where.
        at: String,
    },
    /// Something of another type.
    #[error("{}: {found}, where {expected} belongs", place(.at))]
    Type {
        /// Where.
        at: String,
        /// What is there.
        found: &'static str,
        /// What should be.
        expected: &'static str,
    },
    /// A path that cannot be used.
    #[error("{}: a path is refused", place(.at))]
    Path {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: BadBootPath,
    },
    /// A text that is empty or goes over a line: menus and entries could not show it.
    #[error("{}: `{text}` is empty or holds a control character", place(.at))]
    Text {
        /// Where.
        at: String,
        /// The text, with escapes.
        text: String,
    },
    /// Kernel parameters that are none.
    #[error("{}: these are no kernel parameters", place(.at))]
    KernelParams {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: CmdlineError,
    },
    /// Specialisations of specialisations of …
    #[error("{}: specialisations more than {max} deep", place(.at))]
    Deep {
        /// Where.
        at: String,
        /// The limit.
        max: usize,
    },
    /// Too many specialisations.
    #[error("boot.json has more than {max} specialisations")]
    Many {
        /// The limit.
        max: usize,
    },
    /// A file of the toplevel that an older system must have.
    #[error("{toplevel} has neither boot.json nor `{name}`: it is no NixOS system")]
    NoFile {
        /// The toplevel.
        toplevel: String,
        /// The file.
        name: String,
    },
    /// A file of the toplevel that is not what it should be.
    #[error("`{name}` of {toplevel} is not what it should be")]
    BadFile {
        /// The toplevel.
        toplevel: String,
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: FileFault,
    },
    /// A file of the toplevel cannot be read.
    #[error("`{name}` of {toplevel} cannot be read")]
    Read {
        /// The toplevel.
        toplevel: String,
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a file of a toplevel.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FileFault {
    /// Not one line of text.
    #[error("it is empty or holds a control character")]
    Text,
    /// It leads to a path that cannot be used.
    #[error(transparent)]
    Path(BadBootPath),
    /// It holds no kernel parameters.
    #[error(transparent)]
    KernelParams(CmdlineError),
}

fn place(at: &str) -> String {
    if at.is_empty() { "boot.json".to_owned() } else { format!("boot.json at `{at}`") }
}

fn others(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(", only `{}`", found.join("`, `")) }
}
