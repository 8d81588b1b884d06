use super::BadBootName;
use std::fmt::Write as _;

/// Whether the kernel command line can be edited in the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MenuEditor {
    /// It can: a person at the console can get into a system that does not start.
    #[default]
    Allowed,
    /// It cannot: the console is not trusted.
    Forbidden,
}

/// When keys in `loader/keys` are enrolled in firmware that is in setup mode (`secure-boot-enroll`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// Never, not even in the menu.
    Off,
    /// In the menu.
    Manual,
    /// At the first start of a virtual machine, else in the menu.
    IfSafe,
    /// At the first start.
    Force,
}

impl Enrolment {
    /// systemd-boot's word.
    fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Manual => "manual",
            Self::IfSafe => "if-safe",
            Self::Force => "force",
        }
    }
}

/// `loader/loader.conf` (systemd 257, loader.conf(5)).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LoaderConf {
    /// Seconds the menu is shown; 0 boots at once unless a key is held.
    pub timeout: u32,
    /// Pattern for the names of entries, the first match is the default; none: the newest entry that is not bad.
    pub default: Option<String>,
    /// The menu's editor.
    pub editor: MenuEditor,
    /// Enrolment of keys; none: systemd-boot's own default, without keys to enrol.
    pub enrolment: Option<Enrolment>,
}

impl LoaderConf {
    /// The text of the file.
    ///
    /// # Errors
    /// [`BadBootName::Characters`] for a pattern that would not stay on its line.
    pub fn render(&self) -> Result<String, BadBootName> {
        let mut text = String::new();
        if let Some(default) = &self.default {
            if default.is_empty() || default.chars().any(|c| c.is_control() || c.is_whitespace()) {
                return Err(BadBootName::Characters(default.escape_debug().to_string()));
            }
            writeln!(text, "default {default}").expect("invariant: a String takes every write");
        }
        writeln!(text, "timeout {}", self.timeout).expect("invariant: a String takes every write");
        // The firmware's mode: switching costs a second on real machines and blanks serial consoles of some.
        text.push_str("console-mode keep\n");
        if self.editor == MenuEditor::Forbidden {
            text.push_str("editor no\n");
        }
        if let Some(enrolment) = self.enrolment {
            writeln!(text, "secure-boot-enroll {}", enrolment.word())
                .expect("invariant: a String takes every write");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_was_asked() {
        let conf = LoaderConf {
            timeout: 3,
            default: Some("web_*".into()),
            editor: MenuEditor::Forbidden,
            enrolment: Some(Enrolment::IfSafe),
        };
        insta::assert_snapshot!(conf.render().unwrap(), @"
        default web_*
        timeout 3
        console-mode keep
        editor no
        secure-boot-enroll if-safe
        ");
        insta::assert_snapshot!(LoaderConf::default().render().unwrap(), @"
        timeout 0
        console-mode keep
        ");
        let bad = LoaderConf { default: Some("a\nb".into()), ..conf };
        insta::assert_snapshot!(bad.render().unwrap_err(), @r"`a\nb` cannot name a boot entry (letters, digits, `+`, `_`, `.`, `-` only)");
    }
}
