//! A closure of some gigabytes in many small files, into an image: from a store, and from a binary cache.

use crate::case::{Case, Goal, Row};
use crate::enlarge;
use crate::machine::Place;
use crate::measure::Call;
use crate::ours::BARE;
use crate::say;
use pintle_nix::{PathInfo, StoreDir, StorePath, registration};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The cases it makes.
pub(crate) const CASES: [&str; 2] = ["closure", "closure-cache"];

/// The tests' toy system with further paths, in a store and in a cache, and Nix to compare with.
pub(crate) struct Closure {
    place: Place,
    /// Everything is below it.
    folder: PathBuf,
    /// Debian's Nix with the toy system, as the tests make them.
    fixture: PathBuf,
    toplevel: String,
    public_key: String,
    /// Room for a file system of it.
    megabytes: u64,
}

impl Closure {
    /// Makes store, cache and locks with `megabytes` more in the store, where they are not there yet.
    ///
    /// # Errors
    /// Of any step.
    pub(crate) fn new(place: &Place, mirror: &str, megabytes: u64) -> Result<Self, String> {
        let fixture = made(&place.work.join("nix-fixture"), |folder| {
            say("closure: building the toy system with Debian's Nix");
            let script = place.home.join("../testkit/nix/make.sh");
            let words = ["bash", &script.to_string_lossy(), &folder.to_string_lossy()];
            Call::new(&words, &place.work).run().map(drop)
        })?;
        let text = |name: &str| {
            let path = fixture.join(name);
            let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
            Ok::<_, String>(text.trim_end().to_owned())
        };
        let (toplevel, public_key) = (text("gen2")?, text("cache.pub")?);
        let folder = made(&place.work.join(format!("closure-{megabytes}")), |folder| {
            say(&format!("closure: adding {megabytes} MB to its store"));
            enlarged(&fixture, &toplevel, folder, megabytes)
        })?;
        let closure = Self { place: place.clone(), folder, fixture, toplevel, public_key, megabytes };
        closure.define(mirror)?;
        Ok(closure)
    }

    /// Writes both definitions, pins them, and fills the cache.
    fn define(&self, mirror: &str) -> Result<(), String> {
        let root = self.folder.join("root");
        let (toplevel, registration) = (&self.toplevel, self.folder.join("registration"));
        let cache = self.folder.join("nix-cache");
        let store = format!("nix-store = {:?}\nnix-registration = {:?}\n", text(&root), text(&registration));
        let remote = format!(
            "nix-store = \"/nonexistent\"\nnix-caches = [{:?}]\nnix-trusted-keys = [{:?}]\n",
            text(&cache),
            self.public_key
        );
        let seal = self.folder.join("cache.sec");
        let sealed = fs::copy(self.fixture.join("cache.sec"), &seal).map(drop);
        sealed.map_err(|error| failed(&seal, &error))?;
        Call::new(&["chmod", "600", &text(&seal)], &self.folder).run()?;
        say("closure: filling a cache with it");
        let push = ["cache", "push", &text(&cache), "--nix", toplevel, "--nix-store", &text(&root)];
        let more = ["--nix-registration", &text(&registration), "--key", &text(&seal)];
        self.pintle(&self.folder, &[&push[..], &more].concat()).run()?;
        for (name, source) in [("store", store), ("remote", remote)] {
            let folder = self.folder.join(name);
            let definition = format!(
                "name = \"toy\"\nversion = \"26.05.2\"\n\n[source]\nsuites = [\"trixie\"]\nmirror = {mirror:?}\n\
                 nix = {toplevel:?}\n{source}\n[image]\nformats = [\"raw\"]\n"
            );
            let file = folder.join("system.toml");
            let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, definition));
            written.map_err(|error| failed(&file, &error))?;
            self.pintle(&folder, &["lock"]).run()?;
        }
        Ok(())
    }

    fn pintle(&self, folder: &Path, words: &[&str]) -> Call {
        let program = self.place.pintle.to_string_lossy();
        let words: Vec<&str> = [&[program.as_ref(), "--quiet"], words].concat();
        Call::new(&words, folder).env("PINTLE_CACHE_DIR", &text(&self.folder.join("cache")))
    }

    fn build(&self, definition: &str) -> Call {
        let words = [&["build", "--locked", "--offline", "--output", "../out"][..], &BARE].concat();
        self.pintle(&self.folder.join(definition), &words)
    }

    fn shell(&self, script: &str) -> Call {
        Call::new(&["sh", "-ec", script], &self.folder)
    }

    /// What makes a file system of a folder, for the others.
    fn mke2fs(&self) -> String {
        // A tenth for names and blocks that are not full, and what the toy system has.
        let size = self.megabytes + self.megabytes / 10 + 300;
        format!("truncate -s {size}M other.ext4; mke2fs -q -F -t ext4 -O ^has_journal -d copy other.ext4")
    }

    pub(crate) fn cases(&self) -> Vec<Case> {
        vec![self.store(), self.cache()]
    }

    fn row(&self, who: &str, before: &str, call: Call) -> Row {
        let clean = "chmod -R u+w copy 2>/dev/null || true; rm -rf out copy other.ext4";
        Row { who: who.to_owned(), before: vec![self.shell(clean), self.shell(before)], call }
    }

    fn store(&self) -> Case {
        let copy = "mkdir -p copy/nix/store; xargs -a paths cp -a -t copy/nix/store";
        let other = format!("{copy}; {}", self.mke2fs());
        Case {
            name: CASES[0],
            title: "From a Nix store to a bootable image",
            about: "A closure of 2 GB in some 45,000 files of 1 to 200 KB and 200 store paths. Pintle compares every \
                    path with its digest, unless a build since the machine's start did and nothing changed, and \
                    writes a GPT disk that boots by BIOS and UEFI. The other way is that of NixOS's own images before their virtual machine starts: the closure \
                    copied into a folder, and an ext4 file system made of that; without partitions or loader, and \
                    without comparing anything.",
            rows: vec![
                self.row(
                    "pintle, nothing compared before",
                    "rm -rf cache/packs cache/vouched",
                    self.build("store"),
                ),
                self.row("pintle, compared by a build before", "true", self.build("store")),
                self.row("cp -a, mke2fs -d", "true", self.shell(&other)),
            ],
            above: "",
            goals: vec![Goal::Faster(3.0, "cp -a"), Goal::Peak(120.0)],
            runs_at_most: 3,
        }
    }

    fn cache(&self) -> Case {
        Case {
            name: CASES[1],
            title: "From a binary cache to a bootable image",
            about: "The same closure, packed with zstd and signed, in a folder. Pintle writes a bootable disk; Nix \
                    copies the closure into an empty store, and mke2fs makes an ext4 file system of that.",
            rows: vec![
                self.row(
                    "pintle, nothing unpacked",
                    "rm -rf cache/packs cache/vouched",
                    self.build("remote"),
                ),
                self.row("nix copy, mke2fs -d", "rm -rf home; mkdir -p copy home", self.nix_copy()),
            ],
            above: "",
            goals: vec![Goal::Faster(3.0, "nix copy"), Goal::Peak(120.0)],
            runs_at_most: 3,
        }
    }

    /// Nix, started by its own dynamic linker: it is installed nowhere.
    fn nix_copy(&self) -> Call {
        let usr = self.fixture.join("nix/usr");
        let libraries = usr.join("lib/x86_64-linux-gnu");
        let script = format!(
            "{loader} --library-path {libraries} --argv0 nix {nix} copy --from file://$PWD/nix-cache --to $PWD/copy \
             --option trusted-public-keys {key} {toplevel}; {mke2fs}",
            loader = text(&libraries.join("ld-linux-x86-64.so.2")),
            libraries = text(&libraries),
            nix = text(&usr.join("bin/nix")),
            key = self.public_key,
            toplevel = self.toplevel,
            mke2fs = self.mke2fs(),
        );
        let home = text(&self.folder.join("home"));
        let call = self.shell(&script).env("NIX_CONF_DIR", &text(&self.fixture.join("conf")));
        call.env("NIX_REMOTE", &text(&self.folder.join("copy")))
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", &home)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// The folder, made by `make` under another name where it is not there.
fn made(folder: &Path, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    if folder.exists() {
        return Ok(folder.to_owned());
    }
    let half = folder.with_extension("half");
    let script = "test ! -e \"$1\" || { chmod -R u+w \"$1\"; rm -rf \"$1\"; }";
    Call::new(&["sh", "-ec", script, "sh", &text(&half)], Path::new("/")).run()?;
    make(&half)?;
    fs::rename(&half, folder).map_err(|error| failed(folder, &error))?;
    Ok(folder.to_owned())
}

/// The fixture's store with more paths, which the toplevel is said to refer to; its registration, and the names of
/// the closure's paths.
fn enlarged(fixture: &Path, toplevel: &str, folder: &Path, megabytes: u64) -> Result<(), String> {
    let root = folder.join("root");
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    Call::new(&["cp", "-a", &text(&fixture.join("root")), &text(&root)], folder).run()?;
    // Its database knows nothing of what comes now.
    let database = root.join("nix/var/nix/db");
    Call::new(&["rm", "-rf", &text(&database)], folder).run()?;
    Call::new(&["chmod", "u+w", &text(&root.join("nix/store"))], folder).run()?;
    let path = fixture.join("registration");
    let bytes = fs::read(&path).map_err(|error| failed(&path, &error))?;
    let known = registration::parse(&bytes, &StoreDir::default()).map_err(|error| failed(&path, &error))?;
    let added = enlarge::add(&root, megabytes * 1_000_000).map_err(|error| failed(&root, &error))?;
    let toplevel = StoreDir::default().parse(toplevel).map_err(|error| error.to_string())?;
    let mut all: BTreeMap<StorePath, PathInfo> =
        known.into_iter().chain(added.iter().cloned()).map(|info| (info.path.clone(), info)).collect();
    let top = all.get_mut(&toplevel).ok_or("the fixture's registration lacks its toplevel")?;
    top.references.extend(added.into_iter().map(|info| info.path));
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, &error))
    };
    write("registration", registration::render(all.values()))?;
    let names = needed(&toplevel, &all);
    // As seen from the folder, which is to have another name.
    let lines = names.iter().map(|path| format!("root{path}\n"));
    write("paths", lines.collect())
}

/// The paths of a closure.
fn needed(toplevel: &StorePath, all: &BTreeMap<StorePath, PathInfo>) -> BTreeSet<String> {
    let (mut names, mut todo) = (BTreeSet::new(), vec![toplevel]);
    while let Some(path) = todo.pop() {
        if names.insert(path.to_string()) {
            todo.extend(all.get(path).iter().flat_map(|info| &info.references));
        }
    }
    names
}
