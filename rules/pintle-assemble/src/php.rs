//! PHP's modules: each is linked for every interface, and its helpers remember that.

use crate::edit::Editor;
use crate::effect::Effect;
use crate::error::AssembleError;
use pintle_model::{Origin, TreePath};
use std::collections::BTreeSet;

/// What `phpenmod -m` gives once all packages are configured (php-common's php-helper): a link in every `conf.d`, named
/// by the priority that the module's own file states.
pub(crate) fn link(editor: &mut Editor<'_>, effects: &[(usize, Effect)]) -> Result<(), AssembleError> {
    let modules: BTreeSet<(&str, &str)> = effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::PhpModule { version, name } => Some((version.as_str(), name.as_str())),
            _ => None,
        })
        .collect();
    editor.act_as(Origin::Generated("PHP modules".into()));
    for (version, name) in modules {
        editor.file(&format!("var/lib/php/modules/{version}/registry/{name}"), "", 0o644, (0, 0))?;
        let ini = format!("/etc/php/{version}/mods-available/{name}.ini");
        let Some(text) = editor.text(&ini)? else { continue };
        let priority = priority(&text);
        for interface in names(editor, &format!("usr/lib/php/{version}/sapi")) {
            let folder = format!("etc/php/{version}/{interface}/conf.d");
            if editor.tree().find(&folder).is_none() {
                continue;
            }
            editor.link(&format!("{folder}/{priority}-{name}.ini"), &ini)?;
            let state = format!("var/lib/php/modules/{version}/{interface}/enabled_by_maint/{name}");
            editor.file(&state, "", 0o644, (0, 0))?;
        }
    }
    Ok(())
}

fn names(editor: &Editor<'_>, folder: &str) -> Vec<String> {
    let Ok(path) = TreePath::new(folder) else { return Vec::new() };
    let names = editor.tree().children(&path);
    names.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
}

/// `; priority=20`, the usual one.
fn priority(text: &str) -> &str {
    let value = |line: &str| {
        let (key, value) = line.strip_prefix(';')?.split_once('=')?;
        let number = !value.trim().is_empty() && value.trim().bytes().all(|b| b.is_ascii_digit());
        (key.trim() == "priority" && number).then_some(())
    };
    let line = text.lines().find(|line| value(line).is_some());
    line.and_then(|line| line.split_once('=')).map_or("20", |(_, value)| value.trim())
}
