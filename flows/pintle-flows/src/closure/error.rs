use pintle_nix::cache_info::CacheInfoError;
use pintle_nix::narinfo::NarInfoError;
use pintle_nix::registration::RegistrationError;
use pintle_nix::{BadKey, BadStorePath, StorePath, UnpackError, Untrusted};
use pintle_world::atomic::AtomicError;
use pintle_world::fetch::{BadMirror, FetchError};
use pintle_world::host_tree::HostTreeError;
use pintle_world::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why a closure cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// What `source.nix` names is nothing of the kind.
    #[error(
        "`source.nix` is {text}, which is no system of Nix: {why}. Write the link that `nix build` makes (`./result`), a \
         path of the store, or the boot.json inside of it"
    )]
    NoSystem {
        /// As written.
        text: String,
        /// What it is instead.
        why: String,
    },
    /// It cannot be looked at.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Text that should be a store path.
    #[error(transparent)]
    Path(#[from] BadStorePath),
    /// A key.
    #[error("`source.nix-trusted-keys` holds a key that is none")]
    Key(#[source] BadKey),
    /// A cache.
    #[error("`source.nix-caches` holds a cache that is none")]
    Cache(#[source] BadMirror),
    /// A cache of another store.
    #[error("{cache} cannot be used")]
    CacheInfo {
        /// The cache.
        cache: String,
        /// Why.
        #[source]
        source: CacheInfoError,
    },
    /// The database of a local store.
    #[error("cannot read the database of the store in {}", root.display())]
    Database {
        /// Folder of the store.
        root: PathBuf,
        /// Why.
        #[source]
        source: pintle_nix::database::ReadError,
    },
    /// A registration.
    #[error("{} cannot be used", path.display())]
    Registration {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: RegistrationError,
    },
    /// Nobody has a path.
    #[error("{path} is not to be had{}{}", referrer(.from), looked_in(.places))]
    Absent {
        /// The path.
        path: StorePath,
        /// One that refers to it.
        from: Option<StorePath>,
        /// Where it was looked for.
        places: Vec<String>,
    },
    /// Boot loaders that no folder has.
    #[error(
        "none of `source.nix-boot-files` has {what}, from which a disk starts by {way}; name a folder of a package of \
         {package}, or set `image.{option} = false`; looked in:{}",
        .folders.iter().map(|folder| format!("\n  {}", folder.display())).collect::<String>()
    )]
    BootFiles {
        /// What was looked for, below a folder.
        what: String,
        /// `UEFI`, `BIOS`.
        way: &'static str,
        /// Who has it.
        package: &'static str,
        /// Key of `image`.
        option: &'static str,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// More than boot loaders are.
    #[error("{} cannot be a file of a boot loader: more than {} {}", path.display(), limit.max, limit.what)]
    BootFile {
        /// The file.
        path: PathBuf,
        /// What it may have.
        limit: pintle_model::Limit,
    },
    /// The program that adds secrets is elsewhere.
    #[error(
        "{program} adds the secrets to the initrd, and there is none at {} to be run: build where the closure is in the \
         store (`nix copy`), or leave the secrets out with `source.nix-initrd-secrets = \"omit\"`",
        host.display()
    )]
    NoProgram {
        /// As the bootspec names it.
        program: String,
        /// Where it was looked for.
        host: PathBuf,
    },
    /// The program that adds secrets is another.
    #[error("{} is not what the closure has as {program}, so it was not run; `nix-store --verify --check-contents`", host.display())]
    OtherProgram {
        /// As the bootspec names it.
        program: String,
        /// What is there.
        host: PathBuf,
    },
    /// The program that adds secrets failed.
    #[error("the secrets of this machine could not be added to the initrd, so nothing was built")]
    Program(#[source] pintle_world::program::ProgramError),
    /// The copy of the initrd that secrets are added to.
    #[error("cannot copy the initrd for its secrets")]
    Initrd(#[source] AtomicError),
    /// Known, but its files are gone.
    #[error("{path} is registered in the store in {}, but it is not there", root.display())]
    Gone {
        /// The path.
        path: StorePath,
        /// Folder of the store.
        root: PathBuf,
    },
    /// What a cache says of a path cannot be read.
    #[error("{cache} has an entry of {path} that cannot be used")]
    NarInfo {
        /// The path.
        path: StorePath,
        /// The cache.
        cache: String,
        /// Why.
        #[source]
        source: NarInfoError,
    },
    /// Nobody we trust vouches for a path.
    #[error("{cache} is not believed; add the key to `source.nix-trusted-keys` if you trust whoever has it")]
    Untrusted {
        /// The cache.
        cache: String,
        /// Why.
        #[source]
        source: Box<Untrusted>,
    },
    /// A cache says something else than the lock.
    #[error(
        "{path} in {place} is not what the lock has: sha256 {found} ({found_size} bytes), not {locked} ({locked_size} \
         bytes); run `pintle update` if it may be another"
    )]
    Other {
        /// The path.
        path: StorePath,
        /// Where.
        place: String,
        /// What is there.
        found: pintle_model::Digest,
        /// Bytes of its archive.
        found_size: u64,
        /// What is locked.
        locked: pintle_model::Digest,
        /// Bytes of its archive.
        locked_size: u64,
    },
    /// A download.
    #[error("cannot fetch {path}")]
    Fetch {
        /// The path.
        path: StorePath,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// An archive.
    #[error("{place} gave something else than was promised")]
    Unpack {
        /// Where it is from.
        place: String,
        /// What is wrong with it.
        #[source]
        source: UnpackError,
    },
    /// Reading files of the local store.
    #[error("cannot read {path} of the local store")]
    HostTree {
        /// The path.
        path: StorePath,
        /// Why.
        #[source]
        source: HostTreeError,
    },
    /// Something in the local store that no store holds.
    #[error("{path} of the local store is damaged")]
    Pack {
        /// The path.
        path: StorePath,
        /// Why.
        #[source]
        source: pintle_nix::nar::WriteError,
    },
    /// No place for a path.
    #[error("cannot keep {path} in the cache")]
    Keep {
        /// The path.
        path: StorePath,
        /// Why.
        #[source]
        source: AtomicError,
    },
    /// The content store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the paths make together.
    #[error(transparent)]
    Closure(#[from] pintle_closure::ClosureError),
    /// The user wants to stop.
    #[error("stopped; what has arrived is kept and the next run continues")]
    Stopped,
}

fn referrer(path: &Option<StorePath>) -> String {
    path.as_ref().map(|path| format!(", and {path} refers to it")).unwrap_or_default()
}

fn looked_in(places: &[String]) -> String {
    places.iter().fold("; looked for in:".to_owned(), |text, place| text + "\n  " + place)
}
