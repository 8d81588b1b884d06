use super::error::BootspecError;
use super::read::{Place, check_text, object, path, string};
use super::{BootPath, Bootspec};
use serde_json::{Map, Value};

/// Its key.
const SYSTEMD_BOOT: &str = "org.nixos.systemd-boot";
/// Its key.
const LANZABOOTE: &str = "org.nix-community.lanzaboote";

/// What NixOS tells its writer of systemd-boot's entries (`org.nixos.systemd-boot`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SystemdBoot {
    /// `sort-key` of the entry (UAPI.1).
    pub sort_key: Option<String>,
    /// The device tree to give to the kernel.
    pub devicetree: Option<BootPath>,
}

/// What Lanzaboote tells itself (`org.nix-community.lanzaboote`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Lanzaboote {
    /// `sort-key` of the entry (UAPI.1).
    pub sort_key: Option<String>,
}

/// An object and where it is.
type Placed<'a> = (&'a Map<String, Value>, Place);

impl Bootspec {
    /// The extension of systemd-boot, if it is there. Keys of it that are not known here are left alone.
    ///
    /// # Errors
    /// [`BootspecError`] names the place.
    pub fn systemd_boot(&self) -> Result<Option<SystemdBoot>, BootspecError> {
        let Some((map, at)) = self.extension(SYSTEMD_BOOT)? else { return Ok(None) };
        let sort_key = sort_key(map, "sortKey", &at)?;
        let devicetree = present(map, "devicetree");
        let devicetree = devicetree.map(|value| path(value, &at.below("devicetree"))).transpose()?;
        Ok(Some(SystemdBoot { sort_key, devicetree }))
    }

    /// The extension of Lanzaboote, if it is there.
    ///
    /// # Errors
    /// [`BootspecError`] names the place.
    pub fn lanzaboote(&self) -> Result<Option<Lanzaboote>, BootspecError> {
        let Some((map, at)) = self.extension(LANZABOOTE)? else { return Ok(None) };
        Ok(Some(Lanzaboote { sort_key: sort_key(map, "sort_key", &at)? }))
    }

    fn extension(&self, key: &str) -> Result<Option<Placed<'_>>, BootspecError> {
        let at = Place::root().below(key);
        let Some(value) = self.extensions.get(key) else { return Ok(None) };
        object(value, &at).map(|map| Some((map, at)))
    }
}

/// Inside of an extension the RFC rules nothing: its owners' own readers take null for absent.
fn present<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

fn sort_key(map: &Map<String, Value>, key: &str, at: &Place) -> Result<Option<String>, BootspecError> {
    let Some(value) = present(map, key) else { return Ok(None) };
    let at = at.below(key);
    let text = string(value, &at)?;
    check_text(text, &at)?;
    Ok(Some(text.to_owned()))
}
