//! The licence line of a copyright file (`GPL-2+ or Artistic, and Expat`) as an expression.

use super::names;
use std::collections::BTreeSet;

/// A licence expression. Parts are sorted and there once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expression {
    /// An SPDX identifier, perhaps with an exception.
    Known(String),
    /// A name that is no SPDX identifier.
    Named(String),
    /// All of them.
    All(BTreeSet<Expression>),
    /// One of them.
    Any(BTreeSet<Expression>),
}

impl Expression {
    /// All of `parts`, flattened.
    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut set = BTreeSet::new();
        for part in parts {
            match part {
                Self::All(inner) => set.extend(inner),
                other => drop(set.insert(other)),
            }
        }
        one_or(set, Self::All)
    }

    fn any(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut set = BTreeSet::new();
        for part in parts {
            match part {
                Self::Any(inner) => set.extend(inner),
                other => drop(set.insert(other)),
            }
        }
        one_or(set, Self::Any)
    }

    /// copyright-format 1.0, "License field": `and` binds closer than `or`, a comma before the word less than both.
    /// Where the line is no such expression, it is one name as a whole.
    pub(super) fn parse(line: &str) -> Self {
        parts(line).unwrap_or_else(|| Self::Named(line.trim().to_owned()))
    }

    /// As SPDX writes it (SPDX 2.3, annex D); `reference` gives the identifier of a name.
    pub(super) fn text(&self, reference: &mut dyn FnMut(&str) -> String) -> String {
        match self {
            Self::Known(text) => text.clone(),
            Self::Named(name) => reference(name),
            Self::All(parts) => join(parts, " AND ", reference),
            Self::Any(parts) => join(parts, " OR ", reference),
        }
    }
}

fn one_or(mut set: BTreeSet<Expression>, many: fn(BTreeSet<Expression>) -> Expression) -> Option<Expression> {
    if set.len() > 1 { Some(many(set)) } else { set.pop_first() }
}

fn join(parts: &BTreeSet<Expression>, word: &str, reference: &mut dyn FnMut(&str) -> String) -> String {
    let mut texts = Vec::new();
    for part in parts {
        let text = part.text(reference);
        let nested = matches!(part, Expression::All(_) | Expression::Any(_));
        texts.push(if nested { format!("({text})") } else { text });
    }
    texts.join(word)
}

fn parts(line: &str) -> Option<Expression> {
    // `A or B, and C`: groups between commas, each after the first with its word.
    let mut groups = line.split(',').map(str::trim);
    let mut expression = group(groups.next()?)?;
    for next in groups {
        let (word, rest) = next.split_once(char::is_whitespace)?;
        let right = group(rest)?;
        expression = match word.to_ascii_lowercase().as_str() {
            "and" => Expression::all([expression, right])?,
            "or" => Expression::any([expression, right])?,
            _ => return None,
        };
    }
    Some(expression)
}

/// No commas in it.
fn group(text: &str) -> Option<Expression> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let either = split(&words, "or").map(|words| {
        let both = split(words, "and").map(single).collect::<Option<Vec<_>>>()?;
        Expression::all(both)
    });
    Expression::any(either.collect::<Option<Vec<_>>>()?)
}

fn split<'a>(words: &'a [&'a str], at: &'static str) -> impl Iterator<Item = &'a [&'a str]> {
    words.split(move |word| word.eq_ignore_ascii_case(at))
}

/// `NAME` or `NAME with PHRASE exception`.
fn single(words: &[&str]) -> Option<Expression> {
    let (name, rest) = words.split_first()?;
    match rest {
        [] => {
            let known = names::identifier(name).map(Expression::Known);
            Some(known.unwrap_or_else(|| Expression::Named((*name).to_owned())))
        }
        [with, phrase @ ..] if with.eq_ignore_ascii_case("with") && !phrase.is_empty() => {
            let known = names::identifier(name).zip(names::exception(&phrase.join(" ")));
            let known = known.map(|(name, exception)| Expression::Known(format!("{name} WITH {exception}")));
            Some(known.unwrap_or_else(|| Expression::Named(words.join(" "))))
        }
        // Several words that are no expression.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        Expression::parse(line).text(&mut |name| format!("<{name}>"))
    }

    #[test]
    fn lines_become_expressions() {
        for (line, expected) in [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-1+ or Artistic", "GPL-1.0-or-later OR <Artistic>"),
            ("GPL-1+ or Expat and ISC", "GPL-1.0-or-later OR (ISC AND MIT)"),
            ("GPL-1+ or Expat, and ISC", "ISC AND (GPL-1.0-or-later OR MIT)"),
            ("GPL-2+ with Libtool exception", "GPL-2.0-or-later WITH Libtool-exception"),
            ("GPL-2+ with OpenSSL exception", "<GPL-2+ with OpenSSL exception>"),
            ("BSD, Expat", "<BSD, Expat>"),
            ("see the file", "<see the file>"),
            ("GPL-2+ or", "<GPL-2+ or>"),
            ("Expat and Expat", "MIT"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
