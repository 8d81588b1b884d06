//! Redirections (POSIX.1-2017 XCU 2.7). Here-documents stand after the line that announces them, and find their
//! redirections when all is read.

use super::parse::{Parser, SyntaxError};
use super::syntax::{Node, Part, Redirect, Word};
use std::rc::Rc;

impl Parser<'_> {
    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>, SyntaxError> {
        self.blanks();
        let digits = self.text[self.pos..].iter().take_while(|b| b.is_ascii_digit()).count();
        if !matches!(self.text.get(self.pos + digits), Some(b'<' | b'>')) {
            return Ok(None);
        }
        self.pos += digits;
        if self.eat("<<") {
            let tabs = self.eat("-");
            self.blanks();
            let word = self.word()?.ok_or_else(|| self.error("`<<` without a delimiter"))?;
            let quoted = word.parts.iter().any(|part| matches!(part, Part::Text { quoted: true, .. }));
            let delimiter = word.literal().ok_or_else(|| self.error("`<<` with a computed delimiter"))?;
            self.pending.push((delimiter, tabs, quoted));
            return Ok(Some(Redirect::Here(None)));
        }
        if self.eat(">&") || self.eat("<&") {
            let word = self.word()?.unwrap_or_default();
            let number =
                word.literal().is_some_and(|text| text == "-" || text.bytes().all(|b| b.is_ascii_digit()));
            // Without a number it is a file, to some shells.
            return Ok(Some(if number {
                Redirect::Duplicate
            } else {
                Redirect::Write { append: false, target: word }
            }));
        }
        let write = self.peek() == Some(b'>');
        self.pos += 1;
        if !write {
            // `<>` opens for both, and by itself changes nothing.
            self.eat(">");
        }
        let append = write && self.eat(">");
        self.eat("|");
        self.blanks();
        let target = self.word()?.ok_or_else(|| self.error("a redirection without a file"))?;
        Ok(Some(if write { Redirect::Write { append, target } } else { Redirect::Read }))
    }
}

/// Hands the here-documents' texts, last first, to the redirections that announced them.
pub(super) fn fill_all(nodes: &mut [Node], here: &mut Vec<Option<Word>>) {
    for node in nodes {
        fill(node, here);
    }
}

fn fill(node: &mut Node, here: &mut Vec<Option<Word>>) {
    let redirect = |redirects: &mut Vec<Redirect>, here: &mut Vec<Option<Word>>| {
        for redirect in redirects {
            if let Redirect::Here(text) = redirect {
                *text = here.pop().flatten();
            }
        }
    };
    match node {
        Node::Command(command) => redirect(&mut command.redirects, here),
        Node::Pipeline(nodes) | Node::Group(nodes) | Node::Subshell(nodes) => fill_all(nodes, here),
        Node::Not(inner) => fill(inner, here),
        Node::AndOr(first, rest) => {
            fill(first, here);
            rest.iter_mut().for_each(|(_, node)| fill(node, here));
        }
        Node::If { arms, otherwise, .. } => {
            for (condition, body) in arms {
                fill_all(condition, here);
                fill_all(body, here);
            }
            fill_all(otherwise, here);
        }
        Node::Case { arms, .. } => arms.iter_mut().for_each(|(_, body)| fill_all(body, here)),
        Node::For { body, .. } => fill_all(body, here),
        Node::Loop { condition, body, .. } => {
            fill_all(condition, here);
            fill_all(body, here);
        }
        Node::Function { body, .. } => {
            if let Some(body) = Rc::get_mut(body) {
                fill_all(body, here);
            }
        }
        Node::Redirected { node, redirects, .. } => {
            fill(node, here);
            redirect(redirects, here);
        }
    }
}
