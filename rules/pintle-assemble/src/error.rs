//! Why a tree cannot be assembled. All problems are collected: an author fixes them in one go.

use crate::uncovered::{RecipeOutdated, Uncovered};
use pintle_model::{Origin, TreeError, TreePath, with_causes};

/// All problems of one assembly, at least one.
#[derive(Debug, thiserror::Error)]
#[error("{}", list(.0))]
pub struct AssembleErrors(pub Vec<AssembleError>);

/// Each problem with its causes, which would get lost in a list otherwise.
fn list(errors: &[AssembleError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| with_causes(error)).collect();
    texts.join("\n\n")
}

/// One problem.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A script is neither understood nor covered.
    #[error(transparent)]
    Uncovered(Box<Uncovered>),
    /// There is a recipe, but for another script.
    #[error(transparent)]
    RecipeOutdated(Box<RecipeOutdated>),
    /// Two packages ship one path.
    #[error(
        "{path} is shipped by both package {first} and package {second}, and neither replaces the other or diverts it"
    )]
    Conflict {
        /// The path.
        path: TreePath,
        /// Name and version.
        first: String,
        /// Name and version.
        second: String,
    },
    /// A package's path cannot be entered.
    #[error("package {package}: cannot place a file")]
    Place {
        /// Name and version.
        package: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// A package's archive says something impossible.
    #[error("package {package}: {path}: {problem}")]
    Archive {
        /// Name and version.
        package: String,
        /// The path.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A control file that cannot be read.
    #[error("package {package}: its {file} file, line {line}: {problem}")]
    ControlFile {
        /// Package.
        package: String,
        /// `control`, a path in sysusers.d, …
        file: String,
        /// 1-based.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The agent would not run in the system.
    #[error("the agent cannot run in this system: {problem}")]
    Agent {
        /// What it needs and what there is.
        problem: String,
    },
    /// The agent, or a library that it needs, cannot be read.
    #[error("the agent cannot run in this system: {what} is no program of it")]
    AgentElf {
        /// Which file.
        what: String,
        /// Why.
        #[source]
        source: pintle_package::elf::ElfError,
    },
    /// File bytes could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The path in the tree.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An effect has nothing to act on.
    #[error("{by}: {problem}: {path}")]
    Effect {
        /// Which script or recipe.
        by: String,
        /// The path.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// An effect or file collides with the tree.
    #[error("{by}: cannot change the tree")]
    Tree {
        /// Who.
        by: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// A user that does not exist.
    #[error("{by}: there is no user `{name}`")]
    NoUser {
        /// Who asks.
        by: String,
        /// The name.
        name: String,
    },
    /// A group that does not exist.
    #[error("{by}: there is no group `{name}`")]
    NoGroup {
        /// Who asks.
        by: String,
        /// The name.
        name: String,
    },
    /// The lock has no number for an account.
    #[error("the lock has no number for {kind} `{name}` (wanted by {by}): run `pintle lock`")]
    NoNumber {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Who wants it.
        by: String,
    },
    /// Two accounts want one number.
    #[error("{kind} number {number} is wanted by both `{first}` and `{second}`")]
    NumberTaken {
        /// `user` or `group`.
        kind: &'static str,
        /// The number.
        number: u32,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// No number is left.
    #[error("no {kind} number is left for `{name}` between {first} and {last}")]
    NumbersExhausted {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Lower end.
        first: u32,
        /// Upper end.
        last: u32,
    },
    /// A name, path or number of the definition that cannot be used.
    #[error("{origin}: {problem}: `{value}`")]
    Definition {
        /// Place in the definition.
        origin: String,
        /// The value.
        value: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Two files of the definition on one path.
    #[error("{path} is set twice: at {first} and at {second}")]
    SetTwice {
        /// The path.
        path: TreePath,
        /// Place in the definition.
        first: String,
        /// Place in the definition.
        second: String,
    },
    /// A unit that does not exist.
    #[error("{by}: there is no unit `{unit}`{}", suggestion(near))]
    NoUnit {
        /// Who.
        by: String,
        /// The unit.
        unit: String,
        /// A unit with a similar name.
        near: Option<String>,
    },
    /// Something that identifies one machine, or a secret, is in the tree.
    #[error("{path} must not be in an image: {what} (from {origin})")]
    Identity {
        /// The path.
        path: TreePath,
        /// What it is.
        what: &'static str,
        /// Who put it there.
        origin: Origin,
    },
    /// Something that draws on screens.
    #[error(
        "{path} is of a display server (from {origin}), for which a server has no use: leave its package out \
         (`pintle why NAME` says who wants it), or allow it with `image.display-server = true`"
    )]
    DisplayServer {
        /// A file of it.
        path: TreePath,
        /// Who put it there.
        origin: Origin,
    },
    /// A generator failed.
    #[error("cannot generate what Debian's tools would")]
    Generate(#[source] crate::generate::GenerateError),
}

fn suggestion(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}
