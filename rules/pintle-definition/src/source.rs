use std::fmt::Write as _;

/// A file that was read, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u32);

/// A stretch of a file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Every file that took part in an evaluation, so that a place can be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<SourceFile>);

#[derive(Clone, Debug)]
struct SourceFile {
    name: String,
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl Sources {
    pub(crate) fn add(&mut self, name: &str, text: String) -> FileId {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.0.push(SourceFile { name: name.to_owned(), text, lines });
        FileId((self.0.len() - 1) as u32)
    }

    fn get(&self, file: FileId) -> &SourceFile {
        &self.0[file.0 as usize]
    }

    pub(crate) fn name(&self, file: FileId) -> &str {
        &self.get(file).name
    }

    pub(crate) fn text(&self, file: FileId) -> &str {
        &self.get(file).text
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.name.as_str())
    }

    pub(crate) fn find(&self, name: &str) -> Option<FileId> {
        self.0.iter().position(|file| file.name == name).map(|index| FileId(index as u32))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|file| file.name == name)
    }

    /// Line and column, both from 1; columns count characters.
    pub(crate) fn position(&self, place: Place) -> (u32, u32) {
        let SourceFile { text, lines, .. } = self.get(place.file);
        let start = floor(text, place.start as usize);
        let line = lines.partition_point(|line| *line <= start);
        let before = &text[lines[line - 1]..start];
        (line as u32, before.chars().count() as u32 + 1)
    }

    /// The line a place starts in, and how many of its characters from there on the place covers (at least 1).
    pub(crate) fn excerpt(&self, place: Place) -> (&str, u32) {
        let text = self.text(place.file);
        let start = floor(text, place.start as usize);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, place.end as usize).clamp(start, line_end);
        let line = text[line_start..line_end].trim_end_matches('\r');
        (line, (text[start..end].trim_end().chars().count() as u32).max(1))
    }

    /// `system.toml:12:3`
    pub(crate) fn show(&self, place: Place) -> String {
        let (line, column) = self.position(place);
        let mut out = String::new();
        let _ = write!(out, "{}:{line}:{column}", self.name(place.file));
        out
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
