//! update-alternatives(1): generic names, the best candidate behind each, and its database.

use crate::edit::Editor;
use crate::effect::{Alternative, Slave};
use crate::error::AssembleError;
use pintle_model::{Kind, Origin};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const DATABASE: &str = "var/lib/dpkg/alternatives";

/// Makes the links of all alternatives; returns what deserves a warning.
pub(crate) fn install(editor: &mut Editor<'_>, all: &[&Alternative]) -> Result<Vec<String>, AssembleError> {
    editor.act_as(Origin::Generated("alternatives".into()));
    let mut warnings = Vec::new();
    let mut groups: BTreeMap<&str, Vec<&Alternative>> = BTreeMap::new();
    for alternative in all {
        if editor.tree().find(&alternative.path).is_some() {
            groups.entry(&alternative.name).or_default().push(alternative);
        } else {
            warnings.push(format!("alternative {}: {} does not exist", alternative.name, alternative.path));
        }
    }
    for (name, candidates) in groups {
        // With equal priorities the one that came first stays.
        let Some(best) = candidates.iter().rev().max_by_key(|candidate| candidate.priority) else { continue };
        follow(editor, name, &best.link, &best.path, &mut warnings)?;
        for Slave { name, link, path } in &best.slaves {
            if editor.tree().find(path).is_some() {
                follow(editor, name, link, path, &mut warnings)?;
            }
        }
        let text = database(&candidates);
        editor.file(&format!("{DATABASE}/{name}"), text, 0o644, (0, 0))?;
    }
    Ok(warnings)
}

/// `link` -> /etc/alternatives/`name` -> `path`.
fn follow(
    editor: &mut Editor<'_>,
    name: &str,
    link: &str,
    path: &str,
    warnings: &mut Vec<String>,
) -> Result<(), AssembleError> {
    let place = editor.path(link)?;
    if editor.tree().get(&place).is_some_and(|there| !matches!(there.kind, Kind::Symlink(_))) {
        warnings.push(format!("alternative {name}: {link} is not a link and stays"));
        return Ok(());
    }
    editor.link(link, &format!("/etc/alternatives/{name}"))?;
    editor.link(&format!("/etc/alternatives/{name}"), path)
}

/// The file of one group: status, link, slaves (name, link), an empty line; then candidate, priority and slave paths
/// for each; an empty line. Slaves are sorted by name, candidates by path.
fn database(candidates: &[&Alternative]) -> String {
    let slaves: BTreeMap<&str, &str> =
        candidates.iter().flat_map(|c| c.slaves.iter().map(|s| (s.name.as_str(), s.link.as_str()))).collect();
    let mut sorted = candidates.to_vec();
    sorted.sort_by_key(|candidate| &candidate.path);
    let mut seen = BTreeSet::new();
    let mut out = format!("auto\n{}\n", candidates.first().map_or("", |first| &first.link));
    for (name, link) in &slaves {
        let _ = writeln!(out, "{name}\n{link}");
    }
    out.push('\n');
    for candidate in sorted.into_iter().filter(|candidate| seen.insert(&candidate.path)) {
        let _ = writeln!(out, "{}\n{}", candidate.path, candidate.priority);
        for name in slaves.keys() {
            let path =
                candidate.slaves.iter().find(|slave| slave.name == *name).map_or("", |slave| &slave.path);
            let _ = writeln!(out, "{path}");
        }
    }
    out.push('\n');
    out
}
