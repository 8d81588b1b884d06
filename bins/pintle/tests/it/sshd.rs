//! A builder: OpenSSH's own server as a plain process on a port of the loopback interface, with keys, a home and a
//! cache of its own; and a way there that can be cut.

use crate::common::{finish, succeed};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Our program without its debugging symbols: it is copied often here.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (new, path) = (folder.join(format!("pintle-{}", std::process::id())), folder.join("pintle"));
        succeed(Command::new("strip").arg("-o").arg(&new).arg(env!("CARGO_BIN_EXE_pintle")));
        fs::rename(new, &path).unwrap();
        path
    })
}

/// A running server. It ends when this is dropped.
pub(crate) struct Builder {
    folder: tempfile::TempDir,
    server: Child,
    pub(crate) port: u16,
}

impl Builder {
    /// One that works.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// One whose programs are found in `tools` first: `uname` and the like that say something else.
    pub(crate) fn with_tool(name: &str, script: &str) -> Self {
        let builder = Self::with("tools");
        let tool = builder.folder.path().join("tools").join(name);
        fs::create_dir_all(tool.parent().unwrap()).unwrap();
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
        succeed(Command::new("chmod").arg("755").arg(&tool));
        builder
    }

    fn with(tools: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("a builder's ").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["host-key", "other-key", "key"] {
            succeed(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(name)));
        }
        fs::copy(at("key.pub"), at("authorized_keys")).unwrap();
        fs::create_dir(at("home")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let line = |option: &str, value: &str| format!("{option} {value}\n");
        let quoted = |path: PathBuf| format!("\"{}\"", path.display());
        let mut config = line("ListenAddress", &format!("127.0.0.1:{port}"))
            + &line("HostKey", &quoted(at("host-key")))
            + &line("AuthorizedKeysFile", &quoted(at("authorized_keys")))
            + "PidFile none\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n";
        let path = std::env::var("PATH").unwrap();
        let path = if tools.is_empty() { path } else { format!("{}:{path}", at(tools).display()) };
        let home = at("home").display().to_string();
        config += &line(
            "SetEnv",
            &format!(
                "\"HOME={home}\" \"PATH={path}\" \"PINTLE_APT_DIR={home}/apt\" \"XDG_CACHE_HOME=\" no_proxy=*"
            ),
        );
        fs::write(at("config"), config).unwrap();
        if succeed(Command::new("id").arg("-u")).trim() == "0" {
            // Where root's server separates its privileges (sshd(8)).
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let log = fs::File::create(at("log")).unwrap();
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(at("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run sshd: {error}; `cargo xtask test` installs it"));
        let builder = Self { folder, server, port };
        builder.knows("host-key");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        builder
    }

    /// The user takes the server for one with this key.
    pub(crate) fn knows(&self, key: &str) {
        let public = fs::read_to_string(self.folder.path().join(format!("{key}.pub"))).unwrap();
        fs::write(self.known_hosts(), format!("* {public}")).unwrap();
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// The builder's cache.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("home/.cache/pintle")
    }

    /// Everything of the builder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets `command` build here, on another port where the way is another.
    pub(crate) fn uses(&self, command: &mut Command, port: u16) {
        let user = succeed(Command::new("id").arg("-un"));
        command.arg("--builder").arg(format!("ssh://{}@127.0.0.1:{port}", user.trim()));
        let quoted = |path: PathBuf| format!("\"{}\"", path.display());
        for (key, value) in [
            ("IdentityFile", quoted(self.folder.path().join("key"))),
            ("IdentitiesOnly", "yes".to_owned()),
            ("UserKnownHostsFile", quoted(self.known_hosts())),
            ("GlobalKnownHostsFile", "/dev/null".to_owned()),
            ("StrictHostKeyChecking", "yes".to_owned()),
            ("BatchMode", "yes".to_owned()),
            ("ControlPath", "none".to_owned()),
        ] {
            command.arg("--builder-option").arg(format!("{key}={value}"));
        }
    }

    /// Names of what runs of other machines have here.
    pub(crate) fn scratch(&self) -> usize {
        fs::read_dir(self.cache().join("scratch")).map_or(0, |entries| entries.count())
    }

    /// Waits until nothing of a run is left.
    pub(crate) fn is_clean(&self) {
        while self.scratch() > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills what builds here, as a machine out of memory does.
    pub(crate) fn kill(&self) {
        let pattern = format!("{}/bin/.* serve-build", self.cache().display());
        let found = succeed(Command::new("pgrep").arg("-f").arg(pattern));
        let pids: Vec<&str> = found.lines().collect();
        assert_eq!(pids.len(), 1, "{found}");
        assert!(finish(Command::new("kill").arg("-9").args(pids)).status.success());
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

/// A way to `port` that is cut after so many bytes from there; its own port.
pub(crate) fn cut_after(port: u16, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let mut to_server = server.try_clone().unwrap();
            // Either end may be gone first.
            std::thread::spawn(move || io::copy(&mut up, &mut to_server).ok());
            std::thread::spawn(move || {
                let mut to_client = &client;
                let mut buffer = [0; 4096];
                let mut left = bytes;
                while let Ok(n @ 1..) = down.read(&mut buffer) {
                    left = left.saturating_sub(n);
                    if left == 0 || to_client.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
                client.shutdown(std::net::Shutdown::Both).ok();
                server.shutdown(std::net::Shutdown::Both).ok();
            });
        }
    });
    own
}
