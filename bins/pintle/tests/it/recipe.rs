//! `pintle recipe`: what is covered, what is outgrown, and drafts that a build replays.

use crate::common::{finish, pintle, succeed};
use crate::toy::{Toy, base};
use pintle_testkit::archive::{ToySuite, toy};
use serde_json::{Value, json};
use std::fs;

const SCRIPT: &str = "#!/bin/sh\nset -e\nfrobnicate --all\n";

pub(crate) fn table(said: &str) -> String {
    let lines = said[said.find("[[script]]").unwrap()..].lines().map(str::trim);
    lines.take_while(|line| !line.starts_with("or, if")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_recipe_is_lacking_then_written_then_outgrown_then_idle() {
    let archive = |version: &str, script: &str| {
        base().package(&format!("toy {version}")).file("/usr/bin/toy", 0o755, "x").control("postinst", script)
    };
    let toy = Toy::new(&archive("1", SCRIPT), &["toy"]);
    let check = |toy: &Toy, json: bool| {
        let mut command = toy.pintle();
        command.args(if json { &["--json", "recipe", "check"][..] } else { &["recipe", "check"] });
        let output = finish(command.arg("definition/toy.json"));
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check(&toy, false);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("3 | frobnicate --all") && said.ends_with("pintle recipe record toy\n"), "{said}");

    fs::create_dir(toy.definition().join("recipes")).unwrap();
    let recipe = |tables: &str| {
        let text = format!("package = \"toy\"\nwhy = \"It is a toy.\"\n{tables}");
        fs::write(toy.definition().join("recipes/toy.toml"), text).unwrap();
    };
    recipe(&table(&said));
    let (code, said) = check(&toy, true);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["recipes"], json!([["recipes/toy.toml", ["toy"]]]));

    // A later version of the package does something more.
    let later = Toy::new(&archive("2", &format!("{SCRIPT}frobnicate --more\n")), &["toy"]);
    fs::create_dir(later.definition().join("recipes")).unwrap();
    let file = "recipes/toy.toml";
    fs::copy(toy.definition().join(file), later.definition().join(file)).unwrap();
    let (code, said) = check(&later, true);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, Some(1), "{said}");
    let problem = &report["problems"][0];
    assert_eq!(problem["outgrown"], "recipes/toy.toml");
    assert_eq!(problem["new_lines"], json!(["frobnicate --more"]));

    // And one whose script needs no recipe at all.
    let plain = Toy::new(&archive("3", "#!/bin/sh\nset -e\ntouch /etc/toy\n"), &["toy"]);
    fs::create_dir(plain.definition().join("recipes")).unwrap();
    fs::copy(toy.definition().join(file), plain.definition().join(file)).unwrap();
    let (code, said) = check(&plain, false);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("recipes/toy.toml: not used: package toy: its scripts need no recipe"), "{said}");
}

#[test]
fn recipes_are_listed_and_shown() {
    let toy = Toy::new(&base(), &["base-files"]);
    let list = succeed(toy.pintle().args(["recipe", "list"]));
    assert!(list.lines().any(|line| line == "openssh-server"), "{list}");
    let shown = succeed(toy.pintle().args(["recipe", "show", "linux-image-6.12-amd64"]));
    assert!(shown.starts_with("package = \"linux-image-*\""), "{shown}");
    let said = finish(toy.pintle().args(["recipe", "show", "nothing"]));
    assert_eq!(said.status.code(), Some(3));
}

/// Does what the analysis does not follow, by a program it does not know.
const GADGET: &str = r#"#!/bin/sh
set -e
perl -e '
    system "adduser", "--system", "--group", "--quiet", "--home", "/var/lib/gadget", "gadget" and die;
    mkdir "/etc/gadget" or die;
    open my $file, ">", "/etc/gadget/gadget.conf" or die; print $file "[gadget]\nanswer = 42\n"; close $file;
    chmod 0640, "/etc/gadget/gadget.conf" or die;
    my ($uid, $gid) = (getpwnam "gadget")[2, 3];
    chown 0, $gid, "/etc/gadget/gadget.conf" or die;
    chown $uid, $gid, "/usr/share/gadget/state" or die;
    symlink "gadget.conf", "/etc/gadget/link" or die;
    open $file, ">", "/etc/gadget/cookie" or die; print $file rand, time, $$; close $file;
    open $file, ">", "/etc/gadget/key" or die; print $file "-----BEGIN PRIVATE KEY-----\nx\n"; close $file;
    open $file, ">", "/etc/gadget/blob" or die; print $file "\xff\x00"; close $file;
    system "dpkg-statoverride", "--update", "--add", "gadget", "root", "4750", "/usr/bin/gadget" and die;
    system "update-alternatives", "--install", "/usr/bin/gizmo", "gizmo", "/usr/bin/gadget", "7" and die;
'
"#;

#[test]
fn what_scripts_did_is_recorded_and_replayed() {
    let archive = toy()
        .package("gadget 1 depends: adduser, perl-base")
        .file("/usr/bin/gadget", 0o755, "#!/bin/sh\n")
        .file("/usr/share/gadget/state", 0o644, "s")
        .control("postinst", GADGET);
    let toy = Toy::with_suite(&archive, &ToySuite::new("gadgets"), &["gadget"]);
    // The gadget from the toy archive, all else from the real one.
    let system = json!({
        "schema": 1, "name": "toy", "version": "1", "packages": ["gadget"],
        "source": {"debian": {
            "suites": [
                {"name": "trixie", "components": ["main"]},
                {"name": "gadgets", "components": ["main"], "mirror": toy.mirror()},
            ],
            "keys": ["archive.asc"],
        }},
        "image": {"bios": false, "uefi": false, "free": 0},
    });
    let definition = toy.definition().join("toy.json");
    fs::write(&definition, system.to_string()).unwrap();
    let definition = definition.to_str().unwrap();
    let pintle = |arguments: &[&str]| {
        let mut command = pintle();
        command.args(arguments);
        command
    };
    let said = succeed(&mut pintle(&["--json", "recipe", "record", "gadget", "--definition", definition]));
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["drafts"].as_array().map(Vec::len), Some(1), "{said}");
    let draft = fs::read_to_string(toy.definition().join("recipes/gadget.toml")).unwrap();
    for table in [
        "[[group]]\nname = \"gadget\"\n",
        "[[user]]\nname = \"gadget\"\ngroup = \"gadget\"\nhome = \"/var/lib/gadget\"\n",
        "[[directory]]\npath = \"/etc/gadget\"\n",
        "[[file]]\npath = \"/etc/gadget/gadget.conf\"\ntext = '''\n[gadget]\nanswer = 42\n'''\nmode = \"0640\"\ngroup = \"gadget\"\n",
        "[[link]]\npath = \"/etc/gadget/link\"\ntarget = \"gadget.conf\"\n",
        "[[change]]\npath = \"/usr/share/gadget/state\"\nowner = \"gadget\"\ngroup = \"gadget\"\n",
        "[[statoverride]]\npath = \"/usr/bin/gadget\"\nowner = \"gadget\"\ngroup = \"root\"\nmode = \"4750\"\n",
        "[[alternative]]\nname = \"gizmo\"\nlink = \"/usr/bin/gizmo\"\npath = \"/usr/bin/gadget\"\npriority = 7\n",
    ] {
        assert!(draft.contains(table), "{table} is not in\n{draft}");
    }
    // What a recipe cannot or must not hold is said, not dropped.
    for (file, why) in
        [("cookie", "different each time the scripts run"), ("key", "a private key"), ("blob", "not text")]
    {
        assert!(draft.contains(&format!("    \"/etc/gadget/{file}: {why}")), "{file} is not in\n{draft}");
        assert!(!draft.contains(&format!("path = \"/etc/gadget/{file}\"")), "{draft}");
    }
    // It is what a build needs.
    let checked = finish(&mut pintle(&["recipe", "check", definition]));
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    // A second recording does not overwrite what people may have written.
    let refused = finish(&mut pintle(&["recipe", "record", "gadget", "--definition", definition]));
    assert_eq!(refused.status.code(), Some(0), "nothing is open any more: nothing is recorded");
}
