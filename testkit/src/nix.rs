//! A real Nix closure, and Nix itself to judge with: built once by `testkit/nix/make.sh` from Debian's packages.

use pintle_model::{Attrs, Blob, Kind, Origin, Tree, TreePath};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Two generations of a toy system made by Nix: its store, its caches, and the programs that made them. Shared by all
/// tests of the target folder: nobody writes into it (see [`Fixture::store_copy`]).
pub struct Fixture {
    folder: PathBuf,
    /// A folder with `nix/store` and `nix/var`: both generations, registered, with the profile `system`.
    pub root: PathBuf,
    /// A binary cache packed with zstd, with listings.
    pub cache: PathBuf,
    /// The same packed with xz, without listings.
    pub cache_xz: PathBuf,
    /// The key that both caches are signed with, `fixture-1:…`.
    pub public_key: String,
    /// Its secret half.
    pub secret_key: String,
    /// A folder with a further store, of [`Self::with_nix`] and [`Self::secrets`].
    pub root_more: PathBuf,
    /// A system with `nix` and `nix-store` among its programs.
    pub with_nix: String,
    /// A system with a program that adds to its initrd what `secret-of-this-machine`, a program in `PATH`, says.
    pub secrets: String,
    /// What `testkit/nix/system.nix` is made of.
    pub sources: PathBuf,
    /// Toplevel of generation 1, `/nix/store/…-nixos-system-toy-26.05.1`.
    pub gen1: String,
    /// Toplevel of generation 2: one service changed, one new, one specialisation.
    pub gen2: String,
    /// What `nix-store --dump-db` says of the store.
    pub registration: String,
    /// What `nix path-info --json` says of every path.
    pub path_info: String,
}

/// The fixture, built if nobody did before. It takes a minute, a Debian mirror, and user namespaces.
///
/// # Panics
/// When it cannot be built; the script's own messages are on standard error.
#[must_use]
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| Fixture::open(&built()))
}

const SCRIPT: &str = include_str!("../nix/make.sh");
const SYSTEM: &str = include_str!("../nix/system.nix");

/// The folder of the fixture, named for what it is made from. A half-made one of a killed run has another name.
fn built() -> PathBuf {
    let key = pintle_model::Digest::of(format!("{SCRIPT}\0{SYSTEM}").as_bytes()).hex();
    let place = target().join("nix-fixture");
    fs::create_dir_all(&place).expect("the target folder can be written");
    let done = place.join(&key[..16]);
    // Tests run in several processes at once.
    let lock = File::create(place.join("lock")).expect("the target folder can be written");
    lock.lock().expect("the lock can be waited for");
    if !done.exists() {
        let half = place.join(format!("{}.half", &key[..16]));
        remove(&half);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("nix/make.sh");
        let status = Command::new("bash").arg(script).arg(&half).status().expect("bash starts");
        assert!(status.success(), "testkit/nix/make.sh ended with {status}");
        fs::rename(&half, &done).expect("a folder can be renamed");
    }
    done
}

/// Cargo's target folder: test programs are in `PROFILE/deps` of it.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    program.ancestors().nth(3).expect("tests run from cargo's target folder").to_owned()
}

/// Stores are read-only, which stops `remove_dir_all`.
fn remove(folder: &Path) {
    if folder.exists() {
        writable(folder);
        fs::remove_dir_all(folder).expect("what was made can be removed");
    }
}

fn writable(folder: &Path) {
    let status = Command::new("chmod").args(["-R", "u+w"]).arg(folder).status();
    assert!(status.is_ok_and(|status| status.success()), "chmod {}", folder.display());
}

impl Fixture {
    fn open(folder: &Path) -> Self {
        let text = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).expect("the fixture is complete");
            text.strip_suffix('\n').map_or(text.clone(), str::to_owned)
        };
        Self {
            root: folder.join("root"),
            cache: folder.join("cache"),
            cache_xz: folder.join("cache-xz"),
            public_key: text("cache.pub"),
            secret_key: text("cache.sec"),
            root_more: folder.join("root-more"),
            with_nix: text("with-nix"),
            secrets: text("secrets"),
            sources: folder.join("in"),
            gen1: text("gen1"),
            gen2: text("gen2"),
            registration: text("registration") + "\n",
            path_info: text("path-info.json"),
            folder: folder.to_owned(),
        }
    }

    /// A folder that stands in for the flake nixpkgs (`testkit/nix/nixpkgs`), with `program` (a file of this machine that
    /// it can run, given with the libraries it needs) as what Rust packages are built to, and the boot loaders of this
    /// machine.
    ///
    /// # Panics
    /// When a boot loader or `strip` is not there.
    #[must_use]
    pub fn nixpkgs(&self, program: &Path) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("nix");
        let call = |command: &mut Command| {
            let status = command.status().expect("a tool of the tests is there");
            assert!(status.success(), "{command:?}");
        };
        let copy = |from: &Path, to: &Path| {
            fs::create_dir_all(to.parent().expect("below a folder")).expect("a folder can be made");
            call(Command::new("cp").args(["-rL", "--reflink=auto"]).arg(from).arg(to));
        };
        for name in ["flake.nix", "lib.nix", "pkgs.nix", "nixos.nix"] {
            copy(&source.join("nixpkgs").join(name), &folder.path().join(name));
        }
        copy(&source.join("system.nix"), &folder.path().join("system.nix"));
        let sources = folder.path().join("in");
        copy(&self.sources, &sources);
        let efi = "lib/systemd/boot/efi";
        copy(&Path::new("/usr").join(efi), &sources.join("systemd").join(efi));
        copy(Path::new("/usr/lib/grub/i386-pc"), &sources.join("grub2/lib/grub/i386-pc"));
        let binary = sources.join("program");
        fs::create_dir(&binary).expect("a folder can be made");
        // With its debug information it has a hundred megabytes.
        call(Command::new("strip").arg("-o").arg(binary.join("pintle")).arg(program));
        for library in ["libgcc_s.so.1", "libm.so.6"] {
            copy(&Path::new("/lib/x86_64-linux-gnu").join(library), &binary.join(library));
        }
        folder
    }

    /// A program of Nix (`nix`, `nix-store`, `nix-build`, `nix-hash`, …) on the fixture's store, for questions only.
    #[must_use]
    pub fn nix(&self, program: &str) -> Command {
        self.nix_on(&self.root, program)
    }

    /// A program of Nix on the store in `root`, a folder that has or gets `nix/store` and `nix/var`. Its settings and
    /// its home are the fixture's: the machine's own Nix, if there is one, has no part in it.
    #[must_use]
    pub fn nix_on(&self, root: &Path, program: &str) -> Command {
        let unpacked = self.folder.join("nix/usr");
        let libraries = unpacked.join("lib/x86_64-linux-gnu");
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&libraries).args(["--argv0", program]);
        command.arg(unpacked.join("bin/nix"));
        command.env("NIX_CONF_DIR", self.folder.join("conf")).env("NIX_REMOTE", root);
        // Nix keeps what it knows of caches there; two stores must not share it.
        command
            .env("HOME", root.join("home"))
            .env("XDG_CACHE_HOME", root.join("home"))
            .env_remove("NIX_PATH");
        command
    }

    /// A copy of the store, to be changed by one test.
    #[must_use]
    pub fn store_copy(&self) -> StoreCopy {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let status = Command::new("cp").arg("-a").arg(&self.root).arg(folder.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "cp -a {}", self.root.display());
        StoreCopy { root: folder.path().join("root"), folder }
    }
}

/// A store that is removed with this value.
pub struct StoreCopy {
    /// A folder with `nix/store` and `nix/var`.
    pub root: PathBuf,
    folder: TempDir,
}

impl Drop for StoreCopy {
    fn drop(&mut self) {
        writable(self.folder.path());
    }
}

/// What is at `host` (a file, link or folder), at `path` of a tree, with its bytes in memory.
///
/// # Panics
/// When it cannot be read, or is something else.
#[must_use]
pub fn tree_at(host: &Path, path: &str) -> Tree {
    let mut tree = Tree::new();
    add(&mut tree, host, &TreePath::literal(path));
    tree
}

fn add(tree: &mut Tree, host: &Path, path: &TreePath) {
    let metadata = fs::symlink_metadata(host).expect("it is there");
    let origin = tree.origin(Origin::Host(host.display().to_string()));
    let attrs = Attrs::root((metadata.permissions().mode() & 0o7777) as u16);
    let kind = if metadata.is_symlink() {
        Kind::Symlink(fs::read_link(host).expect("a link").as_os_str().as_bytes().into())
    } else if metadata.is_dir() {
        Kind::Directory(BTreeMap::new())
    } else {
        Kind::File(Blob::inline(fs::read(host).expect("a readable file")))
    };
    if let Some(parent) = path.parent() {
        tree.ensure_directory(&parent, Attrs::root(0o755), origin).expect("no clash");
    }
    if !path.is_root() {
        tree.add(path, kind, attrs, origin).expect("no clash");
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(host).expect("a readable folder") {
            let name = entry.expect("a readable folder").file_name();
            add(tree, &host.join(&name), &path.join(name.as_bytes()).expect("names are good names"));
        }
    }
}

/// What a command prints; `input` is its standard input.
///
/// # Panics
/// When it fails, with what it says.
pub fn output(mut command: Command, input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::Stdio;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // It may end before it read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer does not panic");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
