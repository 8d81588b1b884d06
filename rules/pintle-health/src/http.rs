//! What a check needs of HTTP/1.1 (RFC 9112): one request, and the status of its answer.

/// Longest status line that is read, in bytes. The longest reason phrase that is registered has 31.
pub const STATUS_LINE_MAX: usize = 1024;
/// Statuses that are an answer: success and redirection (RFC 9110, 15.3 and 15.4).
pub const GOOD: std::ops::Range<u16> = 200..400;

/// An address that a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// Name or address of the server, IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query, with the leading slash.
    pub path: String,
}

/// The text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another protocol.
    #[error("only `http://` is asked; where a certificate matters, ask with a command")]
    Scheme,
    /// No server, or one that no request could name.
    #[error("its host is empty or has characters that no host has")]
    Host,
    /// No port.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// Something that does not fit into a line.
    #[error("its path has spaces or control characters: write them as %20 and the like")]
    Path,
}

impl HttpUrl {
    /// Takes an address apart (RFC 9110, 4.2.1). What follows `#` is nobody's business but the reader's.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let rest = text.strip_prefix("http://").ok_or(BadUrl::Scheme)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadUrl::Path);
        }
        let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':').ok_or(BadUrl::Port)?)),
            Some(None) => return Err(BadUrl::Host),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(known) {
            return Err(BadUrl::Host);
        }
        let number = |text: &str| text.parse().ok().filter(|port| *port != 0).ok_or(BadUrl::Port);
        let port = port.map_or(Ok(80), number)?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_owned(), port, path: format!("{slash}{path}") })
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!(
            "GET {} HTTP/1.1\r\nHost: {host}:{}\r\nUser-Agent: pintle-agent\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            self.path, self.port
        )
    }
}

/// What came is no answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// No line at all.
    #[error("the answer ended before its first line")]
    Short,
    /// A line that does not end.
    #[error("the answer's first line is longer than {STATUS_LINE_MAX} bytes")]
    Long,
    /// Another protocol.
    #[error("the answer is not HTTP")]
    NotHttp,
}

/// The status in the first line of an answer (RFC 9112, 4), of which the first bytes are `head`.
///
/// # Errors
/// [`BadAnswer`].
pub fn status(head: &[u8]) -> Result<u16, BadAnswer> {
    let Some(end) = head.iter().take(STATUS_LINE_MAX).position(|byte| *byte == b'\n') else {
        return Err(if head.len() >= STATUS_LINE_MAX { BadAnswer::Long } else { BadAnswer::Short });
    };
    let line = head[..end].strip_suffix(b"\r").unwrap_or(&head[..end]);
    let rest = line.strip_prefix(b"HTTP/1.").ok_or(BadAnswer::NotHttp)?;
    match rest {
        [b'0'..=b'9', b' ', status @ ..] => {
            let digits = status.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
            let ends = matches!(status.get(3), None | Some(b' '));
            let number =
                digits.map(|digits| digits.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0')));
            number.filter(|number| ends && *number >= 100).ok_or(BadAnswer::NotHttp)
        }
        _ => Err(BadAnswer::NotHttp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_taken_apart() {
        let url =
            |host: &str, port, path: &str| Ok(HttpUrl { host: host.to_owned(), port, path: path.to_owned() });
        assert_eq!(HttpUrl::parse("http://localhost"), url("localhost", 80, "/"));
        assert_eq!(HttpUrl::parse("http://127.0.0.1:8080/a?b#c"), url("127.0.0.1", 8080, "/a?b"));
        assert_eq!(HttpUrl::parse("http://[::1]:81?x"), url("::1", 81, "/?x"));
        assert_eq!(HttpUrl::parse("http://[::1]"), url("::1", 80, "/"));
        insta::assert_snapshot!(HttpUrl::parse("https://a/").unwrap_err(), @"only `http://` is asked; where a certificate matters, ask with a command");
        insta::assert_snapshot!(HttpUrl::parse("http:///").unwrap_err(), @"its host is empty or has characters that no host has");
        insta::assert_snapshot!(HttpUrl::parse("http://a:0/").unwrap_err(), @"its port is no number from 1 to 65535");
        insta::assert_snapshot!(HttpUrl::parse("http://a/b c").unwrap_err(), @"its path has spaces or control characters: write them as %20 and the like");
        for bad in ["http://u@h/", "http://[::1", "http://a\r\nX: y/"] {
            assert_eq!(HttpUrl::parse(bad), Err(BadUrl::Host), "{bad}");
        }
        assert_eq!(HttpUrl::parse("http://[::1]x"), Err(BadUrl::Port));
    }

    #[test]
    fn requests_name_their_server() {
        let request = HttpUrl::parse("http://[::1]:81/x").unwrap().request();
        assert!(request.starts_with("GET /x HTTP/1.1\r\nHost: [::1]:81\r\n"), "{request}");
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\nA: b\r\n"), Ok(204));
        assert_eq!(status(b"HTTP/1.0 302\n"), Ok(302));
        insta::assert_snapshot!(status(b"HTTP/1.1 20").unwrap_err(), @"the answer ended before its first line");
        insta::assert_snapshot!(status(&[b'x'; STATUS_LINE_MAX]).unwrap_err(), @"the answer's first line is longer than 1024 bytes");
        insta::assert_snapshot!(status(b"SSH-2.0-OpenSSH\r\n").unwrap_err(), @"the answer is not HTTP");
        for bad in [&b"HTTP/1.1 2004 x\r\n"[..], b"HTTP/1.1 20\r\n", b"HTTP/1.1 099 x\r\n", b"HTTP/2 200\r\n"]
        {
            assert_eq!(status(bad), Err(BadAnswer::NotHttp), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..2000), text in ".{0,60}") {
            let _ = status(&bytes);
            if let Ok(url) = HttpUrl::parse(&format!("http://{text}")) {
                prop_assert_eq!(url.request().matches("\r\n").count(), 6);
            }
        }
    }
}
