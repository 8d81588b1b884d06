//! Apache's enabled modules, settings and sites.

use crate::edit::Editor;
use crate::effect::Effect;
use crate::error::AssembleError;
use pintle_model::Origin;
use std::collections::BTreeSet;

/// Links as a2enmod(8), a2enconf(8) and a2ensite(8) make them. A module comes with those that it depends on (the line
/// `# Depends: …` in its `.load` file). Returns warnings.
pub(crate) fn link(
    editor: &mut Editor<'_>,
    effects: &[(usize, Effect)],
) -> Result<Vec<String>, AssembleError> {
    editor.act_as(Origin::Generated("Apache modules".into()));
    let mut warnings = Vec::new();
    let mut done = BTreeSet::new();
    let mut waiting: Vec<(&str, String)> = Vec::new();
    for (_, effect) in effects.iter().rev() {
        if let Effect::Apache { kind, name } = effect {
            waiting.push((kind, name.clone()));
        }
    }
    while let Some((kind, name)) = waiting.pop() {
        if !done.insert((kind, name.clone())) {
            continue;
        }
        let suffixes: &[&str] = if kind == "mods" { &["load", "conf"] } else { &["conf"] };
        let mut found = false;
        for suffix in suffixes {
            let file = format!("{name}.{suffix}");
            let Some(text) = editor.text(&format!("etc/apache2/{kind}-available/{file}"))? else { continue };
            found = true;
            editor.link(
                &format!("etc/apache2/{kind}-enabled/{file}"),
                &format!("../{kind}-available/{file}"),
            )?;
            waiting.extend(depends(&text).map(|name| (kind, name.to_owned())));
        }
        if found {
            let owner = match kind {
                "mods" => "module",
                "sites" => "site",
                _ => "conf",
            };
            let state = format!("var/lib/apache2/{owner}/enabled_by_maint/{name}");
            editor.file(&state, "", 0o644, (0, 0))?;
        } else {
            warnings
                .push(format!("apache2: there is no /etc/apache2/{kind}-available/{name}.{}", suffixes[0]));
        }
    }
    Ok(warnings)
}

fn depends(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("# Depends:")).flat_map(str::split_whitespace)
}
