use std::fmt;
use std::str::FromStr;

/// What a virtual machine must do before it counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// A login prompt stands on the serial console.
    Login,
    /// A line of the serial console holds this text.
    Console(String),
    /// An SSH server greets on the guest's port 22.
    Ssh,
    /// `http://` at a port of the guest answers with a status below 400.
    Http {
        /// Port inside the guest.
        port: u16,
        /// Path with leading slash.
        path: String,
    },
}

/// The text is no readiness condition.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not something to wait for (use `login`, `ssh`, a URL of the guest such as `http://:80/`, or `console:TEXT`)"
)]
pub struct BadUntil(String);

impl FromStr for Until {
    type Err = BadUntil;
    fn from_str(text: &str) -> Result<Self, BadUntil> {
        let bad = || BadUntil(text.to_owned());
        match text {
            "login" => return Ok(Self::Login),
            "ssh" => return Ok(Self::Ssh),
            _ => {}
        }
        if let Some(line) = text.strip_prefix("console:").filter(|line| !line.is_empty()) {
            return Ok(Self::Console(line.to_owned()));
        }
        let rest = text.strip_prefix("http://").ok_or_else(bad)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (name, port) = host.split_once(':').unwrap_or((host, "80"));
        if !matches!(name, "" | "localhost" | "127.0.0.1" | "guest") {
            return Err(bad());
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self::Http { port: port.parse().map_err(|_| bad())?, path: path.to_owned() })
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login => f.write_str("login prompt"),
            Self::Console(line) => write!(f, "`{line}` on the console"),
            Self::Ssh => f.write_str("ssh greets"),
            Self::Http { port, path } => write!(f, "http://:{port}{path} answers"),
        }
    }
}

/// A TCP port of this host that leads to one of the guest: `8080:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Port on this host's loopback address.
    pub host: u16,
    /// Port in the guest.
    pub guest: u16,
}

/// The text is no port forwarding.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a port forwarding (write HOST:GUEST, such as `8080:80`)")]
pub struct BadForward(String);

impl FromStr for Forward {
    type Err = BadForward;
    fn from_str(text: &str) -> Result<Self, BadForward> {
        let bad = || BadForward(text.to_owned());
        let (host, guest) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self { host: host.parse().map_err(|_| bad())?, guest: guest.parse().map_err(|_| bad())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let http = |port, path: &str| Until::Http { port, path: path.to_owned() };
        assert_eq!("ssh".parse(), Ok(Until::Ssh));
        assert_eq!("http://:8080/x?y".parse(), Ok(http(8080, "/x?y")));
        assert_eq!("http://localhost".parse(), Ok(http(80, "/")));
        insta::assert_snapshot!("https://x/".parse::<Until>().unwrap_err(), @"`https://x/` is not something to wait for (use `login`, `ssh`, a URL of the guest such as `http://:80/`, or `console:TEXT`)");
        assert_eq!("console:a b".parse(), Ok(Until::Console("a b".to_owned())));
        assert_eq!("8080:80".parse(), Ok(Forward { host: 8080, guest: 80 }));
        assert!("80".parse::<Forward>().is_err() && "1:70000".parse::<Forward>().is_err());
    }
}
