//! Entries for fuzz targets. Whatever the bytes, each returns, soon, and without a panic.

use crate::accounts::parse_sysusers;
use crate::effect::EffectClass;
use crate::recipes::Recipes;
use crate::shell::{Context, Facts, Phase, follow};
use std::collections::BTreeMap;

/// Follows bytes as a maintainer script: the lines that are not understood; `None` where it is not in the language.
#[must_use]
pub fn maintainer_script(bytes: &[u8]) -> Option<Vec<(usize, EffectClass)>> {
    let text = String::from_utf8_lossy(bytes);
    let (facts, answers) = (Facts::default(), BTreeMap::new());
    let context =
        Context { phase: Phase::Postinst, package: "fuzz", facts: &facts, earlier: &[], answers: &answers };
    let findings = follow(&text, &context).ok()?;
    Some(findings.unknown.into_iter().collect())
}

/// Reads bytes as a sysusers.d file: how many lines it has.
#[must_use]
pub fn sysusers(bytes: &[u8]) -> Option<usize> {
    parse_sysusers(&String::from_utf8_lossy(bytes)).ok().map(|lines| lines.len())
}

/// Reads bytes as a recipe.
#[must_use]
pub fn recipe(bytes: &[u8]) -> bool {
    Recipes::default().add("fuzz.toml", &String::from_utf8_lossy(bytes)).is_ok()
}
