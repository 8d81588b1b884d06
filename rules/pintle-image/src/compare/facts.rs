use serde::Serialize;
use std::collections::BTreeMap;

/// What one side of a comparison says of itself. What it cannot say is `None`, and is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `lock`, `system`, `manifest` or `image`.
    pub kind: &'static str,
    /// Versions of packages by name.
    pub packages: Option<BTreeMap<String, String>>,
    /// Files by path; those of the EFI system partition after `esp:`.
    pub files: Option<BTreeMap<String, FileFact>>,
    /// Units and what becomes of them at boot: `enabled`, `masked`, or `there`.
    pub units: Option<BTreeMap<String, String>>,
    /// Users and their numbers.
    pub users: Option<BTreeMap<String, String>>,
    /// Groups and their numbers.
    pub groups: Option<BTreeMap<String, String>>,
    /// Kernel releases.
    pub kernels: Option<Vec<String>>,
    /// The kernel's command line.
    pub cmdline: Option<String>,
    /// Bytes of the disk, its partitions, what is in use.
    pub sizes: Option<BTreeMap<String, u64>>,
    /// Values of the evaluated definition by path.
    pub options: Option<BTreeMap<String, String>>,
}

/// What a file is, without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFact {
    /// `file`, `directory`, `link to …`, `device …`, `pipe`, `socket`.
    pub kind: String,
    /// Permission bits, octal.
    pub mode: String,
    /// Owner and group by number, `0:0`.
    pub owner: String,
    /// Bytes; 0 for all but files.
    pub size: u64,
    /// The package that brought it, as far as the image says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
}

/// One line of the values of an evaluated document per scalar: objects by key, lists of named things by name, other
/// lists by value, so that an added element does not shift the others. Origins are left out: they move with every
/// line.
#[must_use]
pub fn flatten(system: &serde_json::Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    walk(system, "", &mut out);
    out
}

fn walk(value: &serde_json::Value, path: &str, out: &mut BTreeMap<String, String>) {
    use serde_json::Value as V;
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        V::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| *key != "origin") {
                walk(value, &join(key), out);
            }
        }
        V::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                let named = ["name", "path", "package"].iter().find_map(|key| item.get(key)?.as_str());
                match (item, named) {
                    (V::Object(_), Some(name)) => walk(item, &format!("{path}[{name}]"), out),
                    (V::Object(_) | V::Array(_), None) => walk(item, &format!("{path}[{n}]"), out),
                    _ => drop(out.insert(format!("{path}[{}]", scalar(item)), String::new())),
                }
            }
        }
        V::Null => {}
        value => drop(out.insert(path.to_owned(), scalar(value))),
    }
}

fn scalar(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
