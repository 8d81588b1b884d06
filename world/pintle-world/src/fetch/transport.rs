//! Plain HTTP through a proxy as RFC 9112, section 3.2.2 has it: the request names the whole URL. The HTTP client by
//! itself asks every proxy for a tunnel, which caching proxies refuse to plain ports, and could not cache.

use super::http::PlainHttp;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ureq::http::uri::Scheme;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};
use ureq::{Error, ProxyProtocol};

/// First in the chain: connects `http://` requests to their `http://` proxy, leaves the rest to the others; everything
/// where plain HTTP is to go through a tunnel.
#[derive(Debug)]
pub(super) struct PlainProxyConnector(pub(super) PlainHttp);

impl Connector<()> for PlainProxyConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let Some(proxy) = details.config.proxy() else { return Ok(None) };
        let ours = self.0 == PlainHttp::WholeUrl && details.uri.scheme() == Some(&Scheme::HTTP);
        if !ours || proxy.protocol() != ProxyProtocol::Http {
            return Ok(None);
        }
        let authority = details.uri.authority().ok_or_else(|| Error::BadUri(details.uri.to_string()))?;
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let to_proxy = ConnectionDetails {
            uri: proxy.uri(),
            addrs: details.resolver.resolve(proxy.uri(), details.config, details.timeout)?,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let Some(tcp) = Connector::<()>::connect(&TcpConnector::default(), &to_proxy, None)? else {
            return Ok(None);
        };
        let login = proxy.username().map(|user| {
            let pair = format!("{user}:{}", proxy.password().unwrap_or_default());
            format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(pair))
        });
        let base = format!("http://{host}");
        Ok(Some(Box::new(PlainProxyTransport { tcp, base, login: login.unwrap_or_default() })))
    }
}

#[derive(Debug)]
struct PlainProxyTransport<T> {
    tcp: T,
    /// Scheme and authority, put before the path.
    base: String,
    /// A header line, or nothing.
    login: String,
}

impl<T: Transport> Transport for PlainProxyTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.tcp.buffers()
    }

    /// The only output of a GET is its head, in one piece.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let head = self.tcp.buffers().output()[..amount].to_vec();
        let head = with_whole_url(&head, &self.base, &self.login);
        let output = self.tcp.buffers().output();
        let room = output.len();
        let Some(place) = output.get_mut(..head.len()) else {
            return Err(Error::BadUri(format!("request of more than {room} bytes")));
        };
        place.copy_from_slice(&head);
        self.tcp.transmit_output(head.len(), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.tcp.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.tcp.is_open()
    }
}

/// `GET /path HTTP/1.1` with `base` before the path and `login` as first header; anything else as it is.
fn with_whole_url(head: &[u8], base: &str, login: &str) -> Vec<u8> {
    let line_end = head.windows(2).position(|two| two == b"\r\n").map(|at| at + 2);
    let (Some(path), Some(line_end)) = (head.strip_prefix(b"GET "), line_end) else { return head.to_vec() };
    if !path.starts_with(b"/") {
        return head.to_vec();
    }
    [b"GET ", base.as_bytes(), &head[4..line_end], login.as_bytes(), &head[line_end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_line_gets_the_whole_url() {
        let head = b"GET /a HTTP/1.1\r\nHost: m.test\r\n\r\n";
        assert_eq!(
            with_whole_url(head, "http://m.test", "X: y\r\n"),
            b"GET http://m.test/a HTTP/1.1\r\nX: y\r\nHost: m.test\r\n\r\n"
        );
        assert_eq!(with_whole_url(b"GET ", "http://m.test", ""), b"GET ");
    }
}
