//! Paths of a Nix store in bills of materials: what a closure consists of, and what needs what.

use super::names::encode;
use pintle_model::{LockedPath, name_and_version};

/// A store path as a package.
pub(crate) struct StorePackage<'a> {
    /// `glibc`
    pub(crate) name: &'a str,
    /// `2.41`; none where the name does not end in one.
    pub(crate) version: Option<&'a str>,
    /// The whole path.
    pub(crate) path: &'a str,
    /// SHA-256 of its archive.
    pub(crate) nar: String,
}

impl<'a> StorePackage<'a> {
    pub(crate) fn new(locked: &'a LockedPath) -> Self {
        let (name, version) = name_and_version(locked.hash_and_name().1);
        Self { name, version, path: &locked.path, nar: locked.nar.to_string() }
    }

    /// `pkg:nix/NAME@VERSION`, as the field's other tools for Nix have it.
    pub(crate) fn purl(&self) -> String {
        let name = format!("pkg:nix/{}", encode(self.name));
        self.version.map_or(name.clone(), |version| format!("{name}@{}", encode(version)))
    }

    /// The part that no other path has.
    pub(crate) fn hash(&self) -> &'a str {
        hash(self.path)
    }
}

/// The 32 digits of a path or base name.
pub(crate) fn hash(path: &str) -> &str {
    let base = path.rsplit('/').next().unwrap_or(path);
    base.get(..32).unwrap_or(base)
}

/// Paths that `locked` refers to, but for itself, by the part that no other has.
pub(crate) fn needs(locked: &LockedPath) -> impl Iterator<Item = &str> {
    let own = hash(&locked.path);
    locked.references.iter().map(|name| hash(name)).filter(move |hash| *hash != own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::Digest;

    #[test]
    fn a_path_is_a_package_with_needs() {
        let path = format!("/nix/store/{}-gcc-lib-14.2", "a".repeat(32));
        let own = path.rsplit('/').next().unwrap_or_default().to_owned();
        let other = format!("{}-glibc-2.41", "b".repeat(32));
        let locked =
            LockedPath { path, nar: Digest::of(b""), size: 0, references: vec![own, other], ca: None };
        assert_eq!(StorePackage::new(&locked).purl(), "pkg:nix/gcc-lib@14.2");
        assert_eq!(needs(&locked).collect::<Vec<_>>(), ["b".repeat(32)]);
    }
}
