//! systemd.preset(5): which units may be enabled.

use crate::edit::Editor;
use crate::error::AssembleError;
use crate::shell::matches;
use pintle_model::{Kind, TreePath};
use std::collections::BTreeMap;

/// Rules in order; the first that matches a unit counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presets {
    rules: Vec<(bool, String)>,
}

impl Presets {
    /// Reads the preset files; one in /etc hides one of the same name in /usr/lib.
    pub(crate) fn read(editor: &Editor<'_>, folder: &str) -> Result<Self, AssembleError> {
        let mut files = BTreeMap::new();
        for parent in ["usr/lib/systemd", "etc/systemd"] {
            let folder = TreePath::literal(&format!("{parent}/{folder}"));
            for (name, id) in editor.tree().children(&folder) {
                let name = String::from_utf8_lossy(name).into_owned();
                if let (true, Kind::File(blob)) = (name.ends_with(".preset"), &editor.tree().inode(id).kind) {
                    files.insert(name, (format!("{folder}"), blob.clone()));
                }
            }
        }
        let mut presets = Self::default();
        for (name, (folder, blob)) in files {
            presets.parse(&editor.blob_text(&format!("{folder}/{name}"), &blob)?);
        }
        Ok(presets)
    }

    fn parse(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("enable"), Some(pattern)) => self.rules.push((true, pattern.to_owned())),
                (Some("disable"), Some(pattern)) => self.rules.push((false, pattern.to_owned())),
                _ => {}
            }
        }
    }

    /// True unless a `disable` rule is the first to match; a unit that no rule names is enabled.
    pub(crate) fn enables(&self, unit: &str) -> bool {
        self.rules.iter().find(|(_, pattern)| matches(pattern, unit)).is_none_or(|(enable, _)| *enable)
    }
}
