//! A toplevel in the store of a machine.

use pintle_boot::bootspec::{BootPath, Bootspec, BootspecError, Limits, Toplevel};
use pintle_nix::StorePath;
use pintle_world::rooted::Rooted;
use std::io;
use std::path::{Path, PathBuf};

/// Largest file of a toplevel that is read whole.
const FILE_MAX: u64 = 16 << 20;

struct HostToplevel<'a> {
    system: &'a Rooted,
    path: BootPath,
}

/// What `toplevel` says of how it starts.
pub(super) fn bootspec(system: &Rooted, toplevel: &StorePath) -> Result<Bootspec, BootspecError> {
    let text = toplevel.to_string();
    let bad = |source| BootspecError::Path { at: String::new(), source };
    let path = text.parse().map_err(bad)?;
    Bootspec::of_toplevel(&HostToplevel { system, path }, &Limits::default())
}

impl HostToplevel<'_> {
    fn at(&self, name: &str) -> PathBuf {
        Path::new(self.path.as_str()).join(name)
    }
}

impl Toplevel for HostToplevel<'_> {
    fn path(&self) -> &BootPath {
        &self.path
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.system.read(&self.at(name), FILE_MAX)
    }

    fn real_path(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.system.resolve(&self.at(name))?.map(|path| path.to_string_lossy().into_owned()))
    }

    fn names(&self, name: &str) -> io::Result<Vec<String>> {
        match self.system.resolve(&self.at(name))? {
            Some(path) => pintle_world::files::names(&self.system.host(&path)),
            None => Ok(Vec::new()),
        }
    }
}
