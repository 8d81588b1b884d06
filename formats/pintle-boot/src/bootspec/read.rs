use super::error::BootspecError;
use super::{BOOTSPEC, Boot, BootPath, Bootspec, SPECIALISATION};
use crate::cmdline::Cmdline;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What reading accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document, all held in memory; NixOS writes some 3 kB per specialisation.
    pub size: u64,
    /// Specialisations in specialisations; NixOS makes one level, and the RFC leaves more undefined.
    pub depth: usize,
    /// Specialisations in all: each becomes a line in a menu.
    pub specialisations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: 8 << 20, depth: 4, specialisations: 1000 }
    }
}

/// The key of documents from before the RFC was accepted.
const OLD: &str = "v1";
/// What the oldest of them do not say.
const OLD_SYSTEM: &str = "system";

impl Bootspec {
    /// Reads a `boot.json`: version 1, or the form it had before (`{"v1": …}`, as nixpkgs wrote in 2022).
    ///
    /// # Errors
    /// [`BootspecError`] names the place.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BootspecError> {
        Self::parse_with(bytes, limits, None)
    }

    /// As [`Bootspec::parse`]; where a document from before the RFC does not say its system, it is `system`.
    pub(super) fn parse_with(
        bytes: &[u8],
        limits: &Limits,
        system: Option<&str>,
    ) -> Result<Self, BootspecError> {
        let len = bytes.len() as u64;
        if len > limits.size {
            return Err(BootspecError::TooLarge { len, max: limits.size });
        }
        let value: Value = serde_json::from_slice(bytes).map_err(BootspecError::Json)?;
        let mut reading = Reading { limits, left: limits.specialisations, system };
        let root = Place::root();
        match &value {
            Value::Object(map) if !map.contains_key(BOOTSPEC) && map.contains_key(OLD) => {
                let at = root.below(OLD);
                let old = object(&map[OLD], &at)?;
                let mut spec = reading.old(old, &at, 0)?;
                let more = map.iter().filter(|(key, _)| *key != OLD);
                spec.extensions.extend(extensions(more, &root)?);
                Ok(spec)
            }
            _ => reading.document(&value, &root, 0),
        }
    }
}

/// A place in the document, as JSON pointer.
pub(super) struct Place(String);

impl Place {
    pub(super) fn root() -> Self {
        Self(String::new())
    }

    pub(super) fn below(&self, key: &str) -> Self {
        let key: String = key.replace('~', "~0").replace('/', "~1").chars().take(100).collect();
        Self(format!("{}/{}", self.0, key.escape_debug()))
    }

    pub(super) fn text(&self) -> String {
        self.0.clone()
    }
}

struct Reading<'a> {
    limits: &'a Limits,
    /// Specialisations that may still come.
    left: usize,
    system: Option<&'a str>,
}

impl Reading<'_> {
    fn document(&mut self, value: &Value, at: &Place, depth: usize) -> Result<Bootspec, BootspecError> {
        let map = object(value, at)?;
        let Some(boot) = map.get(BOOTSPEC) else {
            let found = map.keys().filter(|key| key.starts_with("org.nixos.bootspec.")).cloned().collect();
            return Err(BootspecError::NoVersion { at: at.text(), found });
        };
        let place = at.below(BOOTSPEC);
        let boot = self.boot(object(boot, &place)?, &place, Nulls::Refused)?;
        let mut specialisations = BTreeMap::new();
        if let Some(children) = map.get(SPECIALISATION) {
            let at = at.below(SPECIALISATION);
            for (name, child) in object(children, &at)? {
                let at = at.below(name);
                self.child(name, &at, depth)?;
                specialisations.insert(name.clone(), self.document(child, &at, depth + 1)?);
            }
        }
        let more = map.iter().filter(|(key, _)| *key != BOOTSPEC && *key != SPECIALISATION);
        Ok(Bootspec { boot, specialisations, extensions: extensions(more, at)? })
    }

    /// The form from before the RFC: one object, specialisations in it without `v1` around them.
    fn old(&mut self, map: &Map<String, Value>, at: &Place, depth: usize) -> Result<Bootspec, BootspecError> {
        let boot = self.boot(map, at, Nulls::Absent)?;
        let mut specialisations = BTreeMap::new();
        if let Some(children) = map.get("specialisation") {
            let at = at.below("specialisation");
            for (name, child) in object(children, &at)? {
                let at = at.below(name);
                self.child(name, &at, depth)?;
                specialisations.insert(name.clone(), self.old(object(child, &at)?, &at, depth + 1)?);
            }
        }
        let extensions = match map.get("extensions") {
            Some(value) => {
                let at = at.below("extensions");
                extensions(object(value, &at)?.iter(), &at)?
            }
            None => BTreeMap::new(),
        };
        Ok(Bootspec { boot, specialisations, extensions })
    }

    /// May there be one more specialisation, called `name`?
    fn child(&mut self, name: &str, at: &Place, depth: usize) -> Result<(), BootspecError> {
        if depth >= self.limits.depth {
            return Err(BootspecError::Deep { at: at.text(), max: self.limits.depth });
        }
        let many = BootspecError::Many { max: self.limits.specialisations };
        self.left = self.left.checked_sub(1).ok_or(many)?;
        check_text(name, at)
    }

    fn boot(&self, map: &Map<String, Value>, at: &Place, nulls: Nulls) -> Result<Boot, BootspecError> {
        let fields = Fields { map, at, nulls };
        let params = at.below("kernelParams");
        let kernel_params = strings(fields.required("kernelParams")?, &params)?;
        Cmdline::parse(&kernel_params.join(" "))
            .map_err(|source| BootspecError::KernelParams { at: params.text(), source })?;
        let system = match (nulls, self.system) {
            (Nulls::Absent, Some(system)) if !map.contains_key(OLD_SYSTEM) => system.to_owned(),
            _ => fields.text("system")?,
        };
        Ok(Boot {
            system,
            label: fields.text("label")?,
            kernel: fields.path("kernel")?,
            kernel_params,
            init: fields.path("init")?,
            initrd: fields.optional_path("initrd")?,
            initrd_secrets: fields.optional_path("initrdSecrets")?,
            toplevel: fields.path("toplevel")?,
        })
    }
}

/// What a null stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    /// Nothing good.
    Refused,
    /// Before the RFC, an optional field that is not there.
    Absent,
}

struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: &'a Place,
    nulls: Nulls,
}

impl<'a> Fields<'a> {
    fn required(&self, key: &'static str) -> Result<&'a Value, BootspecError> {
        self.map.get(key).ok_or_else(|| BootspecError::Missing { at: self.at.text(), key })
    }

    fn text(&self, key: &'static str) -> Result<String, BootspecError> {
        let at = self.at.below(key);
        let text = string(self.required(key)?, &at)?;
        check_text(text, &at)?;
        Ok(text.to_owned())
    }

    fn path(&self, key: &'static str) -> Result<BootPath, BootspecError> {
        path(self.required(key)?, &self.at.below(key))
    }

    fn optional_path(&self, key: &'static str) -> Result<Option<BootPath>, BootspecError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(Value::Null) if self.nulls == Nulls::Absent => Ok(None),
            Some(value) => path(value, &self.at.below(key)).map(Some),
        }
    }
}

fn extensions<'a>(
    more: impl Iterator<Item = (&'a String, &'a Value)>,
    at: &Place,
) -> Result<BTreeMap<String, Value>, BootspecError> {
    let not_null = |(key, value): (&String, &Value)| match value {
        Value::Null => Err(BootspecError::Null { at: at.below(key).text() }),
        _ => Ok((key.clone(), value.clone())),
    };
    more.map(not_null).collect()
}

fn wrong(value: &Value, at: &Place, expected: &'static str) -> BootspecError {
    let found = match value {
        Value::Null => return BootspecError::Null { at: at.text() },
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    BootspecError::Type { at: at.text(), found, expected }
}

pub(super) fn object<'a>(value: &'a Value, at: &Place) -> Result<&'a Map<String, Value>, BootspecError> {
    value.as_object().ok_or_else(|| wrong(value, at, "an object"))
}

pub(super) fn string<'a>(value: &'a Value, at: &Place) -> Result<&'a str, BootspecError> {
    value.as_str().ok_or_else(|| wrong(value, at, "a string"))
}

pub(super) fn path(value: &Value, at: &Place) -> Result<BootPath, BootspecError> {
    let text = string(value, at)?;
    text.parse().map_err(|source| BootspecError::Path { at: at.text(), source })
}

fn strings(value: &Value, at: &Place) -> Result<Vec<String>, BootspecError> {
    let list = value.as_array().ok_or_else(|| wrong(value, at, "a list"))?;
    let item =
        |(number, value): (usize, &Value)| string(value, &at.below(&number.to_string())).map(str::to_owned);
    list.iter().enumerate().map(item).collect()
}

pub(super) fn check_text(text: &str, at: &Place) -> Result<(), BootspecError> {
    if is_line(text) {
        return Ok(());
    }
    let text = text.chars().take(120).flat_map(char::escape_debug).collect();
    Err(BootspecError::Text { at: at.text(), text })
}

/// True for what a menu can show.
pub(super) fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}
