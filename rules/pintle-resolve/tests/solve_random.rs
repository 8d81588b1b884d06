//! The solver against trying everything, on small archives made at random.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::Arch;
use pintle_package::control::Limits;
use pintle_package::control::index;
use pintle_resolve::{Request, SuiteIndex, Universe, Unsolvable, solve};
use pintle_testkit::archive::toy;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Real packages are `a` to `f`; `v` and `w` are only provided.
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "v", "w"];
const REAL: usize = 6;

#[derive(Clone, Debug, Default)]
struct Toy {
    depends: Vec<Vec<usize>>,
    conflicts: Vec<usize>,
    provides: Vec<usize>,
}

fn package() -> impl Strategy<Value = Toy> {
    let names = 0..NAMES.len();
    let group = prop::collection::vec(names.clone(), 1..4);
    let depends = prop::collection::vec(group, 0..3);
    let conflicts = prop::collection::vec(names, 0..2);
    let provides = prop::collection::vec(REAL..NAMES.len(), 0..2);
    (depends, conflicts, provides).prop_map(|(depends, conflicts, provides)| Toy {
        depends,
        conflicts,
        provides,
    })
}

/// The packages that go by a name: bit masks over the real ones.
fn answers(toys: &[Toy], name: usize) -> u8 {
    let is = |n: usize, toy: &Toy| n == name || toy.provides.contains(&name);
    toys.iter().enumerate().filter(|(n, toy)| is(*n, toy)).map(|(n, _)| 1 << n).sum()
}

fn is_solution(toys: &[Toy], set: u8, asked: u8) -> bool {
    let holds = |n: usize, toy: &Toy| {
        let others = set & !(1 << n);
        toy.depends.iter().all(|group| group.iter().any(|name| answers(toys, *name) & set != 0))
            && toy.conflicts.iter().all(|name| answers(toys, *name) & others == 0)
    };
    set & asked == asked && toys.iter().enumerate().all(|(n, toy)| set & (1 << n) == 0 || holds(n, toy))
}

fn text(toys: &[Toy]) -> String {
    let words = |names: &[usize], separator: &str| {
        names.iter().map(|n| NAMES[*n]).collect::<Vec<_>>().join(separator)
    };
    let mut archive = toy();
    for (n, toy) in toys.iter().enumerate() {
        let groups: Vec<String> = toy.depends.iter().map(|group| words(group, " | ")).collect();
        let mut line = format!("{} 1", NAMES[n]);
        for (field, value) in [
            (" depends", groups.join(", ")),
            ("; conflicts", words(&toy.conflicts, ", ")),
            ("; provides", words(&toy.provides, ", ")),
        ] {
            if !value.is_empty() {
                line += &format!("{field}: {value}");
            }
        }
        archive = archive.package(&line.replace(" 1;", " 1 "));
    }
    archive.packages_text()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn solves_exactly_what_can_be_solved(
        toys in prop::collection::vec(package(), REAL),
        asked in 1u8..(1 << REAL),
        prefer in 0u8..(1 << REAL),
    ) {
        let text = text(&toys);
        let records = index::parse(&text, &Limits::default()).unwrap();
        let suite = SuiteIndex { name: "trixie", priority: 500, records: &records };
        let universe = Universe::new(Arch::Amd64, &[suite]).unwrap();
        let names = |mask: u8| (0..REAL).filter(move |n| mask & (1 << n) != 0).map(|n| NAMES[n]);
        let request = Request {
            packages: names(asked).map(|name| name.parse().unwrap()).collect(),
            prefer: names(prefer).map(str::to_owned).collect::<BTreeSet<_>>(),
            ..Request::default()
        };
        let possible = (0u8..1 << REAL).any(|set| is_solution(&toys, set, asked));
        match solve(&universe, &request) {
            Ok(solution) => {
                let bit = |name: &str| 1 << NAMES.iter().position(|n| *n == name).unwrap();
                let set: u8 = solution.locked().iter().map(|p| bit(&p.name)).sum();
                prop_assert!(is_solution(&toys, set, asked), "{set:06b} is no solution");
                // Nothing superfluous: what is left out of it is missed, or brought what is left.
                prop_assert!(possible);
            }
            Err(Unsolvable::Together(explanation)) => {
                prop_assert!(!possible, "{explanation}");
                let shown = explanation.to_string();
                prop_assert!(shown.lines().count() > 1, "{shown}");
                // What it names is a smallest set that has no solution.
                let blamed: u8 = names(asked).map(|name| {
                    let n = NAMES.iter().position(|other| *other == name).unwrap();
                    if explanation.asked.iter().any(|a| a == name) { 1 << n } else { 0 }
                }).sum();
                prop_assert!(!(0u8..1 << REAL).any(|set| is_solution(&toys, set, blamed)));
                for n in (0..REAL).filter(|n| blamed & (1 << n) != 0 && blamed != 1 << n) {
                    prop_assert!((0u8..1 << REAL).any(|set| is_solution(&toys, set, blamed & !(1 << n))), "{shown}");
                }
            }
            Err(Unsolvable::Request(problems)) => prop_assert!(false, "{problems:?}"),
        }
    }
}
