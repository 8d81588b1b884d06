//! Questions to a service: does it answer?

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// Whether something on this host accepts connections at `port`, by IPv4 or IPv6.
///
/// # Errors
/// Of the connection by IPv4, where neither does.
pub fn connects(port: u16, patience: Duration) -> io::Result<()> {
    let connect = |address: SocketAddr| TcpStream::connect_timeout(&address, patience).map(drop);
    connect((Ipv4Addr::LOCALHOST, port).into())
        .or_else(|error| connect((Ipv6Addr::LOCALHOST, port).into()).map_err(|_| error))
}

/// Sends `request` to `host` and gives up to `limit` bytes of the answer: its first line at least, if it has one.
///
/// # Errors
/// Of the connection.
pub fn answer(
    (host, port): (&str, u16),
    request: &str,
    limit: usize,
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let since = Instant::now();
    // A time-out of zero would mean none.
    let left = || patience.saturating_sub(since.elapsed()).max(Duration::from_millis(1));
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name of the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left()) {
            Ok(stream) => return ask(stream, request, limit, &left),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(
    mut stream: TcpStream,
    request: &str,
    limit: usize,
    left: &dyn Fn() -> Duration,
) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(left()))?;
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut piece = [0; 512];
    while head.len() < limit && !head.contains(&b'\n') {
        // Also a server that sends a byte now and then has to be done in time.
        if left() <= Duration::from_millis(1) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left()))?;
        match stream.read(&mut piece)? {
            0 => break,
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    head.truncate(limit);
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const PATIENCE: Duration = Duration::from_millis(300);

    /// A server that says `pieces`, and then nothing for as long as it is listened to.
    fn server(pieces: &'static [&'static [u8]]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request);
            for piece in pieces {
                let _ = stream.write_all(piece);
                std::thread::sleep(Duration::from_millis(100));
            }
            let _ = stream.read(&mut request);
        });
        port
    }

    #[test]
    fn the_first_line_is_enough() {
        let port = server(&[b"HTTP/1.1 ", b"200 OK\r\n"]);
        assert_eq!(answer(("127.0.0.1", port), "GET", 99, PATIENCE).unwrap(), b"HTTP/1.1 200 OK\r\n");
        let port = server(&[b"xxxxxxxxxx"]);
        assert_eq!(answer(("127.0.0.1", port), "GET", 4, PATIENCE).unwrap(), b"xxxx");
    }

    #[test]
    fn who_dawdles_is_late() {
        let port = server(&[b"a" as &[u8]; 50]);
        let since = Instant::now();
        answer(("127.0.0.1", port), "GET", 99, PATIENCE).unwrap_err();
        assert!(since.elapsed() < PATIENCE * 3);
    }

    #[test]
    fn a_port_is_open_or_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        connects(port, PATIENCE).unwrap();
        drop(listener);
        assert_eq!(connects(port, PATIENCE).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
