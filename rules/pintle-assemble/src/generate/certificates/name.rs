//! The hash by which OpenSSL looks for the certificate of a subject.

use super::der::{SEQUENCE, SET, UTF8_STRING, element, expect, take};
use sha1::{Digest as _, Sha1};

/// `X509_NAME_hash` of the content of a `Name`: the first four bytes, little-endian, of the SHA-1 of its canonical
/// form. `None` for a malformed name.
pub(super) fn hash(name: &[u8]) -> Option<u32> {
    let digest = Sha1::digest(canonical(name)?);
    Some(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]))
}

/// The relative names one after the other, without the SEQUENCE around them; texts in UTF-8, lower case, their white
/// space reduced (OpenSSL: crypto/x509/x_name.c, "canonical encoding").
fn canonical(mut name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while !name.is_empty() {
        let mut set = expect(&mut name, SET)?;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let mut attribute = expect(&mut set, SEQUENCE)?;
            let kind = take(&mut attribute)?;
            let value = take(&mut attribute)?;
            let value = match text(value.tag, value.content) {
                Some(text) => element(UTF8_STRING, &folded(&text?)),
                None => element(value.tag, value.content),
            };
            attributes.push(element(SEQUENCE, &[element(kind.tag, kind.content), value].concat()));
        }
        // DER, X.690 section 11.6: a SET OF is sorted by its elements' encodings.
        attributes.sort();
        out.extend(element(SET, &attributes.concat()));
    }
    Some(out)
}

/// The UTF-8 of a string type, `None` for other types; `Some(None)` for malformed text.
fn text(tag: u8, content: &[u8]) -> Option<Option<Vec<u8>>> {
    let from_chars = |chars: Option<String>| Some(chars.map(String::into_bytes));
    match tag {
        // UTF8String, PrintableString, IA5String, VisibleString.
        0x0c | 0x13 | 0x16 | 0x1a => Some(Some(content.to_vec())),
        // T61String, taken for Latin-1 as OpenSSL does.
        0x14 => from_chars(Some(content.iter().map(|byte| char::from(*byte)).collect())),
        // BMPString.
        0x1e => {
            let units = content.chunks(2).map(|two| match two {
                [high, low] => char::from_u32(u32::from(*high) << 8 | u32::from(*low)),
                _ => None,
            });
            from_chars(units.collect())
        }
        // UniversalString.
        0x1c => {
            let units = content.chunks(4).map(|four| {
                let four: [u8; 4] = four.try_into().ok()?;
                char::from_u32(u32::from_be_bytes(four))
            });
            from_chars(units.collect())
        }
        _ => None,
    }
}

/// Lower case, no white space at the ends, single spaces between words; ASCII only.
fn folded(text: &[u8]) -> Vec<u8> {
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let words = text.split(space).filter(|word| !word.is_empty());
    words.map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::{folded, text};

    #[test]
    fn text_is_folded_and_decoded() {
        assert_eq!(folded(b"  A \t\x0b b\xc3\x84 "), b"a b\xc3\x84");
        assert_eq!(text(0x14, b"\xe4").unwrap().unwrap(), "ä".as_bytes());
        assert_eq!(text(0x1e, b"\x20\xac").unwrap().unwrap(), "€".as_bytes());
        assert_eq!(text(0x1c, b"\0\0\x20\xac").unwrap().unwrap(), "€".as_bytes());
        assert!(text(0x1e, b"\x20").unwrap().is_none());
        assert!(text(0x02, b"\x20").is_none());
    }
}
