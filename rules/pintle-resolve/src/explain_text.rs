//! An explanation as a tree of lines.

use crate::explain::{Alternative, Cause, Explanation, Reason, Why};
use crate::solve::list;
use std::fmt;

/// A tree deeper than this tells nobody anything.
const MAX_DEPTH: usize = 12;

struct Node {
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn leaf(text: String) -> Self {
        Self { text, children: Vec::new() }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        for (n, child) in self.children.iter().enumerate() {
            let (branch, below) =
                if n + 1 == self.children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            write!(f, "\n{indent}{branch}{}", child.text)?;
            child.write(f, &format!("{indent}{below}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let together = if self.asked.len() > 1 { " together" } else { "" };
        write!(f, "{} cannot be installed{together}", list(&self.asked, "`", "and"))?;
        let root = Node { text: String::new(), children: cause(&self.cause, 0) };
        root.write(f, "")
    }
}

fn cause(cause: &Cause, depth: usize) -> Vec<Node> {
    if depth > MAX_DEPTH {
        return vec![Node::leaf("…".to_owned())];
    }
    match cause {
        Cause::Unmet { why, need, alternatives } => {
            // A need without alternatives is said in one line.
            if let [Alternative::Missing { relation, note }] = alternatives.as_slice()
                && relation == need
            {
                return vec![Node::leaf(format!("{} needs {need}: {note}", because(why)))];
            }
            let children = alternatives.iter().map(|a| alternative(a, depth + 1)).collect();
            vec![Node { text: format!("{} needs {need}", because(why)), children }]
        }
        Cause::Clash { why, field, enemy } => vec![
            Node::leaf(format!("{} has `{field}`", because(why))),
            Node::leaf(format!("that is {}", because(enemy))),
        ],
        Cause::Tangled => vec![Node::leaf(
            "each alternative of their dependencies excludes another; ask for fewer of them to see which"
                .to_owned(),
        )],
    }
}

fn alternative(alternative: &Alternative, depth: usize) -> Node {
    match alternative {
        Alternative::Missing { relation, note } => Node::leaf(format!("{relation}: {note}")),
        Alternative::Excluded { package, field, own: true, enemy } => {
            Node::leaf(format!("{package} has `{field}`, which is {}", because(enemy)))
        }
        Alternative::Excluded { package, field, own: false, enemy } => {
            Node::leaf(format!("{package} is excluded by {}: `{field}`", because(enemy)))
        }
        Alternative::Fails { package, cause: inner } => {
            let mut children = cause(inner, depth);
            // The first line of the cause often is about the package itself: say it in one.
            match children.as_mut_slice() {
                [only] if only.text.starts_with(package.as_str()) => {
                    children.pop().expect("invariant: there is one")
                }
                _ => Node { text: format!("{package} cannot be installed"), children },
            }
        }
    }
}

/// `libc6 2.41-12 (needed by nginx-common 1.26.3-3, needed by nginx 1.26.3-3, asked for)`
fn because(why: &Why) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut reason = &why.reason;
    while let Reason::Needed(by) = reason {
        reasons.push(format!("needed by {}", by.package));
        reason = &by.reason;
    }
    match reason {
        Reason::Asked => reasons.push("asked for".to_owned()),
        Reason::Essential => reasons.push("essential".to_owned()),
        Reason::Needed(_) | Reason::Tried => {}
    }
    if reasons.is_empty() { why.package.clone() } else { format!("{} ({})", why.package, reasons.join(", ")) }
}
