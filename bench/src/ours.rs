//! The questions, and Pintle's answers.

mod verified;

use crate::case::{Case, Goal, Row};
use crate::machine::Place;
use crate::measure::Call;
use std::path::{Path, PathBuf};

/// What the peers do not do either.
pub(crate) const BARE: [&str; 4] = ["--no-checksum", "--no-report", "--sbom", "none"];
/// Lays out what a build has to unpack: the archives in the packages, and the modules of the kernel in one.
const PACKED: &str = "test -e floor || { mkdir floor.new && find cache/blobs -type f | while read -r deb; do \
    case $(head -c 7 \"$deb\") in '!<arch>') ar p \"$deb\" data.tar.xz > floor.new/${deb##*/}.tar.xz 2> /dev/null;; esac; done; \
    find tree -name '*.ko.xz' | while read -r module; do cat \"$module\" >> floor.new/modules-$(($(cksum < \"$module\" | cut -c 1-6) % 16)).xz; done; \
    find floor.new -size 0 -delete; mv floor.new floor; }";

/// Pintle with a definition, a lock and a warm cache of downloads.
pub(crate) struct Ours {
    place: Place,
    /// Copy of `bench/web` with the mirror written in.
    web: PathBuf,
    cache: PathBuf,
    /// A folder with the files of the web server, and nothing special in it.
    tree: PathBuf,
}

impl Ours {
    /// Downloads everything once, and builds once to have a tree.
    ///
    /// # Errors
    /// Of any step.
    pub(crate) fn new(place: &Place, mirror: &str) -> Result<Self, String> {
        let ours = Self {
            place: place.clone(),
            web: place.work.join("web"),
            cache: place.work.join("cache"),
            tree: place.work.join("tree"),
        };
        let template = ours.place.home.join("web/system.toml");
        let text =
            std::fs::read_to_string(&template).map_err(|error| format!("{}: {error}", template.display()))?;
        let made = std::fs::create_dir_all(ours.web.join("site"))
            .and_then(|()| std::fs::write(ours.web.join("system.toml"), text.replace("@MIRROR@", mirror)))
            .and_then(|()| std::fs::write(ours.web.join("site/index.html"), "hello\n"));
        made.map_err(|error| format!("{}: {error}", ours.web.display()))?;
        ours.pintle(&["lock"]).run()?;
        ours.build(&[]).run()?;
        if !ours.tree.exists() {
            ours.make_tree().run()?;
        }
        Ok(ours)
    }

    fn pintle(&self, words: &[&str]) -> Call {
        let program = self.place.pintle.to_string_lossy();
        let words: Vec<&str> = [&[program.as_ref(), "--quiet"], words].concat();
        Call::new(&words, &self.web).env("PINTLE_CACHE_DIR", &self.cache.to_string_lossy())
    }

    fn build(&self, more: &[&str]) -> Call {
        let words = ["build", "--locked", "--offline", "--output", "../out"];
        self.pintle(&[&words[..], more].concat())
    }

    /// What every ext4 writer is given: the files of the locked packages, unpacked.
    fn make_tree(&self) -> Call {
        let script = "mkdir -p \"$2.new\" && find \"$1\" -name '*.deb' -o -type f -path '*/blobs/*' | sort | \
            while read -r deb; do case $(head -c 7 \"$deb\") in '!<arch>') dpkg-deb -x \"$deb\" \"$2.new\";; esac; done && \
            mv \"$2.new\" \"$2\"";
        let (cache, tree) = (self.cache.to_string_lossy(), self.tree.to_string_lossy());
        Call::new(&["sh", "-c", script, "sh", &cache, &tree], &self.place.work)
    }

    fn shell(&self, script: &str) -> Call {
        Call::new(&["sh", "-c", script], &self.place.work)
    }

    /// All of them, with Pintle's rows and those that need nothing but this machine.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases = vec![
            self.image(),
            self.change(),
            self.ext4(),
            self.qcow2(),
            self.lock(),
            self.fetch(),
            self.memory(),
        ];
        cases.extend(self.verified());
        cases
    }

    fn image(&self) -> Case {
        let row = |who: &str, before: &str, more: &[&str]| Row {
            who: who.to_owned(),
            before: vec![self.shell(before)],
            call: self.build(more),
        };
        Case {
            name: "image",
            title: "From a lock to a bootable image",
            about: "Packages are downloaded, and nothing else is left of earlier builds. Pintle writes a GPT \
                    disk that boots by BIOS and UEFI (GRUB, systemd-boot, unified kernel image, ext4 root). \
                    mkosi writes a GPT disk with systemd-boot, a unified kernel image, an EROFS root and \
                    dm-verity; mmdebstrap with mke2fs and qemu-img an ext4 file system without partitions or \
                    loader; rdebootstrap, where it is installed, only a tree, with documentation. Same packages, \
                    else no documentation, no Recommends. The first row writes the image and its manifest, as \
                    the peers do; the second, which is what `pintle build` does unless told otherwise, also an \
                    SHA-256 of the image, two bills of materials and the page that shows where the bytes go.",
            rows: vec![
                row("pintle, image and manifest only", "rm -rf cache/packs cache/indices/initrd-*", &BARE),
                row("pintle", "rm -rf cache/packs cache/indices/initrd-*", &[]),
                row("pintle, image only, packages unpacked before", "true", &BARE),
                Row {
                    who: "floor: xz -d of every package and kernel module, two at a time".to_owned(),
                    before: vec![self.shell(PACKED)],
                    call: self.shell("ls -S floor/*.xz | xargs -P 2 -n 4 xz -dc > /dev/null"),
                },
            ],
            above: "What is above it: an SHA-256 of each file, writing everything into the store of unpacked packages \
                    and from there into the image, and what one thread does alone: maintainer scripts, the tree, the \
                    layout.",
            goals: vec![
                Goal::Wall(2.0),
                Goal::Cpu(3.0),
                Goal::Peak(120.0),
                Goal::Faster(16.0, "mkosi"),
                Goal::Faster(9.0, "mmdebstrap"),
                Goal::Faster(5.0, "rdebootstrap"),
            ],
            runs_at_most: usize::MAX,
        }
    }

    fn change(&self) -> Case {
        let row = |who: &str, more: &[&str]| Row {
            who: who.to_owned(),
            before: vec![self.shell("date +%N > web/site/index.html")],
            call: self.build(more),
        };
        Case {
            name: "change",
            title: "One changed file of the definition",
            about: "The page of the web server has another text; everything else is as in the build before. The rows \
                    of Pintle are those of the first table.",
            rows: vec![
                row("pintle, image and manifest only", &BARE),
                row("pintle", &[]),
                Row {
                    who: "floor: cp of the image, without its holes".to_owned(),
                    before: Vec::new(),
                    call: self.shell("exec cp --sparse=always out/web.raw floor.raw"),
                },
            ],
            above: "Both copy in the kernel; what is above it is reading the indices of all packages and deciding \
                    everything anew, which is what makes the result the same as that of a build from nothing.",
            goals: vec![Goal::Wall(0.4), Goal::Faster(20.0, "mkosi")],
            runs_at_most: usize::MAX,
        }
    }

    fn ext4(&self) -> Case {
        let tree = self.tree.to_string_lossy().into_owned();
        let ours = self.pintle(&["mkfs", "ext4", &tree, "../ours.ext4"]);
        let mke2fs =
            "truncate -s 1G mke2fs.ext4 && exec mke2fs -q -F -t ext4 -O ^has_journal -d tree mke2fs.ext4";
        let mut rows = vec![
            Row {
                who: "pintle mkfs ext4".to_owned(),
                before: vec![self.shell("rm -f ours.ext4")],
                call: ours,
            },
            Row {
                who: "mke2fs -d".to_owned(),
                before: vec![self.shell("rm -f mke2fs.ext4")],
                call: self.shell(mke2fs),
            },
        ];
        let mkext4 = self.place.work.join("peers/bin/mkfs");
        if mkext4.exists() {
            let words = [
                mkext4.to_string_lossy().into_owned(),
                tree,
                "mkext4.ext4".to_owned(),
                (1u64 << 30).to_string(),
            ];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            rows.push(Row {
                who: "mkext4 (its example mkfs)".to_owned(),
                before: vec![self.shell("rm -f mkext4.ext4")],
                call: Call::new(&words, &self.place.work),
            });
        }
        Case {
            name: "ext4",
            title: "An ext4 file system from a folder",
            about: "The unpacked files of the web server's packages, read from the same folder by all.",
            rows,
            above: "",
            goals: vec![Goal::Faster(3.0, "mke2fs"), Goal::Faster(1.0, "mkext4")],
            runs_at_most: usize::MAX,
        }
    }

    fn qcow2(&self) -> Case {
        let convert = "exec qemu-img convert -c -O qcow2 out/web.raw qemu.qcow2";
        Case {
            name: "qcow2",
            title: "A compressed qcow2",
            about: "Pintle's row is a whole build with everything unpacked; qemu-img only converts an image that \
                    exists.",
            rows: vec![
                Row {
                    who: "pintle build --format qcow2".to_owned(),
                    before: Vec::new(),
                    call: self.build(&["--format", "qcow2"]),
                },
                Row {
                    who: "qemu-img convert -c".to_owned(),
                    before: vec![self.shell("rm -f qemu.qcow2")],
                    call: self.shell(convert),
                },
            ],
            above: "",
            goals: vec![Goal::Faster(1.0, "qemu-img")],
            runs_at_most: usize::MAX,
        }
    }

    fn lock(&self) -> Case {
        Case {
            name: "lock",
            title: "Solving and locking",
            about: "The index of the suite is cached and packages unpacked; the lock is made anew.",
            rows: vec![Row {
                who: "pintle lock".to_owned(),
                before: vec![self.shell("rm -f web/pintle.lock")],
                call: self.pintle(&["lock"]),
            }],
            above: "",
            goals: vec![Goal::Wall(0.3)],
            runs_at_most: usize::MAX,
        }
    }

    fn fetch(&self) -> Case {
        let cold = self.place.work.join("cold").to_string_lossy().into_owned();
        let row = |who: &str, words: &[&str]| Row {
            who: who.to_owned(),
            before: vec![self.shell("rm -rf cold cold.lock vendored")],
            call: self.pintle(words).env("PINTLE_CACHE_DIR", &cold),
        };
        Case {
            name: "fetch",
            title: "From nothing to all packages",
            about: "Indices and packages from the same server on this machine into an empty cache. The first row \
                    fetches what a lock names, signed lists and packages, into the cache and a folder, as apt does \
                    after it has solved; the second also solves, unpacks everything and writes the lock.",
            rows: vec![
                row("pintle vendor", &["vendor", "../vendored"]),
                row("pintle lock", &["lock", "--lock-file", "../cold.lock"]),
            ],
            above: "",
            goals: vec![Goal::Faster(1.0, "apt")],
            runs_at_most: usize::MAX,
        }
    }

    fn memory(&self) -> Case {
        // Twice 10 GB are more than most machines have in memory, so this one is on the disk.
        let big = Path::new("/var/tmp/pintle-bench");
        let make = "mkdir -p /var/tmp/pintle-bench/big && cd /var/tmp/pintle-bench/big && test -e 9 || \
            { head -c 1000000000 /dev/urandom > 0 && for i in 1 2 3 4 5 6 7 8 9; do cp 0 $i; done; }";
        Case {
            name: "memory",
            title: "Memory for a large image",
            about: "A file system of 10 GB in ten files, written once to the disk. What counts is the peak.",
            rows: vec![Row {
                who: "pintle mkfs ext4, 10 GB".to_owned(),
                before: vec![self.shell(make), self.shell("rm -f /var/tmp/pintle-bench/big.ext4")],
                call: self.pintle(&[
                    "mkfs",
                    "ext4",
                    &big.join("big").to_string_lossy(),
                    &big.join("big.ext4").to_string_lossy(),
                ]),
            }],
            above: "",
            goals: vec![Goal::Peak(120.0)],
            runs_at_most: 1,
        }
    }
}
