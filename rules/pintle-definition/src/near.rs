/// The known name that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| {
            let longest = word.chars().count().max(name.chars().count());
            *distance <= 1 + longest / 4 && *distance < longest
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["root", "proxy", "locations", "listen"];
        for (word, found) in [
            ("rot", Some("root")),
            ("loctions", Some("locations")),
            ("prxoy", Some("proxy")),
            ("zzz", None),
            ("a", None),
        ] {
            assert_eq!(nearest(word, known), found, "{word}");
        }
    }
}
