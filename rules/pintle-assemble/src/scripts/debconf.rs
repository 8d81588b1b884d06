//! What debconf answers on a fresh, unattended installation: the defaults of a package's own templates
//! (debconf-devel(7), "The templates file").

use crate::input::Package;
use crate::shell::{Context, Facts, Phase, settle};
use std::collections::BTreeMap;

/// Answers by question: the templates' defaults, and what the package's `config` script makes of them. Empty where that
/// script cannot be followed.
pub(crate) fn answers(package: &Package<'_>, facts: &Facts) -> BTreeMap<String, String> {
    let templates = parse(package.unpacked.control.text("templates").unwrap_or_default());
    let Some(config) = package.unpacked.control.files.get("config") else { return templates };
    let text = String::from_utf8_lossy(config);
    // Commands of the protocol, as other languages and libraries say them, are not looked into.
    if !super::is_shell(&text) || text.contains("SET ") {
        return BTreeMap::new();
    }
    let context = Context {
        phase: Phase::Postinst,
        package: &package.locked.name,
        facts,
        earlier: &[],
        answers: &templates,
    };
    settle(&text, &context).unwrap_or_default()
}

fn parse(templates: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for stanza in templates.split("\n\n") {
        let field = |name: &str| {
            let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(|v| v.trim().to_owned());
            stanza.lines().find_map(value)
        };
        let (Some(question), Some(kind)) = (field("Template"), field("Type")) else { continue };
        match (field("Default"), kind.as_str()) {
            (Some(default), "boolean" | "string" | "select" | "multiselect") => {
                out.insert(question, default);
            }
            // Debconf takes the first of several choices, by the translated list: that is not known here.
            (None, "boolean" | "string" | "password") => drop(out.insert(question, String::new())),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_answers() {
        let text = "Template: a/b\nType: boolean\nDefault: true\nDescription: x\n y\n\nTemplate: a/c\nType: select\n\n\
                    Template: a/d\nType: string\n";
        let found: Vec<(String, String)> = parse(text).into_iter().collect();
        assert_eq!(found, [("a/b".to_owned(), "true".to_owned()), ("a/d".to_owned(), String::new())]);
    }
}
