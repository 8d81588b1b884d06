use crate::modules::SHIPPED;
use pintle_model::SlimRule;

/// The rules that the shipped module `slim` can turn on, as if all were on and nothing was kept: what they would save
/// is told without being asked. Parts that depend on an option's value are left out.
#[must_use]
pub fn slim_rules() -> Vec<SlimRule> {
    let text = SHIPPED.get_file("slim/module.toml").and_then(|file| file.contents_utf8()).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let written = table.get("slim").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    let texts = |rule: &toml::Value, name: &str| -> Vec<String> {
        let list = rule.get(name).and_then(toml::Value::as_array).into_iter().flatten();
        list.filter_map(toml::Value::as_str).filter(|text| !text.contains("{{")).map(str::to_owned).collect()
    };
    let rules = written.iter().map(|rule| SlimRule {
        name: rule.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned(),
        remove: texts(rule, "remove"),
        keep: texts(rule, "keep"),
        origin: String::new(),
    });
    rules.filter(|rule| !rule.remove.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_shipped_rules_are_found() {
        let names: Vec<String> = super::slim_rules().into_iter().map(|rule| rule.name).collect();
        assert_eq!(names, ["locales", "docs", "man", "info", "static-libraries", "headers"]);
    }
}
