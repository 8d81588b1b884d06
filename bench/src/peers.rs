//! mmdebstrap and mkosi, in a Debian 13 of their own: what this machine has may be older.

use crate::case::{Case, Row};
use crate::machine::Place;
use crate::measure::Call;
use crate::say;
use std::path::PathBuf;

/// What the peers' Debian holds.
const TOOLS: &str = "ca-certificates,cpio,debian-archive-keyring,dosfstools,e2fsprogs,erofs-utils,kmod,mkosi,mmdebstrap,\
mtools,qemu-utils,systemd,systemd-boot,systemd-boot-efi,systemd-container,systemd-repart,systemd-ukify,uidmap,xz-utils,\
zstd,python3-pefile,cryptsetup-bin";

/// A tree with the peers in it.
pub(crate) struct Peers {
    place: Place,
    tree: PathBuf,
    mirror: String,
}

impl Peers {
    /// Makes the tree if it is not there, and the `mkext4` crate's example program.
    ///
    /// # Errors
    /// Without root, or when a tool is missing.
    pub(crate) fn new(place: &Place, mirror: &str) -> Result<Self, String> {
        let peers = Self { place: place.clone(), tree: place.work.join("trixie"), mirror: mirror.to_owned() };
        if !peers.tree.exists() {
            say("peers: making a Debian 13 with mkosi and mmdebstrap (needs root)");
            let partial = peers.place.work.join("trixie.new");
            let partial = partial.to_string_lossy();
            let include = format!("--include={TOOLS}");
            let words = [
                "mmdebstrap",
                "--quiet",
                "--mode=root",
                "--variant=apt",
                &include,
                "trixie",
                &partial,
                mirror,
            ];
            Call::new(&["rm", "-rf", &partial], &peers.place.work).run()?;
            Call::new(&words, &peers.place.work).run()?;
            let renamed = std::fs::rename(&*partial, &peers.tree);
            renamed.map_err(|error| format!("{}: {error}", peers.tree.display()))?;
        }
        let root = peers.place.work.join("peers");
        if !root.join("bin/mkfs").exists() {
            say("peers: compiling the example program of the crate mkext4");
            let root = root.to_string_lossy();
            let words = ["cargo", "install", "--quiet", "mkext4@0.0.3", "--example", "mkfs", "--root", &root];
            Call::new(&words, &peers.place.work).run()?;
        }
        Ok(peers)
    }

    /// A script of `bench/peers`, run in the tree with the working folder at `/bench`.
    fn call(&self, words: &[&str]) -> Call {
        let enter = self.place.home.join("peers/enter").to_string_lossy().into_owned();
        let tree = self.tree.to_string_lossy().into_owned();
        let work = self.place.work.to_string_lossy().into_owned();
        let words: Vec<&str> = [&["sh", &enter, &tree, &work], words].concat();
        Call::new(&words, &self.place.work).env("MIRROR", &self.mirror)
    }

    fn row(&self, who: &str, words: &[&str]) -> Row {
        Row { who: who.to_owned(), before: Vec::new(), call: self.call(words) }
    }

    /// A tree of the same packages, without an image; none where the program is not installed: it is built with C
    /// libraries that nothing else here needs (`cargo install rdebootstrap`).
    fn rdebootstrap(&self) -> Option<Row> {
        let there = Call::new(&["rdebootstrap", "--version"], &self.place.work).run();
        if let Err(reason) = there {
            say(&format!("peers: without rdebootstrap: {}", reason.lines().next().unwrap_or_default()));
            return None;
        }
        let peers = self.place.home.join("peers");
        let words = |step: &str| {
            let script = peers.join("rdebootstrap").to_string_lossy().into_owned();
            let folder = self.place.work.join("rdebootstrap").to_string_lossy().into_owned();
            let packages = peers.join("packages").to_string_lossy().into_owned();
            let words = ["sh", &script, step, &folder, &packages];
            Call::new(&words, &self.place.work).env("MIRROR", &self.mirror)
        };
        let who = "rdebootstrap, a tree only".to_owned();
        Some(Row { who, before: vec![words("lock")], call: words("build") })
    }

    /// The rows of the peers that answer the question of `case`.
    pub(crate) fn add_to(&self, case: &mut Case) {
        match case.name {
            "image" => {
                case.rows
                    .push(self.row("mmdebstrap + mke2fs -d + qemu-img", &["/peers/mmdebstrap", "/bench/mm"]));
                case.rows.push(self.row("mkosi", &["/peers/mkosi", "/bench/mkosi"]));
                case.rows.extend(self.rdebootstrap());
            }
            "change" => {
                let change = ["/peers/mkosi", "/bench/mkosi-incremental", "--incremental=yes"];
                case.rows.push(self.row("mkosi --incremental", &change));
            }
            "fetch" => case
                .rows
                .push(self.row("apt-get update, install --download-only", &["/peers/apt", "/bench/apt"])),
            _ => {}
        }
    }
}
