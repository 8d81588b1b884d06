use std::fmt;
use std::str::FromStr;

/// A machine to build on: `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `user@host`, or a host.
    pub destination: String,
    /// Port; none: what ssh's configuration says.
    pub port: Option<u16>,
}

/// The text names no builder.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` names no builder: write ssh://[user@]host[:port]")]
pub struct BadAddress(pub String);

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let rest = text.strip_prefix("ssh://").ok_or_else(bad)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        let (host, port) = match place.strip_prefix('[') {
            // An IPv6 address.
            Some(inside) => {
                let (host, after) = inside.split_once(']').ok_or_else(bad)?;
                let port =
                    if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad)?) };
                (host, port)
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        // What ssh, or a shell of its configuration, could take for something else is no name.
        let good = |word: &str| {
            !word.is_empty()
                && !word.starts_with('-')
                && word.chars().all(|c| c.is_alphanumeric() || "._-+%:".contains(c))
        };
        if !good(host)
            || user.is_some_and(|user| !good(user))
            || (host.contains(':') && !place.starts_with('['))
        {
            return Err(bad());
        }
        let port = port.map(str::parse::<u16>).transpose().map_err(|_| bad())?;
        if port == Some(0) {
            return Err(bad());
        }
        let destination = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        Ok(Self { destination, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, host) = self.destination.rsplit_once('@').map_or(("", &*self.destination), |both| both);
        let at = if user.is_empty() { "" } else { "@" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        write!(f, "ssh://{user}{at}{host}")?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in [
            "ssh://host",
            "ssh://me@host.example:22",
            "ssh://[2001:db8::1]:2222",
            "ssh://a.b+c@[fe80::1%eth0]",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let address: Address = "ssh://me@[::1]:22/".parse().unwrap();
        assert_eq!((address.destination.as_str(), address.port), ("me@::1", Some(22)));
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "host",
            "me@host",
            "http://host",
            "ssh://",
            "ssh://@host",
            "ssh://-oProxyCommand=x",
            "ssh://me@-x",
            "ssh://host:",
            "ssh://host:0",
            "ssh://host:99999",
            "ssh://host/path",
            "ssh://a b",
            "ssh://host;id",
            "ssh://::1",
            "ssh://[::1",
            "ssh://[::1]x",
            "ssh://$(id)@host",
        ] {
            assert_eq!(text.parse::<Address>(), Err(BadAddress(text.to_owned())), "{text}");
        }
    }
}
