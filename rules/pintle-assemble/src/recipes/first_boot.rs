//! What only the machine itself can do becomes a unit that does it once (systemd.unit(5), systemd.service(5)).

use super::format::FirstBootItem;
use super::{BadRecipeReason, absolute};
use crate::effect::{Attributes, Content, Effect, Existing, Presets, Scope};
use std::fmt::Write as _;

/// The unit's file, and that it is enabled.
pub(super) fn unit(item: &FirstBootItem) -> Result<[Effect; 2], BadRecipeReason> {
    let good = |text: &str| !text.contains('\n') && !text.is_empty();
    let name =
        |text: &str| good(text) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_@+".contains(&b));
    let words = [&item.before[..], &item.after[..]].concat();
    if !name(&item.name)
        || !good(&item.description)
        || item.run.is_empty()
        || !item.run.iter().all(|line| good(line))
        || !words.iter().chain(&item.user).all(|word| name(word))
    {
        return Err(BadRecipeReason::FirstBoot(item.name.clone()));
    }
    let unit = format!("first-boot-{}.service", item.name);
    let path = format!("/usr/lib/systemd/system/{unit}");
    let content = Content::Text(text(item)?);
    let attributes = Attributes { mode: Some(0o644), ..Attributes::default() };
    Ok([
        Effect::File { path, content, attributes, existing: Existing::Replace },
        Effect::Enable { unit, scope: Scope::System, presets: Presets::Ignored },
    ])
}

fn text(item: &FirstBootItem) -> Result<String, BadRecipeReason> {
    let mut out = format!("[Unit]\nDescription={}\n", item.description);
    let conditions = [
        ("ConditionPathExists=!", &item.unless),
        ("ConditionDirectoryNotEmpty=!", &item.unless_filled),
        ("ConditionPathExists=", &item.when),
    ];
    for (condition, path) in conditions {
        if let Some(path) = path {
            let _ = writeln!(out, "{condition}{}", absolute(path)?);
        }
    }
    for (key, units) in [("Before", &item.before), ("After", &item.after)] {
        if !units.is_empty() {
            let _ = writeln!(out, "{key}={}", units.join(" "));
        }
    }
    out.push_str("\n[Service]\nType=oneshot\nRemainAfterExit=yes\n");
    if let Some(user) = &item.user {
        let _ = writeln!(out, "User={user}");
    }
    for line in &item.run {
        let _ = writeln!(out, "ExecStart={line}");
    }
    let by = if item.before.is_empty() { "multi-user.target".to_owned() } else { item.before.join(" ") };
    let _ = writeln!(out, "\n[Install]\nWantedBy={by}");
    Ok(out)
}
