use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an archive is: a URL or a local directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mirror {
    /// `http://` or `https://`, without a trailing slash.
    Url(String),
    /// A directory of this machine.
    Directory(PathBuf),
}

/// The text names no mirror, or a path no file of one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadMirror {
    /// Neither URL nor absolute path.
    #[error("`{0}` is no mirror; write http://…, https://…, file:///… or an absolute path")]
    Unknown(String),
    /// A path that leaves the mirror.
    #[error("the path `{0}` leads out of the mirror")]
    Path(String),
}

impl FromStr for Mirror {
    type Err = BadMirror;

    fn from_str(text: &str) -> Result<Self, BadMirror> {
        let text = text.trim();
        let unknown = || BadMirror::Unknown(text.to_owned());
        let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Self::Directory(path.into()));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(unknown)?;
        let scheme = scheme.to_ascii_lowercase();
        let good =
            rest.bytes().all(|b| b.is_ascii_graphic()) && !rest.contains(['?', '#', '"', '<', '>', '\\']);
        let host = rest.split('/').next().unwrap_or_default();
        if !matches!(scheme.as_str(), "http" | "https") || host.is_empty() || !good {
            return Err(unknown());
        }
        Ok(Self::Url(format!("{scheme}://{}", rest.trim_end_matches('/'))))
    }
}

/// Without a password in it: for messages.
impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&without_password(url)),
            Self::Directory(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Where one file is.
pub(super) enum Location {
    Url(String),
    File(PathBuf),
}

impl Mirror {
    /// Where `path` (relative, as in a `Filename` field) is on this mirror.
    pub(super) fn locate(&self, path: &str) -> Result<Location, BadMirror> {
        let relative = path.trim_start_matches('/');
        let bad = relative.is_empty()
            || relative.split('/').any(|part| matches!(part, "" | "." | ".."))
            || relative.bytes().any(|b| b == 0);
        if bad {
            return Err(BadMirror::Path(path.to_owned()));
        }
        Ok(match self {
            Self::Url(base) => Location::Url(format!("{base}/{}", escaped(relative))),
            Self::Directory(base) => Location::File(base.join(relative)),
        })
    }
}

/// RFC 3986, section 2, and `UriEncode` of buckets' signatures: everything but unreserved characters and `/`. `+` too: object stores take it for a space.
pub(crate) fn escaped(path: &str) -> String {
    use fmt::Write as _;
    path.bytes().fold(String::with_capacity(path.len() + 8), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("invariant: a String takes every write");
        }
        out
    })
}

/// `url` with `user:password@` left out.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_urls_or_directories() {
        let shown = |text: &str| text.parse::<Mirror>().map(|m| m.to_string());
        assert_eq!(shown("http://m.test/debian/").unwrap(), "http://m.test/debian");
        assert_eq!(shown("HTTPS://me:secret@m.test/debian").unwrap(), "https://m.test/debian");
        assert_eq!("file:///srv/m".parse::<Mirror>().unwrap(), Mirror::Directory("/srv/m".into()));
        assert_eq!("/srv/m".parse::<Mirror>().unwrap(), Mirror::Directory("/srv/m".into()));
        for bad in ["", "ftp://x/y", "m.test/debian", "http://", "http:///x", "http://x/a b", "http://x/?q"] {
            assert_eq!(shown(bad), Err(BadMirror::Unknown(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn paths_are_escaped_and_kept_inside() {
        let mirror: Mirror = "http://m.test/debian".parse().unwrap();
        let url = |path| match mirror.locate(path) {
            Ok(Location::Url(url)) => Some(url),
            _ => None,
        };
        assert_eq!(
            url("pool/main/g/g++_1:2~3_amd64.deb").unwrap(),
            "http://m.test/debian/pool/main/g/g%2B%2B_1%3A2~3_amd64.deb"
        );
        for bad in ["", "a/../b", "./a", "a//b", "a\0"] {
            assert_eq!(url(bad), None, "{bad:?}");
        }
    }
}
