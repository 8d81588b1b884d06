//! From what maintainer scripts changed in a scratch tree to a draft of a recipe: two trees in, text out.

mod accounts;
mod databases;
mod difference;
mod draft;
mod driver;
mod paths;

pub use driver::{DRIVER, Session, listing};

use crate::error::AssembleError;
use crate::recipes::{BadRecipe, Recipes};
use draft::Draft;
use pintle_model::{Contents, Tree};

/// What is known once a package's scripts ran.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The package.
    pub package: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its scripts that were not covered: one problem each.
    pub problems: &'a [AssembleError],
    /// The tree before.
    pub before: &'a Tree,
    /// The tree after, with the owners and modes that the scripts saw.
    pub after: &'a Tree,
    /// The tree after the same scripts ran on another copy of the tree before: what differs is a key, a time, or chance.
    pub again: &'a Tree,
    /// Reads files of all.
    pub contents: &'a dyn Contents,
}

/// A draft, to be reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The recipe.
    pub text: String,
    /// What a recipe cannot say, or what only people can judge; it stands in the text too.
    pub notes: Vec<String>,
    /// How many things it does.
    pub effects: usize,
}

/// Why there is no draft.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its path inside.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was drafted cannot be read back.
    #[error("the draft is not a recipe")]
    Draft(#[source] BadRecipe),
}

/// Drafts a recipe. What it cannot express is said in it.
///
/// # Errors
/// [`RecordError`].
pub fn draft(evidence: &Evidence<'_>) -> Result<Recorded, RecordError> {
    let mut draft = Draft::default();
    accounts::compare(evidence, &mut draft)?;
    databases::compare(evidence, &mut draft)?;
    difference::compare(evidence, &mut draft)?;
    let recorded = draft.finish(evidence);
    let mut check = Recipes::default();
    check.add("draft", &recorded.text).map_err(RecordError::Draft)?;
    Ok(recorded)
}

/// Largest file whose text enters a recipe: longer ones are not written by people.
const TEXT_MAX: u64 = 256 << 10;

/// The text of a file at exactly `path`, empty where there is none.
fn text(tree: &Tree, path: &str, contents: &dyn Contents) -> Result<String, RecordError> {
    let Some(pintle_model::Kind::File(blob)) = tree.find(path).map(|inode| &inode.kind) else {
        return Ok(String::new());
    };
    let bytes = blob.read(contents, TEXT_MAX.max(16 << 20));
    let bytes = bytes.map_err(|source| RecordError::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Lines of `after` that `before` does not have.
fn new_lines<'t>(before: &str, after: &'t str) -> Vec<&'t str> {
    let known: std::collections::BTreeSet<&str> = before.lines().collect();
    after.lines().filter(|line| !known.contains(line)).collect()
}
