//! What `source.nix` names: links are followed on this machine until a path of the store is reached.

use super::ClosureError;
use pintle_boot::bootspec::{Bootspec, Limits};
use pintle_nix::{StoreDir, StorePath};
use std::path::{Component, Path, PathBuf};

/// The system that a definition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its toplevel.
    pub toplevel: StorePath,
    /// Folder of the store in which it was found, where the way there shows it.
    pub root: Option<PathBuf>,
}

/// Links followed at most: what Linux follows.
const LINKS: usize = 40;
/// A bootspec has some kilobytes.
const BOOT_JSON: &str = "boot.json";

/// The toplevel that `text` (`source.nix`) names, as seen from `folder`.
///
/// # Errors
/// [`ClosureError::NoSystem`], [`ClosureError::Read`].
pub fn locate(text: &str, folder: &Path) -> Result<Located, ClosureError> {
    let bad = |why: &str| ClosureError::NoSystem { text: format!("`{text}`"), why: why.to_owned() };
    let mut at = folder.join(text);
    for _ in 0..LINKS {
        if let Some(toplevel) = in_store(&at.to_string_lossy(), &bad)? {
            return Ok(Located { toplevel, root: None });
        }
        let target = match pintle_world::files::link_target(&at) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(bad(&format!("there is nothing at {}", at.display())));
            }
            target => target.map_err(|source| ClosureError::Read { path: at.clone(), source })?,
        };
        let Some(target) = target else { return physical(&at, &bad) };
        // An absolute target takes the place of everything before it.
        at = at.parent().unwrap_or(Path::new("/")).join(target);
    }
    Err(bad("its links lead in a circle"))
}

/// The path of the default store that `text` is, or whose boot.json it is; none where it is neither.
fn in_store(text: &str, bad: &dyn Fn(&str) -> ClosureError) -> Result<Option<StorePath>, ClosureError> {
    let store = StoreDir::default();
    if !text.starts_with(&format!("{store}/")) {
        return Ok(None);
    }
    let (path, rest) = store.split(text)?;
    match rest {
        "" | BOOT_JSON => Ok(Some(path)),
        other => Err(bad(&format!("{other} is inside of {path}"))),
    }
}

/// A file or folder by its place on this machine: below a store elsewhere (`ROOT/nix/store/…`), or a bootspec that lies
/// somewhere by itself.
fn physical(at: &Path, bad: &dyn Fn(&str) -> ClosureError) -> Result<Located, ClosureError> {
    let absolute = pintle_world::files::absolute(at)
        .map_err(|source| ClosureError::Read { path: at.to_owned(), source })?;
    let names: Vec<_> = absolute.components().collect();
    let name = |component: &Component<'_>, text: &str| component.as_os_str() == text;
    let found = (1..names.len().saturating_sub(2))
        .rev()
        .find(|at| name(&names[*at], "nix") && name(&names[at + 1], "store"));
    if let Some(found) = found {
        let root: PathBuf = names[..found].iter().collect();
        let logical: PathBuf = [Component::RootDir].iter().chain(&names[found..]).collect();
        if let Some(toplevel) = in_store(&logical.to_string_lossy(), bad)? {
            return Ok(Located { toplevel, root: Some(root) });
        }
    }
    let bytes = match pintle_world::files::is_folder(at) {
        Ok(Some(false)) => pintle_world::files::read(at),
        _ => return Err(bad("it does not lead into a store")),
    };
    let bytes =
        bytes.map_err(|source| ClosureError::Read { path: at.to_owned(), source })?.unwrap_or_default();
    let document = Bootspec::parse(&bytes, &Limits::default())
        .map_err(|error| bad(&format!("it is no bootspec ({error})")))?;
    Ok(Located { toplevel: StoreDir::default().parse(document.boot.toplevel.as_str())?, root: None })
}
