//! sysusers.d(5): the whole syntax.

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// `u`, `u!`
    User {
        name: String,
        uid: Option<u32>,
        group: LineGroup,
        /// `u!`: expired, so that nobody can log in.
        locked: bool,
        description: String,
        home: String,
        shell: String,
    },
    /// `g`
    Group { name: String, gid: Option<u32> },
    /// `m`
    Member { user: String, group: String },
    /// `r`: numbers to allocate from.
    Range { first: u32, last: u32 },
}

/// Primary group of a `u` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineGroup {
    /// Of the user's name and number.
    Own,
    /// `uid:gid`
    Number(u32),
    /// `uid:name`
    Named(String),
}

/// Reads one file; errors as line number and text.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, Vec<(usize, String)>> {
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    for (index, raw) in text.lines().enumerate() {
        let raw = raw.trim();
        if raw.is_empty() || raw.starts_with('#') {
            continue;
        }
        match fields(raw).and_then(|fields| line(&fields)) {
            Ok(line) => lines.push(line),
            Err(problem) => errors.push((index + 1, problem)),
        }
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// Splits at blanks; `"…"`, `'…'` and `\` quote.
fn fields(text: &str) -> Result<Vec<String>, String> {
    let (mut out, mut field, mut quote, mut started) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => (quote, started) = (Some(c), true),
            (_, '\\') => {
                field.extend(chars.next());
                started = true;
            }
            (None, _) if c.is_whitespace() => {
                if started {
                    out.push(std::mem::take(&mut field));
                }
                started = false;
            }
            _ => {
                field.push(c);
                started = true;
            }
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    if started {
        out.push(field);
    }
    Ok(out)
}

fn line(fields: &[String]) -> Result<Line, String> {
    let field =
        |index: usize| fields.get(index).map(String::as_str).filter(|text| !matches!(*text, "-" | ""));
    let name = |index: usize| match field(index) {
        Some(name) if valid_name(name) => Ok(name.to_owned()),
        Some(name) => Err(format!("`{name}` is not a user or group name")),
        None => Err("a name is missing".into()),
    };
    match fields[0].as_str() {
        kind @ ("u" | "u!") => {
            let (uid, group) = user_id(field(2))?;
            Ok(Line::User {
                name: name(1)?,
                uid,
                group,
                locked: kind == "u!",
                description: field(3).unwrap_or_default().to_owned(),
                home: field(4).unwrap_or("/").to_owned(),
                shell: field(5).unwrap_or("/usr/sbin/nologin").to_owned(),
            })
        }
        "g" => Ok(Line::Group { name: name(1)?, gid: field(2).map(number).transpose()? }),
        "m" => Ok(Line::Member { user: name(1)?, group: name(2)? }),
        "r" => {
            let range = field(2).ok_or("a range is missing")?;
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Ok(Line::Range { first: number(first)?, last: number(last)? })
        }
        other => Err(format!("`{other}` is not one of u, u!, g, m, r")),
    }
}

fn user_id(text: Option<&str>) -> Result<(Option<u32>, LineGroup), String> {
    let Some(text) = text else { return Ok((None, LineGroup::Own)) };
    if text.starts_with('/') {
        return Err("a number taken from a file's owner is not supported".into());
    }
    match text.split_once(':') {
        None => Ok((Some(number(text)?), LineGroup::Own)),
        Some((uid, group)) => {
            let uid = if uid == "-" { None } else { Some(number(uid)?) };
            let group = group.parse().map_or_else(|_| LineGroup::Named(group.to_owned()), LineGroup::Number);
            Ok((uid, group))
        }
    }
}

/// The two numbers that mean "none" to the kernel are refused (systemd's `uid_is_valid`).
fn number(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| *n != u32::MAX && *n != 0xffff);
    number.ok_or_else(|| format!("`{text}` is not a user or group number"))
}

/// systemd's strict rule (`valid_user_group_name`): letters, digits, `_`, `-`, not beginning with a digit or `-`,
/// at most 31 characters. Debian's own names keep to it.
pub(crate) fn valid_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.len() <= 31
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_lines() {
        let text = "# comment\n\ng input -\ng tty 5\nu! systemd-network - \"systemd Network Management\"\n\
                    u sshd -:nogroup \"sshd user\" /run/sshd\nu man 6:12 - /var/cache/man /usr/sbin/nologin\n\
                    u db 70\nm db ssl-cert\nr - 300-399\n";
        let lines = parse(text).unwrap();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0], Line::Group { name: "input".into(), gid: None });
        let Line::User { locked: true, description, home, .. } = &lines[2] else { panic!("{:?}", lines[2]) };
        assert_eq!((description.as_str(), home.as_str()), ("systemd Network Management", "/"));
        let Line::User { group: LineGroup::Named(group), uid: None, .. } = &lines[3] else { panic!() };
        assert_eq!(group, "nogroup");
        assert!(matches!(&lines[4], Line::User { uid: Some(6), group: LineGroup::Number(12), .. }));
        assert_eq!(lines[7], Line::Range { first: 300, last: 399 });
    }

    #[test]
    fn bad_lines_are_told_by_number() {
        let errors = parse("x foo\nu 9bad\nu a /etc/passwd\nu a \"open\ng a 65535\n").unwrap_err();
        let text: Vec<String> = errors.iter().map(|(line, text)| format!("{line}: {text}")).collect();
        insta::assert_snapshot!(text.join("\n"), @r"
        1: `x` is not one of u, u!, g, m, r
        2: `9bad` is not a user or group name
        3: a number taken from a file's owner is not supported
        4: a quote is not closed
        5: `65535` is not a user or group number
        ");
    }
}
