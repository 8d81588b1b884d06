//! The solver on toy archives: what it picks, and what it says when it cannot.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::{Arch, PackageRole};
use pintle_package::control::Limits;
use pintle_package::control::index;
use pintle_resolve::{Request, SuiteIndex, Universe, solve};
use pintle_testkit::archive::{Archive, toy};
use std::collections::{BTreeMap, BTreeSet};

/// Suites by name and pin priority.
type Suites<'a> = [(&'a str, u16, Archive)];

/// The packages picked as `name version`, boot ones with a star; or what is said instead.
fn answer(suites: &Suites<'_>, request: &Request) -> String {
    let texts: Vec<String> = suites.iter().map(|(.., archive)| archive.packages_text()).collect();
    let records: Vec<_> = texts.iter().map(|text| index::parse(text, &Limits::default()).unwrap()).collect();
    let indices: Vec<SuiteIndex<'_>> = suites
        .iter()
        .zip(&records)
        .map(|((name, priority, _), records)| SuiteIndex { name, priority: *priority, records })
        .collect();
    let universe = Universe::new(Arch::Amd64, &indices).unwrap();
    match solve(&universe, request) {
        Ok(solution) => {
            let picked = solution.locked();
            let shown = picked.iter().map(|package| {
                let star = if package.role == PackageRole::Boot { "*" } else { "" };
                format!("{} {}{star}", package.name, package.version)
            });
            shown.collect::<Vec<_>>().join("\n")
        }
        Err(unsolvable) => unsolvable.to_string(),
    }
}

fn request(packages: &str) -> Request {
    Request {
        packages: packages.split_whitespace().map(|word| word.parse().unwrap()).collect(),
        ..Request::default()
    }
}

fn ask(archive: &Archive, packages: &str) -> String {
    answer(&[("trixie", 500, archive.clone())], &request(packages))
}

#[test]
fn follows_dependencies() {
    let archive = toy()
        .package("a 1 depends: b (>= 2), c; pre-depends: d")
        .package("b 2 depends: a")
        .package("c 1 recommends: e; suggests: e")
        .package("d 1")
        .package("e 1");
    insta::assert_snapshot!(ask(&archive, "a"), @r#"
a 1
b 2
c 1
d 1
"#);
}

#[test]
fn takes_the_first_alternative_unless_another_is_there() {
    let archive = toy().package("a 1 depends: x | y").package("b 1 depends: y").package("x 1").package("y 1");
    insta::assert_snapshot!(ask(&archive, "a"), @r#"
a 1
x 1
"#);
    insta::assert_snapshot!(ask(&archive, "a b"), @r#"
a 1
b 1
y 1
"#);
}

/// `y` comes with a choice made later than the one between `x` and `y`.
#[test]
fn drops_an_alternative_when_another_comes_in_later() {
    let archive = toy()
        .package("a 1 depends: x | y")
        .package("b 1 depends: p | q")
        .package("p 1 depends: y")
        .package("q 1")
        .package("x 1")
        .package("y 1");
    insta::assert_snapshot!(ask(&archive, "a b"), @r#"
a 1
b 1
p 1
y 1
"#);
}

/// But not when the other one is there only because of the first.
#[test]
fn keeps_the_first_alternative_when_it_brings_the_second() {
    let archive = toy().package("a 1 depends: gnupg | gpg").package("gnupg 1 depends: gpg").package("gpg 1");
    insta::assert_snapshot!(ask(&archive, "a"), @r#"
a 1
gnupg 1
gpg 1
"#);
}

#[test]
fn goes_back_when_the_first_alternative_is_impossible() {
    let archive = toy()
        .package("a 1 depends: x | y")
        .package("x 1 depends: z")
        .package("y 1")
        .package("z 1 breaks: b (<< 2)")
        .package("b 1");
    insta::assert_snapshot!(ask(&archive, "a b"), @r#"
a 1
b 1
y 1
"#);
}

#[test]
fn provides_answer_with_their_version_only() {
    let archive = toy()
        .package("a 1 depends: v")
        .package("b 1 depends: v (>= 2)")
        .package("c 1 depends: v (>= 3)")
        .package("p 1 provides: v")
        .package("q 1 provides: v (= 2)");
    insta::assert_snapshot!(ask(&archive, "a"), @r#"
a 1
p 1
"#);
    insta::assert_snapshot!(ask(&archive, "b"), @r#"
b 1
q 1
"#);
    insta::assert_snapshot!(ask(&archive, "c"), @r#"
`c` cannot be installed
└─ c 1 (asked for) needs v (>= 3): p 1 provides it without a version, q 1 provides it as 2
"#);
}

#[test]
fn a_package_may_provide_what_it_conflicts_with() {
    let archive = toy()
        .package("exim 4 provides: mta; conflicts: mta")
        .package("postfix 3 provides: mta; conflicts: mta")
        .package("mailx 1 depends: exim | mta");
    insta::assert_snapshot!(ask(&archive, "mailx"), @r#"
exim 4
mailx 1
"#);
    insta::assert_snapshot!(ask(&archive, "mailx postfix"), @r#"
mailx 1
postfix 3
"#);
    insta::assert_snapshot!(ask(&archive, "exim postfix"), @r#"
`exim` and `postfix` cannot be installed together
├─ exim 4 (asked for) has `Conflicts: mta`
└─ that is postfix 3 (asked for)
"#);
}

#[test]
fn conflicts_with_a_version_spare_providers_without_one() {
    let archive =
        toy().package("a 1 conflicts: v (<< 2)").package("p 1 provides: v").package("q 1 provides: v (= 1)");
    insta::assert_snapshot!(ask(&archive, "a p"), @r#"
a 1
p 1
"#);
    insta::assert_snapshot!(ask(&archive, "a q"), @r#"
`a` and `q` cannot be installed together
├─ a 1 (asked for) has `Conflicts: v (<< 2)`
└─ that is q 1 (asked for)
"#);
}

#[test]
fn replaces_is_no_conflict() {
    let archive = toy().package("a 1 replaces: b").package("b 1");
    insta::assert_snapshot!(ask(&archive, "a b"), @r#"
a 1
b 1
"#);
}

#[test]
fn any_is_answered_by_packages_that_allow_it() {
    let archive = toy()
        .package("a 1 depends: python3:any, perl:amd64")
        .package("b 1 depends: perl:any")
        .package("c 1 depends: perl:i386")
        .package("python3 3 multi-arch: allowed")
        .package("perl 5");
    insta::assert_snapshot!(ask(&archive, "a"), @r#"
a 1
perl 5
python3 3
"#);
    insta::assert_snapshot!(ask(&archive, "b"), @r#"
`b` cannot be installed
└─ b 1 (asked for) needs perl:any: perl is not `Multi-Arch: allowed`
"#);
    insta::assert_snapshot!(ask(&archive, "c"), @r#"
`c` cannot be installed
└─ c 1 (asked for) needs perl:i386: nothing of `i386` is installed
"#);
}

#[test]
fn essential_packages_and_what_they_need_are_always_in() {
    let archive = toy()
        .package("base-files 13 essential: yes; priority: required; pre-depends: awk")
        .package("gawk 5 provides: awk; priority: optional")
        .package("mawk 1 provides: awk; priority: required")
        .package("tzdata 1 priority: required")
        .package("a 1");
    let essential = Request { essential: true, ..request("a") };
    insta::assert_snapshot!(answer(&[("trixie", 500, archive.clone())], &essential), @r#"
a 1
base-files 13
mawk 1
"#);
    insta::assert_snapshot!(ask(&archive, "a"), @"a 1");
}

#[test]
fn recommends_are_followed_when_asked_for_and_possible() {
    let archive = toy()
        .package("a 1 recommends: b, bad, gone | c")
        .package("b 1 recommends: d")
        .package("bad 1 depends: gone")
        .package("c 1")
        .package("d 1 conflicts: e")
        .package("e 1");
    let with = |packages: &str| Request { recommends: true, ..request(packages) };
    insta::assert_snapshot!(answer(&[("trixie", 500, archive.clone())], &with("a")), @r#"
a 1
b 1
c 1
d 1
"#);
    insta::assert_snapshot!(answer(&[("trixie", 500, archive.clone())], &with("a e")), @r#"
a 1
b 1
c 1
e 1
"#);
}

#[test]
fn a_recommendation_that_counts_as_a_need_is_one() {
    let archive = toy()
        .package("a 1 recommends: b | c, d")
        .package("b 1 depends: e; conflicts: f")
        .package("c 1")
        .package("d 1")
        .package("e 1")
        .package("f 1");
    let needed = |by: &str, name: &str| BTreeMap::from([(by.to_owned(), BTreeSet::from([name.to_owned()]))]);
    let with = |packages: &str| Request { needed: needed("a", "c"), ..request(packages) };
    insta::assert_snapshot!(answer(&[("trixie", 500, archive.clone())], &with("a")), @r#"
a 1
b 1
e 1
"#);
    insta::assert_snapshot!(answer(&[("trixie", 500, archive.clone())], &with("a f")), @r#"
a 1
c 1
f 1
"#);
    let of_another = Request { needed: needed("d", "c"), ..request("a") };
    insta::assert_snapshot!(answer(&[("trixie", 500, archive)], &of_another), @"a 1");
}

#[test]
fn the_previous_lock_decides_between_alternatives() {
    let archive = toy().package("a 1 depends: x | y").package("x 1").package("y 1");
    let prefer = Request { prefer: ["y".to_owned()].into(), ..request("a") };
    insta::assert_snapshot!(answer(&[("trixie", 500, archive)], &prefer), @r#"
a 1
y 1
"#);
}

#[test]
fn boot_packages_come_without_their_dependencies() {
    let archive = toy().package("stub 1 depends: gone").package("both 1").package("a 1");
    let boot: Vec<_> = ["stub", "both"].iter().map(|word| word.parse().unwrap()).collect();
    let request = Request { boot, ..request("a both") };
    insta::assert_snapshot!(answer(&[("trixie", 500, archive)], &request), @r#"
a 1
both 1
stub 1*
"#);
}

fn three_suites() -> Vec<(&'static str, u16, Archive)> {
    vec![
        (
            "trixie",
            500,
            toy()
                .package("nginx 1.26-3 depends: nginx-common (= 1.26-3)")
                .package("nginx-common 1.26-3 arch: all"),
        ),
        (
            "trixie-security",
            500,
            toy()
                .package("nginx 1.26-3+deb13u1 depends: nginx-common (= 1.26-3+deb13u1)")
                .package("nginx-common 1.26-3+deb13u1 arch: all"),
        ),
        (
            "trixie-backports",
            100,
            toy()
                .package("nginx 1.28-1~bpo13+1 depends: nginx-common (= 1.28-1~bpo13+1)")
                .package("nginx-common 1.28-1~bpo13+1 arch: all"),
        ),
    ]
}

#[test]
fn the_highest_version_of_all_suites_wins_but_backports_do_not() {
    insta::assert_snapshot!(answer(&three_suites(), &request("nginx")), @r#"
nginx 1.26-3+deb13u1
nginx-common 1.26-3+deb13u1
"#);
}

#[test]
fn pins_carry_what_only_their_suite_answers() {
    insta::assert_snapshot!(answer(&three_suites(), &request("nginx/trixie-backports")), @r#"
nginx 1.28-1~bpo13+1
nginx-common 1.28-1~bpo13+1
"#);
    insta::assert_snapshot!(answer(&three_suites(), &request("nginx=1.26-3")), @r#"
nginx 1.26-3
nginx-common 1.26-3
"#);
}

/// What a kernel of backports needs is taken from there only as far as no other suite has it.
#[test]
fn a_kernel_of_backports_leaves_the_rest_alone() {
    let kernel = |version: &str, base: &str, needs: &str| {
        toy()
            .package(&format!("linux-image-cloud {version} depends: linux-image-{version}, linux-base"))
            .package(&format!("linux-image-{version} {version} depends: linux-base (>= {needs})"))
            .package(&format!("linux-base {base} arch: all"))
    };
    let suites = [
        ("trixie", 500, kernel("6.12", "4.12", "4")),
        ("trixie-backports", 100, kernel("6.18", "4.17~bpo13", "4")),
    ];
    insta::assert_snapshot!(answer(&suites, &request("linux-image-cloud/trixie-backports")), @r#"
linux-base 4.12
linux-image-6.18 6.18
linux-image-cloud 6.18
"#);
    // Behind the metapackage, a kernel that needs more than the base has.
    let newer = [suites[0].clone(), ("trixie-backports", 100, kernel("6.18", "4.17~bpo13", "4.17~"))];
    insta::assert_snapshot!(answer(&newer, &request("linux-image-cloud/trixie-backports")), @r#"
linux-base 4.17~bpo13
linux-image-6.18 6.18
linux-image-cloud 6.18
"#);
    insta::assert_snapshot!(answer(&suites, &request("linux-image-cloud/sid")), @"no `linux-image-cloud/sid`: the system takes nothing from sid (add it to `source.suites`: trixie and trixie-backports so far)");
}

#[test]
fn impossible_requests_are_all_named() {
    let archive = toy()
        .package("nginx 1")
        .package("libssl3t64 3")
        .package("exim 4 provides: mta")
        .package("postfix 3 provides: mta");
    insta::assert_snapshot!(ask(&archive, "ngnix libssl3 zzz mta nginx=2 nginx/sid firmware-realtek"), @r#"
no package `ngnix` in trixie; did you mean `nginx`?
no package `libssl3` in trixie; did you mean `libssl3t64`?
no package `zzz` in trixie
`mta` is provided by several packages: ask for one of `exim` or `postfix`
no `nginx=2`: there is 1 in trixie
no `nginx/sid`: the system takes nothing from sid (add it to `source.suites`: trixie so far)
no package `firmware-realtek` in trixie; firmware is in the component `non-free-firmware` (`source.components`)
"#);
    insta::assert_snapshot!(ask(&archive, "nginx=1 nginx"), @"nginx 1");
    insta::assert_snapshot!(answer(&three_suites(), &request("nginx=1.26-3 nginx/trixie-backports")), @"`nginx=1.26-3` and `nginx=1.28-1~bpo13+1` are both asked for");
    insta::assert_snapshot!(answer(&three_suites(), &request("nginx=2")), @"no `nginx=2`: there is 1.26-3+deb13u1 in trixie-security, 1.26-3 in trixie and 1.28-1~bpo13+1 in trixie-backports");
}

#[test]
fn a_missing_dependency_is_shown_with_its_chain() {
    let archive = toy()
        .package("a 1 depends: b")
        .package("b 1.5 depends: c (>= 2) | d | e")
        .package("c 1.9")
        .package("d 1 depends: gone")
        .package("unrelated 1");
    insta::assert_snapshot!(ask(&archive, "unrelated a"), @r#"
`a` cannot be installed
└─ b 1.5 (needed by a 1, asked for) needs c (>= 2) | d | e
   ├─ d 1 needs gone: no suite has it
   ├─ c (>= 2): there is 1.9 in trixie
   └─ e: no suite has it
"#);
}

#[test]
fn a_clash_deep_down_is_shown_from_both_sides() {
    let archive = toy()
        .package("a 1 depends: libx1")
        .package("b 1 depends: c")
        .package("c 1 depends: libx2")
        .package("libx1 1")
        .package("libx2 2 breaks: libx1 (<< 2)");
    insta::assert_snapshot!(ask(&archive, "a b"), @r#"
`a` and `b` cannot be installed together
└─ c 1 (needed by b 1, asked for) needs libx2
   └─ libx2 2 has `Breaks: libx1 (<< 2)`, which is libx1 1 (needed by a 1, asked for)
"#);
}

#[test]
fn each_alternative_is_shown_to_fail() {
    let archive = toy()
        .package("exim 4 depends: light | heavy | custom; arch: all")
        .package("light 4 provides: mta; conflicts: mta")
        .package("heavy 4 provides: mta; conflicts: mta")
        .package("postfix 3 provides: mta; conflicts: mta");
    insta::assert_snapshot!(ask(&archive, "exim postfix"), @r#"
`exim` and `postfix` cannot be installed together
└─ exim 4 (asked for) needs light | heavy | custom
   ├─ light 4 is excluded by postfix 3 (asked for): `Conflicts: mta`
   ├─ heavy 4 is excluded by postfix 3 (asked for): `Conflicts: mta`
   └─ custom: no suite has it
"#);
}

#[test]
fn alternatives_that_fail_together_are_tried_one_by_one() {
    let archive = toy()
        .package("a 1 depends: p | q")
        .package("b 1 depends: r | s")
        .package("p 1 conflicts: r, s")
        .package("q 1 depends: gone")
        .package("r 1")
        .package("s 1");
    insta::assert_snapshot!(ask(&archive, "a b"), @r#"
`a` and `b` cannot be installed together
└─ a 1 (asked for) needs p | q
   ├─ p 1 cannot be installed
   │  └─ b 1 (asked for) needs r | s
   │     ├─ r 1 is excluded by p 1: `Conflicts: r`
   │     └─ s 1 is excluded by p 1: `Conflicts: s`
   └─ q 1 needs gone: no suite has it
"#);
}

#[test]
fn a_newer_version_in_the_way_is_named() {
    let suites = [
        ("trixie", 500, toy().package("app 1 depends: lib (= 1)").package("lib 1")),
        ("trixie-security", 500, toy().package("lib 1+deb13u1")),
    ];
    insta::assert_snapshot!(answer(&suites, &request("app")), @r#"
`app` cannot be installed
└─ app 1 (asked for) needs lib (= 1): 1+deb13u1 in trixie-security counts; ask for `lib=1` to have the other
"#);
    insta::assert_snapshot!(answer(&suites, &request("app lib=1")), @r#"
app 1
lib 1
"#);
}

#[test]
fn another_architecture_is_refused() {
    let text = toy().package("a 1 arch: arm64").packages_text();
    let records = index::parse(&text, &Limits::default()).unwrap();
    let suite = SuiteIndex { name: "trixie", priority: 500, records: &records };
    let error = Universe::new(Arch::Amd64, &[suite]).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"package `a` of suite `trixie` is for `arm64`, the system is `amd64`");
}

#[test]
fn specs_are_checked() {
    use pintle_resolve::PackageSpec;
    for good in ["nginx", "libstdc++6", "nginx=1:1.26.3-3+deb13u1", "nginx/trixie-backports"] {
        assert_eq!(good.parse::<PackageSpec>().unwrap().to_string(), good);
    }
    for bad in ["", "nginx=", "nginx=x", "nginx/", "Nginx!", "nginx:amd64", "nginx 1", "-nginx"] {
        assert!(bad.parse::<PackageSpec>().is_err(), "{bad}");
    }
    insta::assert_snapshot!("nginx:amd64".parse::<PackageSpec>().unwrap_err().to_string(), @"`nginx:amd64` is not a package (write `nginx`, `nginx=1.26.3-3` or `nginx/trixie-backports`)");
}

/// An archive that has moved on, with the versions of the lock beside it.
fn keeping(now: Archive, locked: Archive, packages: &str, moved: &[&str]) -> String {
    let text = locked.packages_text();
    let records = index::parse(&text, &Limits::default()).unwrap();
    let kept = records.iter().filter(|record| !moved.contains(&record.name));
    let keep = kept.map(|record| (record.name.to_owned(), record.sha256)).collect();
    answer(&[("trixie", 500, now), ("trixie", 0, locked)], &Request { keep, ..request(packages) })
}

#[test]
fn versions_of_the_lock_stay() {
    let old = toy().package("web 1 depends: lib").package("lib 1").package("tool 1 depends: lib");
    let new =
        toy().package("web 2 depends: lib").package("lib 2").package("tool 2 depends: lib").package("more 5");
    insta::assert_snapshot!(keeping(new.clone(), old.clone(), "web tool more", &[]), @"
    lib 1
    more 5
    tool 1
    web 1
    ");
    insta::assert_snapshot!(keeping(new.clone(), old.clone(), "web tool", &["tool"]), @"
    lib 1
    tool 2
    web 1
    ");
    insta::assert_snapshot!(keeping(new, old, "web=2 tool", &[]), @"
    lib 1
    tool 1
    web 2
    ");
}

#[test]
fn kept_versions_give_way_to_what_is_needed() {
    let old = toy()
        .package("web 1 depends: lib (>= 1), web-data (= 1)")
        .package("web-data 1")
        .package("lib 1")
        .package("other 1 depends: lib (<< 2) | lib-compat")
        .package("last 1");
    let new = toy()
        .package("web 2 depends: lib (>= 2), web-data (= 2)")
        .package("web-data 2 breaks: web (<< 2)")
        .package("lib 2 breaks: last (<< 2)")
        .package("other 2 depends: lib (>= 2)")
        .package("last 2");
    // Its data, the library both need, what does not go with the new library.
    insta::assert_snapshot!(keeping(new.clone(), old.clone(), "web other last", &["web"]), @"
    last 2
    lib 2
    other 2
    web 2
    web-data 2
    ");
    insta::assert_snapshot!(keeping(new.clone(), old.clone(), "web last", &["web-data"]), @"
    last 2
    lib 2
    web 2
    web-data 2
    ");
    insta::assert_snapshot!(keeping(new, old, "web other last", &["last"]), @"
    last 2
    lib 1
    other 1
    web 1
    web-data 1
    ");
}

/// What a kept version provides counts, and what only the newer one provides does not.
#[test]
fn kept_versions_provide_what_they_did() {
    let old = toy().package("mta 1 provides: mail").package("app 1 depends: mail");
    let new = toy().package("mta 2").package("app 2 depends: mail").package("fresh 1 provides: mail");
    insta::assert_snapshot!(keeping(new, old, "mta app", &["app"]), @"
    app 2
    mta 1
    ");
}

/// What no longer goes with the request gives way, the rest stays.
#[test]
fn an_alternative_gives_way_and_versions_stay() {
    let old = toy().package("a 1").package("b 1 conflicts: c").package("d 1 depends: b | e");
    let new = toy()
        .package("a 2")
        .package("b 2 conflicts: c")
        .package("c 1")
        .package("d 2 depends: e")
        .package("e 1");
    insta::assert_snapshot!(keeping(new, old, "a c d", &[]), @"
    a 1
    c 1
    d 1
    e 1
    ");
}

/// Debian's `libc6-i386` conflicts with `libc6-x32:i386`, and both are installed together on amd64.
#[test]
fn conflicts_with_another_architecture_do_not_count() {
    let archive = toy()
        .package("a 1 conflicts: b:i386; breaks: c:any")
        .package("b 1")
        .package("c 1")
        .package("d 1 conflicts: b:amd64");
    insta::assert_snapshot!(ask(&archive, "a b"), @"
    a 1
    b 1
    ");
    assert!(ask(&archive, "a c").contains("cannot"), "{}", ask(&archive, "a c"));
    assert!(ask(&archive, "d b").contains("cannot"), "{}", ask(&archive, "d b"));
}
