//! `test` and `[` (POSIX.1-2017 XCU `test`), three-valued.

use super::Invocation;
use crate::effect::EffectClass;
use crate::shell::facts::Shipped;
use crate::shell::run::{Field, Phase, Run, Status};

pub(super) fn evaluate(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let mut arguments = call.arguments;
    if call.name != "test" {
        let close = if call.name == "[" { "]" } else { "]]" };
        match arguments.split_last() {
            Some((last, rest)) if last.value.as_deref() == Some(close) => arguments = rest,
            _ => return run.unknown(call.line, EffectClass::Decision),
        }
    }
    let mut terms = Terms { run, fields: arguments, at: 0 };
    let status = terms.or();
    if terms.at == terms.fields.len() { status } else { Status::Unknown }
}

struct Terms<'a, 'f> {
    run: &'a Run<'f>,
    fields: &'a [Field],
    at: usize,
}

impl Terms<'_, '_> {
    /// The text of a field; a pattern is not known, for it may stand for several.
    fn value(&self, at: usize) -> Option<&str> {
        self.fields.get(at).filter(|field| !field.glob).and_then(|field| field.value.as_deref())
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        self.value(self.at + ahead)
    }

    fn or(&mut self) -> Status {
        let mut status = self.and();
        while self.word(0) == Some("-o") {
            self.at += 1;
            status = match (status, self.and()) {
                (Status::True, _) | (_, Status::True) => Status::True,
                (Status::False, other) => other,
                _ => Status::Unknown,
            };
        }
        status
    }

    fn and(&mut self) -> Status {
        let mut status = self.term();
        while self.word(0) == Some("-a") {
            self.at += 1;
            status = match (status, self.term()) {
                (Status::False, _) | (_, Status::False) => Status::False,
                (Status::True, other) => other,
                _ => Status::Unknown,
            };
        }
        status
    }

    fn term(&mut self) -> Status {
        let left = self.fields.len().saturating_sub(self.at);
        if left >= 3 && self.word(1).is_some_and(|op| BINARY.contains(&op)) {
            self.at += 3;
            return self.binary(self.at - 3);
        }
        if left >= 2 && self.word(0) == Some("!") {
            self.at += 1;
            return self.term().not();
        }
        if left >= 2 && self.word(0).is_some_and(|op| op.len() == 2 && op.starts_with('-')) {
            self.at += 2;
            return self.unary(self.at - 2);
        }
        if left == 0 {
            return Status::False;
        }
        self.at += 1;
        self.value(self.at - 1).map_or(Status::Unknown, |text| Status::of(!text.is_empty()))
    }

    fn binary(&self, at: usize) -> Status {
        let [left, op, right] = [0, 1, 2].map(|i| self.value(at + i));
        let (Some(left), Some(op), Some(right)) = (left, op, right) else { return Status::Unknown };
        match op {
            "=" | "==" => Status::of(left == right),
            "!=" => Status::of(left != right),
            _ => match (left.parse::<i64>(), right.parse::<i64>()) {
                (Ok(left), Ok(right)) => Status::of(match op {
                    "-eq" => left == right,
                    "-ne" => left != right,
                    "-lt" => left < right,
                    "-le" => left <= right,
                    "-gt" => left > right,
                    _ => left >= right,
                }),
                _ => Status::Unknown,
            },
        }
    }

    fn unary(&self, at: usize) -> Status {
        let Some(op) = self.value(at) else { return Status::Unknown };
        let Some(text) = self.value(at + 1) else { return Status::Unknown };
        match op {
            "-n" => return Status::of(!text.is_empty()),
            "-z" => return Status::of(text.is_empty()),
            "-t" => return Status::False,
            _ => {}
        }
        if text.is_empty() || GONE.contains(&text) {
            return Status::False;
        }
        if !text.starts_with('/')
            || text.starts_with("/proc")
            || text.starts_with("/sys")
            || text.starts_with("/dev")
        {
            return Status::Unknown;
        }
        let there = self.run.facts.look(text);
        // What the package brings is not unpacked yet.
        let there = there.filter(|kind| {
            let early = self.run.phase == Phase::Preinst && *kind != Shipped::Directory;
            !early || self.run.facts.owner(text) != Some(self.run.package)
        });
        if there.is_none() && self.run.has_made(text) {
            return if op == "-e" { Status::True } else { Status::Unknown };
        }
        match op {
            "-e" | "-r" | "-w" => Status::of(there.is_some()),
            // What a link leads to is not looked up.
            "-f" | "-d" | "-x" | "-s" if there == Some(Shipped::Link) => Status::Unknown,
            "-f" => Status::of(matches!(there, Some(Shipped::File { .. }))),
            "-d" => Status::of(there == Some(Shipped::Directory)),
            "-x" => Status::of(there.is_some_and(|kind| kind != Shipped::File { executable: false })),
            "-L" | "-h" => Status::of(there == Some(Shipped::Link)),
            "-s" if there.is_none() => Status::False,
            "-S" | "-p" | "-b" | "-c" => Status::False,
            "-k" | "-g" | "-u" | "-G" | "-O" if there.is_none() => Status::False,
            _ => Status::Unknown,
        }
    }
}

/// What machines had before udev.
const GONE: [&str; 4] = ["/dev/MAKEDEV", "/dev/.devfs", "/dev/.devfsd", "/dev/.static"];

const BINARY: [&str; 9] = ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
