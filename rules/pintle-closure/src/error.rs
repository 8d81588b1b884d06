use pintle_boot::bootspec::BootspecError;
use pintle_boot::uki::LinuxHeaderError;
use pintle_model::{BadPath, TreeError};
use pintle_nix::{BadStorePath, StorePath};
use std::fmt::Write as _;
use std::io;

/// Why a closure is no system.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// A path that others need is not among them.
    #[error("{missing} is not there, and {from} refers to it")]
    Missing {
        /// The path.
        missing: StorePath,
        /// One that needs it.
        from: StorePath,
    },
    /// Paths refer to each other in a circle: no Nix makes such.
    #[error("store paths refer to each other in a circle:{}", list(.0))]
    Circle(Vec<StorePath>),
    /// More than anybody has.
    #[error("the closure has more than {max} paths")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Something of the definition or a document that should be a store path.
    #[error(transparent)]
    Path(#[from] BadStorePath),
    /// The tree.
    #[error("the closure does not make a tree")]
    Tree(#[from] TreeError),
    /// The tree.
    #[error("the closure does not make a tree")]
    TreePath(#[from] BadPath),
    /// The store's database.
    #[error("the store's database cannot be made")]
    Database(#[source] pintle_nix::database::WriteError),
    /// A tree that no archive of Nix can hold.
    #[error("{path} cannot be packed")]
    Pack {
        /// What it was to become.
        path: String,
        /// Why.
        #[source]
        source: pintle_nix::nar::WriteError,
    },
    /// A name that no store path has.
    #[error("nothing can be published as `{name}`; change `name` or `version` of the system")]
    Name {
        /// What it was to become.
        name: String,
        /// Why not.
        #[source]
        source: BadStorePath,
    },
    /// Its attributes.
    #[error("the attributes of {name} cannot be listed")]
    Listing {
        /// What it was to be called.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The bootspec.
    #[error("{toplevel} does not say how it starts")]
    Bootspec {
        /// The system.
        toplevel: StorePath,
        /// Why.
        #[source]
        source: BootspecError,
    },
    /// There is no system with this name.
    #[error("{toplevel} has no specialisation `{name}`{}", names(.known))]
    Specialisation {
        /// The system.
        toplevel: StorePath,
        /// As asked for.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// A file that starting needs.
    #[error("{toplevel} names {path} as its {what}, which is not in its closure")]
    File {
        /// The system.
        toplevel: StorePath,
        /// The path.
        path: String,
        /// `kernel`, `initrd`, `init`, `initrdSecrets`.
        what: &'static str,
    },
    /// The kernel.
    #[error("{path} is no kernel that can be started here")]
    Kernel {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: LinuxHeaderError,
    },
    /// Reading a file of the closure.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Secrets.
    #[error(
        "{toplevel} adds secrets of the machine to its initrd (`boot.initrd.secrets`): whoever has the image would have \
         them. Take them out of the NixOS configuration, leave them out of the image with \
         `source.nix-initrd-secrets = \"omit\"`, or, if those of this machine are to be in it, say `\"run\"`"
    )]
    Secrets {
        /// The system.
        toplevel: StorePath,
    },
}

fn list(paths: &[StorePath]) -> String {
    paths.iter().fold(String::new(), |mut text, path| {
        write!(text, "\n  {path}").expect("invariant: a String takes every write");
        text
    })
}

fn names(names: &[String]) -> String {
    if names.is_empty() { " (it has none)".to_owned() } else { format!(" (it has: {})", names.join(", ")) }
}
