use super::{Chain, Root, Step, Why};
use std::fmt;

/// Chains shown in full; the roots of the others are named.
const SHOWN: usize = 5;

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.version)?;
        if let Some(name) = &self.provides {
            write!(f, " provides {name}, and")?;
        }
        writeln!(f, " is in the lock because of")?;
        for chain in self.chains.iter().take(SHOWN) {
            writeln!(f)?;
            write!(f, "{chain}")?;
        }
        let rest: Vec<&str> = self.chains.iter().skip(SHOWN).map(|chain| chain.first.as_str()).collect();
        if !rest.is_empty() {
            writeln!(f, "\nand by further chains from {}", rest.join(", "))?;
        }
        if self.dependers.is_empty() {
            return writeln!(f, "\nno package of the lock depends on it");
        }
        writeln!(f, "\ndirectly needed by {}:", self.dependers.len())?;
        self.dependers
            .iter()
            .try_for_each(|step| writeln!(f, "  {} {}  {}", step.package, step.version, need(step)))
    }
}

/// A tree with one branch: the root, then what each package needs.
impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}", self.first)?;
        match &self.root {
            Root::Asked { spec, places } => {
                let spec =
                    if *spec == self.first { "asked for".to_owned() } else { format!("asked for as {spec}") };
                match places.as_slice() {
                    [] => writeln!(f, "  ({spec} by the definition)")?,
                    places => writeln!(f, "  ({spec} at {})", places.join(", "))?,
                }
            }
            Root::Essential => writeln!(f, "  (essential: part of every Debian system)")?,
            Root::Boot => writeln!(f, "  (parts of it start the system)")?,
        }
        for (depth, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {:indent$}└─ {}  {}", "", step.answered_by, need(step), indent = depth * 3)?;
        }
        Ok(())
    }
}

/// `Depends: a | b`, and by what it is answered where that is not plain.
fn need(step: &Step) -> String {
    let mut text = format!("{}: {}", step.field, step.relation);
    if let Some(name) = &step.provides {
        text += &format!("  [{} provides {name}]", step.answered_by);
    } else if step.relation.contains(" | ") {
        text += &format!("  [answered by {}]", step.answered_by);
    }
    if !step.or.is_empty() {
        text += &format!("  [also answered by {}]", step.or.join(", "));
    }
    text
}
