//! What a maintainer script says, as a tree: the part of POSIX.1-2017 XCU chapter 2 that such scripts use.

use std::rc::Rc;

/// A parsed script.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Its commands.
    pub(crate) body: Vec<Node>,
}

/// A command, simple or compound.
#[derive(Debug)]
pub(crate) enum Node {
    Command(Command),
    Pipeline(Vec<Node>),
    Not(Box<Node>),
    /// `a && b || c`: joined from the left.
    AndOr(Box<Node>, Vec<(Join, Node)>),
    If {
        line: usize,
        arms: Vec<(Vec<Node>, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    Case {
        line: usize,
        subject: Word,
        arms: Vec<(Vec<Word>, Vec<Node>)>,
    },
    For {
        line: usize,
        name: String,
        items: Option<Vec<Word>>,
        body: Vec<Node>,
    },
    Loop {
        line: usize,
        condition: Vec<Node>,
        body: Vec<Node>,
    },
    Group(Vec<Node>),
    Subshell(Vec<Node>),
    Function {
        name: String,
        body: Rc<Vec<Node>>,
    },
    /// A compound command whose input or output is redirected.
    Redirected {
        line: usize,
        node: Box<Node>,
        redirects: Vec<Redirect>,
    },
}

/// `&&` or `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    And,
    Or,
}

/// Assignments, words and redirections.
#[derive(Debug, Default)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) assigns: Vec<(String, Word)>,
    pub(crate) words: Vec<Word>,
    pub(crate) redirects: Vec<Redirect>,
}

/// Where input or output goes.
#[derive(Debug)]
pub(crate) enum Redirect {
    /// `<` and `<<`: only read.
    Read,
    /// `<<`: a text given in the script.
    Here(Option<Word>),
    /// `>&2`, `2>&1`.
    Duplicate,
    /// `>`, `>>`.
    Write { append: bool, target: Word },
}

/// A word before expansion.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word {
    pub(crate) parts: Vec<Part>,
}

/// A piece of a word.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text {
        text: String,
        quoted: bool,
    },
    Variable {
        name: String,
        form: Form,
        quoted: bool,
    },
    /// `$(…)` or backquotes, the text between.
    Substitution {
        text: String,
        quoted: bool,
    },
    /// `$((…))`: never evaluated.
    Arithmetic,
}

/// How a variable is expanded.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// `$x`, `${x}`
    Plain,
    /// `${x:-word}`, `${x-word}`
    Default(Word),
    /// `${x:+word}`
    Alternative(Word),
    /// `${x#pattern}`, `${x##pattern}`, `${x%pattern}`, `${x%%pattern}`: without a beginning or an end.
    Without { end: bool, longest: bool, pattern: Word },
    /// Anything else: its value is not known.
    Other,
}
