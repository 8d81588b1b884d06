//! /etc/shells, as update-shells(8) makes it from the shells that packages list.

use crate::edit::Editor;
use crate::error::AssembleError;
use pintle_model::{Kind, Origin, TreePath};

const TEMPLATE: &str = "usr/share/debianutils/shells";
const FOLDER: &str = "usr/share/debianutils/shells.d";

/// Writes /etc/shells and update-shells' own record.
pub(crate) fn write(editor: &mut Editor<'_>) -> Result<(), AssembleError> {
    let Some(template) = editor.text(TEMPLATE)? else { return Ok(()) };
    editor.act_as(Origin::Generated("shells".into()));
    let mut listed = names(&template);
    let folder = TreePath::literal(FOLDER);
    let file = |(name, id): (&[u8], _)| match &editor.tree().inode(id).kind {
        Kind::File(blob) => Some((String::from_utf8_lossy(name).into_owned(), blob.clone())),
        _ => None,
    };
    let files: Vec<_> = editor.tree().children(&folder).filter_map(file).collect();
    for (name, blob) in files {
        listed.extend(names(&editor.blob_text(&name, &blob)?));
    }
    let mut shells: Vec<String> = Vec::new();
    for shell in listed {
        for name in [shell.clone(), real(editor, &shell)] {
            if !shells.contains(&name) {
                shells.push(name);
            }
        }
    }
    let mut text = template.clone();
    let there = names(&template);
    for shell in shells.iter().filter(|shell| !there.contains(shell)) {
        text.push_str(shell);
        text.push('\n');
    }
    let state: String = shells.iter().map(|shell| format!("{shell}\n")).collect();
    editor.file("etc/shells", text, 0o644, (0, 0))?;
    editor.file("var/lib/shells.state", state, 0o644, (0, 0))
}

fn names(text: &str) -> Vec<String> {
    let name = |line: &str| line.split('#').next().unwrap_or("").to_owned();
    text.lines().map(name).filter(|name| !name.is_empty()).collect()
}

/// The shell with links on the way to its folder followed.
fn real(editor: &Editor<'_>, shell: &str) -> String {
    let path = TreePath::new(shell).ok().and_then(|path| editor.tree().resolve_parent(&path).ok());
    path.map_or_else(|| shell.to_owned(), |path| path.to_string())
}
