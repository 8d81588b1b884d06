use pintle_model::TreePath;
use std::fmt;
use std::str::FromStr;

/// A path as boot loaders and the kernel's command line take it: absolute, clean, of printable ASCII without blanks
/// and quotes. Paths in a Nix store are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootPath(String);

/// Why some text is no [`BootPath`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBootPath {
    /// Relative: to what?
    #[error("`{0}` is not absolute")]
    Relative(String),
    /// `.`, `..`, doubled or trailing slashes, or the root.
    #[error("`{0}` has empty, `.` or `..` parts")]
    Unclean(String),
    /// A blank, quote, control character, or none of ASCII.
    #[error("`{0}` has characters that a kernel's command line cannot hold")]
    Characters(String),
}

/// Longest path (`PATH_MAX`).
const LEN_MAX: usize = 4095;

impl FromStr for BootPath {
    type Err = BadBootPath;
    fn from_str(text: &str) -> Result<Self, BadBootPath> {
        let shown = || text.chars().take(120).flat_map(char::escape_debug).collect::<String>();
        let inside = text.strip_prefix('/').ok_or_else(|| BadBootPath::Relative(shown()))?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') || text.len() > LEN_MAX {
            return Err(BadBootPath::Characters(shown()));
        }
        let unclean = |name: &str| matches!(name, "" | "." | "..");
        if inside.split('/').any(unclean) {
            return Err(BadBootPath::Unclean(shown()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl BootPath {
    /// As text, with the leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same path in a tree.
    #[must_use]
    pub fn tree_path(&self) -> TreePath {
        TreePath::new(&self.0).unwrap_or_default()
    }

    /// `name` below this path.
    ///
    /// # Errors
    /// [`BadBootPath`].
    pub fn join(&self, name: &str) -> Result<Self, BadBootPath> {
        format!("{self}/{name}").parse()
    }
}

impl fmt::Display for BootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BootPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_no_loader_could_use() {
        let path: BootPath = "/nix/store/xxx-linux/bzImage".parse().unwrap();
        assert_eq!(path.tree_path().to_string(), path.as_str());
        let error = |text: &str| text.parse::<BootPath>().unwrap_err().to_string();
        insta::assert_snapshot!(error("bzImage"), @"`bzImage` is not absolute");
        insta::assert_snapshot!(error(""), @"`` is not absolute");
        insta::assert_snapshot!(error("/"), @"`/` has empty, `.` or `..` parts");
        insta::assert_snapshot!(error("/nix/../etc"), @"`/nix/../etc` has empty, `.` or `..` parts");
        insta::assert_snapshot!(error("/nix/a b"), @"`/nix/a b` has characters that a kernel's command line cannot hold");
        insta::assert_snapshot!(error("/nix/a\n"), @r"`/nix/a\n` has characters that a kernel's command line cannot hold");
        error(&format!("/{}", "x".repeat(4095)));
    }
}
