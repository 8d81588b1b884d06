use pintle_boot::bootspec::Bootspec;
use pintle_nix::StorePath;

/// A generation of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Its number (`system-7-link` is 7).
    pub number: u32,
    /// Where the link leads to.
    pub toplevel: StorePath,
    /// How it starts.
    pub document: Bootspec,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The system that becomes the default.
    pub toplevel: &'a StorePath,
    /// How it starts.
    pub document: &'a Bootspec,
    /// The generation that the profile itself leads to.
    pub current: Option<u32>,
    /// How many of the newest generations get entries.
    pub limit: Option<usize>,
}

/// One entry of the menu.
#[derive(Clone, Debug, PartialEq)]
pub struct Start<'a> {
    /// The generation it belongs to; none for a system that is no generation.
    pub number: Option<u32>,
    /// Its specialisation, with `+` between where it is one of a specialisation; empty for the system itself.
    pub specialisation: String,
    /// What it starts.
    pub document: &'a Bootspec,
    /// Started unless a person chooses otherwise.
    pub default: bool,
}

/// Every node of a document: names of specialisations, and the document there; the system itself first.
pub(super) fn nodes(document: &Bootspec) -> Vec<(String, &Bootspec)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((name, document)) = open.pop() {
        let below = |child: &String| if name.is_empty() { child.clone() } else { format!("{name}+{child}") };
        open.extend(document.specialisations.iter().rev().map(|(child, document)| (below(child), document)));
        found.push((name, document));
    }
    found
}

/// The generation that holds `wish.toplevel`, as itself or as a specialisation. Several generations may be of one system
/// (after going back and forth): then the one that the profile leads to, else the newest. A system's own generation
/// comes before one whose specialisation it is.
fn holder<'g>(generations: &'g [Generation], wish: &Wish<'_>) -> Option<&'g Generation> {
    let rank = |generation: &&Generation| (wish.current == Some(generation.number), generation.number);
    let itself = |generation: &&Generation| generation.toplevel == *wish.toplevel;
    let inside = |generation: &&Generation| {
        nodes(&generation.document)
            .iter()
            .any(|(_, node)| node.boot.toplevel.as_str() == wish.toplevel.to_string())
    };
    let own = generations.iter().filter(itself).max_by_key(rank);
    own.or_else(|| generations.iter().filter(inside).max_by_key(rank))
}

/// The entries of the menu, in the order in which they matter: the default's generation, then the others from the newest
/// on, each with its specialisations behind it.
#[must_use]
pub fn choose<'a>(generations: &'a [Generation], wish: &Wish<'a>) -> Vec<Start<'a>> {
    let holder = holder(generations, wish);
    let mut rest: Vec<&Generation> = generations.iter().collect();
    rest.sort_by_key(|generation| std::cmp::Reverse(generation.number));
    rest.truncate(wish.limit.unwrap_or(usize::MAX));
    rest.retain(|generation| holder.is_none_or(|holder| holder.number != generation.number));
    let first = match holder {
        Some(generation) => (Some(generation.number), &generation.document),
        None => (None, wish.document),
    };
    let groups = std::iter::once(first).chain(rest.iter().map(|g| (Some(g.number), &g.document)));
    let start = |number: Option<u32>, (specialisation, document): (String, &'a Bootspec)| Start {
        number,
        specialisation,
        document,
        default: false,
    };
    let mut starts: Vec<Start<'a>> = groups
        .flat_map(|(number, document)| nodes(document).into_iter().map(move |node| start(number, node)))
        .collect();
    // The system itself, unless one of its specialisations was asked for.
    let own = holder.is_none_or(|holder| holder.toplevel == *wish.toplevel);
    let wanted = wish.toplevel.to_string();
    let is_wanted = |start: &Start<'_>| start.document.boot.toplevel.as_str() == wanted;
    let default = if own { 0 } else { starts.iter().position(is_wanted).unwrap_or_default() };
    if let Some(start) = starts.get_mut(default) {
        start.default = true;
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_boot::bootspec::Limits;
    use pintle_nix::StoreDir;

    fn path(name: &str) -> StorePath {
        StoreDir::default().path(&format!("{}-{name}", "0".repeat(32))).unwrap()
    }

    fn document(name: &str, specialisations: &[&str]) -> Bootspec {
        let boot = |name: &str| {
            serde_json::json!({
                "system": "x86_64-linux", "label": name, "init": format!("{}/init", path(name)),
                "kernel": "/nix/store/k", "kernelParams": [], "toplevel": path(name).to_string(),
            })
        };
        let children: serde_json::Map<_, _> = specialisations
            .iter()
            .map(|child| {
                let own = boot(&format!("{name}-{child}"));
                ((*child).to_owned(), serde_json::json!({"org.nixos.bootspec.v1": own}))
            })
            .collect();
        let document = serde_json::json!({
            "org.nixos.bootspec.v1": boot(name), "org.nixos.specialisation.v1": children,
        });
        Bootspec::parse(document.to_string().as_bytes(), &Limits::default()).unwrap()
    }

    fn generation(number: u32, name: &str) -> Generation {
        Generation { number, toplevel: path(name), document: document(name, &["debug"]) }
    }

    fn chosen(toplevel: &str, current: Option<u32>, limit: Option<usize>) -> String {
        let generations = [generation(1, "a"), generation(2, "b"), generation(3, "a"), generation(10, "c")];
        let (toplevel, own) = (path(toplevel), document(toplevel, &["debug"]));
        let wish = Wish { toplevel: &toplevel, document: &own, current, limit };
        let one = |start: &Start<'_>| {
            let number = start.number.map_or("x".to_owned(), |number| number.to_string());
            let mark = if start.default { "*" } else { "" };
            format!("{number}{}{mark}", start.specialisation.get(..1).unwrap_or(""))
        };
        choose(&generations, &wish).iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_default_comes_first_and_is_what_was_asked_for() {
        assert_eq!(chosen("c", Some(10), None), "10* 10d 3 3d 2 2d 1 1d");
        assert_eq!(chosen("b", Some(2), None), "2* 2d 10 10d 3 3d 1 1d", "a rollback");
        assert_eq!(chosen("a", Some(1), None), "1* 1d 10 10d 3 3d 2 2d", "of two, where the profile leads");
        assert_eq!(chosen("a", None, None), "3* 3d 10 10d 2 2d 1 1d", "of two, the newest");
        assert_eq!(chosen("b-debug", Some(2), None), "2 2d* 10 10d 3 3d 1 1d", "a specialisation");
        assert_eq!(chosen("new", None, None), "x* xd 10 10d 3 3d 2 2d 1 1d", "no generation");
        assert_eq!(chosen("c", Some(10), Some(2)), "10* 10d 3 3d");
        assert_eq!(chosen("b", Some(2), Some(2)), "2* 2d 10 10d 3 3d", "a rollback is never over the limit");
        assert_eq!(chosen("new", None, Some(0)), "x* xd");
    }
}
