//! Which script a recipe was written for.

use pintle_model::Digest;

/// A script's text as recipes name it: without what debhelper wrote, without comments, blank lines and indentation,
/// and with the part of the package name that a recipe's `*` stands for replaced by `*`. So a new debhelper, a new
/// comment or a new kernel version leave a recipe valid, and a changed command does not.
#[must_use]
pub fn normalise(own: &str, variable: &str) -> String {
    let mut out = String::new();
    for line in own.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if variable.is_empty() {
            out.push_str(line);
        } else {
            out.push_str(&line.replace(variable, "*"));
        }
        out.push('\n');
    }
    out
}

/// Four hexadecimal digits for each line of a normalised text.
#[must_use]
pub fn line_marks(normalised: &str) -> Vec<String> {
    normalised.lines().map(|line| Digest::of(line.as_bytes()).hex()[..4].to_owned()).collect()
}

/// Lines of a normalised text that a recorded one (its marks, in any layout) did not have, and how many of the
/// recorded ones are gone.
#[must_use]
pub fn difference(recorded: &str, normalised: &str) -> (Vec<String>, usize) {
    let mut recorded: Vec<&str> = recorded.split_whitespace().collect();
    let mut new = Vec::new();
    for (line, mark) in normalised.lines().zip(line_marks(normalised)) {
        match recorded.iter().position(|known| *known == mark) {
            Some(index) => drop(recorded.remove(index)),
            None => new.push(line.to_owned()),
        }
    }
    (new, recorded.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_count() {
        let old = "#!/bin/sh\n# hello\nset -e\n\n  version=6.12\nfoo\n";
        let new = "#!/bin/sh\nset -e\nversion=6.13\n# other\nbar\n";
        assert_eq!(normalise(old, "6.12"), "set -e\nversion=*\nfoo\n");
        let marks = line_marks(&normalise(old, "6.12")).join(" ");
        assert_eq!(difference(&marks, &normalise(new, "6.13")), (vec!["bar".to_owned()], 1));
    }
}
