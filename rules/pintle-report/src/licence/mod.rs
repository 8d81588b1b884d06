//! Licences of packages, from their machine-readable copyright files.
//!
//! Reference: Debian's copyright-format 1.0 ("DEP-5"). What a file does not say in that format is not guessed.

mod expression;
mod names;

use expression::Expression;
use pintle_model::{Digest, Limit};
use pintle_package::control::Limits as ControlLimits;
use pintle_package::control::deb822::{self, Dialect, Stanza, stanzas};
use std::collections::BTreeMap;

/// Bounds on a copyright file.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file: the largest of Debian's main archive has some 3 MB.
    pub file: Limit,
    /// Bytes of a licence's text that is taken over; longer ones are cut.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: Limit::new(16 << 20, "bytes in one copyright file"), text: 64 << 10 }
    }
}

/// A licence that has no SPDX identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `LicenseRef-…`, made from name and text: the same licence has the same in every package.
    pub id: String,
    /// Its name in the copyright file.
    pub name: String,
    /// Its text as the file has it; a pointer to the file where it has none.
    pub text: String,
}

/// What a copyright file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    /// SPDX licence expression over everything in the source package.
    pub expression: String,
    /// Texts of the licences in it that SPDX does not list, by identifier.
    pub references: Vec<Reference>,
}

/// Reads the copyright file of `package`; `None` where it is not machine-readable, or breaks the format's rules.
#[must_use]
pub fn read(package: &str, bytes: &[u8], limits: &Limits) -> Option<Licence> {
    if !limits.file.allows(bytes.len() as u64) {
        return None;
    }
    let control = ControlLimits::default();
    let text = deb822::text(bytes, &control).ok()?;
    // Cheap before dear: most files that are not machine-readable say so in their first lines.
    let head = text.lines().take(5).any(|line| line.contains("copyright-format/1.0"));
    let found = if head { stanzas(text, Dialect::Sources, &control).ok()? } else { return None };
    let (first, rest) = found.split_first()?;
    first.get("Format").filter(|field| field.value.contains("copyright-format/1.0"))?;
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut parts = Vec::new();
    for stanza in rest {
        let Some((line, body)) = licence(stanza) else { continue };
        if stanza.get("Files").is_some() {
            parts.push(Expression::parse(line));
        }
        if !body.is_empty() {
            texts.entry(line).or_insert_with(|| unfold(body, limits.text));
        }
    }
    let whole = Expression::all(parts).or_else(|| licence(first).map(|(line, _)| Expression::parse(line)))?;
    let mut references = BTreeMap::new();
    let expression = whole.text(&mut |name| {
        let reference = reference(package, name, texts.get(name).map(String::as_str));
        let id = reference.id.clone();
        references.insert(id.clone(), reference);
        id
    });
    Some(Licence { expression, references: references.into_values().collect() })
}

/// The first line of a stanza's `License` and what follows.
fn licence<'a>(stanza: &Stanza<'a>) -> Option<(&'a str, &'a str)> {
    let value = stanza.get("License")?.value;
    let (line, body) = value.split_once('\n').unwrap_or((value, ""));
    let line = line.trim();
    (!line.is_empty()).then_some((line, body))
}

/// Formatted text (Policy 5.6.13): one blank before each line, a dot for an empty one.
fn unfold(body: &str, max: usize) -> String {
    let mut out = String::new();
    for line in body.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
        if out.len() + line.len() > max {
            out.push_str("[…]\n");
            break;
        }
        out.push_str(if line == "." { "" } else { line });
        out.push('\n');
    }
    out
}

fn reference(package: &str, name: &str, text: Option<&str>) -> Reference {
    let text = text.map_or_else(
        || format!("`{name}`, as /usr/share/doc/{package}/copyright says without giving its text."),
        str::to_owned,
    );
    // SPDX 2.3, 10.1: letters, digits, `.` and `-`.
    let plain: String =
        name.chars().take(40).map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let digest = Digest::of(text.as_bytes()).to_string();
    Reference { id: format!("LicenseRef-{plain}-{}", &digest[..8]), name: name.to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n\
        Files: *\nCopyright: 2001 A\nLicense: GPL-2+\n\n\
        Files: lib/*\nCopyright: 2002 B\nLicense: permissive\n Do what\n .\n you like.\n\n\
        Files: debian/*\nCopyright: 2003 C\nLicense: GPL-2+ or Expat\n\n\
        License: GPL-2+\n On Debian systems …\n";

    #[test]
    fn a_machine_readable_file_becomes_an_expression_with_texts() {
        let licence = read("x", FILE.as_bytes(), &Limits::default()).unwrap();
        insta::assert_snapshot!(licence.expression, @"GPL-2.0-or-later AND LicenseRef-permissive-0458315c AND (GPL-2.0-or-later OR MIT)");
        assert_eq!(licence.references.len(), 1);
        assert_eq!(licence.references[0].text, "Do what\n\nyou like.\n");
    }

    #[test]
    fn what_is_not_machine_readable_is_not_guessed() {
        let limits = Limits::default();
        assert_eq!(read("x", b"This package is under the GPL-2.\n", &limits), None);
        assert_eq!(read("x", b"Format: http://example.org/\n\nFiles: *\nLicense: GPL-2\n", &limits), None);
        assert_eq!(read("x", b"\xff", &limits), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(head: bool, text in "[ -~\n]{0,400}") {
            let format = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: ";
            let text = if head { format!("{format}{text}") } else { text };
            if let Some(licence) = read("x", text.as_bytes(), &Limits::default()) {
                prop_assert!(!licence.expression.is_empty());
            }
        }
    }
}
