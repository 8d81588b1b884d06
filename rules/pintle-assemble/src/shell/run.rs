//! Follows a script through the one call that matters, the fresh installation, and notes what it would do.
//! Nothing is run: a command is known by name or it is not understood, and a decision that cannot be made from the
//! arguments and the shipped files makes everything that hangs on it not understood.

use super::commands;
use super::facts::Facts;
use super::parse::{SyntaxError, parse};
use super::syntax::{Command, Node, Redirect};
use crate::effect::{Effect, EffectClass};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Most commands followed in one script; the longest of Debian's needs a few hundred.
const STEPS_MAX: usize = 20_000;
/// Folders whose content does not outlive a boot (hier(7)).
const VOLATILE: [&str; 5] = ["/run/", "/var/run/", "/proc/", "/sys/", "/dev/"];
/// Deepest nesting of calls.
pub(super) const DEPTH_MAX: usize = 48;

/// Three-valued success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    True,
    False,
    Unknown,
}

impl Status {
    pub(crate) fn of(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// Which script, how called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `preinst install`
    Preinst,
    /// `postinst configure ""`
    Postinst,
}

/// What following a script found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// Effects with the line that causes each.
    pub(crate) effects: Vec<(usize, Effect)>,
    /// What Pintle or the first boot does anyway, for the report.
    pub(crate) handled: BTreeSet<String>,
    /// Lines that were not understood.
    pub(crate) unknown: BTreeSet<(usize, EffectClass)>,
}

impl Findings {
    pub(super) fn harmless(&self) -> bool {
        self.effects.is_empty() && self.unknown.is_empty()
    }
}

/// One field after expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its text, where it is known.
    pub(crate) value: Option<String>,
    /// An unquoted pattern, which the shell would replace by matching paths.
    pub(crate) glob: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next(Status),
    Return(Status),
    Exit,
    /// `exit` with another status than 0: the installation fails.
    Fail,
    Break,
    Continue,
}

/// What the commands of a substitution print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    /// Nobody reads it.
    Unread,
    /// This so far.
    Text(String),
    /// Something that is not known.
    Unknown,
}

impl Printed {
    /// A command prints `text`; `None`: something.
    pub(crate) fn add(&mut self, text: Option<&str>) {
        match (&mut *self, text) {
            (Self::Text(all), Some(text)) => all.push_str(text),
            (Self::Text(_), None) => *self = Self::Unknown,
            (Self::Unread | Self::Unknown, _) => {}
        }
    }
}

/// A command's output that goes to a file.
pub(crate) struct Output {
    pub(crate) path: Option<String>,
    pub(crate) append: bool,
}

/// Whose script, how called, and what is known when it begins.
#[derive(Clone, Copy)]
pub(crate) struct Context<'f> {
    pub(crate) phase: Phase,
    /// Name of the package.
    pub(crate) package: &'f str,
    pub(crate) facts: &'f Facts,
    /// What the package's script before this one did.
    pub(crate) earlier: &'f [Effect],
    /// Answers of debconf that nobody has changed.
    pub(crate) answers: &'f BTreeMap<String, String>,
}

#[derive(Clone)]
pub(crate) struct Run<'f> {
    pub(crate) facts: &'f Facts,
    pub(crate) phase: Phase,
    pub(crate) package: &'f str,
    /// What debconf answers; `None`: not known any more.
    pub(crate) answers: BTreeMap<String, Option<String>>,
    /// In a loop of which it is not known how often it runs: leaving it early changes nothing.
    pub(super) lenient: bool,
    /// Line of the last `exit` with another status than 0.
    failed_at: usize,
    pub(crate) found: Findings,
    /// The file mode creation mask.
    pub(crate) umask: u16,
    pub(super) variables: BTreeMap<String, Option<String>>,
    pub(super) arguments: Vec<Option<String>>,
    pub(super) functions: BTreeMap<String, Rc<Vec<Node>>>,
    /// Values that `local` hides, for each function being called.
    hidden: Vec<Vec<(String, Option<Option<String>>)>>,
    /// Paths that the package's scripts made so far.
    made: BTreeSet<String>,
    /// What commands print, inside of `$(…)`.
    pub(super) printed: Printed,
    pub(super) steps: usize,
    pub(super) depth: usize,
}

/// Follows `text` as dpkg would call it on a fresh installation.
pub(crate) fn follow(text: &str, context: &Context<'_>) -> Result<Findings, SyntaxError> {
    Ok(run(text, context)?.found)
}

/// What debconf answers when its `config` script `text` is done. What else that does, and whether all of it is
/// understood, does not matter: answers that hang on it are not known.
pub(crate) fn settle(text: &str, context: &Context<'_>) -> Option<BTreeMap<String, String>> {
    let answers = run(text, context).ok()?.answers;
    Some(answers.into_iter().filter_map(|(question, answer)| Some((question, answer?))).collect())
}

fn run<'f>(text: &str, context: &Context<'f>) -> Result<Run<'f>, SyntaxError> {
    let Context { phase, package, facts, earlier, answers } = *context;
    let script = parse(text)?;
    let arch = facts.arch.as_str();
    let arguments: &[&str] = match phase {
        Phase::Preinst => &["install"],
        Phase::Postinst => &["configure", ""],
    };
    let environment = [
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DPKG_ROOT", ""),
        ("DPKG_ADMINDIR", "/var/lib/dpkg"),
        ("DPKG_MAINTSCRIPT_PACKAGE", package),
        ("DPKG_MAINTSCRIPT_ARCH", arch),
        ("HOME", "/root"),
        ("IFS", " \t\n"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ];
    let mut run = Run {
        facts,
        phase,
        package,
        answers: answers.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect(),
        lenient: false,
        failed_at: 1,
        found: Findings::default(),
        umask: 0o022,
        variables: environment.iter().map(|(n, v)| ((*n).to_owned(), Some((*v).to_owned()))).collect(),
        arguments: arguments.iter().map(|a| Some((*a).to_owned())).collect(),
        functions: BTreeMap::new(),
        hidden: Vec::new(),
        made: earlier.iter().filter_map(|effect| effect.makes().map(str::to_owned)).collect(),
        printed: Printed::Unread,
        steps: 0,
        depth: 0,
    };
    // A script that fails for certain needs somebody who knows why.
    if run.list(&script.body) == Flow::Fail {
        run.unknown(run.failed_at, EffectClass::Decision);
    }
    Ok(run)
}

impl Run<'_> {
    pub(crate) fn effect(&mut self, line: usize, effect: Effect) -> Status {
        self.made.extend(effect.makes().map(str::to_owned));
        // A pattern that nothing matches stays as it is, and there is nothing called so.
        if !matches!(effect, Effect::Remove { .. } | Effect::File { .. } | Effect::Link { .. })
            && effect.path().is_some_and(|path| path.contains('*'))
        {
            return Status::False;
        }
        if effect.path().is_some_and(is_volatile) {
            return self.handled("what is in /run is made anew at each boot");
        }
        self.found.effects.push((line, effect));
        Status::True
    }

    pub(crate) fn effects(&mut self, line: usize, effects: Vec<Effect>) -> Status {
        for effect in effects {
            self.effect(line, effect);
        }
        Status::True
    }

    /// True if an earlier command made `path`.
    pub(crate) fn has_made(&self, path: &str) -> bool {
        self.made.contains(path)
    }

    /// True if an earlier command made the user.
    pub(crate) fn has_user(&self, name: &str) -> bool {
        self.found.effects.iter().any(|(_, effect)| matches!(effect, Effect::User(user) if user.name == name))
    }

    /// True if an earlier command made the group.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        let made = |effect: &Effect| matches!(effect, Effect::Group { name: made, .. } if made == name);
        self.found.effects.iter().any(|(_, effect)| made(effect))
    }

    /// `local NAME`: the value before comes back when the function ends.
    pub(crate) fn hide(&mut self, name: &str) {
        let before = self.variables.get(name).cloned();
        if let Some(hidden) = self.hidden.last_mut() {
            hidden.push((name.to_owned(), before));
        }
    }

    /// Paths that the package's scripts made so far.
    pub(crate) fn made(&self) -> impl Iterator<Item = &str> {
        self.made.iter().map(String::as_str)
    }

    pub(crate) fn unknown(&mut self, line: usize, class: EffectClass) -> Status {
        self.found.unknown.insert((line, class));
        Status::Unknown
    }

    pub(crate) fn handled(&mut self, what: impl Into<String>) -> Status {
        self.found.handled.insert(what.into());
        Status::True
    }

    pub(crate) fn assign(&mut self, name: &str, value: Option<String>) {
        self.variables.insert(name.to_owned(), value);
    }

    pub(crate) fn shift(&mut self) {
        if !self.arguments.is_empty() {
            self.arguments.remove(0);
        }
    }

    pub(super) fn list(&mut self, nodes: &[Node]) -> Flow {
        let mut status = Status::True;
        for node in nodes {
            match self.node(node) {
                Flow::Next(next) => status = next,
                leave => return leave,
            }
        }
        Flow::Next(status)
    }

    pub(super) fn node(&mut self, node: &Node) -> Flow {
        match node {
            Node::Command(command) => self.command(command),
            Node::Pipeline(nodes) => self.pipeline(nodes),
            Node::Not(inner) => match self.node(inner) {
                Flow::Next(status) => Flow::Next(status.not()),
                leave => leave,
            },
            Node::AndOr(first, rest) => self.and_or(first, rest),
            Node::If { line, arms, otherwise } => self.if_node(*line, arms, otherwise),
            Node::Case { line, subject, arms } => self.case(*line, subject, arms),
            Node::For { line, name, items, body } => self.for_node(*line, name, items.as_deref(), body),
            Node::Loop { line, condition, body } => self.repeat(*line, &[condition, body]),
            Node::Group(body) => self.list(body),
            Node::Subshell(body) => {
                let variables = self.variables.clone();
                let flow = self.list(body);
                self.variables = variables;
                Flow::Next(match flow {
                    Flow::Next(status) => status,
                    Flow::Fail => Status::False,
                    _ => Status::Unknown,
                })
            }
            Node::Function { name, body } => {
                self.functions.insert(name.clone(), Rc::clone(body));
                Flow::Next(Status::True)
            }
            Node::Redirected { line, node, redirects } => {
                if let Some(output) = self.output(*line, redirects)
                    && !discards(&output)
                {
                    self.unknown(*line, EffectClass::Files);
                }
                self.node(node)
            }
        }
    }

    fn command(&mut self, command: &Command) -> Flow {
        let line = command.line;
        self.steps += 1;
        if self.steps > STEPS_MAX {
            self.unknown(line, EffectClass::Program);
            return Flow::Exit;
        }
        let mut before = Vec::new();
        for (name, word) in &command.assigns {
            let value = self.single(line, word);
            before.push((name.clone(), self.variables.get(name).cloned()));
            self.assign(name, value);
        }
        if !command.words.is_empty() {
            // `NAME=value command`: for that command only.
            let flow = self.words(command);
            self.restore(before);
            return flow;
        }
        if before.iter().any(|(name, _)| name == "IFS")
            && self.variables.get("IFS").is_none_or(Option::is_none)
        {
            // From here on fields split in another way.
            self.unknown(line, EffectClass::Decision);
        }
        let writes = self
            .output(line, &command.redirects)
            .is_some_and(|output| !discards(&output) && !vanishes(&output));
        Flow::Next(if writes { self.unknown(line, EffectClass::Files) } else { Status::True })
    }

    fn restore(&mut self, values: Vec<(String, Option<Option<String>>)>) {
        for (name, value) in values.into_iter().rev() {
            match value {
                Some(value) => drop(self.variables.insert(name, value)),
                None => drop(self.variables.remove(&name)),
            }
        }
    }

    fn words(&mut self, command: &Command) -> Flow {
        let line = command.line;
        let fields: Vec<Field> = command.words.iter().flat_map(|word| self.expand(line, word)).collect();
        let output = self.output(line, &command.redirects);
        let Some((first, arguments)) = fields.split_first() else {
            return Flow::Next(Status::True);
        };
        let Some(name) = first.value.clone() else {
            return Flow::Next(self.unknown(line, EffectClass::Program));
        };
        match name.as_str() {
            "exit" => {
                let code = arguments.first().and_then(|a| a.value.as_deref());
                let fails = code.is_some_and(|code| code.parse::<u8>().is_ok_and(|code| code != 0));
                self.failed_at = if fails { line } else { self.failed_at };
                return if fails { Flow::Fail } else { Flow::Exit };
            }
            "return" => {
                let zero = arguments.first().is_none_or(|a| a.value.as_deref() == Some("0"));
                return Flow::Return(Status::of(zero));
            }
            "break" | "continue" if !arguments.is_empty() => {
                return Flow::Next(self.unknown(line, EffectClass::Decision));
            }
            "eval" if output.is_none() => return self.eval(line, arguments),
            "break" => return Flow::Break,
            "continue" => return Flow::Continue,
            _ => {}
        }
        let name = match name.rsplit_once('/') {
            Some(("/bin" | "/sbin" | "/usr/bin" | "/usr/sbin", program)) => program.to_owned(),
            _ => name,
        };
        if let Some(body) = self.functions.get(&name).cloned() {
            if output.is_some_and(|output| !discards(&output)) {
                self.unknown(line, EffectClass::Files);
            }
            return self.call(line, &body, arguments);
        }
        // Where the text goes elsewhere it is none of the substitution's.
        let elsewhere =
            output.is_some() || command.redirects.iter().any(|r| matches!(r, Redirect::Duplicate));
        let outside = std::mem::replace(&mut self.printed, Printed::Unread);
        if !elsewhere {
            self.printed = outside.clone();
        }
        let output = output.filter(|output| !discards(output) && !vanishes(output));
        let here = command.redirects.iter().find_map(|redirect| match redirect {
            Redirect::Here(text) => text.clone(),
            _ => None,
        });
        let here = here.and_then(|word| self.single(line, &word));
        let status =
            commands::run(self, &commands::Invocation { line, name: &name, arguments, output, here });
        if elsewhere {
            // `2>&1` brings what is printed back; nobody reads `>&2`.
            self.printed = outside;
        }
        Flow::Next(status)
    }

    /// `eval WORD…`, where all words are known. What is not understood in it is the line's.
    fn eval(&mut self, line: usize, arguments: &[Field]) -> Flow {
        let words: Option<Vec<&str>> = arguments.iter().map(|field| field.value.as_deref()).collect();
        let script = words.and_then(|words| parse(&words.join(" ")).ok());
        let Some(script) = script.filter(|_| self.depth < DEPTH_MAX) else {
            return Flow::Next(self.unknown(line, EffectClass::Program));
        };
        self.depth += 1;
        let before = std::mem::take(&mut self.found);
        let flow = self.list(&script.body);
        let inner = std::mem::replace(&mut self.found, before);
        self.found.effects.extend(inner.effects.into_iter().map(|(_, effect)| (line, effect)));
        self.found.unknown.extend(inner.unknown.into_iter().map(|(_, class)| (line, class)));
        self.found.handled.extend(inner.handled);
        self.depth -= 1;
        flow
    }

    fn call(&mut self, line: usize, body: &[Node], arguments: &[Field]) -> Flow {
        if self.depth >= DEPTH_MAX {
            return Flow::Next(self.unknown(line, EffectClass::Program));
        }
        self.depth += 1;
        self.hidden.push(Vec::new());
        let arguments = arguments.iter().map(|field| field.value.clone()).collect();
        let outer = std::mem::replace(&mut self.arguments, arguments);
        let lenient = std::mem::replace(&mut self.lenient, false);
        let flow = self.list(body);
        self.lenient = lenient;
        self.arguments = outer;
        let hidden = self.hidden.pop().unwrap_or_default();
        self.restore(hidden);
        self.depth -= 1;
        match flow {
            Flow::Return(status) => Flow::Next(status),
            flow => flow,
        }
    }

    fn output(&mut self, line: usize, redirects: &[Redirect]) -> Option<Output> {
        redirects.iter().find_map(|redirect| match redirect {
            Redirect::Write { append, target } => {
                Some(Output { path: self.single(line, target), append: *append })
            }
            _ => None,
        })
    }
}

fn discards(output: &Output) -> bool {
    matches!(output.path.as_deref(), Some("/dev/null" | "/dev/stderr" | "/dev/stdout" | "/dev/tty"))
}

/// In a folder whose content does not outlive a boot.
fn is_volatile(path: &str) -> bool {
    VOLATILE.iter().any(|folder| path.starts_with(folder))
}

/// The file is gone at the next boot.
fn vanishes(output: &Output) -> bool {
    output.path.as_deref().is_some_and(is_volatile)
}
