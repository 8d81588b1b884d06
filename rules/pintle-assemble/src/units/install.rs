//! The `[Install]` section of a unit (systemd.unit(5)).

use std::collections::BTreeMap;

/// What enabling a unit does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Install {
    /// Folder suffix (`wants`, `requires`, `upholds`) and unit.
    pub(crate) wanted_by: Vec<(&'static str, String)>,
    /// Further names.
    pub(crate) aliases: Vec<String>,
    /// Units enabled along with it.
    pub(crate) also: Vec<String>,
    /// Instance of a template that is enabled without one.
    pub(crate) default_instance: Option<String>,
}

impl Install {
    pub(crate) fn parse(text: &str) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let joined = text.replace("\\\n", " ");
        let mut inside = false;
        for line in joined.lines().map(str::trim) {
            if line.starts_with('[') {
                inside = line == "[Install]";
            } else if let (true, Some((key, value))) =
                (inside && !line.starts_with(['#', ';']), line.split_once('='))
            {
                let list = values.entry(key.trim().to_owned()).or_default();
                if value.trim().is_empty() {
                    list.clear();
                }
                list.extend(value.split_whitespace().map(str::to_owned));
            }
        }
        let mut take = |key: &str| values.remove(key).unwrap_or_default();
        let mut wanted_by = Vec::new();
        for (key, folder) in [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")] {
            wanted_by.extend(take(key).into_iter().map(|unit| (folder, unit)));
        }
        Self {
            wanted_by,
            aliases: take("Alias"),
            also: take("Also"),
            default_instance: take("DefaultInstance").pop(),
        }
    }

    /// True for a unit that cannot be enabled by itself.
    pub(crate) fn is_empty(&self) -> bool {
        self.wanted_by.is_empty() && self.aliases.is_empty() && self.also.is_empty()
    }
}

/// Name, instance and suffix of `name@instance.suffix`.
pub(crate) struct UnitName<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) instance: Option<&'a str>,
    pub(crate) suffix: &'a str,
}

impl<'a> UnitName<'a> {
    pub(crate) fn new(name: &'a str) -> Option<Self> {
        let (stem, suffix) = name.rsplit_once('.')?;
        let good = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if stem.is_empty() || suffix.is_empty() || !name.chars().all(good) {
            return None;
        }
        Some(match stem.split_once('@') {
            Some((prefix, instance)) => Self { prefix, instance: Some(instance), suffix },
            None => Self { prefix: stem, instance: None, suffix },
        })
    }

    /// `getty@.service` for `getty@tty1.service`.
    pub(crate) fn template(&self) -> Option<String> {
        self.instance.map(|_| format!("{}@.{}", self.prefix, self.suffix))
    }

    /// The specifiers that `[Install]` may use and that depend on nothing but the name.
    pub(crate) fn expand(&self, text: &str) -> String {
        let instance = self.instance.unwrap_or_default();
        let stem = self.instance.map_or_else(|| self.prefix.to_owned(), |i| format!("{}@{i}", self.prefix));
        text.replace("%i", instance)
            .replace("%I", instance)
            .replace("%p", self.prefix)
            .replace("%P", self.prefix)
            .replace("%n", &format!("{stem}.{}", self.suffix))
            .replace("%N", &stem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_lists() {
        let text = "[Unit]\nWantedBy=no\n[Install]\n# WantedBy=no\nWantedBy=a.target \\\n b.target\nAlias=x.service\nWantedBy=c.target\nRequiredBy=d.target\nRequiredBy=\n";
        let install = Install::parse(text);
        let units: Vec<_> = install.wanted_by.iter().map(|(_, unit)| unit.as_str()).collect();
        assert_eq!(units, ["a.target", "b.target", "c.target"]);
        assert_eq!(install.aliases, ["x.service"]);
    }

    #[test]
    fn names_and_specifiers() {
        let name = UnitName::new("getty@tty1.service").unwrap();
        assert_eq!(name.template().as_deref(), Some("getty@.service"));
        assert_eq!(name.expand("x-%i-%p.target"), "x-tty1-getty.target");
        assert!(UnitName::new("no suffix").is_none());
    }
}
