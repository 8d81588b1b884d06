//! The grammar (POSIX.1-2017 XCU 2.9, 2.10) by recursive descent.

use super::redirect::fill_all;
use super::syntax::{Command, Join, Node, Part, Script, Word};
use std::rc::Rc;

/// Longest script that is read: the longest of Debian's is about 100 kB.
const SCRIPT_MAX: usize = 1 << 20;
/// Deepest nesting of compound commands, and of expansions in expansions.
const DEPTH_MAX: usize = 64;

/// Reserved words that end or continue a compound command.
const CLOSING: [&str; 8] = ["then", "do", "done", "fi", "else", "elif", "esac", "}"];

/// The script is not in the subset this parser knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// 1-based.
    pub(crate) line: usize,
    /// What was met.
    pub(crate) what: &'static str,
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t [u8],
    pub(super) pos: usize,
    pub(super) line: usize,
    depth: usize,
    /// Here-documents announced on this line: delimiter, tabs stripped, quoted.
    pub(super) pending: Vec<(String, bool, bool)>,
    here: Vec<Option<Word>>,
}

/// Parses a script.
pub(crate) fn parse(text: &str) -> Result<Script, SyntaxError> {
    if text.len() > SCRIPT_MAX {
        return Err(SyntaxError { line: 1, what: "script over 1 MiB" });
    }
    let mut parser = Parser::new(text);
    let mut body = parser.list(&[])?;
    if parser.pos < parser.text.len() {
        return Err(parser.error("unexpected `)` or `;;`"));
    }
    // The texts of here-documents stand after the lines that announce them, in the same order.
    let mut here = std::mem::take(&mut parser.here);
    here.reverse();
    fill_all(&mut body, &mut here);
    Ok(Script { body })
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), pos: 0, line: 1, depth: 0, pending: Vec::new(), here: Vec::new() }
    }

    /// A parser for text inside an expansion.
    pub(super) fn nested(text: &'t str, outer: &Parser<'_>) -> Result<Self, SyntaxError> {
        if outer.depth >= DEPTH_MAX {
            return Err(outer.error("expansions nested too deep"));
        }
        Ok(Self { depth: outer.depth + 1, line: outer.line, ..Self::new(text) })
    }

    pub(super) fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { line: self.line, what }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.pos).copied()
    }

    fn starts(&self, text: &str) -> bool {
        self.text[self.pos..].starts_with(text.as_bytes())
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.starts(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    /// Blanks, continued lines and comments.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.pos += 1,
                Some(b'\\') if self.text.get(self.pos + 1) == Some(&b'\n') => {
                    self.pos += 2;
                    self.line += 1;
                }
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.pos += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Blanks and line ends; reads the here-documents that a line announced.
    fn newlines(&mut self) {
        loop {
            self.blanks();
            if self.peek() != Some(b'\n') {
                return;
            }
            self.pos += 1;
            self.line += 1;
            for (delimiter, tabs, quoted) in std::mem::take(&mut self.pending) {
                let text = self.here_document(&delimiter, tabs);
                let word = if quoted { Some(Word::of(&text)) } else { self.here_word(&text) };
                self.here.push(word);
            }
        }
    }

    fn here_document(&mut self, delimiter: &str, tabs: bool) -> String {
        let mut out = String::new();
        while self.pos < self.text.len() {
            let rest = &self.text[self.pos..];
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let line = String::from_utf8_lossy(&rest[..end]);
            let line = if tabs { line.trim_start_matches('\t') } else { &line };
            self.pos = (self.pos + end + 1).min(self.text.len());
            self.line += 1;
            if line == delimiter {
                break;
            }
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    /// The next word's plain text, to look for reserved words.
    fn reserved(&self) -> &str {
        let rest = &self.text[self.pos..];
        let end = rest.iter().position(|b| b" \t\n;&|()<>".contains(b)).unwrap_or(rest.len());
        std::str::from_utf8(&rest[..end]).unwrap_or("")
    }

    fn expect(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        self.newlines();
        if self.reserved() == word || (word.len() == 1 && self.starts(word)) {
            self.pos += word.len();
            return Ok(());
        }
        Err(self.error("a compound command that does not end"))
    }

    fn list(&mut self, ends: &[&str]) -> Result<Vec<Node>, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("commands nested too deep"));
        }
        let mut nodes = Vec::new();
        loop {
            self.newlines();
            let at_end = self.peek().is_none_or(|b| b == b')') || self.starts(";;");
            if at_end || ends.contains(&self.reserved()) {
                break;
            }
            nodes.push(self.and_or()?);
            self.blanks();
            match self.peek() {
                Some(b';') if !self.starts(";;") => self.pos += 1,
                Some(b'&') => self.pos += 1,
                Some(b'\n' | b')') | None => {}
                Some(_) if self.starts(";;") => {}
                // After a compound command a reserved word needs no separator: `{ …; } then`.
                Some(_) if CLOSING.contains(&self.reserved()) => {}
                Some(_) => return Err(self.error("unexpected text after a command")),
            }
        }
        self.depth -= 1;
        Ok(nodes)
    }

    fn and_or(&mut self) -> Result<Node, SyntaxError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = match (self.starts("&&"), self.starts("||")) {
                (true, _) => Join::And,
                (_, true) => Join::Or,
                _ if rest.is_empty() => return Ok(first),
                _ => return Ok(Node::AndOr(Box::new(first), rest)),
            };
            self.pos += 2;
            self.newlines();
            rest.push((join, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Node, SyntaxError> {
        let mut negated = false;
        loop {
            self.blanks();
            if self.reserved() != "!" {
                break;
            }
            self.pos += 1;
            negated = !negated;
        }
        let mut nodes = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some(b'|') || self.starts("||") {
                break;
            }
            self.pos += 1;
            self.newlines();
            nodes.push(self.command()?);
        }
        let node = match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            last => Node::Pipeline(nodes.into_iter().chain(last).collect()),
        };
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn command(&mut self) -> Result<Node, SyntaxError> {
        self.blanks();
        let line = self.line;
        let node = match self.reserved() {
            "if" => self.if_command(line)?,
            "case" => self.case_command(line)?,
            "for" => self.for_command(line)?,
            "while" | "until" => self.loop_command(line)?,
            "{" => {
                self.pos += 1;
                let body = self.list(&["}"])?;
                self.expect("}")?;
                Node::Group(body)
            }
            _ if self.peek() == Some(b'(') => {
                self.pos += 1;
                let body = self.list(&[])?;
                self.expect(")")?;
                Node::Subshell(body)
            }
            _ => return self.simple(line),
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(if redirects.is_empty() {
            node
        } else {
            Node::Redirected { line, node: Box::new(node), redirects }
        })
    }

    fn if_command(&mut self, line: usize) -> Result<Node, SyntaxError> {
        self.pos += 2;
        let mut arms = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            arms.push((condition, self.list(&["elif", "else", "fi"])?));
            if self.reserved() != "elif" {
                break;
            }
            self.pos += 4;
        }
        if self.reserved() == "else" {
            self.pos += 4;
            otherwise = self.list(&["fi"])?;
        }
        self.expect("fi")?;
        Ok(Node::If { line, arms, otherwise })
    }

    fn case_command(&mut self, line: usize) -> Result<Node, SyntaxError> {
        self.pos += 4;
        self.blanks();
        let subject = self.word()?.ok_or_else(|| self.error("`case` without a word"))?;
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.reserved() == "esac" {
                self.pos += 4;
                return Ok(Node::Case { line, subject, arms });
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?.ok_or_else(|| self.error("`case` without a pattern"))?);
                self.blanks();
                if !self.eat("|") {
                    break;
                }
            }
            self.expect(")")?;
            arms.push((patterns, self.list(&["esac"])?));
            self.eat(";;");
        }
    }

    fn for_command(&mut self, line: usize) -> Result<Node, SyntaxError> {
        self.pos += 3;
        self.blanks();
        let name =
            self.word()?.and_then(|word| word.literal()).ok_or_else(|| self.error("`for` without a name"))?;
        self.newlines();
        let mut items = None;
        if self.reserved() == "in" {
            self.pos += 2;
            let mut words = Vec::new();
            loop {
                self.blanks();
                match self.word()? {
                    Some(word) => words.push(word),
                    None => break,
                }
            }
            items = Some(words);
        }
        self.blanks();
        self.eat(";");
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(Node::For { line, name, items, body })
    }

    fn loop_command(&mut self, line: usize) -> Result<Node, SyntaxError> {
        self.pos += 5;
        let condition = self.list(&["do"])?;
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(Node::Loop { line, condition, body })
    }

    fn simple(&mut self, line: usize) -> Result<Node, SyntaxError> {
        let mut command = Command { line, ..Command::default() };
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                command.redirects.push(redirect);
                continue;
            }
            let Some(word) = self.word()? else { break };
            match assignment(&word) {
                Some(pair) if command.words.is_empty() => command.assigns.push(pair),
                _ => command.words.push(word),
            }
            if command.words.len() == 1 && command.assigns.is_empty() {
                self.blanks();
                if self.eat("()") {
                    return self.function(&command.words[0]);
                }
            }
        }
        if command.words.is_empty() && command.assigns.is_empty() && command.redirects.is_empty() {
            return Err(self.error("an operator where a command should be"));
        }
        Ok(Node::Command(command))
    }

    fn function(&mut self, name: &Word) -> Result<Node, SyntaxError> {
        let name = name.literal().ok_or_else(|| self.error("a function with a computed name"))?;
        self.newlines();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("functions nested too deep"));
        }
        let body = Rc::new(vec![self.command()?]);
        self.depth -= 1;
        Ok(Node::Function { name, body })
    }
}

/// `name=value`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let Some(Part::Text { text, quoted: false }) = word.parts.first() else { return None };
    let (name, rest) = text.split_once('=')?;
    let good = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let mut value = Word::default();
    value.text(rest.as_bytes(), false);
    value.parts.extend(word.parts[1..].iter().cloned());
    good.then(|| (name.to_owned(), value))
}
