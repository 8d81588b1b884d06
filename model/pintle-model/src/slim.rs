//! What of the packages an image leaves out, by rules over paths that read as dpkg's own.

use crate::SourceLine;
use serde::{Deserialize, Serialize};

/// A named group of patterns. Patterns are those of dpkg's `path-exclude` and `path-include` (dpkg(1)): absolute, `*`
/// and `?` match any character, `/` too, `[…]` one of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlimRule {
    /// What it is about (`docs`), for reports.
    pub name: String,
    /// Paths to leave out.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Paths to keep although `remove` of this or an earlier rule matches.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Who wrote it.
    #[serde(default)]
    pub origin: SourceLine,
}

/// The number of the rule of `rules` that leaves `path` (absolute) out. As for dpkg, the last pattern that matches
/// decides; the `keep` patterns of a rule stand behind its `remove` patterns.
#[must_use]
pub fn left_out(rules: &[SlimRule], path: &[u8]) -> Option<usize> {
    let matches = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern.as_bytes(), path));
    for (index, rule) in rules.iter().enumerate().rev() {
        if matches(&rule.keep) {
            return None;
        }
        if matches(&rule.remove) {
            return Some(index);
        }
    }
    None
}

/// True when something below `path` may be kept by one of `rules`: the literal beginning of a `keep` pattern and
/// `path` lead the same way. dpkg keeps folders and links of which this is true.
#[must_use]
pub fn may_hold_kept(rules: &[SlimRule], path: &[u8]) -> bool {
    rules.iter().flat_map(|rule| &rule.keep).any(|pattern| {
        let end = pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len());
        let literal = &pattern.as_bytes()[..end];
        path.starts_with(literal) || literal.starts_with(path)
    })
}

/// fnmatch(3) without flags, over bytes. At most pattern × text steps: a star never gives back more than the last one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => Some(p + 1),
            Some(b'[') => match set(&pattern[p..], text[t]) {
                Some((true, len)) => Some(p + len),
                Some((false, _)) => None,
                // Without an end it is a bracket like any other character.
                None => (text[t] == b'[').then_some(p + 1),
            },
            Some(b'\\') if p + 1 < pattern.len() => (pattern[p + 1] == text[t]).then_some(p + 2),
            Some(byte) => (*byte == text[t]).then_some(p + 1),
            None => None,
        };
        match (step, star) {
            (Some(next), _) => (p, t) = (next, t + 1),
            (None, Some((after, from))) => {
                star = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// `[…]` at the start of `pattern`: whether it holds `byte`, and its length. `None` without a closing bracket.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = 1 + usize::from(negated);
    let mut at = first;
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((found != negated, at + 1));
        }
        let high = match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                at += 2;
                *high
            }
            _ => low,
        };
        found |= (low..=high).contains(&byte);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, remove: &[&str], keep: &[&str]) -> SlimRule {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        SlimRule { name: name.into(), remove: owned(remove), keep: owned(keep), origin: String::new() }
    }

    #[test]
    fn patterns_match_as_fnmatch_does() {
        for (pattern, text, expected) in [
            ("/usr/share/man/*", "/usr/share/man/man1/ls.1.gz", true),
            ("/usr/share/man/*", "/usr/share/man", false),
            ("*.a", "/usr/lib/libc.a", true),
            ("/a*b*c", "/axxbyybzc", true),
            ("/a*b*c", "/axxbyybz", false),
            ("/man[1-9]/*", "/man3/x", true),
            ("/man[!1-9]/*", "/man3/x", false),
            ("/man[]x]", "/man]", true),
            ("/a[b", "/a[b", true),
            (r"/a\*", "/a*", true),
            (r"/a\*", "/ab", false),
            ("/?", "/ä", false),
            ("", "", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_star_takes_no_more_than_square_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!glob(pattern.as_bytes(), "a".repeat(20_000).as_bytes()));
    }

    #[test]
    fn the_last_pattern_decides() {
        let rules = [
            rule("locales", &["/l/*"], &["/l/de/*"]),
            rule("man", &["/m/*"], &[]),
            rule("own", &["/l/de/big"], &["/m/keep"]),
        ];
        assert_eq!(left_out(&rules, b"/l/fr/x"), Some(0));
        assert_eq!(left_out(&rules, b"/l/de/x"), None);
        assert_eq!(left_out(&rules, b"/l/de/big"), Some(2));
        assert_eq!(left_out(&rules, b"/m/keep"), None);
        assert_eq!(left_out(&rules, b"/m/other"), Some(1));
        assert!(may_hold_kept(&rules, b"/l/de") && !may_hold_kept(&rules, b"/l/fr"));
    }
}
