use crate::render;
use crate::source::{Place, Sources};
use serde::Serialize;
use std::fmt;

/// Something wrong in the definition, while it still needs the sources to be shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    message: String,
    place: Option<Place>,
    label: String,
    related: Vec<(Place, String)>,
    notes: Vec<Note>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, place: Place) -> Self {
        Self { place: Some(place), ..Self::nowhere(message) }
    }

    /// For what has no place, such as a file that is missing.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Words beside the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that has to do with it.
    pub(crate) fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }

    /// What the author can do.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.notes.push(Note { kind: NoteKind::Help, text: text.into() });
        self
    }

    /// Documentation of the option or the module.
    pub(crate) fn doc(mut self, text: impl Into<String>) -> Self {
        self.notes.push(Note { kind: NoteKind::Doc, text: text.into() });
        self
    }

    fn resolve(self, sources: &Sources) -> Diagnostic {
        let locate = |place: Place, label: String| {
            let (line, column) = sources.position(place);
            let (excerpt, width) = sources.excerpt(place);
            Location {
                file: sources.name(place.file).to_owned(),
                line,
                column,
                width,
                excerpt: excerpt.to_owned(),
                label,
            }
        };
        Diagnostic {
            message: self.message,
            location: self.place.map(|place| locate(place, self.label)),
            related: self.related.into_iter().map(|(place, label)| locate(place, label)).collect(),
            notes: self.notes,
        }
    }
}

/// A place in a file, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file, as the author names it; `builtin:NAME/…` for a file of a shipped module.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters it covers on that line, at least 1.
    pub width: u32,
    /// The line itself.
    pub excerpt: String,
    /// What is to be said about it, in few words.
    pub label: String,
}

/// What a [`Note`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// The next step.
    Help,
    /// Documentation.
    Doc,
}

/// A remark under a [`Diagnostic`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its kind.
    pub kind: NoteKind,
    /// Its text, one line or more.
    pub text: String,
}

/// One thing that is wrong (or, as a notice, worth knowing), with its places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// Other places that have to do with it.
    pub related: Vec<Location>,
    /// What to do, and the documentation.
    pub notes: Vec<Note>,
}

/// How a [`Diagnostic`] is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Paint {
    /// Text only.
    #[default]
    Plain,
    /// With ANSI colours.
    Ansi,
}

/// Everything that is wrong with a definition; never empty when returned as an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problems(pub Vec<Diagnostic>);

impl Problems {
    /// Resolves the places. Sorted by file and line, so that two modules that report in any order read the same.
    pub(crate) fn resolve(problems: Vec<Problem>, sources: &Sources) -> Self {
        let mut sorted = problems;
        sorted.sort_by_key(|problem| problem.place);
        sorted.dedup();
        Self(sorted.into_iter().map(|problem| problem.resolve(sources)).collect())
    }

    /// The text for a terminal: each with its source line and a caret.
    #[must_use]
    pub fn render(&self, paint: Paint) -> String {
        render::all(&self.0, "error", paint)
    }

    /// The same for things that are only worth knowing.
    #[must_use]
    pub fn render_as_notices(&self, paint: Paint) -> String {
        render::all(&self.0, "note", paint)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Paint::Plain).trim_end())
    }
}
