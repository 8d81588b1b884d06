use std::borrow::Cow;
use std::fmt;

/// Characters that move the cursor, colour, end a line, or turn the direction of what follows: never from a name.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn write_char(f: &mut impl fmt::Write, c: char) -> fmt::Result {
    if is_harmful(c) { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
}

/// Writes bytes that are mostly text (a file name) for people: what a terminal would obey, and what is not UTF-8, as
/// escapes (`\n`, `\u{1b}`, `\xff`).
pub(crate) fn write_name(f: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().try_for_each(|c| write_char(f, c))?;
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
    }
    Ok(())
}

/// `text` for a terminal: what it would obey is escaped, but for line ends, tabs and colours (our own messages have
/// some). Names of files, packages and hosts in messages come from outside.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| is_harmful(c) && c != '\n' && c != '\t';
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = colour(rest).unwrap_or(c.len_utf8());
        let (start, after) = rest.split_at(len);
        match c {
            _ if len == c.len_utf8() && harmful(c) => out.extend(c.escape_default()),
            _ => out.push_str(start),
        }
        rest = after;
    }
    Cow::Owned(out)
}

/// Length of the sequence that sets colours at the start of `text` (ECMA-48, 8.3.117), if one is there.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing() {
        assert_eq!(printable("plain Grüße 文\n\tnext"), "plain Grüße 文\n\tnext");
        assert_eq!(printable("\x1b[2J\r\u{9b}\u{202e}x\x07"), "\\u{1b}[2J\\r\\u{9b}\\u{202e}x\\u{7}");
        assert_eq!(printable("\x1b[1;31merror\x1b[0m\x1b[3"), "\x1b[1;31merror\x1b[0m\\u{1b}[3");
        let mut name = String::new();
        write_name(&mut name, b"a\nb\xff\xfe\x1b ok").unwrap();
        assert_eq!(name, "a\\nb\\xff\\xfe\\u{1b} ok");
    }
}
