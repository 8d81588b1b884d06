//! The edge: kind, chain, hints. Kinds choose the exit status; hints are the next command.

use owo_colors::OwoColorize as _;
use pintle_flows::remote::Failed;
use pintle_model::{chain, printable};
use serde_json::{Value, json};
use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// A line on standard error. Where nobody can be told (a closed or full log), there is nothing better to do.
macro_rules! tell {
    ($($what:tt)*) => {
        writeln!(anstream::stderr(), $($what)*).ok()
    };
}

/// A line on standard output.
macro_rules! answer {
    ($($what:tt)*) => {
        answered(writeln!(anstream::stdout(), $($what)*))
    };
}

/// Who reads no further has seen enough; but an answer that is lost is a failure.
fn answered(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        tell!("{} cannot write to standard output: {error}", "error:".red().bold());
        std::process::exit(1);
    }
}

/// What kind of failure it is; the exit status of design decision 14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// 1: could not be done.
    Failed,
    /// 2: the command line.
    Usage,
    /// 3: definition, lock, user-data.
    BadInput,
    /// 4: verification or policy.
    Refused,
}

impl FailureKind {
    /// The exit status, of what was done and found to be so.
    pub(crate) fn status(self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadInput => 3,
            Self::Refused => 4,
        }
    }

    /// The kind called `name`; a failure like others where there is none.
    fn named(name: &str) -> Self {
        let all = [Self::Failed, Self::Usage, Self::BadInput, Self::Refused];
        all.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Failed)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::BadInput => "bad-input",
            Self::Refused => "refused",
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    error: Box<dyn Error>,
    hints: Vec<String>,
    details: Option<Value>,
}

impl Failure {
    /// A failure of `kind`.
    pub(crate) fn new(kind: FailureKind, error: impl Into<Box<dyn Error>>) -> Self {
        Self { kind, error: error.into(), hints: Vec::new(), details: None }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what machines want to know beyond the messages.
    pub(crate) fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same, to be reported on another machine.
    pub(crate) fn into_failed(self) -> Failed {
        let messages = chain(self.error.as_ref());
        Failed { kind: self.kind.name().to_owned(), messages, hints: self.hints, details: self.details }
    }

    /// A failure of another machine; `above` says which.
    pub(crate) fn told(above: String, failed: Failed) -> Self {
        let below = |source, text| Some(Box::new(Told { text, source }));
        let source = failed.messages.into_iter().rev().fold(None, below);
        let error = Told { text: above, source };
        let failure = Self::new(FailureKind::named(&failed.kind), error);
        Self { hints: failed.hints, details: failed.details, ..failure }
    }
}

/// A chain of messages.
#[derive(Debug)]
struct Told {
    text: String,
    source: Option<Box<Told>>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|told| told as &(dyn Error + 'static))
    }
}

/// Where reports go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reporter {
    json: bool,
    quiet: bool,
}

impl Reporter {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// True when people read along: progress may be drawn.
    pub(crate) fn talks(&self) -> bool {
        !self.quiet && !self.json
    }

    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// A line for people, on standard error.
    pub(crate) fn say(&self, text: &str) {
        if self.talks() {
            tell!("{}", printable(text));
        }
    }

    /// The result of a command: text for people, or the same for machines.
    pub(crate) fn result(&self, text: &str, machine: &Value) {
        if self.json {
            answer!("{machine:#}");
        } else if !text.is_empty() && !self.quiet {
            answer!("{}", printable(text.trim_end()));
        }
    }

    /// Output that was asked for by itself (a document, a script): printed even when quiet.
    pub(crate) fn print(&self, text: &str) {
        answer!("{}", text.trim_end());
    }

    /// Reports a failure and gives its exit status.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        let chain = chain(failure.error.as_ref());
        if self.json {
            let machine = json!({"error": {
                "kind": failure.kind.name(), "messages": chain, "hints": failure.hints, "details": failure.details,
            }});
            answer!("{machine:#}");
        } else {
            tell!("{} {}", "error:".red().bold(), printable(chain[0].trim_end()));
            for cause in &chain[1..] {
                let cause = cause.trim_end().replace('\n', "\n    ");
                tell!("  {} {}", "because:".bold(), printable(&cause));
            }
            for hint in &failure.hints {
                tell!("  {} {}", "next:".cyan().bold(), printable(hint));
            }
        }
        failure.kind.status()
    }
}
