use super::AptSource;

/// `deb [ option=value … ] URI suite [component …]`; the URI of a CD may hold blanks in brackets.
pub(super) fn parse(text: &str) -> Option<AptSource> {
    let (kind, rest) = word(text)?;
    if !matches!(kind, "deb" | "deb-src") {
        return None;
    }
    let mut rest = rest;
    let mut signed_by = None;
    if let Some(after) = rest.strip_prefix('[') {
        let (options, after) = after.split_once(']')?;
        rest = after.trim_start();
        for option in options.split_whitespace() {
            let (name, value) = option.split_once('=')?;
            if name.trim_end_matches(['+', '-']).eq_ignore_ascii_case("signed-by") {
                signed_by = Some(value.to_owned());
            }
        }
    }
    let uri_end = match rest.find('[') {
        Some(open) if rest[..open].ends_with(':') => open + rest[open..].find(']')? + 1,
        _ => 0,
    };
    let end = uri_end + rest[uri_end..].find(char::is_whitespace)?;
    let uri = rest[..end].to_owned();
    let mut words = rest[end..].split_whitespace().map(str::to_owned);
    let suite = words.next()?;
    let components: Vec<String> = words.collect();
    // A suite that is no folder needs components (sources.list(5)).
    (suite.ends_with('/') == components.is_empty()).then_some(AptSource {
        uris: vec![uri],
        suites: vec![suite],
        components,
        signed_by,
        enabled: kind == "deb",
    })
}

fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace)?;
    Some((word, rest.trim_start()))
}
