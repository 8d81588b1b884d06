//! Words on the right of a `=` in a unit file (systemd.syntax(7), systemd.service(5) "COMMAND LINES").

/// What `$` means where the word goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dollar {
    /// Nothing: `Environment=`, paths.
    Plain,
    /// The beginning of a variable: command lines. Doubled to be itself.
    Variable,
}

/// One word, quoted where it must be.
pub(super) fn word(text: &str, dollar: Dollar) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%%"),
            '$' if dollar == Dollar::Variable => out.push_str("$$"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    // A lone `;` would end the command; everything else that is special is quoted or escaped.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%$~".contains(c) || !c.is_ascii();
    if !text.is_empty() && text.chars().all(plain) && !text.chars().any(char::is_whitespace) {
        out
    } else {
        format!("\"{out}\"")
    }
}

/// A command line. `$MAINPID` by itself stays a variable: it is how a reload finds its process.
pub(super) fn command(words: &[String]) -> String {
    let one = |text: &String| match text.as_str() {
        "$MAINPID" => "$MAINPID".to_owned(),
        text => word(text, Dollar::Variable),
    };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// A value that is taken as it is to the end of the line: no quotes, only specifiers.
pub(super) fn line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // A backslash at the end would join the next line to this one.
    text.trim().trim_end_matches(['\\', ' ']).replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_out_as_they_went_in() {
        for (text, written) in [
            ("plain", "plain"),
            ("/usr/bin/a-b_c.d", "/usr/bin/a-b_c.d"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("100%", "100%%"),
            ("$HOME", "$$HOME"),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("back\\slash", "\"back\\\\slash\""),
            ("line\nbreak\ttab\u{1}", "\"line\\nbreak\\ttab\\x01\""),
            (";", "\";\""),
            ("it's", "\"it's\""),
            ("ünïcödé", "ünïcödé"),
            ("a\u{a0}b", "\"a\u{a0}b\""),
        ] {
            assert_eq!(word(text, Dollar::Variable), written);
        }
        assert_eq!(word("$x", Dollar::Plain), "$x");
        assert_eq!(
            command(&["/bin/kill".into(), "-HUP".into(), "$MAINPID".into()]),
            "/bin/kill -HUP $MAINPID"
        );
        assert_eq!(line(" a\nb 5% \\"), "a b 5%%");
    }
}
