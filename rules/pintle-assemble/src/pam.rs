//! The common files of /etc/pam.d from the profiles in /usr/share/pam-configs, as pam-auth-update(8) makes them on a
//! fresh system: every profile that is on by default, highest priority first.

use crate::edit::Editor;
use crate::error::AssembleError;
use pintle_model::{Kind, Origin, TreePath};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const PROFILES: &str = "usr/share/pam-configs";
const TEMPLATES: &str = "usr/share/pam";
const STATE: &str = "var/lib/pam";
const TYPES: [&str; 5] = ["auth", "account", "password", "session", "session-noninteractive"];

const PRIMARY: &str = "# here are the per-package modules (the \"Primary\" block)";
const FALLBACK: &str = "# here's the fallback if no module succeeds";
const ADDITIONAL: &str = "# and here are more per-package modules (the \"Additional\" block)";
const END: &str = "# end of pam-auth-update config";
/// What stands in for an empty primary block, so that the jumps of the template fit.
const NOTHING: &str = "[default=1]\t\t\tpam_permit.so";

/// A profile: its fields, several lines joined by line ends.
#[derive(Clone, Debug, Default)]
struct Profile {
    name: String,
    fields: BTreeMap<String, String>,
}

impl Profile {
    fn parse(name: &str, text: &str) -> Self {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines() {
            match line.split_once(':') {
                Some((field, value)) if is_field(field, value) => {
                    current = field.strip_suffix("-Final").unwrap_or(field).to_owned();
                    fields.insert(current.clone(), value.trim().to_owned());
                }
                _ => {
                    let value = fields.entry(current.clone()).or_default();
                    if !value.is_empty() && !line.trim().is_empty() {
                        value.push('\n');
                    }
                    value.push_str(line.trim());
                }
            }
        }
        if fields.get("Session-Interactive-Only").map(String::as_str) != Some("yes") {
            for suffix in ["-Type", "", "-Initial"] {
                if let Some(value) = fields.get(&format!("Session{suffix}")).cloned() {
                    fields.insert(format!("Session-noninteractive{suffix}"), value);
                }
            }
        }
        Self { name: name.to_owned(), fields }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn priority(&self) -> i64 {
        self.field("Priority").parse().unwrap_or(0)
    }

    /// Its lines for a type and block; the first profile of a block may have lines of its own for that place.
    fn lines(&self, kind: &str, first: bool) -> Vec<&str> {
        let initial = self.field(&format!("{kind}-Initial"));
        let text = if first && !initial.is_empty() { initial } else { self.field(kind) };
        text.lines().filter(|line| !line.is_empty()).collect()
    }
}

/// `Name: value` with a blank or nothing after the colon, at the beginning of a line.
fn is_field(field: &str, value: &str) -> bool {
    !field.is_empty()
        && !field.contains(char::is_whitespace)
        && (value.is_empty() || value.starts_with([' ', '\t']))
}

/// Writes the common files and pam-auth-update's record of them.
pub(crate) fn write(editor: &mut Editor<'_>) -> Result<(), AssembleError> {
    let profiles = read(editor)?;
    if profiles.is_empty() {
        return Ok(());
    }
    editor.act_as(Origin::Generated("pam".into()));
    let seen: String = profiles.iter().map(|profile| format!("{}\n", profile.name)).collect();
    let enabled = enabled(profiles);
    for kind in TYPES {
        let Some(template) = editor.text(&format!("{TEMPLATES}/common-{kind}"))? else { continue };
        editor.file(&format!("etc/pam.d/common-{kind}"), common(&template, kind, &enabled), 0o644, (0, 0))?;
        editor.file(&format!("{STATE}/{kind}"), record(kind, &enabled), 0o644, (0, 0))?;
    }
    editor.file(&format!("{STATE}/seen"), seen, 0o644, (0, 0))
}

fn read(editor: &Editor<'_>) -> Result<Vec<Profile>, AssembleError> {
    let folder = TreePath::literal(PROFILES);
    let mut profiles = Vec::new();
    for (name, id) in editor.tree().children(&folder) {
        let name = String::from_utf8_lossy(name);
        if let Kind::File(blob) = &editor.tree().inode(id).kind {
            let text = editor.blob_text(&format!("/{PROFILES}/{name}"), blob)?;
            profiles.push(Profile::parse(&name, &text));
        }
    }
    profiles.sort_by(|a, b| b.priority().cmp(&a.priority()).then_with(|| b.name.cmp(&a.name)));
    Ok(profiles)
}

/// Those on by default; of two that conflict the one of lower priority goes.
fn enabled(profiles: Vec<Profile>) -> Vec<Profile> {
    let mut out: Vec<Profile> = Vec::new();
    let names = |profile: &Profile| -> Vec<String> {
        profile.field("Conflicts").split(", ").map(str::to_owned).collect()
    };
    for profile in profiles.into_iter().filter(|profile| profile.field("Default") == "yes") {
        let conflict = out
            .iter()
            .any(|other| names(other).contains(&profile.name) || names(&profile).contains(&other.name));
        if !conflict {
            out.push(profile);
        }
    }
    out
}

/// `auth` to `Auth`, as fields have it.
fn capital(kind: &str) -> String {
    let mut chars = kind.chars();
    chars.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// Lines of one block (`Primary` or `Additional`).
fn block<'p>(profiles: &'p [Profile], kind: &str, block: &str) -> Vec<&'p str> {
    let kind = capital(kind);
    let mine = profiles.iter().filter(|profile| profile.field(&format!("{kind}-Type")) == block);
    mine.enumerate().flat_map(|(index, profile)| profile.lines(&kind, index == 0)).collect()
}

/// The template with its blocks filled.
fn common(template: &str, kind: &str, profiles: &[Profile]) -> String {
    let word = kind.strip_suffix("-noninteractive").unwrap_or(kind);
    let mut out = String::new();
    let mut skip_until = None;
    for line in template.lines() {
        if skip_until.is_some_and(|end| !line.starts_with(end)) {
            continue;
        }
        skip_until = None;
        out.push_str(line);
        out.push('\n');
        let (name, end) = if line.starts_with(PRIMARY) {
            ("Primary", FALLBACK)
        } else if line.starts_with(ADDITIONAL) {
            ("Additional", END)
        } else {
            continue;
        };
        let lines = block(profiles, kind, name);
        // A jump in the additional block must not leave the stack.
        let mut left = lines.len() as i64 - i64::from(name == "Additional");
        if name == "Primary" && lines.is_empty() {
            let _ = writeln!(out, "{word}\t{NOTHING}");
        }
        for line in lines {
            let _ = writeln!(out, "{word}\t{}", with_jumps(line, left));
            left -= 1;
        }
        skip_until = Some(end);
    }
    out
}

/// Control and module, in which `end` is the number of lines left, then the options.
fn with_jumps(line: &str, left: i64) -> String {
    let control = if line.starts_with('[') { line.find(']').map_or(0, |at| at + 1) } else { 0 };
    let blank =
        |text: &str, from: usize| text[from..].find(char::is_whitespace).map_or(text.len(), |at| from + at);
    let control_end = blank(line, control);
    let gap = line[control_end..].len() - line[control_end..].trim_start().len();
    let module_end = blank(line, control_end + gap);
    let (head, options) = line.split_at(module_end);
    let options: Vec<&str> = options.split_whitespace().collect();
    format!("{} {}", head.replace("end", &left.to_string()), options.join(" "))
}

/// What pam-auth-update compares the files with next time.
fn record(kind: &str, profiles: &[Profile]) -> String {
    let field = capital(kind);
    let mut out = String::new();
    for name in ["Primary", "Additional"] {
        let mine = profiles.iter().filter(|profile| profile.field(&format!("{field}-Type")) == name);
        let mut count = 0;
        for (index, profile) in mine.enumerate() {
            let lines = profile.lines(&field, index == 0);
            if !lines.is_empty() {
                let _ = writeln!(out, "Module: {}\n{}", profile.name, lines.join("\n"));
            }
            count += 1;
        }
        if name == "Primary" && count == 0 {
            let _ = writeln!(out, "Module: null\n{NOTHING}");
        }
    }
    out
}
