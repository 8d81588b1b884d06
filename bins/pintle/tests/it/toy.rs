//! A toy archive with a definition beside it, and a mirror that misbehaves on demand. No network, no real packages.

use crate::common::{finish, succeed};
use pintle_testkit::archive::{Archive, Signer, ToySuite, toy};
pub(crate) use pintle_testkit::mirror::{Fault, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with a signed archive, a definition that asks for packages of it, and a cache of its own.
pub(crate) struct Toy {
    folder: tempfile::TempDir,
}

/// The smallest Debian that can be assembled, to add packages to.
pub(crate) fn base() -> Archive {
    toy()
        .package("base-files 13 essential: yes; arch: all")
        .file("/usr/lib/os-release", 0o644, "ID=debian\nVERSION_ID=\"13\"\n")
        .package("base-passwd 3.6 essential: yes")
        .file(
            "/usr/share/base-passwd/passwd.master",
            0o644,
            "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        )
        .file("/usr/share/base-passwd/group.master", 0o644, "root:*:0:\nshadow:*:42:\nnogroup:*:65534:\n")
}

/// Bytes that do not compress, always the same.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| step()).collect()
}

impl Toy {
    /// `archive` as suite trixie, and a definition that asks for `packages`.
    pub(crate) fn new(archive: &Archive, packages: &[&str]) -> Self {
        Self::with_suite(archive, &ToySuite::new("trixie"), packages)
    }

    /// The same, dated and signed otherwise.
    pub(crate) fn with_suite(archive: &Archive, suite: &ToySuite, packages: &[&str]) -> Self {
        let toy = Self { folder: tempfile::tempdir().unwrap() };
        archive.write(&toy.mirror(), suite).unwrap();
        fs::create_dir(toy.definition()).unwrap();
        fs::write(toy.definition().join("archive.asc"), Signer::Archive.certificate()).unwrap();
        toy.define(&toy.mirror().display().to_string(), packages, json!({}));
        toy
    }

    /// Everything is below it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The archive.
    pub(crate) fn mirror(&self) -> PathBuf {
        self.folder().join("mirror")
    }

    /// The folder of definition and lock.
    pub(crate) fn definition(&self) -> PathBuf {
        self.folder().join("definition")
    }

    /// The lock.
    pub(crate) fn lock(&self) -> PathBuf {
        self.definition().join("toy.lock")
    }

    /// Where builds go.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder().join("out")
    }

    /// The cache.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder().join("cache")
    }

    /// Writes the definition: an evaluated document, as a definition in TOML has the real base system in it.
    pub(crate) fn define(&self, mirror: &str, packages: &[&str], more: Value) {
        let mut system = json!({
            "schema": 1, "name": "toy", "version": "1", "packages": packages,
            "source": {"debian": {
                "suites": [{"name": "trixie", "components": ["main"], "mirror": mirror}],
                "keys": ["archive.asc"],
            }},
            "image": {"bios": false, "uefi": false, "free": 0},
        });
        for (key, value) in more.as_object().unwrap() {
            system[key] = value.clone();
        }
        fs::write(self.definition().join("toy.json"), system.to_string()).unwrap();
    }

    /// The program in this world; it waits for mirrors for a moment only.
    pub(crate) fn pintle(&self) -> Command {
        self.in_world(Command::new(env!("CARGO_BIN_EXE_pintle")))
    }

    /// Another program, such as a shell that starts ours, in this world.
    pub(crate) fn in_world(&self, mut command: Command) -> Command {
        command.env("PINTLE_CACHE_DIR", self.cache()).env("NO_COLOR", "1").env("no_proxy", "*");
        command.env("PINTLE_STALL_SECONDS", "1").env("PINTLE_APT_DIR", self.folder().join("apt"));
        command.current_dir(self.folder());
        command
    }

    /// `pintle build` of the definition.
    pub(crate) fn build(&self) -> Command {
        let mut command = self.pintle();
        command.args(["build", "definition/toy.json"]);
        command
    }

    /// A build that must succeed; its standard error.
    pub(crate) fn builds(&self) -> String {
        let output = finish(&mut self.build());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    }

    /// What a build that must fail says; it has left nothing behind, and an old lock as it was.
    pub(crate) fn refused(&self) -> String {
        self.fails(&mut self.build())
    }

    /// What a command that must fail says; it has left nothing behind, and an old lock as it was.
    pub(crate) fn fails(&self, command: &mut Command) -> String {
        let lock = fs::read(self.lock()).ok();
        let before = listing(&self.out());
        let output = finish(command);
        assert!(!output.status.success(), "it must fail");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing on standard output");
        assert_eq!(before, listing(&self.out()), "nothing half-written");
        if lock.is_some() {
            assert!(lock == fs::read(self.lock()).ok(), "the old lock is as it was");
        }
        self.plain(&output)
    }

    /// Exit status and standard error, with placeholders for what differs from run to run.
    pub(crate) fn plain(&self, output: &Output) -> String {
        let code = output.status.code().map_or("by signal".to_owned(), |code| code.to_string());
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.replace(&self.mirror().display().to_string(), "MIRROR");
        let text = text.replace(&self.folder().display().to_string(), "DIR");
        let text = without_now(&text);
        format!("exit {code}\n{}", text.trim_end())
    }

    /// Bytes of downloads under way.
    pub(crate) fn partial(&self) -> u64 {
        let entries = fs::read_dir(self.cache().join("partial")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().metadata().map_or(0, |file| file.len())).sum()
    }

    /// Serves the archive over HTTP, and points the definition there.
    pub(crate) fn serve(&self, packages: &[&str]) -> Server {
        let server = Server::new(self.mirror());
        self.define(&server.url(), packages, json!({}));
        server
    }
}

/// `(it is 2026-…Z)` without the time; `127.0.0.1:4711` without the port.
fn without_now(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) =
        ["(it is ", "127.0.0.1:"].iter().filter_map(|mark| Some((rest.find(mark)?, mark.len()))).min()
    {
        let (start, len) = at;
        out.push_str(&rest[..start + len]);
        rest = &rest[start + len..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && !"-T:Z".contains(c)).unwrap_or(rest.len());
        out.push_str(if len == 7 { "NOW" } else { "PORT" });
        rest = &rest[end..];
    }
    out + rest
}

/// Names below a folder that may not be there.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    if !folder.exists() {
        return Vec::new();
    }
    let said = succeed(Command::new("find").arg(folder).args(["-mindepth", "1", "-printf", "%P %s\n"]));
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
