use pintle_model::{Limit, NAME_MAX, PATH_MAX};

/// What reading accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one name: what file systems take.
    pub name: Limit,
    /// Bytes of a link's target: what systems follow.
    pub target: Limit,
    /// Bytes of one path inside: with the store's path before it, what systems open.
    pub path: Limit,
    /// Directories in each other: an npm tree of the worst kind has some 60. Nothing here recurses; Nix's reader does.
    pub depth: Limit,
    /// Files, links and directories, whose names are held in memory: ten times the largest path of nixpkgs.
    pub entries: Limit,
    /// Bytes of the archive. Put here what a narinfo file promises (`NarSize`), and unpacking can be no bomb.
    pub size: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            name: Limit::new(NAME_MAX as u64, "bytes in a name"),
            target: Limit::new(PATH_MAX as u64, "bytes in a link's target"),
            path: Limit::new(PATH_MAX as u64 - 300, "bytes in a path"),
            depth: Limit::new(256, "directories in each other"),
            entries: Limit::new(2_000_000, "files in one archive"),
            size: Limit::new(64 << 30, "bytes in one archive"),
        }
    }
}

impl Limits {
    /// The same, for an archive that must not be longer than `size` bytes.
    #[must_use]
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = Limit::new(size.min(self.size.max), "bytes that the archive should have");
        self
    }
}
