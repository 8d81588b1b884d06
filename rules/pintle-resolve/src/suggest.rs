use crate::universe::Universe;

/// At most this many names are suggested: more are noise.
const MAX: usize = 3;

/// Names of packages that a misspelt `name` may have meant, nearest first.
pub(crate) fn near(universe: &Universe<'_>, name: &str) -> Vec<String> {
    near_names(name, universe.ids().map(|id| universe.best(id).record.name))
}

/// Of `known` those that a misspelt `name` may have meant, nearest first.
#[must_use]
pub fn near_names<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let allowed = (name.len() / 3).max(1);
    let mut found: Vec<(usize, usize, &str)> = Vec::new();
    for other in known {
        // A longer name that starts with it counts as near: `libssl3` was renamed to `libssl3t64`.
        let distance = if other.starts_with(name) && other.len() <= name.len() + 5 {
            1
        } else if other.len().abs_diff(name.len()) <= allowed {
            strsim::damerau_levenshtein(name, other)
        } else {
            continue;
        };
        if distance <= allowed {
            found.push((distance, other.len().abs_diff(name.len()), other));
        }
    }
    found.sort_unstable();
    let best = found.first().map_or(0, |f| f.0);
    found.into_iter().filter(|f| f.0 <= best + 1).take(MAX).map(|f| f.2.to_owned()).collect()
}
