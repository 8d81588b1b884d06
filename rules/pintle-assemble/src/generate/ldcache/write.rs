use super::Entry;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

// glibc: sysdeps/generic/dl-cache.h. All numbers in the machine's byte order, which is little-endian everywhere here.
const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const LITTLE_ENDIAN: u8 = 2;
const HEADER_LEN: usize = 48;
const ENTRY_LEN: usize = 24;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
const TAG_GENERATOR: u32 = 0;
const TAG_HWCAPS: u32 = 1;
const SECTION_LEN: usize = 16;
/// In an entry's `hwcap`: the low half numbers a `glibc-hwcaps` name.
const HWCAP_EXTENSION: u64 = 1 << 62;
const GENERATOR: &[u8] = b"pintle";

/// The cache file. Entries may come in any order of names; among entries of one name and type the first comes first.
pub(super) fn cache(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by(|a, b| {
        let names = compare_names(&b.soname, &a.soname).then(b.flags.cmp(&a.flags));
        // Subdirectories for better processors before the common one: ld.so stops at the first common entry.
        names.then(a.hwcaps.is_none().cmp(&b.hwcaps.is_none())).then(a.hwcaps.cmp(&b.hwcaps))
    });
    let hwcaps: BTreeSet<&[u8]> = entries.iter().filter_map(|entry| entry.hwcaps.as_deref()).collect();
    let hwcaps: Vec<&[u8]> = hwcaps.into_iter().collect();
    let named = entries.iter().flat_map(|entry| [entry.soname.as_slice(), &entry.path]);
    let (strings, offsets) = strings(named.chain(hwcaps.iter().copied()).collect());
    let base = HEADER_LEN + ENTRY_LEN * entries.len();
    let at = |text: &[u8]| (base + offsets[text]) as u32;
    let extension = (base + strings.len()).next_multiple_of(4);

    let mut out = MAGIC.to_vec();
    push(&mut out, &[entries.len() as u32, strings.len() as u32]);
    out.extend([LITTLE_ENDIAN, 0, 0, 0]);
    push(&mut out, &[extension as u32, 0, 0, 0]);
    for entry in &entries {
        let number = entry.hwcaps.as_deref().and_then(|name| hwcaps.binary_search(&name).ok());
        let hwcap = number.map_or(0, |number| HWCAP_EXTENSION | number as u64);
        push(&mut out, &[entry.flags, at(&entry.soname), at(&entry.path), 0]);
        out.extend(hwcap.to_le_bytes());
    }
    out.extend(strings);
    out.resize(extension, 0);

    let names: Vec<u32> = hwcaps.iter().map(|name| at(name)).collect();
    let sections = if names.is_empty() { 1 } else { 2 };
    let names_at = extension + 8 + SECTION_LEN * sections;
    let generator_at = names_at + 4 * names.len();
    push(&mut out, &[EXTENSION_MAGIC, sections as u32]);
    push(&mut out, &[TAG_GENERATOR, 0, generator_at as u32, GENERATOR.len() as u32]);
    if !names.is_empty() {
        push(&mut out, &[TAG_HWCAPS, 0, names_at as u32, 4 * names.len() as u32]);
    }
    push(&mut out, &names);
    out.extend(GENERATOR);
    out
}

fn push(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

/// All texts, each ended by NUL, and where each begins. A text that ends another shares its bytes.
fn strings(texts: BTreeSet<&[u8]>) -> (Vec<u8>, BTreeMap<&[u8], usize>) {
    // Sorted by their last bytes, greatest first and long before short: whoever can share follows its host.
    let mut texts: Vec<&[u8]> = texts.into_iter().collect();
    texts.sort_by(|a, b| b.iter().rev().cmp(a.iter().rev()));
    let (mut out, mut offsets) = (Vec::new(), BTreeMap::new());
    let mut last: Option<(&[u8], usize)> = None;
    for text in texts {
        let offset = match last {
            Some((host, at)) if host.ends_with(text) => at + host.len() - text.len(),
            _ => {
                let at = out.len();
                out.extend(text);
                out.push(0);
                at
            }
        };
        offsets.insert(text, offset);
        last = Some((text, offset));
    }
    (out, offsets)
}

/// Order of library names: runs of digits by their value, and after any other byte (glibc: `_dl_cache_libcmp`).
pub(super) fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        match (a.split_first(), b.split_first()) {
            (Some((x, _)), Some((y, _))) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let order = number(&mut a).cmp(&number(&mut b));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some((x, _)), _) if x.is_ascii_digit() => return Ordering::Greater,
            (_, Some((y, _))) if y.is_ascii_digit() => return Ordering::Less,
            (Some((x, rest_a)), Some((y, rest_b))) if x == y => (a, b) = (rest_a, rest_b),
            (x, y) => return x.map(|(byte, _)| byte).cmp(&y.map(|(byte, _)| byte)),
        }
    }
}

/// Takes the digits off the front of `text`.
fn number(text: &mut &[u8]) -> u64 {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    *text = rest;
    digits.iter().fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::compare_names;
    use std::cmp::Ordering;

    #[test]
    fn names_compare_by_their_numbers() {
        for (a, b, expected) in [
            ("libx.so.10", "libx.so.9", Ordering::Greater),
            ("libx.so.1", "libx.so", Ordering::Greater),
            ("libx2.so", "libx.so", Ordering::Greater),
            ("libx.so.01", "libx.so.1", Ordering::Equal),
            ("liba.so", "libb.so", Ordering::Less),
            ("libstdc++.so.6", "libstdc.so.6", Ordering::Less),
        ] {
            assert_eq!(compare_names(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
