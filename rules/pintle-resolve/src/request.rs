use pintle_package::control::index::is_package_name;
use pintle_package::control::version::Version;
use std::fmt;
use std::str::FromStr;

/// A package as the definition asks for it: `nginx`, `nginx=1.26.3-3` or `nginx/trixie-backports`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageSpec {
    /// Its name.
    pub name: String,
    /// What else is asked of it.
    pub pin: Pin,
}

/// Which version of a package is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Pin {
    /// The best.
    #[default]
    Best,
    /// Exactly this.
    Version(String),
    /// The one of this suite.
    Suite(String),
}

/// The text asks for no package.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a package (write `nginx`, `nginx=1.26.3-3` or `nginx/trixie-backports`)")]
pub struct BadSpec(pub String);

impl FromStr for PackageSpec {
    type Err = BadSpec;
    fn from_str(text: &str) -> Result<Self, BadSpec> {
        let bad = || BadSpec(text.chars().take(80).collect());
        let (name, pin) = match text.find(['=', '/']) {
            None => (text, Pin::Best),
            Some(at) if text.as_bytes()[at] == b'=' => {
                Version::new(&text[at + 1..]).map_err(|_| bad())?;
                (&text[..at], Pin::Version(text[at + 1..].to_owned()))
            }
            Some(at) => {
                let suite = &text[at + 1..];
                (!suite.is_empty() && suite.bytes().all(|b| b.is_ascii_graphic()))
                    .then_some(())
                    .ok_or_else(bad)?;
                (&text[..at], Pin::Suite(suite.to_owned()))
            }
        };
        if !is_package_name(name) {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), pin })
    }
}

impl fmt::Display for PackageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pin {
            Pin::Best => f.write_str(&self.name),
            Pin::Version(version) => write!(f, "{}={version}", self.name),
            Pin::Suite(suite) => write!(f, "{}/{suite}", self.name),
        }
    }
}
