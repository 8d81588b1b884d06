//! Diagnostics as text, in the form that compilers have taught everyone to read.

use crate::problem::{Diagnostic, Location, Note, NoteKind, Paint};
use std::fmt::Write as _;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const GREEN: &str = "\x1b[1;32m";
const RESET: &str = "\x1b[0m";

/// All of them, an empty line between.
pub(crate) fn all(list: &[Diagnostic], word: &str, paint: Paint) -> String {
    let mut out = String::new();
    for (index, diagnostic) in list.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        one(&mut out, diagnostic, word, paint);
    }
    out
}

fn tint(paint: Paint, colour: &str, text: &str) -> String {
    match paint {
        Paint::Plain => text.to_owned(),
        Paint::Ansi => format!("{colour}{text}{RESET}"),
    }
}

fn one(out: &mut String, diagnostic: &Diagnostic, word: &str, paint: Paint) {
    let colour = if word == "error" { RED } else { BLUE };
    let message = tint(paint, BOLD, &clean(&diagnostic.message));
    let _ = writeln!(out, "{}: {message}", tint(paint, colour, word));
    let places = || diagnostic.location.iter().chain(&diagnostic.related);
    let gutter = places().map(|place| place.line.to_string().len()).max().unwrap_or(1);
    for (index, place) in places().enumerate() {
        let arrow = if index == 0 { "-->" } else { ":::" };
        let caret = if index == 0 { ('^', colour) } else { ('-', BLUE) };
        location(out, place, (gutter, arrow), caret, paint);
    }
    for note in &diagnostic.notes {
        remark(out, note, gutter, paint);
    }
}

fn location(
    out: &mut String,
    place: &Location,
    (gutter, arrow): (usize, &str),
    (mark, colour): (char, &str),
    paint: Paint,
) {
    let blue = |text: &str| tint(paint, BLUE, text);
    let pad = " ".repeat(gutter);
    let _ = writeln!(out, "{pad}{} {}:{}:{}", blue(arrow), place.file, place.line, place.column);
    let _ = writeln!(out, "{pad} {}", blue("|"));
    let number = format!("{:>gutter$} |", place.line);
    let line = format!("{} {}", blue(&number), clean(&place.excerpt));
    let _ = writeln!(out, "{}", line.trim_end());
    let before: String = place
        .excerpt
        .chars()
        .take(place.column as usize - 1)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let marks = mark.to_string().repeat(place.width as usize);
    let marks = tint(paint, colour, format!("{marks} {}", place.label).trim_end());
    let _ = writeln!(out, "{pad} {} {before}{marks}", blue("|"));
}

fn remark(out: &mut String, note: &Note, gutter: usize, paint: Paint) {
    let (word, colour) = match note.kind {
        NoteKind::Help => ("help", GREEN),
        NoteKind::Doc => ("doc", BLUE),
    };
    let indent = " ".repeat(gutter + 3 + word.len() + 2);
    let mut lines = note.text.lines();
    let first = lines.next().unwrap_or_default();
    let pad = " ".repeat(gutter);
    let _ = writeln!(out, "{pad} {} {}: {first}", tint(paint, BLUE, "="), tint(paint, colour, word));
    for line in lines {
        let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
    }
}

/// Without control characters: the text comes from files of others and goes to a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
