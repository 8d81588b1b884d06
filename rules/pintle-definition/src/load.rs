//! The definition's files: the one asked for, and what it imports.

use crate::files::{Files, beside, folder_of};
use crate::merged::Priority;
use crate::problem::Problem;
use crate::raw::{self, Data, Raw, RawTable};
use crate::source::{Place, Sources};
use pintle_model::Limit;

/// Files of one definition; a mistake in an import should not read the disk.
const MAX_FILES: Limit = Limit::new(256, "files of one definition");
/// Imports that import.
const MAX_DEPTH: Limit = Limit::new(16, "imports that import");
/// A definition is written by hand.
const MAX_BYTES: Limit = Limit::new(4 << 20, "bytes of one definition file");

/// A table of definitions and how strongly it sets them.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) table: Raw,
    pub(crate) key: Place,
    pub(crate) priority: Priority,
}

/// Reads `path` and its imports; imported files come before the file that imports them.
pub(crate) fn definition(
    files: &dyn Files,
    path: &str,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Vec<Layer> {
    let mut loader = Loader { files, sources, problems, layers: Vec::new(), chain: Vec::new(), count: 0 };
    loader.file(path, None);
    loader.layers
}

struct Loader<'a> {
    files: &'a dyn Files,
    sources: &'a mut Sources,
    problems: &'a mut Vec<Problem>,
    layers: Vec<Layer>,
    /// The files that are being read, each imported by the one before.
    chain: Vec<String>,
    count: u64,
}

impl Loader<'_> {
    fn file(&mut self, path: &str, imported: Option<Place>) {
        let Some(text) = self.text(path, imported) else { return };
        let file = self.sources.add(path, text);
        let mut table = raw::parse(file, self.sources, self.problems);
        self.chain.push(path.to_owned());
        self.imports(&table, folder_of(path));
        self.chain.pop();
        let whole = Place { file, start: 0, end: 0 };
        for (word, priority) in
            [("default", Priority::Default), ("force", Priority::Force), ("replace", Priority::Replace)]
        {
            if let Some(entry) = table.remove(word) {
                self.layers.push(Layer { table: entry.value, key: entry.key, priority });
            }
        }
        let table = Raw { data: Data::Table(table), place: whole };
        self.layers.push(Layer { table, key: whole, priority: Priority::Normal });
    }

    fn text(&mut self, path: &str, imported: Option<Place>) -> Option<String> {
        let problem = |message: String| match imported {
            Some(place) => Problem::new(message, place).label("imported here"),
            None => Problem::nowhere(message),
        };
        let found = match self.files.read(path) {
            Ok(Some(bytes)) if !MAX_BYTES.allows(bytes.len() as u64) => {
                problem(format!("{path} is larger than {} bytes", MAX_BYTES.max))
            }
            Ok(Some(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => return Some(text),
                Err(_) => problem(format!("{path} is not UTF-8 text")),
            },
            Ok(None) => {
                let problem = problem(format!("there is no file {path}"));
                if imported.is_some() {
                    problem.help("the path is relative to the file that imports it")
                } else {
                    problem.help("`pintle new NAME` writes a starter definition")
                }
            }
            Err(error) => problem(error.to_string()),
        };
        self.problems.push(found);
        None
    }

    fn imports(&mut self, table: &RawTable, folder: &str) {
        // Of another type: the merge says so.
        let Some(Data::List(items)) = table.get("import").map(|entry| &entry.value.data) else { return };
        for item in items {
            let Some(path) = item.as_str() else { continue };
            let path = beside(folder, path);
            if let Some(start) = self.chain.iter().position(|open| *open == path) {
                let mut circle = self.chain[start..].to_vec();
                circle.push(path);
                self.problems.push(
                    Problem::new("these files import each other in a circle", item.place)
                        .label("this closes the circle")
                        .help(circle.join(" -> ")),
                );
                continue;
            }
            // A fragment that two others import counts once, or its lists would double.
            if self.sources.has(&path) {
                continue;
            }
            self.count += 1;
            let too_deep = !MAX_DEPTH.allows(self.chain.len() as u64);
            if too_deep || !MAX_FILES.allows(self.count) {
                let limit = if too_deep { MAX_DEPTH } else { MAX_FILES };
                self.problems
                    .push(Problem::new(format!("more than {} {}", limit.max, limit.what), item.place));
                continue;
            }
            self.file(&path, Some(item.place));
        }
    }
}
