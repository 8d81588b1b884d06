//! A small HTTP/1.1 server on the loopback interface that answers as badly as it is told to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// As in the request line: a path, or a whole URL when the client takes this server for a proxy.
    pub(crate) target: String,
    /// First byte of a `Range`.
    pub(crate) from: Option<u64>,
    /// The head as it came.
    pub(crate) head: String,
}

/// What happens after the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The connection serves further requests.
    Keep,
    /// It is closed.
    Close,
    /// Nothing more comes.
    Hang,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Further header lines, each with its CRLF.
    pub(crate) headers: String,
    /// `Content-Length`; `None` for none.
    pub(crate) announced: Option<u64>,
    pub(crate) body: Vec<u8>,
    /// Pause between pieces of the body.
    pub(crate) slow: Duration,
    pub(crate) then: Then,
}

impl Answer {
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self {
            status: 200,
            headers: String::new(),
            announced: Some(body.len() as u64),
            body: body.to_vec(),
            slow: Duration::ZERO,
            then: Then::Keep,
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok(b"a page for people") }
    }

    /// The whole of `body`, or the part that was asked for.
    pub(crate) fn ranged(body: &[u8], request: &Request) -> Self {
        match request.from {
            Some(from) if from < body.len() as u64 => Self {
                status: 206,
                headers: format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len()),
                ..Self::ok(&body[from as usize..])
            },
            Some(_) => Self::status(416),
            None => Self::ok(body),
        }
    }

    /// Sends only `bytes` of what it announces.
    pub(crate) fn cut(mut self, bytes: usize, then: Then) -> Self {
        self.body.truncate(bytes);
        self.then = then;
        self
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// `answer` gets the request and its number, from 0.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(answer);
        let (shared_log, shared_connections) = (Arc::clone(&log), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                shared_connections.fetch_add(1, Ordering::SeqCst);
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&shared_log));
                // A client that gives up is part of the tests.
                std::thread::spawn(move || serve(stream, &log, &*answer).ok());
            }
        });
        Self { address, log, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(&Request, usize) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(request) = read_request(&mut stream)? {
        let number = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        let answer = answer(&request, number);
        let length = answer.announced.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default();
        let head = format!("HTTP/1.1 {} Whatever\r\n{}{length}\r\n", answer.status, answer.headers);
        stream.write_all(head.as_bytes())?;
        for piece in answer.body.chunks(if answer.slow.is_zero() { 1 << 16 } else { 1000 }) {
            stream.write_all(piece)?;
            std::thread::sleep(answer.slow);
        }
        match answer.then {
            Then::Keep => {}
            Then::Close => return Ok(()),
            // Until the client goes away.
            Then::Hang => return stream.read(&mut [0]).map(drop),
        }
    }
    Ok(())
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let from = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range")
            .then(|| value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())?
    });
    Ok(Some(Request { target, from, head }))
}
