//! What only the machine itself can do becomes a unit that does it once (systemd.unit(5), systemd.service(5)).

use super::format::FirstBootItem;
use super::{BadRecipeReason, absolute};
use crate::effect::{Attributes, Content, Effect, Existing};
use crate::services::UNITS;
use std::fmt::Write as _;

/// The unit's file, and the links by which others want it: it does not say itself who does.
pub(super) fn unit(item: &FirstBootItem) -> Result<Vec<Effect>, BadRecipeReason> {
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
    let path = format!("{UNITS}/{unit}");
    let content = Content::Text(text(item)?);
    let attributes = Attributes { mode: Some(0o644), ..Attributes::default() };
    let mut effects = vec![Effect::File { path, content, attributes, existing: Existing::Replace }];
    let everybody = ["multi-user.target".to_owned()];
    let by = if item.before.is_empty() { &everybody[..] } else { &item.before };
    effects.extend(by.iter().map(|by| Effect::Link {
        path: format!("{UNITS}/{by}.wants/{unit}"),
        target: format!("../{unit}"),
        existing: Existing::Replace,
    }));
    Ok(effects)
}

/// What every service waits for by default (systemd.service(5), "Default Dependencies"), and what comes before that.
const EARLY: [&str; 6] = [
    "sysinit.target",
    "basic.target",
    "sockets.target",
    "local-fs.target",
    "systemd-tmpfiles-setup.service",
    "systemd-sysusers.service",
];

fn text(item: &FirstBootItem) -> Result<String, BadRecipeReason> {
    let mut out = format!("[Unit]\nDescription={}\n", item.description);
    if item.before.iter().any(|unit| EARLY.contains(&unit.as_str())) {
        // With them it would wait for what waits for it, and systemd would start one of both at random.
        out.push_str("DefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n");
    }
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
    Ok(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_comes_before_the_basic_system_does_not_wait_for_it() {
        let item = |before: &str| {
            let text = format!(
                "name = \"x\"\ndescription = \"X\"\nrun = [\"/bin/true\"]\nafter = [\"local-fs.target\"]\nbefore = [\"{before}\"]"
            );
            super::text(&toml::from_str(&text).unwrap()).unwrap()
        };
        assert!(item("sysinit.target").contains("DefaultDependencies=no\n"));
        assert!(!item("x.service").contains("DefaultDependencies"));
    }
}
