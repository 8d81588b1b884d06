//! A toy archive with a definition beside it, and a mirror that misbehaves on demand. No network, no real packages.

use crate::common::{finish, succeed};
use pintle_testkit::archive::{Archive, Signer, ToySuite, toy};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

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

/// What the mirror does wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Takes the request and never answers.
    Hang,
    /// Sends so many bytes of the body, then nothing more.
    Stop(usize),
    /// Sends so many bytes of the body, then closes the connection.
    Cut(usize),
    /// A page of a hotel's network, with status 200.
    Page,
    /// Other bytes of the right length.
    Garble,
    /// 404.
    Missing,
    /// 503.
    Busy,
}

/// A mirror over HTTP, with ranges.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    /// Parts of paths, and what happens to requests for them.
    faults: Mutex<Vec<(&'static str, Fault)>>,
    /// Path and range of every request.
    requests: Mutex<Vec<String>>,
}

impl Server {
    fn new(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { root, faults: Mutex::default(), requests: Mutex::default() });
        let server = Self { address, shared: Arc::clone(&shared) };
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.answer(stream));
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, requests whose path contains `part` go wrong.
    pub(crate) fn fault(&self, part: &'static str, fault: Fault) {
        self.shared.faults.lock().unwrap().push((part, fault));
    }

    /// Everything works again; requests so far are forgotten.
    pub(crate) fn heal(&self) {
        self.shared.faults.lock().unwrap().clear();
        self.shared.requests.lock().unwrap().clear();
    }

    /// Path and `Range` of requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Shared {
    /// One request per connection. A client that went away is no matter.
    fn answer(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let range = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let value = value.strip_prefix("bytes=").filter(|_| name.eq_ignore_ascii_case("range"))?;
            value.strip_suffix('-')?.parse::<usize>().ok()
        });
        let asked = range.map_or_else(|| path.clone(), |from| format!("{path} from {from}"));
        self.requests.lock().unwrap().push(asked);
        let fault =
            self.faults.lock().unwrap().iter().find(|(part, _)| path.contains(part)).map(|(_, fault)| *fault);
        let file = fs::read(self.root.join(&path));
        drop(self.send(&mut stream, file.ok(), range.unwrap_or(0), fault));
    }

    fn send(
        &self,
        stream: &mut TcpStream,
        file: Option<Vec<u8>>,
        from: usize,
        fault: Option<Fault>,
    ) -> std::io::Result<()> {
        let whole = "200 OK";
        let (status, body) = match (file, fault) {
            (_, Some(Fault::Hang)) => return wait(stream),
            (_, Some(Fault::Missing)) | (None, _) => ("404 Not Found", b"no such file\n".to_vec()),
            (_, Some(Fault::Busy)) => ("503 Service Unavailable", b"come again\n".to_vec()),
            (_, Some(Fault::Page)) => (whole, b"<!DOCTYPE html><title>Welcome to the hotel</title>".to_vec()),
            (Some(file), Some(Fault::Garble)) => (whole, file.iter().map(|byte| byte ^ 1).collect()),
            (Some(file), _) if from > 0 => {
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len());
                return body(stream, "206 Partial Content", &range, &file[from..], fault);
            }
            (Some(file), _) => (whole, file),
        };
        self::body(stream, status, "", &body, fault)
    }
}

fn body(
    stream: &mut TcpStream,
    status: &str,
    more: &str,
    body: &[u8],
    fault: Option<Fault>,
) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n", body.len())?;
    match fault {
        Some(Fault::Cut(len)) => stream.write_all(&body[..len.min(body.len())]),
        Some(Fault::Stop(len)) => {
            stream.write_all(&body[..len.min(body.len())])?;
            wait(stream)
        }
        _ => stream.write_all(body),
    }
}

/// Until the client goes away.
fn wait(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0]).map(drop)
}
