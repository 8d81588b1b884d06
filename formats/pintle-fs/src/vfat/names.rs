use super::format::{LONG_NAME_MAX, ShortName};
use std::collections::{BTreeMap, BTreeSet};

/// What keeps a name out of FAT.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadName {
    /// Not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A character long names exclude.
    #[error("the character {0:?} is not allowed (nor are control characters and `\"*/:<>?\\|`)")]
    Character(char),
    /// Readers drop these.
    #[error("it ends with a dot or a space")]
    Tail,
    /// Longer than the format allows.
    #[error("it has {0} UTF-16 units, 255 is the most")]
    Long(usize),
}

/// A name checked for FAT.
#[derive(Clone, Debug)]
pub(super) struct LongName {
    pub(super) text: String,
    pub(super) units: Vec<u16>,
}

impl LongName {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, BadName> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadName::NotUtf8)?;
        if let Some(bad) = text.chars().find(|c| c.is_control() || "\"*/:<>?\\|".contains(*c)) {
            return Err(BadName::Character(bad));
        }
        if text.ends_with(['.', ' ']) {
            return Err(BadName::Tail);
        }
        let units: Vec<u16> = text.encode_utf16().collect();
        if units.len() > LONG_NAME_MAX {
            Err(BadName::Long(units.len()))
        } else {
            Ok(Self { text: text.into(), units })
        }
    }
}

/// What names are compared by: FAT ignores case. Characters whose capital is several stay as they are.
pub(super) fn folded(name: &str) -> String {
    let upper = |c: char| {
        let mut upper = c.to_uppercase();
        upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
    };
    name.chars().map(upper).collect()
}

/// Characters of short names, lower-case letters aside (fatgen103 page 24); nothing that depends on a code page.
fn is_short(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || "$%'-_@~`!(){}^#&".contains(c)
}

/// The short name that equals `text` but for the case of letters; `None` where the format does not allow it.
fn exact(text: &str) -> Option<ShortName> {
    let (stem, extension) = text.rsplit_once('.').unwrap_or((text, ""));
    let fits = !stem.is_empty() && stem.len() <= 8 && extension.len() <= 3;
    let plain = |part: &str| part.chars().all(|c| is_short(c.to_ascii_uppercase()));
    let dot_is_fine = !text.contains('.') || !extension.is_empty();
    (fits && dot_is_fine && plain(stem) && plain(extension))
        .then(|| padded(&stem.to_ascii_uppercase(), &extension.to_ascii_uppercase()))
}

fn padded(stem: &str, extension: &str) -> ShortName {
    let mut name = [b' '; 11];
    name[..stem.len()].copy_from_slice(stem.as_bytes());
    name[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
    name
}

/// Stem and extension of an alias before its numeric tail (fatgen103 page 30, "basis-name"): upper case, without
/// spaces and leading dots, everything else that is not allowed as `_`.
fn basis(text: &str) -> (String, String) {
    let clean = |part: &str, most: usize| -> String {
        let kept = part.chars().filter(|c| !matches!(c, ' ' | '.')).map(|c| c.to_ascii_uppercase());
        kept.map(|c| if is_short(c) { c } else { '_' }).take(most).collect()
    };
    let text = text.trim_start_matches(['.', ' ']);
    let (stem, extension) = text.rsplit_once('.').unwrap_or((text, ""));
    let stem = clean(stem, 8);
    (if stem.is_empty() { "_".into() } else { stem }, clean(extension, 3))
}

/// A short name for each of the names of one directory, in their order: unique, and none equal to another's long
/// name. `None` where six digits did not suffice.
///
/// Names that fit keep themselves; so a long name elsewhere in the directory can never be shadowed by an alias.
pub(super) fn aliases(names: &[LongName]) -> Vec<Option<ShortName>> {
    let mut out: Vec<Option<ShortName>> = names.iter().map(|name| exact(&name.text)).collect();
    let mut used: BTreeSet<ShortName> = out.iter().flatten().copied().collect();
    let mut next: BTreeMap<(String, String), u32> = BTreeMap::new();
    for (slot, name) in out.iter_mut().zip(names).filter(|(slot, _)| slot.is_none()) {
        let (stem, extension) = basis(&name.text);
        // Counting goes on where the last equal stem stopped: no name is tried twice.
        let number = next.entry((stem.chars().take(6).collect(), extension.clone())).or_insert(1);
        while *number <= 999_999 && slot.is_none() {
            let tail = format!("~{number}");
            let kept: String = stem.chars().take(8 - tail.len()).collect();
            let candidate = padded(&(kept + &tail), &extension);
            *slot = used.insert(candidate).then_some(candidate);
            *number += 1;
        }
    }
    out
}

/// True when the long name says no more than the short one, so that no long entries are needed.
pub(super) fn is_exact(name: &LongName, short: &ShortName) -> bool {
    exact(&name.text).as_ref() == Some(short) && name.text == name.text.to_ascii_uppercase()
}

/// The label as it stands on disk; `None` for a bad one.
pub(super) fn label(text: &str) -> Option<ShortName> {
    let good = |c: char| c == ' ' || (is_short(c) && c != '`');
    (text.len() <= 11 && text.chars().all(good) && !text.starts_with(' ')).then(|| {
        let mut name = [b' '; 11];
        name[..text.len()].copy_from_slice(text.as_bytes());
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases_of(names: &[&str]) -> Vec<String> {
        let names: Vec<_> = names.iter().map(|name| LongName::new(name.as_bytes()).unwrap()).collect();
        let text = |short: ShortName| String::from_utf8(short.to_vec()).unwrap();
        aliases(&names).into_iter().map(|short| short.map_or("-".into(), text)).collect()
    }

    #[test]
    fn aliases_follow_the_book() {
        let cases = [
            ("BOOTX64.EFI", "BOOTX64 EFI"),
            ("loader.conf", "LOADER~1CON"),
            ("EFI", "EFI        "),
            ("efi.txt", "EFI     TXT"),
            (".hidden", "HIDDEN~1   "),
            ("a b c.d", "ABC~1   D  "),
            ("naïve.é", "NA_VE~1 _  "),
            ("x.tar.gz", "XTAR~1  GZ "),
            ("a+b", "A_B~1      "),
            ("日本", "__~1       "),
            (". .x", "X~1        "),
        ];
        for (long, short) in cases {
            assert_eq!(aliases_of(&[long]), [short], "{long}");
        }
    }

    #[test]
    fn aliases_never_meet_a_real_name_or_each_other() {
        assert_eq!(
            aliases_of(&["long name.txt", "long~1.txt", "LONGNAME.TXT", "long name2.txt", "LONGNA~2.TXT"]),
            ["LONGNA~1TXT", "LONG~1  TXT", "LONGNAMETXT", "LONGNA~3TXT", "LONGNA~2TXT"]
        );
        let many: Vec<String> = (0..12_000).map(|n| format!("linux-image-{n}")).collect();
        let names: Vec<_> = many.iter().map(|name| LongName::new(name.as_bytes()).unwrap()).collect();
        let short: BTreeSet<_> = aliases(&names).into_iter().map(Option::unwrap).collect();
        assert_eq!(short.len(), many.len());
    }

    #[test]
    fn bad_names_say_why() {
        let error = |name: &[u8]| LongName::new(name).unwrap_err().to_string();
        insta::assert_snapshot!(error(b"a:b"), @r#"the character ':' is not allowed (nor are control characters and `"*/:<>?\|`)"#);
        insta::assert_snapshot!(error(b"a\n"), @r#"the character '\n' is not allowed (nor are control characters and `"*/:<>?\|`)"#);
        insta::assert_snapshot!(error(b"a."), @"it ends with a dot or a space");
        insta::assert_snapshot!(error(b"\xff"), @"it is not UTF-8");
        // 255 bytes is the most a tree holds, and no text has more UTF-16 units than UTF-8 bytes.
        insta::assert_snapshot!(error(&[b'x'; 256]), @"it has 256 UTF-16 units, 255 is the most");
    }

    #[test]
    fn labels() {
        assert_eq!(label("ESP"), Some(*b"ESP        "));
        assert_eq!(label(""), Some(*b"           "));
        for bad in ["esp", "TWELVE CHARS", "A.B", " A", "É"] {
            assert_eq!(label(bad), None, "{bad}");
        }
    }
}
