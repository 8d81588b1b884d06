//! The edge: kind, chain, hints. Kinds choose the exit status; hints are the next command. The same as in `pintle`, for
//! a console that may have no colours.

use pintle_model::{chain, printable};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// What kind of failure it is: the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// 1: could not be done.
    Failed,
    /// 3: a document that cannot be used.
    BadInput,
}

impl FailureKind {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::BadInput => 3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::BadInput => "bad-input",
        }
    }
}

/// The status of what was done: 5 where what was found is not as it should be.
pub(crate) fn degraded(degraded: bool) -> ExitCode {
    if degraded { ExitCode::from(5) } else { ExitCode::SUCCESS }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    error: Box<dyn Error>,
    hint: &'static str,
}

impl Failure {
    /// A failure of `kind`.
    pub(crate) fn new(kind: FailureKind, error: impl Into<Box<dyn Error>>) -> Self {
        Self { kind, error: error.into(), hint: "" }
    }

    /// Adds what to do next; nothing where there is nothing to say.
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

/// Where reports go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reporter {
    json: bool,
}

impl Reporter {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// The result of a command: text for people, or the same for machines.
    pub(crate) fn result(&self, text: &str, machine: &Value) {
        if self.json {
            answer(&format!("{machine:#}"));
        } else if !text.is_empty() {
            answer(&printable(text.trim_end()));
        }
    }

    /// Reports a failure and gives its exit status.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        let chain = chain(failure.error.as_ref());
        if self.json {
            let hints: Vec<&str> = Some(failure.hint).into_iter().filter(|hint| !hint.is_empty()).collect();
            let error = json!({"kind": failure.kind.name(), "messages": chain, "hints": hints});
            answer(&format!("{:#}", json!({"error": error})));
        } else {
            let mut text = format!("error: {}\n", chain[0].trim_end());
            for cause in &chain[1..] {
                text += &format!("  because: {}\n", cause.trim_end().replace('\n', "\n    "));
            }
            if !failure.hint.is_empty() {
                text += &format!("  next: {}\n", failure.hint);
            }
            // Where nobody can be told (a closed or full log), there is nothing better to do.
            io::stderr().write_all(printable(&text).as_bytes()).ok();
        }
        ExitCode::from(failure.kind.code())
    }
}

/// A line on standard output. Who reads no further has seen enough; but an answer that is lost is a failure.
fn answer(text: &str) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        std::process::exit(1);
    }
}
