//! The kernel command line as words (Linux: `lib/cmdline.c`, `next_arg`; Documentation/admin-guide/kernel-parameters.rst).

use std::fmt;

/// Words that make a boot a rescue: nothing is counted, the machine does not start again by itself, and the services of
/// the definition stay off. The kernel passes the first over.
pub const RESCUE: &str = "pintle.rescue panic=0 systemd.unit=pintle-rescue.target";

/// A kernel command line: words that are free of spaces outside of double quotes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cmdline(Vec<String>);

/// Why a text is no kernel command line.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CmdlineError {
    /// A line break, NUL or the like.
    #[error("kernel parameters `{0}` hold a control character")]
    ControlCharacter(String),
    /// A `"` without its partner: the kernel would take everything after it as one word.
    #[error("kernel parameters `{0}` hold a `\"` without its partner")]
    OpenQuote(String),
}

impl Cmdline {
    /// Splits `text` at spaces and tabs, but not inside double quotes. Quotes are kept as written.
    ///
    /// # Errors
    /// [`CmdlineError`].
    pub fn parse(text: &str) -> Result<Self, CmdlineError> {
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(CmdlineError::ControlCharacter(text.escape_debug().to_string()));
        }
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quoted = false;
        for c in text.chars() {
            match c {
                ' ' | '\t' if !quoted => {
                    words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty()))
                }
                _ => {
                    quoted ^= c == '"';
                    word.push(c);
                }
            }
        }
        if quoted {
            return Err(CmdlineError::OpenQuote(text.to_owned()));
        }
        words.extend(Some(word).filter(|w| !w.is_empty()));
        Ok(Self(words))
    }

    /// The words, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// These words and then those of `other`.
    #[must_use]
    pub fn followed_by(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }
}

/// Words with one space between.
impl fmt::Display for Cmdline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let line = Cmdline::parse(" quiet\tdyndbg=\"file x +p\"  rw ").unwrap();
        assert_eq!(line.words().collect::<Vec<_>>(), ["quiet", "dyndbg=\"file x +p\"", "rw"]);
        assert_eq!(line.to_string(), "quiet dyndbg=\"file x +p\" rw");
        insta::assert_snapshot!(Cmdline::parse("a=\"b c").unwrap_err(), @r#"kernel parameters `a="b c` hold a `"` without its partner"#);
        insta::assert_snapshot!(Cmdline::parse("a\nb").unwrap_err(), @r"kernel parameters `a\nb` hold a control character");
    }
}
