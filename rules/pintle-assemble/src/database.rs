//! dpkg's own records, so that scanners, `dpkg -S`, `dpkg -V` and later upgrades find the packages as if dpkg had
//! installed them (dpkg's spec/ and lib/dpkg; deb-triggers(5)).

use crate::edit::Editor;
use crate::effect::Effect;
use crate::error::AssembleError;
use crate::input::Package;
use md5::{Digest as _, Md5};
use pintle_model::{Arch, Blob, Origin};
use pintle_package::EntryKind;
use pintle_package::control::Limits;
use pintle_package::control::deb822::{Dialect, Field, stanzas};
use pintle_package::control::relations::Relations;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const FOLDER: &str = "var/lib/dpkg";
/// Largest conffile: they are configuration.
const CONFFILE_MAX: u64 = 64 << 20;

/// Fields in the order in which dpkg writes its status file; all others follow in the package's own order.
const ORDER: [&str; 27] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Config-Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
    "Conffiles",
    "Description",
    "Triggers-Pending",
];
const RELATIONS: [&str; 9] = [
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
];

/// What is recorded.
pub(crate) struct Records<'a> {
    pub(crate) packages: &'a [Package<'a>],
    pub(crate) effects: &'a [(usize, Effect)],
    /// Paths, as packages ship them, that the image leaves out: neither listed nor given a digest, so that
    /// `dpkg --verify` does not miss them.
    pub(crate) left_out: &'a BTreeSet<Vec<u8>>,
    pub(crate) arch: Arch,
}

/// Writes the records of all packages.
pub(crate) fn write(editor: &mut Editor<'_>, records: &Records<'_>) -> Result<(), AssembleError> {
    let &Records { packages, effects, left_out, arch } = records;
    editor.act_as(Origin::Generated("dpkg database".into()));
    let mut status = String::new();
    let mut triggers = Triggers::default();
    for package in packages {
        let control = Control::read(package)?;
        status.push_str(&control.status(editor, package)?);
        status.push('\n');
        info(editor, package, &control.file_name, left_out)?;
        triggers.add(package, &control.file_name);
    }
    editor.file(&format!("{FOLDER}/status"), status, 0o644, (0, 0))?;
    for (name, text) in
        [("available", String::new()), ("arch", format!("{arch}\n")), ("arch-native", format!("{arch}\n"))]
    {
        editor.file(&format!("{FOLDER}/{name}"), text, 0o644, (0, 0))?;
    }
    editor.file(&format!("{FOLDER}/info/format"), "1\n", 0o644, (0, 0))?;
    editor.directory(&format!("{FOLDER}/updates"), None, None, None)?;
    triggers.write(editor)?;
    local(editor, packages, effects)
}

/// What the package's control file says.
struct Control<'a> {
    fields: Vec<Field<'a>>,
    /// Base name of its files in `info`.
    file_name: String,
}

impl<'a> Control<'a> {
    fn read(package: &Package<'a>) -> Result<Self, AssembleError> {
        let name = &package.locked.name;
        let bad = |line: u64, problem: String| AssembleError::ControlFile {
            package: name.clone(),
            file: "control".into(),
            line: line as usize,
            problem,
        };
        let text =
            package.unpacked.control.text("control").ok_or_else(|| bad(1, "missing or not UTF-8".into()))?;
        let parsed = stanzas(text, Dialect::Index, &Limits::default());
        let mut parsed = parsed.map_err(|error| bad(error.line, error.problem.to_string()))?;
        if parsed.is_empty() {
            return Err(bad(1, "it is empty".into()));
        }
        let fields = parsed.swap_remove(0).fields;
        let value = |name: &str| fields.iter().find(|field| field.is(name)).map(|field| field.value);
        let file_name = match (value("Multi-Arch"), value("Architecture")) {
            (Some("same"), Some(arch)) => format!("{name}:{arch}"),
            _ => name.clone(),
        };
        Ok(Self { fields, file_name })
    }

    /// The stanza of the status file.
    fn status(&self, editor: &Editor<'_>, package: &Package<'_>) -> Result<String, AssembleError> {
        let mut out = String::new();
        let conffiles = conffiles(editor, package)?;
        for name in ORDER {
            match (name, self.fields.iter().find(|field| field.is(name))) {
                ("Status", _) => out.push_str("Status: install ok installed\n"),
                ("Conffiles", _) if !conffiles.is_empty() => {
                    let _ = write!(out, "Conffiles:\n{conffiles}");
                }
                (_, Some(field)) if RELATIONS.contains(&name) => {
                    let _ = writeln!(out, "{name}: {}", relations(field.value));
                }
                (_, Some(field)) => {
                    let _ = writeln!(out, "{name}: {}", field.value);
                }
                _ => {}
            }
        }
        for field in self.fields.iter().filter(|field| !ORDER.iter().any(|name| field.is(name))) {
            let _ = writeln!(out, "{}: {}", field.name, field.value);
        }
        Ok(out)
    }
}

/// Relations as dpkg writes them: one blank around everything.
fn relations(text: &str) -> String {
    match Relations::new(text) {
        Ok(relations) => relations.groups().map(|group| group.to_string()).collect::<Vec<_>>().join(", "),
        Err(_) => text.to_owned(),
    }
}

/// ` /path md5` for each conffile that the package ships.
fn conffiles(editor: &Editor<'_>, package: &Package<'_>) -> Result<String, AssembleError> {
    let mut out = String::new();
    for path in package.unpacked.control.text("conffiles").unwrap_or_default().lines().map(str::trim_end) {
        // deb-conffiles(5): a flag before the path. Such a file is not shipped, and dpkg only remembers the wish.
        if let Some(path) = path.strip_prefix("remove-on-upgrade ") {
            let _ = writeln!(out, " {path} newconffile remove-on-upgrade");
        }
        if !path.starts_with('/') {
            continue;
        }
        let entry = package.unpacked.entries.iter().find(|entry| entry.path == path.as_bytes()[1..]);
        if let Some(EntryKind::File { offset, len, .. }) = entry.map(|entry| &entry.kind) {
            let bytes = Blob::at(package.source, *offset, *len)
                .read(editor.contents(), CONFFILE_MAX)
                .map_err(|source| AssembleError::Read { path: path.to_owned(), source })?;
            let _ = writeln!(out, " {path} {}", md5(&bytes));
        }
    }
    Ok(out)
}

pub(crate) fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `info/NAME.list` and the members of control.tar.
fn info(
    editor: &mut Editor<'_>,
    package: &Package<'_>,
    file_name: &str,
    left_out: &BTreeSet<Vec<u8>>,
) -> Result<(), AssembleError> {
    let mut list = Vec::from(*b"/.\n");
    let there = |path: &[u8]| !path.is_empty() && !left_out.contains(path);
    for entry in package.unpacked.entries.iter().filter(|entry| there(&entry.path)) {
        list.push(b'/');
        list.extend_from_slice(&entry.path);
        list.push(b'\n');
    }
    editor.file(&format!("{FOLDER}/info/{file_name}.list"), list, 0o644, (0, 0))?;
    for (name, bytes) in package.unpacked.control.files.iter().filter(|(name, _)| *name != "control") {
        let script = matches!(name.as_str(), "preinst" | "postinst" | "prerm" | "postrm" | "config");
        let mode = if script { 0o755 } else { 0o644 };
        let bytes =
            if name == "md5sums" && !left_out.is_empty() { digests(bytes, there) } else { bytes.clone() };
        editor.file(&format!("{FOLDER}/info/{file_name}.{name}"), bytes, mode, (0, 0))?;
    }
    Ok(())
}

/// The lines of an `md5sums` (32 digits, two blanks, the path) whose path is there.
fn digests(text: &[u8], there: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let kept = lines.filter(|line| line.get(34..).is_none_or(|path| there(path.trim_ascii_end())));
    kept.flatten().copied().collect()
}

/// Who is interested in which trigger.
#[derive(Default)]
struct Triggers {
    files: String,
    named: BTreeMap<String, String>,
}

impl Triggers {
    fn add(&mut self, package: &Package<'_>, name: &str) {
        for line in package.unpacked.control.text("triggers").unwrap_or_default().lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(directive), Some(trigger)) = (words.next(), words.next()) else { continue };
            let suffix = match directive {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            if trigger.starts_with('/') {
                let _ = writeln!(self.files, "{trigger} {name}{suffix}");
            } else {
                let text = self.named.entry(trigger.to_owned()).or_default();
                let _ = writeln!(text, "{name}{suffix}");
            }
        }
    }

    fn write(self, editor: &mut Editor<'_>) -> Result<(), AssembleError> {
        editor.file(&format!("{FOLDER}/triggers/File"), self.files, 0o644, (0, 0))?;
        editor.file(&format!("{FOLDER}/triggers/Unincorp"), "", 0o644, (0, 0))?;
        for (name, text) in self.named {
            editor.file(&format!("{FOLDER}/triggers/{name}"), text, 0o644, (0, 0))?;
        }
        Ok(())
    }
}

/// Diversions and overrides of owners and modes.
fn local(
    editor: &mut Editor<'_>,
    packages: &[Package<'_>],
    effects: &[(usize, Effect)],
) -> Result<(), AssembleError> {
    let mut diversions = BTreeMap::new();
    let mut overrides = BTreeMap::new();
    for (index, effect) in effects {
        match effect {
            Effect::Divert { from, to, package } => {
                let package = package.clone().unwrap_or_else(|| packages[*index].locked.name.clone());
                diversions.insert(from, format!("{from}\n{to}\n{package}\n"));
            }
            Effect::StatOverride { path, owner, group, mode } => {
                overrides.insert(path, format!("{owner} {group} {mode:o} {path}\n"));
            }
            _ => {}
        }
    }
    let joined = |lines: BTreeMap<&String, String>| lines.into_values().collect::<String>();
    editor.file(&format!("{FOLDER}/diversions"), joined(diversions), 0o644, (0, 0))?;
    editor.file(&format!("{FOLDER}/statoverride"), joined(overrides), 0o644, (0, 0))
}
