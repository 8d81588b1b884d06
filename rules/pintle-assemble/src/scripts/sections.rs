//! The parts of a maintainer script that debhelper wrote: from `# Automatically added by dh_x/13.24` to
//! `# End automatically added section` (debhelper(7), dh_installdeb(1)).

use crate::effect::{Attributes, Effect, Position};

/// A script in two parts, each with as many lines as the script, so that line numbers stay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// What the maintainer wrote.
    pub(crate) own: String,
    /// What debhelper wrote.
    pub(crate) sections: Vec<Section>,
}

/// One part that debhelper wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// `dh_installsystemd`
    pub(crate) tool: String,
    /// The section, with the lines before it blank.
    pub(crate) text: String,
}

const BEGIN: &str = "# Automatically added by ";
const END: &str = "# End automatically added section";

/// Sections with nothing to do for a system that is only ever installed fresh, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("dh_installmenu", "menus are not made"),
    ("dh_icons", "icon caches are not made"),
    ("dh_installmime", "mailcap is not made"),
    ("dh_python3", "Python files are not precompiled"),
    ("dh_python2", "Python files are not precompiled"),
    ("dh_pypy", "Python files are not precompiled"),
    ("dh_runit", "runit's links are not made"),
    ("dh_installemacsen", "Emacs files are not precompiled"),
    ("dh_installdocs", "doc-base is not told"),
    ("dh_installinitramfs", "the initrd is assembled"),
];

/// Takes a script apart.
pub(crate) fn split(script: &str) -> Split {
    let (mut own, mut sections, mut open) = (String::new(), Vec::<Section>::new(), false);
    for (index, line) in script.lines().enumerate() {
        let text = line.trim();
        if let Some(tool) = text.strip_prefix(BEGIN) {
            let tool = tool.split(['/', ' ']).next().unwrap_or(tool).to_owned();
            sections.push(Section { tool, text: "\n".repeat(index) });
            open = true;
        }
        match sections.last_mut() {
            Some(section) if open => {
                section.text.push_str(line);
                section.text.push('\n');
            }
            _ => own.push_str(line),
        }
        own.push('\n');
        open &= text != END;
    }
    Split { own, sections }
}

/// What is to be done with a section.
pub(crate) enum Meaning {
    /// Its shell text says it.
    Shell,
    /// Nothing; the reason.
    Nothing(&'static str),
    /// These effects.
    Effects(Vec<Effect>),
}

/// What a section means.
pub(crate) fn meaning(section: &Section) -> Meaning {
    if let Some((_, why)) = SKIPPED.iter().find(|(tool, _)| *tool == section.tool) {
        return Meaning::Nothing(why);
    }
    if section.tool == "dh_installnss" {
        return Meaning::Effects(section.text.lines().filter_map(name_service).collect());
    }
    if section.tool == "dh_usrlocal" {
        return Meaning::Effects(local_folders(&section.text));
    }
    Meaning::Shell
}

/// `/usr/local/share/sgml default`, or mode, user and group in place of `default` (dh_usrlocal(1)): the lines of its
/// here-document.
fn local_folders(text: &str) -> Vec<Effect> {
    let mut folders = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (path, mode, owner) = match words.as_slice() {
            [path, "default"] => (path, 0o755, None),
            [path, mode, user, group] => match u16::from_str_radix(mode, 8) {
                Ok(mode) => (path, mode, Some((*user, *group))),
                Err(_) => continue,
            },
            _ => continue,
        };
        if path.starts_with("/usr/local/") {
            let name = |name: &str| Some(name.to_owned());
            let (owner, group) = owner.map_or((None, None), |(user, group)| (name(user), name(group)));
            let attributes = Attributes { owner, group, mode: Some(mode) };
            folders.push(Effect::Directory { path: (*path).to_owned(), attributes });
        }
    }
    folders
}

/// `# Installing hosts/resolve[!UNAVAIL=return] from libnss-resolve in position before=dns` (dh_installnss(1)).
fn name_service(line: &str) -> Option<Effect> {
    let rest = line.trim().strip_prefix("# Installing ")?;
    let (what, rest) = rest.split_once(" from ")?;
    let (_, position) = rest.split_once(" in position ")?;
    let (database, service) = what.split_once('/')?;
    let position = match position.split_once('=') {
        Some(("before", other)) => Position::Before(other.to_owned()),
        Some(("after", other)) => Position::After(other.to_owned()),
        _ if position == "first" => Position::First,
        _ => Position::Last,
    };
    let service = service.replacen('[', " [", 1);
    Some(Effect::NameService { database: database.to_owned(), service, position })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers() {
        let script = "#!/bin/sh\nset -e\n# Automatically added by dh_x/13\nfoo\n# End automatically added section\nbar\n";
        let split = split(script);
        assert_eq!(split.own, "#!/bin/sh\nset -e\n\n\n\nbar\n");
        assert_eq!(split.sections.len(), 1);
        assert_eq!(split.sections[0].tool, "dh_x");
        assert_eq!(split.sections[0].text.lines().nth(3), Some("foo"));
    }

    #[test]
    fn name_services_are_read_from_the_comment() {
        let line =
            "\t\t# Installing hosts/resolve[!UNAVAIL=return] from libnss-resolve in position before=dns";
        assert_eq!(
            name_service(line),
            Some(Effect::NameService {
                database: "hosts".into(),
                service: "resolve [!UNAVAIL=return]".into(),
                position: Position::Before("dns".into()),
            })
        );
    }
}
