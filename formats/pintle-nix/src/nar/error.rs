use pintle_model::{Limit, TreePath};
use std::fmt;
use std::io;

/// An archive is not what it should be.
///
/// Paths are inside of the archive, with `/` for its root; offsets are bytes from its start.
#[derive(Debug, thiserror::Error)]
pub enum NarError {
    /// The first token is another.
    #[error("not a Nix archive (no `nix-archive-1` at its start)")]
    NotNar,
    /// Something else than the grammar asks for.
    #[error("{path} at byte {at}: {found} stands where {expected} belongs")]
    Token {
        /// Where the token starts.
        at: u64,
        /// What was being read.
        path: Inside,
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// The archive ends too early.
    #[error("{path}: the archive ends at byte {at}, within it")]
    Truncated {
        /// Where it ends.
        at: u64,
        /// What was being read.
        path: Inside,
    },
    /// Padding that is not zero: a second form of the same content.
    #[error("{path} at byte {at}: the padding is not zero")]
    Padding {
        /// Where the padding starts.
        at: u64,
        /// What was being read.
        path: Inside,
    },
    /// A name that no file can have.
    #[error("{path} at byte {at}: the name `{name}` {why}")]
    Name {
        /// Where the name starts.
        at: u64,
        /// The directory.
        path: Inside,
        /// The name, with escapes.
        name: String,
        /// What is wrong.
        why: NameFault,
    },
    /// Names out of order.
    #[error("{path} at byte {at}: `{name}` stands behind `{before}`, where names must be sorted")]
    Order {
        /// Where the name starts.
        at: u64,
        /// The directory.
        path: Inside,
        /// The name, with escapes.
        name: String,
        /// The one before it.
        before: String,
    },
    /// One name twice.
    #[error("{path} at byte {at}: `{name}` is in it twice")]
    Twice {
        /// Where the second one starts.
        at: u64,
        /// The directory.
        path: Inside,
        /// The name, with escapes.
        name: String,
    },
    /// A link target that no link can have.
    #[error("{path} at byte {at}: the link's target is empty or holds a NUL byte")]
    Target {
        /// Where the target starts.
        at: u64,
        /// The link.
        path: Inside,
    },
    /// Over a limit.
    #[error("{path} at byte {at}: {value} is over the limit of {} {}", .limit.max, .limit.what)]
    Limit {
        /// Where it was noticed.
        at: u64,
        /// What was being read.
        path: Inside,
        /// The value.
        value: u64,
        /// The limit.
        limit: Limit,
    },
    /// Something behind the end.
    #[error("the archive goes on behind its end at byte {0}")]
    Trailing(u64),
    /// Of the underlying reader.
    #[error("{path}: reading failed at byte {at}")]
    Io {
        /// Where.
        at: u64,
        /// What was being read.
        path: Inside,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Of the content store.
    #[error("{path} cannot be kept")]
    Store {
        /// The file.
        path: Inside,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// No byte at all.
    Empty,
    /// `.` or `..`.
    Dots,
    /// It would be a path.
    Slash,
    /// No system takes it.
    Nul,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Dots => "leads elsewhere",
            Self::Slash => "holds a `/`",
            Self::Nul => "holds a NUL byte",
        })
    }
}

/// A path inside of an archive, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside(TreePath);

impl Inside {
    /// `path` without leading slash.
    pub(super) fn new(path: &[u8]) -> Self {
        Self(TreePath::new(path).unwrap_or_default())
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
