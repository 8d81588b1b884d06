//! As much of DER (X.690) as lies before a certificate's subject.

/// One element: its tag byte, its content, and both with the length between.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const UTF8_STRING: u8 = 0x0c;

/// Takes the first element off `bytes`. Tags of one byte and lengths of up to four bytes only.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    *bytes = rest;
    (tag & 0x1f != 0x1f).then_some(Element { tag: *tag, content })
}

/// Takes the first element, which must have `tag`, and gives its content.
pub(super) fn expect<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take(bytes).filter(|element| element.tag == tag).map(|element| element.content)
}

/// Writes an element.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len => {
            let digits = len.to_be_bytes();
            let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
            out.push(0x80 | digits.len() as u8);
            out.extend(digits);
        }
    }
    out.extend(content);
    out
}

/// The content of the subject's `Name` in a certificate (RFC 5280, section 4.1).
pub(super) fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let mut all = certificate;
    let mut certificate = expect(&mut all, SEQUENCE)?;
    let mut tbs = expect(&mut certificate, SEQUENCE)?;
    let mut next = take(&mut tbs)?;
    if next.tag == 0xa0 {
        // Version, absent in certificates of version 1.
        next = take(&mut tbs)?;
    }
    if next.tag != 0x02 {
        return None;
    }
    for _ in ["signature algorithm", "issuer", "validity"] {
        expect(&mut tbs, SEQUENCE)?;
    }
    expect(&mut tbs, SEQUENCE)
}
