//! The deb822 format: stanzas of `Name: value` fields with continuation lines, separated by empty lines.
//!
//! Reference: deb822(5); Debian Policy 5.1. Values are borrowed from the text; nothing is copied.

use super::Limits;
use pintle_model::Limit;

/// What of the format's looser habits is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Files that programs write (`Packages`, `Release`): no comments, only empty lines between stanzas.
    Index,
    /// Files that people write (`*.sources`): `#` comments anywhere, lines of blanks also separate stanzas.
    Sources,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name as written; names compare without regard to ASCII case.
    pub name: &'a str,
    /// Everything after the colon up to the next field, without blanks at both ends. Continuation lines (and, in
    /// [`Dialect::Sources`], comments between them) are included as they are: see [`Field::lines`].
    pub value: &'a str,
    /// Line of the field's name, from 1.
    pub line: u64,
}

impl<'a> Field<'a> {
    /// True when the field is called `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The lines of the value, each without blanks at both ends and with its line number; comments are left out. The
    /// first is the rest of the line with the name, often empty in fields that are lists.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &'a str)> + use<'a> {
        let first = self.line;
        // A continuation starts with a blank, so a line that starts with `#` can only be a comment.
        (first..)
            .zip(self.value.split('\n'))
            .filter(|(_, line)| !line.starts_with('#'))
            .map(|(n, l)| (n, l.trim()))
    }

    /// The words of the value, comments left out.
    pub fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.lines().flat_map(|(_, line)| line.split_ascii_whitespace())
    }
}

/// One stanza: its fields in order, no name twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza<'a> {
    /// Line of its first field.
    pub line: u64,
    /// Its fields.
    pub fields: Vec<Field<'a>>,
}

impl<'a> Stanza<'a> {
    /// The field called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.is(name))
    }
}

/// Where and how a text leaves the format.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} (byte {offset}): {problem}")]
pub struct Deb822Error {
    /// Line, from 1.
    pub line: u64,
    /// Byte offset of that line.
    pub offset: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Problem {
    /// Neither a field, a continuation nor an empty line.
    #[error("`{0}` is no field: it has no colon")]
    NoColon(String),
    /// The part before the colon cannot be a name.
    #[error("`{0}` cannot be the name of a field")]
    BadName(String),
    /// A line that starts with a blank, but no field before it.
    #[error("a continuation line without a field before it")]
    NothingToContinue,
    /// A line of blanks.
    #[error("a line of blanks only")]
    BlankLine,
    /// A name twice in one stanza.
    #[error("field `{name}` is there twice (first in line {first})")]
    Duplicate {
        /// The name.
        name: String,
        /// Line of the first.
        first: u64,
    },
    /// Over a limit.
    #[error("more than {} {}", .0.max, .0.what)]
    TooMuch(Limit),
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
}

/// Checks that `bytes` are UTF-8 and within the limit of a document.
///
/// # Errors
/// [`Problem::NotUtf8`] with the place, [`Problem::TooMuch`].
pub fn text<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Deb822Error> {
    if !limits.document.allows(bytes.len() as u64) {
        return Err(Deb822Error { line: 1, offset: 0, problem: Problem::TooMuch(limits.document) });
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let offset = good.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let line = 1 + good.iter().filter(|&&b| b == b'\n').count() as u64;
        Deb822Error { line, offset, problem: Problem::NotUtf8 }
    })
}

/// What a [`Reader`] comes across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A field.
    Field(Field<'a>),
    /// The end of a stanza that had at least one field.
    End,
}

/// Reads a text field by field. It keeps no stanza, so a document of any size needs no memory; the price is that the
/// caller looks for fields that are there twice (or uses [`stanzas`]).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    base: usize,
    line: u64,
    dialect: Dialect,
    limits: Limits,
    fields: u64,
    stanzas: u64,
}

impl<'a> Reader<'a> {
    /// Reads `text` from its start.
    #[must_use]
    pub fn new(text: &'a str, dialect: Dialect, limits: &Limits) -> Self {
        Self { text, at: 0, base: 0, line: 1, dialect, limits: *limits, fields: 0, stanzas: 0 }
    }

    /// The same for a text that is the continuation of another: errors and fields count on from there.
    #[must_use]
    pub fn after(self, bytes: usize, lines: u64) -> Self {
        Self { base: bytes, line: 1 + lines, ..self }
    }

    fn problem(&self, problem: Problem) -> Deb822Error {
        Deb822Error { line: self.line, offset: self.base + self.at, problem }
    }

    /// The line at `at` without its line end, and where the next one starts.
    fn peek(&self) -> Option<(&'a str, usize)> {
        let rest = &self.text[self.at..];
        match memchr::memchr(b'\n', rest.as_bytes()) {
            Some(len) => Some((&rest[..len], self.at + len + 1)),
            None if rest.is_empty() => None,
            None => Some((rest, self.text.len())),
        }
    }

    fn step(&mut self, next: usize) {
        self.at = next;
        self.line += 1;
    }

    /// The next field or end of stanza; `None` at the end of the text.
    ///
    /// # Errors
    /// At the first line that leaves the format.
    pub fn token(&mut self) -> Result<Option<Token<'a>>, Deb822Error> {
        loop {
            let Some((line, next)) = self.peek() else { return Ok(self.end()) };
            match line.as_bytes().first() {
                None | Some(b'\r') if line.len() < 2 => {
                    self.step(next);
                    if let Some(end) = self.end() {
                        return Ok(Some(end));
                    }
                }
                Some(b'#') if self.dialect == Dialect::Sources => self.step(next),
                Some(b' ' | b'\t') if !line.trim_ascii().is_empty() => {
                    return Err(self.problem(Problem::NothingToContinue));
                }
                Some(b' ' | b'\t') if self.dialect == Dialect::Index => {
                    return Err(self.problem(Problem::BlankLine));
                }
                Some(b' ' | b'\t') => {
                    self.step(next);
                    if let Some(end) = self.end() {
                        return Ok(Some(end));
                    }
                }
                _ => return self.field(line, next).map(Some),
            }
        }
    }

    fn end(&mut self) -> Option<Token<'a>> {
        (std::mem::take(&mut self.fields) > 0).then_some(Token::End)
    }

    fn field(&mut self, line: &'a str, next: usize) -> Result<Token<'a>, Deb822Error> {
        let Some(colon) = line.bytes().position(|b| b == b':') else {
            return Err(self.problem(Problem::NoColon(excerpt(line))));
        };
        let name = &line[..colon];
        if name.is_empty() || name.starts_with(['-', '#']) || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(self.problem(Problem::BadName(excerpt(name))));
        }
        self.count()?;
        let (start, first) = (self.at, self.line);
        let mut end = start + line.len();
        self.step(next);
        // The first byte tells whether the line goes on here: most lines are looked at once.
        while let Some(b' ' | b'\t' | b'#') = self.text.as_bytes().get(self.at) {
            let Some((line, next)) = self.peek() else { break };
            match line.as_bytes().first() {
                Some(b' ' | b'\t') if !line.trim_ascii().is_empty() => end = self.at + line.len(),
                Some(b'#') if self.dialect == Dialect::Sources => {}
                _ => break,
            }
            self.step(next);
        }
        if !self.limits.field.allows((end - start) as u64) {
            let (offset, problem) = (self.base + start, Problem::TooMuch(self.limits.field));
            return Err(Deb822Error { line: first, offset, problem });
        }
        let value = trim_blanks(&self.text[start + colon + 1..end]);
        Ok(Token::Field(Field { name, value, line: first }))
    }

    fn count(&mut self) -> Result<(), Deb822Error> {
        self.stanzas += u64::from(self.fields == 0);
        self.fields += 1;
        for (count, limit) in [(self.fields, self.limits.fields), (self.stanzas, self.limits.stanzas)] {
            if !limit.allows(count) {
                return Err(self.problem(Problem::TooMuch(limit)));
            }
        }
        Ok(())
    }
}

/// Blanks off both ends, but no line end off the front: a list field's first line is empty, and its lines keep
/// their numbers.
fn trim_blanks(value: &str) -> &str {
    value.trim_start_matches([' ', '\t']).trim_ascii_end()
}

/// At most 60 characters of a line for a message.
pub(super) fn excerpt(line: &str) -> String {
    let mut short: String = line.chars().take(60).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// All stanzas of a (small) text, with names that are there twice refused.
///
/// # Errors
/// At the first line that leaves the format, or the second field of a name.
pub fn stanzas<'a>(text: &'a str, dialect: Dialect, limits: &Limits) -> Result<Vec<Stanza<'a>>, Deb822Error> {
    let mut reader = Reader::new(text, dialect, limits);
    let mut stanzas = Vec::new();
    let mut fields: Vec<Field<'a>> = Vec::new();
    while let Some(token) = reader.token()? {
        match token {
            Token::Field(field) => {
                if let Some(first) = fields.iter().find(|other| other.is(field.name)) {
                    let problem = Problem::Duplicate { name: field.name.to_owned(), first: first.line };
                    let offset = field.name.as_ptr() as usize - text.as_ptr() as usize;
                    return Err(Deb822Error { line: field.line, offset, problem });
                }
                fields.push(field);
            }
            Token::End => {
                let fields = std::mem::take(&mut fields);
                stanzas.push(Stanza { line: fields.first().map_or(0, |f| f.line), fields });
            }
        }
    }
    Ok(stanzas)
}
