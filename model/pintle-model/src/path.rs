use crate::printable::write_name;
use std::borrow::Cow;
use std::fmt;

/// Longest file name, in bytes (`NAME_MAX`; ext4 and EROFS agree).
pub const NAME_MAX: usize = 255;
/// Longest path, in bytes (`PATH_MAX` less the terminating NUL).
pub const PATH_MAX: usize = 4095;

/// A path inside a tree: bytes, relative to the tree's root, without leading or trailing `/`, without empty,
/// `.` or `..` components and without NUL. The empty path is the root.
///
/// Order is that of a depth-first walk with names sorted bytewise: a directory stands right before its content.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TreePath(Box<[u8]>);

/// Why some bytes are not a [`TreePath`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPath {
    /// A `..` component would leave the tree.
    #[error("`{0}` climbs out of the tree with `..`")]
    Climbs(String),
    /// A NUL byte.
    #[error("`{0}` contains a NUL byte")]
    Nul(String),
    /// A component over [`NAME_MAX`].
    #[error("`{0}` has a name of more than 255 bytes")]
    LongName(String),
    /// Over [`PATH_MAX`].
    #[error("`{0}…` is longer than 4095 bytes")]
    LongPath(String),
}

impl TreePath {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalises `bytes`: leading `/` and `./` are dropped (every path in an archive is relative to the tree's
    /// root), doubled and trailing slashes too.
    ///
    /// # Errors
    /// [`BadPath`]; `..` is never resolved, only refused.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, BadPath> {
        let bytes = bytes.as_ref();
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let mut out = Vec::with_capacity(bytes.len());
        for name in bytes.split(|b| *b == b'/') {
            match name {
                b"" | b"." => continue,
                b".." => return Err(BadPath::Climbs(shown())),
                _ if name.contains(&0) => return Err(BadPath::Nul(shown())),
                _ if name.len() > NAME_MAX => return Err(BadPath::LongName(shown())),
                _ => {}
            }
            if !out.is_empty() {
                out.push(b'/');
            }
            out.extend_from_slice(name);
        }
        if out.len() > PATH_MAX { Err(BadPath::LongPath(shown())) } else { Ok(Self(out.into())) }
    }

    /// A path known to be good when the program was written.
    ///
    /// # Panics
    /// On a bad path: only for literals.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self::new(text).expect("invariant: path literals are well-formed")
    }

    /// The bytes, without leading slash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True for the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Names from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|name| !name.is_empty())
    }

    /// The containing directory; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|b| *b == b'/').unwrap_or(0);
        Some(Self(self.0[..end].into()))
    }

    /// The last name; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// This path with `name` below it. `name` may itself be a relative path.
    ///
    /// # Errors
    /// [`BadPath`] as in [`TreePath::new`].
    pub fn join(&self, name: impl AsRef<[u8]>) -> Result<Self, BadPath> {
        let mut bytes = self.0.to_vec();
        bytes.push(b'/');
        bytes.extend_from_slice(name.as_ref());
        Self::new(bytes)
    }

    /// True if `self` is `other` or lies below it.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        other.is_root()
            || (self.0.starts_with(&other.0)
                && (self.0.len() == other.0.len() || self.0[other.0.len()] == b'/'))
    }

    /// The path as text, invalid UTF-8 replaced: for people, never for identity.
    #[must_use]
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// With a leading slash, as people write it; nothing in it moves a terminal's cursor, and no two paths look the same.
impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        write_name(f, &self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_paths_are_normalised_and_attacks_refused() {
        assert_eq!(TreePath::new("./usr//bin/").unwrap().as_bytes(), b"usr/bin");
        assert_eq!(TreePath::new("/etc/passwd").unwrap().as_bytes(), b"etc/passwd");
        assert!(TreePath::new(".").unwrap().is_root());
        assert!(matches!(TreePath::new("usr/../../etc"), Err(BadPath::Climbs(_))));
        assert!(matches!(TreePath::new("a\0b"), Err(BadPath::Nul(_))));
        assert!(matches!(TreePath::new("x".repeat(256)), Err(BadPath::LongName(_))));
    }

    #[test]
    fn hostile_names_are_shown_harmlessly() {
        let path = TreePath::new(b"a\x1b[2J/\xffb\nc").unwrap();
        assert_eq!(path.to_string(), "/a\\u{1b}[2J/\\xffb\\nc");
    }

    #[test]
    fn order_is_depth_first() {
        let mut paths: Vec<_> = ["a-b", "a", "a/x", "a/x/y", "b"].map(TreePath::literal).to_vec();
        paths.sort();
        assert_eq!(paths, ["a", "a/x", "a/x/y", "a-b", "b"].map(TreePath::literal));
        assert!(TreePath::literal("a/x").starts_with(&TreePath::literal("a")));
        assert!(!TreePath::literal("a-b").starts_with(&TreePath::literal("a")));
        assert_eq!(TreePath::literal("a/x/y").parent().unwrap(), TreePath::literal("a/x"));
    }
}
