//! Words that stand nowhere. Their patterns are made of pieces, so that this file does not hold them itself.

use super::{File, before_tests, in_tests, is_source, test_modules};

/// Hosts that packages come from, by name below a domain. Where they come from is the user's setting.
const HOSTS: [(&str, &[&str]); 4] = [
    ("debian.org", &["deb", "ftp", "security", "snapshot", "archive", "httpredir", "cdn-fastly", "cdn-aws"]),
    ("crates.io", &["", "index", "static"]),
    ("npmjs.org", &["registry"]),
    ("pythonhosted.org", &["files"]),
];

/// Not even in tests.
fn never() -> [String; 2] {
    [["#[", "ignore"].concat(), ["todo", "!("].concat()]
}

/// Every tracked file but lock files of cargo, which name their registry.
pub(super) fn check(files: &[File], problems: &mut Vec<String>) {
    let hosts: Vec<String> = hosts().collect();
    let never = never();
    let unwrap = [".unwrap", "()"].concat();
    let test_modules = test_modules(files);
    for file in files.iter().filter(|file| !file.name.ends_with("Cargo.lock")) {
        let mut report = |number: usize, what: &str, why: &str| {
            problems.push(format!("{}:{}: `{what}` {why}", file.name.display(), number + 1));
        };
        for (number, line) in file.text.lines().enumerate() {
            if let Some(host) = hosts.iter().find(|host| line.contains(host.as_str())) {
                report(number, host, "is a host of packages; which one is the user's setting");
            }
            if is_source(&file.name)
                && let Some(word) = never.iter().find(|word| line.contains(word.as_str()))
            {
                report(number, word, "is not left behind");
            }
        }
        if is_source(&file.name) && !in_tests(&file.name, &test_modules) {
            for (number, line) in before_tests(&file.text).lines().enumerate() {
                if line.split("//").next().is_some_and(|code| code.contains(&unwrap)) {
                    report(number, &unwrap, "is for tests; name the error, or the invariant with `expect`");
                }
            }
        }
    }
}

fn hosts() -> impl Iterator<Item = String> {
    let below = |(domain, names): (&'static str, &'static [&'static str])| {
        names
            .iter()
            .map(move |name| if name.is_empty() { format!("//{domain}") } else { format!("{name}.{domain}") })
    };
    HOSTS.into_iter().flat_map(below).chain([["pypi", "org"].join(".")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_stand() {
        let [ignore, _] = never();
        let host = ["deb", "debian", "org"].join(".");
        let text =
            format!("//! {host}\nfn a() {{ b().unwrap(); }}\n#[cfg(test)]\nmod tests {{\n{ignore}]\n}}\n");
        let files = ["rules/x/src/lib.rs", "rules/x/tests/a.rs", "fuzz/Cargo.lock", "docs/a.md"]
            .map(|name| File { name: name.into(), text: text.clone() });
        let mut problems = Vec::new();
        check(&files, &mut problems);
        let places: Vec<&str> =
            problems.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(
            places,
            [
                "rules/x/src/lib.rs:1:",
                "rules/x/src/lib.rs:5:",
                "rules/x/src/lib.rs:2:",
                "rules/x/tests/a.rs:1:",
                "rules/x/tests/a.rs:5:",
                "docs/a.md:1:",
            ]
        );
    }
}
