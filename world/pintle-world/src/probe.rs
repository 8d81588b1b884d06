//! Questions to a network service: does it answer?

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// The HTTP status `url` answers with; an error in words when it does not answer.
///
/// # Errors
/// The reason, for a progress line.
pub fn http_status(url: &str, patience: Duration) -> Result<u16, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(patience))
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .build()
        .into();
    agent.get(url).call().map(|response| response.status().as_u16()).map_err(|error| error.to_string())
}

/// A TCP port of this host that nobody uses at the moment.
///
/// # Errors
/// Of the network stack.
pub fn free_port() -> std::io::Result<u16> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Ok(TcpListener::bind(any)?.local_addr()?.port())
}
