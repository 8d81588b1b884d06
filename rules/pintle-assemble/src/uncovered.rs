//! The error that a user meets first: a maintainer script that nobody vouches for.

use crate::effect::EffectClass;
use std::collections::BTreeSet;
use std::fmt;

/// Lines of a maintainer script that are neither understood nor covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood {
    /// Line number and text, the first few.
    pub lines: Vec<(usize, String)>,
    /// How many more there are.
    pub more: usize,
    /// What they may do.
    pub classes: BTreeSet<EffectClass>,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, text) in &self.lines {
            writeln!(f, "  {number:>4} | {text}")?;
        }
        if self.more > 0 {
            writeln!(f, "       … and {} more lines", self.more)?;
        }
        let classes: Vec<String> = self.classes.iter().map(ToString::to_string).collect();
        write!(f, "  They may concern: {}.", classes.join("; "))
    }
}

/// A script is neither understood nor covered.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the {script} of package {package} {version} is not covered: these lines are not understood\n{missing}\n  \
     Nothing was run. Write a recipe, `recipes/{package}.toml` beside the definition, that says what the script \
     does to the files, starting with\n\n{}\n  or, if it does not matter for this system, accept it in the \
     definition:\n\n      [[accept]]\n      package = \"{package}\"\n      reason = \"…\"",
    starter_text(package, starter)
)]
pub struct Uncovered {
    /// Package.
    pub package: String,
    /// Version.
    pub version: String,
    /// `preinst` or `postinst`.
    pub script: &'static str,
    /// The lines.
    pub missing: NotUnderstood,
    /// The `[[script]]` table for a recipe.
    pub starter: String,
}

/// There is a recipe, but for another script.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "recipe {recipe} was written for another {script} of package {package} (that of {known}, here is {version})\n{}\n  \
     Not understood by itself:\n{missing}\n  Check what changed, then add to the recipe\n\n{}",
    changes(new, *gone), indent(starter)
)]
pub struct RecipeOutdated {
    /// Package.
    pub package: String,
    /// Version in the lock.
    pub version: String,
    /// `preinst` or `postinst`.
    pub script: &'static str,
    /// The recipe's file.
    pub recipe: String,
    /// The version it knows.
    pub known: String,
    /// Lines it did not have, the first few.
    pub new: Vec<String>,
    /// How many of its lines are gone.
    pub gone: usize,
    /// What is not understood.
    pub missing: NotUnderstood,
    /// The `[[script]]` table for the recipe.
    pub starter: String,
}

fn indent(text: &str) -> String {
    let indented = |line: &str| if line.is_empty() { String::new() } else { format!("      {line}") };
    text.trim().lines().map(indented).collect::<Vec<_>>().join("\n")
}

fn starter_text(package: &str, starter: &str) -> String {
    indent(&format!(
        "package = \"{package}\"\nwhy = \"what the script does, and what stands in for it\"\n\n{}",
        starter.trim()
    ))
}

fn changes(new: &[String], gone: usize) -> String {
    let mut lines: Vec<String> = new.iter().map(|line| format!("     + {line}")).collect();
    lines.push(match gone {
        1 => "     - 1 line that it knew is gone".into(),
        gone => format!("     - {gone} lines that it knew are gone"),
    });
    lines.join("\n")
}
