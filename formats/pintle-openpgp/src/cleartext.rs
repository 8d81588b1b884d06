//! The frame around the text (RFC 9580, section 7), read strictly: nothing outside it, nothing ambiguous in it.

/// Largest document: `InRelease` of Debian has 140 kB.
const SIZE_MAX: usize = 16 << 20;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// A document is not exactly one clear-signed message. Lines count from 1.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// Nothing to see of a signature: a plain text, an HTML page.
    #[error("it is not clear-signed (its first line is not `{BEGIN}`)")]
    NotSigned,
    /// Not text, or text that programs may split into lines differently.
    #[error("line {0} is not plain text (a NUL, a stray carriage return, or not UTF-8)")]
    NotText(usize),
    /// A header other than `Hash:` (section 7 allows no other), or none at all.
    #[error("line {0} is no `Hash:` header")]
    Header(usize),
    /// A line that starts with `-` and is neither escaped nor the signature.
    #[error("line {0} starts with a dash that is not escaped")]
    Dash(usize),
    /// The file ends early.
    #[error("it ends at line {0}, before the end of the signature")]
    Truncated(usize),
    /// A second message, or text nobody signed.
    #[error("line {0} follows after the end of the signature")]
    Trailing(usize),
    /// Too large to be what it should be.
    #[error("it has {0} bytes, more than any such file")]
    TooLarge(usize),
}

/// A message taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What was hashed: lines without trailing blanks, joined by CRLF, no line end after the last.
    pub(crate) hashed: Vec<u8>,
    /// The same lines, each ended by LF.
    pub(crate) text: String,
    /// The armored signatures.
    pub(crate) armor: &'a str,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    if bytes.len() > SIZE_MAX {
        return Err(FrameError::TooLarge(bytes.len()));
    }
    if !bytes.starts_with(BEGIN.as_bytes()) {
        return Err(FrameError::NotSigned);
    }
    let all = as_text(bytes)?;
    let mut lines = Lines { rest: all, number: 0 };
    if lines.next()? != BEGIN {
        return Err(FrameError::NotSigned);
    }
    loop {
        match lines.next()? {
            "" => break,
            line if line.starts_with("Hash:") => {}
            _ => return Err(FrameError::Header(lines.number)),
        }
    }
    let mut text = String::with_capacity(bytes.len());
    let armor = loop {
        let before = lines.rest;
        let line = lines.next()?;
        if line == SIGNATURE {
            break before;
        }
        let line = match line.strip_prefix("- ") {
            Some(escaped) => escaped,
            None if line.starts_with('-') => return Err(FrameError::Dash(lines.number)),
            None => line,
        };
        text.push_str(line.trim_end_matches([' ', '\t']));
        text.push('\n');
    };
    while lines.next()? != END {}
    let armor = &armor[..armor.len() - lines.rest.len()];
    if !lines.rest.trim_ascii().is_empty() {
        return Err(FrameError::Trailing(lines.number + 1));
    }
    let hashed = text.strip_suffix('\n').unwrap_or_default().replace('\n', "\r\n").into_bytes();
    Ok(Frame { hashed, text, armor })
}

fn as_text(bytes: &[u8]) -> Result<&str, FrameError> {
    let line_at = |at: usize| FrameError::NotText(1 + bytes[..at].iter().filter(|b| **b == b'\n').count());
    let text = std::str::from_utf8(bytes).map_err(|error| line_at(error.valid_up_to()))?;
    let stray = |(at, byte): (usize, &u8)| match byte {
        0 => Some(at),
        b'\r' => (bytes.get(at + 1) != Some(&b'\n')).then_some(at),
        _ => None,
    };
    match bytes.iter().enumerate().find_map(stray) {
        Some(at) => Err(line_at(at)),
        None => Ok(text),
    }
}

struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end and trailing blanks, which are never signed.
    fn next(&mut self) -> Result<&'a str, FrameError> {
        let Some((line, rest)) = self.rest.split_once('\n') else {
            // Only the very last line may lack its end, and only the end mark can be that line.
            let line = std::mem::take(&mut self.rest).trim_end_matches([' ', '\t', '\r']);
            self.number += usize::from(!line.is_empty());
            return if line == END { Ok(line) } else { Err(FrameError::Truncated(self.number)) };
        };
        self.rest = rest;
        self.number += 1;
        Ok(line.trim_end_matches([' ', '\t', '\r']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        format!("{BEGIN}\nHash: SHA256\n\n{body}{SIGNATURE}\n\nabc=\n{END}\n")
    }

    #[test]
    fn the_signed_text_is_canonical() {
        let given =
            message("one \t\n- -dash\r\n\ntwo\n").replace("Hash: SHA256", "Hash: SHA256\nHash: SHA512");
        let frame = parse(given.as_bytes()).unwrap();
        assert_eq!(frame.text, "one\n-dash\n\ntwo\n");
        assert_eq!(frame.hashed, b"one\r\n-dash\r\n\r\ntwo");
        assert_eq!(frame.armor, format!("{SIGNATURE}\n\nabc=\n{END}\n"));
        assert_eq!(parse(message("").as_bytes()).unwrap().text, "");
        assert_eq!(parse(message("a\n").trim_end().as_bytes()).unwrap().text, "a\n");
    }

    #[test]
    fn everything_else_is_refused() {
        let good = message("a\n");
        for (bad, expected) in [
            (String::new(), FrameError::NotSigned),
            ("<html>".to_owned(), FrameError::NotSigned),
            (format!("x\n{good}"), FrameError::NotSigned),
            (format!("\n{good}"), FrameError::NotSigned),
            (good.replace("MESSAGE-----", "MESSAGE-----x"), FrameError::NotSigned),
            (good.replace("Hash: SHA256", "Charset: x"), FrameError::Header(2)),
            (good.replace("a\n", "-a\n"), FrameError::Dash(4)),
            (good.replace("a\n", &format!("{BEGIN}\n")), FrameError::Dash(4)),
            (good.replace("a\n", "a\0\n"), FrameError::NotText(4)),
            (good.replace("a\n", "a\rb\n"), FrameError::NotText(4)),
            (format!("{good}x\n"), FrameError::Trailing(9)),
            (format!("{good}{good}"), FrameError::Trailing(9)),
            (good[..good.len() - 8].to_owned(), FrameError::Truncated(8)),
            (good[..40].to_owned(), FrameError::Truncated(2)),
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(expected), "{bad}");
        }
        assert_eq!(parse(&[good.as_bytes(), &[0xff]].concat()), Err(FrameError::NotText(9)));
    }
}
