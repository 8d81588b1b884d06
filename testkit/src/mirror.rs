//! A mirror over HTTP on the loopback interface, with ranges, that goes wrong in the ways that mirrors, proxies and
//! networks do. One request per connection.

use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the mirror does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Takes the request and never answers.
    Hang,
    /// Sends so many bytes of the body, then nothing more.
    Stop(usize),
    /// Sends so many bytes of the body, then closes the connection.
    Cut(usize),
    /// Sends the body in so many pieces with a pause after each.
    Trickle(usize),
    /// A page of a hotel's network, with status 200.
    Page,
    /// A redirection to that page.
    Redirect,
    /// A redirection to where the file is.
    Elsewhere,
    /// A redirection to itself.
    Circle,
    /// Other bytes of the right length.
    Garble,
    /// So many bytes less than there should be, announced as such.
    Shorter(usize),
    /// So many bytes more than there should be, announced as such.
    Longer(usize),
    /// 404.
    Missing,
    /// 403.
    Forbidden,
    /// 503.
    Busy,
    /// 503 so many times, then all is well.
    BusyFor(u32),
    /// Closes the connection without a word so many times, then all is well.
    SilentFor(u32),
    /// The whole file with status 200, whatever range is asked for; the first answer is cut after so many bytes.
    NoRanges(usize),
    /// Another part than the one asked for; the first answer is cut after so many bytes.
    OtherRange(usize),
    /// `Content-Encoding: gzip`, though nobody asked for it.
    Encoded,
    /// `Transfer-Encoding: chunked`, without a length.
    Chunked,
    /// What is no HTTP.
    Noise,
}

/// A running mirror. It ends with the test program.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    /// Parts of paths, and what happens to requests for them, with the number of requests so far.
    faults: Mutex<Vec<(String, Fault, u32)>>,
    /// Path and range of every request.
    requests: Mutex<Vec<String>>,
}

/// A test that failed elsewhere must not hide its message behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves the files below `root`.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared { root, faults: Mutex::default(), requests: Mutex::default() });
        let server = Self { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A client that went away is no matter.
                std::thread::spawn(move || drop(shared.answer(stream)));
            }
        });
        server
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, requests whose path contains `part` go wrong.
    pub fn fault(&self, part: &str, fault: Fault) {
        lock(&self.shared.faults).push((part.to_owned(), fault, 0));
    }

    /// Everything works again; requests so far are forgotten.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
        lock(&self.shared.requests).clear();
    }

    /// Path and `Range` of requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }
}

/// Where [`Fault::Redirect`] leads.
const LOGIN: &str = "login.html";
const PAGE: &[u8] = b"<!DOCTYPE html><title>Welcome to the hotel</title>";
/// Before the path of a file that [`Fault::Elsewhere`] has moved.
const MOVED: &str = "moved/";

/// A good or bad answer.
struct Answer {
    status: &'static str,
    headers: String,
    /// `Content-Length`; none: not said.
    announced: Option<usize>,
    body: Vec<u8>,
    then: Then,
}

enum Then {
    Close,
    Hang,
    /// The body comes in so many pieces.
    Slow(usize),
}

impl Answer {
    fn new(status: &'static str, body: Vec<u8>) -> Self {
        Self { status, headers: String::new(), announced: Some(body.len()), body, then: Then::Close }
    }

    fn header(mut self, line: &str) -> Self {
        self.headers += line;
        self.headers += "\r\n";
        self
    }

    fn cut(mut self, bytes: usize, then: Then) -> Self {
        self.body.truncate(bytes);
        self.then = then;
        self
    }

    fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let length = self.announced.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default();
        write!(stream, "HTTP/1.1 {}\r\n{length}{}Connection: close\r\n\r\n", self.status, self.headers)?;
        match self.then {
            Then::Close => stream.write_all(&self.body),
            Then::Hang => {
                stream.write_all(&self.body)?;
                wait(stream)
            }
            Then::Slow(pieces) => {
                for piece in self.body.chunks(self.body.len().div_ceil(pieces.max(1)).max(1)) {
                    stream.write_all(piece)?;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok(())
            }
        }
    }
}

/// Until the client goes away.
fn wait(stream: &mut TcpStream) -> io::Result<()> {
    stream.read(&mut [0]).map(drop)
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let Some((path, from)) = request(&mut stream)? else { return Ok(()) };
        lock(&self.requests).push(from.map_or_else(|| path.clone(), |from| format!("{path} from {from}")));
        if path == LOGIN {
            return Answer::new("200 OK", PAGE.to_vec()).send(&mut stream);
        }
        let (fault, times) = self.fault_for(&path);
        let file = fs::read(self.root.join(path.strip_prefix(MOVED).unwrap_or(&path))).ok();
        match fault {
            Some(Fault::Hang) => wait(&mut stream),
            Some(Fault::SilentFor(n)) if times < n => Ok(()),
            Some(Fault::Noise) => stream.write_all(b"SSH-2.0-OpenSSH_10.0\r\n"),
            _ => self.good_or_bad(&path, file, from, (fault, times)).send(&mut stream),
        }
    }

    fn fault_for(&self, path: &str) -> (Option<Fault>, u32) {
        let mut faults = lock(&self.faults);
        let found = faults.iter_mut().find(|(part, ..)| path.contains(part.as_str()));
        let Some((_, fault, times)) = found else { return (None, 0) };
        *times += 1;
        (Some(*fault), *times - 1)
    }

    fn good_or_bad(
        &self,
        path: &str,
        file: Option<Vec<u8>>,
        from: Option<usize>,
        (fault, times): (Option<Fault>, u32),
    ) -> Answer {
        let ok = |body: Vec<u8>| Answer::new("200 OK", body);
        let to = |place: &str| Answer::new("302 Found", Vec::new()).header(&format!("Location: /{place}"));
        match (file, fault) {
            (_, Some(Fault::Page)) => ok(PAGE.to_vec()),
            (_, Some(Fault::Redirect)) => to(LOGIN),
            (_, Some(Fault::Circle)) => to(path),
            (Some(_), Some(Fault::Elsewhere)) if !path.starts_with(MOVED) => to(&format!("{MOVED}{path}")),
            (_, Some(Fault::Forbidden)) => Answer::new("403 Forbidden", b"not for you\n".to_vec()),
            (_, Some(Fault::Busy)) => Answer::new("503 Service Unavailable", b"come again\n".to_vec()),
            (_, Some(Fault::BusyFor(n))) if times < n => {
                Answer::new("503 Service Unavailable", b"come again\n".to_vec())
            }
            (None, _) | (_, Some(Fault::Missing)) => Answer::new("404 Not Found", b"no such file\n".to_vec()),
            (Some(file), Some(Fault::Garble)) => ok(file.iter().map(|byte| byte ^ 1).collect()),
            (Some(file), Some(Fault::Shorter(n))) => ok(file[..file.len().saturating_sub(n)].to_vec()),
            (Some(file), Some(Fault::Longer(n))) => ok([file, vec![b'x'; n]].concat()),
            (Some(file), Some(Fault::NoRanges(n))) => cut_first(ok(file), n, times),
            (Some(file), Some(Fault::OtherRange(n))) => other_range(file, from, n, times),
            (Some(file), Some(Fault::Encoded)) => ok(gzip(&file)).header("Content-Encoding: gzip"),
            (Some(file), Some(Fault::Chunked)) => {
                chunked(&file[from.unwrap_or(0).min(file.len())..], from, file.len())
            }
            (Some(file), fault) => {
                let answer = ranged(file, from);
                match fault {
                    Some(Fault::Cut(n)) => answer.cut(n, Then::Close),
                    Some(Fault::Stop(n)) => answer.cut(n, Then::Hang),
                    Some(Fault::Trickle(pieces)) => answer.cut(usize::MAX, Then::Slow(pieces)),
                    _ => answer,
                }
            }
        }
    }
}

/// Path and first byte of the range.
fn request(stream: &mut TcpStream) -> io::Result<Option<(String, Option<usize>)>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let from = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let value = value.strip_prefix("bytes=").filter(|_| name.eq_ignore_ascii_case("range"))?;
        value.strip_suffix('-')?.parse().ok()
    });
    Ok(Some((path, from)))
}

fn ranged(file: Vec<u8>, from: Option<usize>) -> Answer {
    match from {
        None => Answer::new("200 OK", file),
        Some(from) if from < file.len() => Answer::new("206 Partial Content", file[from..].to_vec())
            .header(&format!("Content-Range: bytes {from}-{}/{}", file.len() - 1, file.len())),
        Some(_) => Answer::new("416 Range Not Satisfiable", Vec::new()),
    }
}

fn cut_first(answer: Answer, bytes: usize, times: u32) -> Answer {
    if times == 0 { answer.cut(bytes, Then::Close) } else { answer }
}

/// One byte later than asked for.
fn other_range(file: Vec<u8>, from: Option<usize>, bytes: usize, times: u32) -> Answer {
    match from {
        Some(from) => ranged(file, Some(from + 1)),
        None => cut_first(Answer::new("200 OK", file), bytes, times),
    }
}

fn chunked(body: &[u8], from: Option<usize>, whole: usize) -> Answer {
    let mut framed = Vec::new();
    for piece in body.chunks(1000) {
        framed.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
    let mut answer = Answer::new(status, framed).header("Transfer-Encoding: chunked");
    answer.announced = None;
    match from {
        Some(from) => {
            answer.header(&format!("Content-Range: bytes {from}-{}/{whole}", whole.saturating_sub(1)))
        }
        None => answer,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    out.write_all(bytes).expect("a Vec takes every write");
    out.finish().expect("a Vec takes every write")
}
