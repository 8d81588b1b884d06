//! Words, quotes, expansions and here-documents (POSIX.1-2017 XCU 2.2, 2.6, 2.7.4).

use super::parse::{Parser, SyntaxError};
use super::syntax::{Form, Part, Word};

const META: &[u8] = b" \t\n;&|()<>";

impl Parser<'_> {
    /// The next word; `None` at an operator, a line end or the end.
    pub(super) fn word(&mut self) -> Result<Option<Word>, SyntaxError> {
        let mut word = Word::default();
        let start = self.pos;
        while let Some(byte) = self.peek() {
            match byte {
                _ if META.contains(&byte) => break,
                b'\\' => self.escape(&mut word),
                b'\'' => self.single_quoted(&mut word)?,
                b'"' => {
                    self.pos += 1;
                    self.double_quoted(&mut word)?;
                }
                b'$' | b'`' => self.expansion(&mut word, false)?,
                _ => self.plain(&mut word),
            }
        }
        Ok((self.pos > start).then_some(word))
    }

    fn plain(&mut self, word: &mut Word) {
        let start = self.pos;
        while self.peek().is_some_and(|b| !META.contains(&b) && !b"\\'\"$`".contains(&b)) {
            self.pos += 1;
        }
        word.text(&self.text[start..self.pos], false);
    }

    fn escape(&mut self, word: &mut Word) {
        self.pos += 1;
        match self.peek() {
            Some(b'\n') => {
                self.pos += 1;
                self.line += 1;
            }
            Some(_) => {
                let start = self.pos;
                self.pos += 1;
                word.text(&self.text[start..self.pos], true);
            }
            None => word.text(b"\\", true),
        }
    }

    fn single_quoted(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        self.pos += 1;
        let start = self.pos;
        let rest = &self.text[start..];
        let end = rest.iter().position(|b| *b == b'\'').ok_or_else(|| self.error("unclosed quote"))?;
        self.line += rest[..end].iter().filter(|b| **b == b'\n').count();
        self.pos = start + end + 1;
        word.text(&rest[..end], true);
        Ok(())
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        word.text(b"", true);
        loop {
            let start = self.pos;
            match self.peek() {
                None => return Err(self.error("unclosed quote")),
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(());
                }
                Some(b'\\') if self.text.get(start + 1).is_some_and(|b| b"$`\"\\".contains(b)) => {
                    self.pos += 2;
                    word.text(&self.text[start + 1..start + 2], true);
                }
                Some(b'\\') if self.text.get(start + 1) == Some(&b'\n') => {
                    self.pos += 2;
                    self.line += 1;
                }
                Some(b'$' | b'`') => self.expansion(word, true)?,
                Some(byte) => {
                    self.line += usize::from(byte == b'\n');
                    self.pos += 1;
                    word.text(&self.text[start..self.pos], true);
                }
            }
        }
    }

    fn expansion(&mut self, word: &mut Word, quoted: bool) -> Result<(), SyntaxError> {
        let start = self.pos;
        self.pos += 1;
        if self.text[start] == b'`' {
            let text = self.until_backquote()?;
            word.parts.push(Part::Substitution { text, quoted });
            return Ok(());
        }
        match self.peek() {
            Some(b'(') if self.text.get(self.pos + 1) == Some(&b'(') => {
                self.balanced(b'(', b')')?;
                word.parts.push(Part::Arithmetic);
            }
            Some(b'(') => {
                let text = self.balanced(b'(', b')')?;
                word.parts.push(Part::Substitution { text, quoted });
            }
            Some(b'{') => {
                let text = self.balanced(b'{', b'}')?;
                word.parts.push(self.parameter(&text, quoted)?);
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                let from = self.pos;
                while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    self.pos += 1;
                }
                let name = String::from_utf8_lossy(&self.text[from..self.pos]).into_owned();
                word.parts.push(Part::Variable { name, form: Form::Plain, quoted });
            }
            Some(byte) if byte.is_ascii_digit() || b"@*#?$!-".contains(&byte) => {
                self.pos += 1;
                let name = char::from(byte).to_string();
                word.parts.push(Part::Variable { name, form: Form::Plain, quoted });
            }
            _ => word.text(b"$", quoted),
        }
        Ok(())
    }

    /// The text of a here-document, in which `$`, `` ` `` and `\` before them keep their meaning (XCU 2.7.4); `None`
    /// where it cannot be read.
    pub(super) fn here_word(&self, text: &str) -> Option<Word> {
        let mut inner = Parser::nested(text, self).ok()?;
        let mut word = Word::of("");
        while let Some(byte) = inner.peek() {
            let next = inner.text.get(inner.pos + 1).copied();
            match (byte, next) {
                (b'\\', Some(b'\n')) => inner.pos += 2,
                (b'\\', Some(escaped @ (b'$' | b'`' | b'\\'))) => {
                    inner.pos += 2;
                    word.text(&[escaped], true);
                }
                (b'$' | b'`', _) => inner.expansion(&mut word, true).ok()?,
                _ => {
                    let rest = &inner.text[inner.pos + 1..];
                    let length = 1 + rest.iter().take_while(|b| !b"\\$`".contains(b)).count();
                    word.text(&inner.text[inner.pos..inner.pos + length], true);
                    inner.pos += length;
                }
            }
        }
        Some(word)
    }

    /// `${text}`.
    fn parameter(&self, text: &str, quoted: bool) -> Result<Part, SyntaxError> {
        let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let (name, operator) =
            if length == 0 && text.len() == 1 { (text, "") } else { text.split_at(length) };
        let nested = |rest: &str| -> Result<Word, SyntaxError> {
            let mut inner = Parser::nested(rest, self)?;
            let mut word = Word::default();
            while let Some(byte) = inner.peek() {
                match byte {
                    b'$' | b'`' => inner.expansion(&mut word, quoted)?,
                    b'"' => {
                        inner.pos += 1;
                        inner.double_quoted(&mut word)?;
                    }
                    b'\'' if !quoted => inner.single_quoted(&mut word)?,
                    _ => {
                        inner.pos += 1;
                        word.text(&[byte], quoted);
                    }
                }
            }
            Ok(word)
        };
        let form = match operator.as_bytes() {
            [] => Form::Plain,
            [b':', b'-', ..] => Form::Default(nested(&operator[2..])?),
            [b'-', ..] => Form::Default(nested(&operator[1..])?),
            [b':', b'+', ..] => Form::Alternative(nested(&operator[2..])?),
            [operator @ (b'#' | b'%'), rest @ ..] if !name.is_empty() => {
                let longest = rest.first() == Some(operator);
                let pattern = nested(&text[length + 1 + usize::from(longest)..])?;
                Form::Without { end: *operator == b'%', longest, pattern }
            }
            _ => Form::Other,
        };
        Ok(Part::Variable { name: name.to_owned(), form, quoted })
    }

    fn until_backquote(&mut self) -> Result<String, SyntaxError> {
        let mut out = Vec::new();
        while let Some(byte) = self.peek() {
            self.pos += 1;
            match byte {
                b'`' => return Ok(String::from_utf8_lossy(&out).into_owned()),
                b'\\' if self.peek().is_some_and(|b| b"$`\\".contains(&b)) => {}
                _ => {
                    self.line += usize::from(byte == b'\n');
                    out.push(byte);
                }
            }
        }
        Err(self.error("unclosed backquote"))
    }

    /// The text between `open` (at the current place) and its `close`, quotes and nesting respected.
    fn balanced(&mut self, open: u8, close: u8) -> Result<String, SyntaxError> {
        let start = self.pos + 1;
        let mut depth = 0usize;
        let mut quote = None;
        while let Some(byte) = self.peek() {
            self.pos += 1;
            self.line += usize::from(byte == b'\n');
            match (quote, byte) {
                (Some(b'\''), b'\'') | (Some(b'"'), b'"') => quote = None,
                (Some(b'\''), _) => {}
                (_, b'\\') => self.pos += 1,
                (Some(_), _) => {}
                (None, b'\'' | b'"') => quote = Some(byte),
                (None, _) if byte == open => depth += 1,
                (None, _) if byte == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(String::from_utf8_lossy(&self.text[start..self.pos - 1]).into_owned());
                    }
                }
                (None, _) => {}
            }
        }
        self.pos = self.text.len();
        Err(self.error("unclosed expansion"))
    }
}

impl Word {
    /// Plain text.
    pub(super) fn of(text: &str) -> Self {
        Self { parts: vec![Part::Text { text: text.to_owned(), quoted: true }] }
    }

    /// Appends literal text.
    pub(super) fn text(&mut self, bytes: &[u8], quoted: bool) {
        let more = String::from_utf8_lossy(bytes);
        if let Some(Part::Text { text, quoted: before }) = self.parts.last_mut()
            && *before == quoted
        {
            text.push_str(&more);
            return;
        }
        self.parts.push(Part::Text { text: more.into_owned(), quoted });
    }

    /// The word where it has no expansions.
    pub(crate) fn literal(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}
