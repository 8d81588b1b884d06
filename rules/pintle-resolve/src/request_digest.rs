use pintle_model::{Digest, System};
use std::fmt::Write as _;

/// First line of what is hashed. Raise the number when the same definition begins to need another lock.
const FORMAT: &str = "pintle request 1";

/// Digest of everything in a definition that a lock answers: architecture, suites and components, packages (`boot`:
/// those of the boot chain), accepted scripts, and the users and groups that get numbers. Mirrors, keys and everything
/// that only shapes the image have no part in it.
#[must_use]
pub fn request_digest(system: &System, boot: &[String]) -> Digest {
    Digest::of(text(system, boot).as_bytes())
}

fn text(system: &System, boot: &[String]) -> String {
    let mut text = String::new();
    // One fact per line; words are quoted, so that no value can be read as two.
    let mut line = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        writeln!(text, "{}", quoted.join(" ")).expect("invariant: a String takes every write");
    };
    line(&[FORMAT]);
    line(&["arch", system.arch.debian()]);
    let debian = &system.source.debian;
    for suite in &debian.suites {
        line(&["suite", &suite.name, &suite.components.join(" ")]);
    }
    line(&["recommends", if debian.recommends { "yes" } else { "no" }]);
    if let Some(nix) = &system.source.nix {
        line(&["closure", &nix.system]);
    }
    let mut lists: Vec<[&str; 2]> = Vec::new();
    lists.extend(system.packages.iter().map(|name| ["package", name.as_str()]));
    lists.extend(system.kernel.all_packages().map(|name| ["package", name]));
    lists.extend(boot.iter().map(|name| ["boot", name.as_str()]));
    lists.extend(system.accept.iter().map(|accept| ["accept", accept.package.as_str()]));
    lists.sort_unstable();
    lists.dedup();
    lists.iter().for_each(|words| line(words));
    let number = |id: Option<u32>| id.map_or_else(|| "any".to_owned(), |id| id.to_string());
    let kind = |system: bool| if system { "system" } else { "person" };
    let mut accounts: Vec<[String; 4]> = Vec::new();
    for user in &system.users {
        accounts.push(["user".into(), user.name.clone(), number(user.uid), kind(user.system).into()]);
    }
    for group in &system.groups {
        accounts.push(["group".into(), group.name.clone(), number(group.gid), kind(group.system).into()]);
    }
    for service in &system.services {
        let user = service.user.clone().unwrap_or_default();
        let group = service.group.clone().unwrap_or_default();
        accounts.push(["service".into(), service.name.clone(), user, group]);
    }
    accounts.sort_unstable();
    for account in &accounts {
        line(&account.each_ref().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(changes: &str) -> System {
        let json = r#"{"schema": 1, "name": "web", "version": "1", "packages": ["nginx", "openssh-server"],
            "source": {"debian": {"suites": [{"name": "trixie", "components": ["main"]}]}},
            "users": [{"name": "ops", "uid": 1000}], CHANGES "services": []}"#;
        serde_json::from_str(&json.replace("CHANGES", changes)).unwrap()
    }

    #[test]
    fn is_pinned() {
        let boot = ["systemd-boot-efi".to_owned()];
        insta::assert_snapshot!(text(&system(""), &boot), @r#"
"pintle request 1"
"arch" "amd64"
"suite" "trixie" "main"
"recommends" "no"
"boot" "systemd-boot-efi"
"package" "nginx"
"package" "openssh-server"
"user" "ops" "1000" "person"
"#);
        insta::assert_snapshot!(request_digest(&system(""), &boot).hex(), @"d6d2ba986dcce94a389499ce0f09799caaf179cdab542bc77a11cabda96faede");
    }

    #[test]
    fn only_what_a_lock_answers_counts() {
        let digest = |changes: &str| request_digest(&system(changes), &[]);
        assert_eq!(digest(""), digest(r#""image": {"bios": false},"#));
        assert_eq!(digest(""), digest(r#""units": {"enable": ["a.service"]},"#));
        assert_ne!(digest(""), digest(r#""kernel": {"package": "linux-image-amd64"},"#));
        assert_ne!(digest(""), digest(r#""accept": [{"package": "nginx", "reason": "because"}],"#));
        assert_ne!(digest(""), digest(r#""groups": [{"name": "web"}],"#));
        assert_ne!(digest(""), request_digest(&system(""), &["grub-pc-bin".to_owned()]));
    }
}
