//! A mirror on this machine that keeps what it has served: from the second run on, nobody waits for the network, and
//! all programs wait for the same server.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A server of files below a folder, filled from `upstream` on demand.
pub(crate) struct Mirror {
    port: u16,
}

struct Shelf {
    folder: PathBuf,
    upstream: String,
}

impl Mirror {
    /// Serves until the process ends.
    ///
    /// # Errors
    /// Of opening a port or making the folder.
    pub(crate) fn start(folder: &Path, upstream: &str) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no port: {error}"))?;
        let port = listener.local_addr().map_err(|error| format!("no port: {error}"))?.port();
        let shelf = Arc::new(Shelf {
            folder: folder.to_owned(),
            upstream: upstream.trim_end_matches('/').to_owned(),
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = Arc::clone(&shelf);
                // A client that goes away is its own business.
                std::thread::spawn(move || shelf.talk(&stream).ok());
            }
        });
        Ok(Self { port })
    }

    /// Its base URL.
    pub(crate) fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Shelf {
    /// Requests on one connection, until it closes (RFC 9112: persistent by default).
    fn talk(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let head = line.starts_with("HEAD ");
            let mut range = None;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header)?;
                if header.trim_end().is_empty() {
                    break;
                }
                if let Some((name, value)) = header.split_once(':')
                    && name.eq_ignore_ascii_case("range")
                {
                    range = first_byte(value.trim());
                }
            }
            self.answer(stream, &target, head, range)?;
        }
    }

    fn answer(&self, mut to: &TcpStream, target: &str, head: bool, range: Option<u64>) -> io::Result<()> {
        let Some(path) = self.have(target)? else {
            return to.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        };
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        let start = range.filter(|start| *start < len).unwrap_or(0);
        let status = match range {
            Some(_) if start > 0 => {
                format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{len}", len - 1)
            }
            _ => "200 OK".to_owned(),
        };
        write!(to, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\n\r\n", len - start)?;
        if !head {
            io::Seek::seek(&mut file, io::SeekFrom::Start(start))?;
            io::copy(&mut file, &mut to)?;
        }
        Ok(())
    }

    /// The file for `target`, fetched if it is not there; none where upstream has none.
    fn have(&self, target: &str) -> io::Result<Option<PathBuf>> {
        let plain = target.trim_start_matches('/');
        if plain.is_empty() || plain.split('/').any(|part| part.is_empty() || part == "..") {
            return Ok(None);
        }
        let path = self.folder.join(plain);
        if path.is_file() {
            return Ok(Some(path));
        }
        std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let partial = tempfile::NamedTempFile::new_in(&self.folder)?;
        let url = format!("{}/{plain}", self.upstream);
        let status = Command::new("curl")
            .args(["--silent", "--fail", "--location", "--output"])
            .arg(partial.path())
            .arg(&url)
            .status()?;
        if !status.success() {
            return Ok(None);
        }
        partial.persist(&path)?;
        Ok(Some(path))
    }
}

/// `bytes=N-`.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn it_serves_what_it_has_whole_and_in_part() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dists")).unwrap();
        std::fs::write(folder.path().join("dists/a"), "0123456789").unwrap();
        let mirror = Mirror::start(folder.path(), "http://127.0.0.1:9/nobody").unwrap();
        let ask = |target: &str, header: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", mirror.port)).unwrap();
            write!(stream, "GET {target} HTTP/1.1\r\n{header}\r\n").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        assert!(ask("/dists/a", "").ends_with("\r\n\r\n0123456789"));
        let part = ask("/dists/a", "Range: bytes=7-\r\n");
        assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\n789"), "{part}");
        assert!(ask("/dists/../../etc/passwd", "").starts_with("HTTP/1.1 404 "));
        assert!(ask("/dists/b", "").starts_with("HTTP/1.1 404 "));
    }
}
