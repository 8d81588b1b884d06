//! The commands that need neither an archive nor a machine: starting a definition, and asking about it.

use crate::common::{finish, pintle, succeed};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The program in a folder of its own.
pub(crate) fn within(folder: &Path) -> Command {
    let mut command = pintle();
    command.current_dir(folder).env("PINTLE_CACHE_DIR", folder.join("cache"));
    command
}

pub(crate) fn folder() -> tempfile::TempDir {
    // Not below /tmp: that may be a file system without extended attributes.
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Exit status and standard error of a command that must fail.
pub(crate) fn fails(command: &mut Command) -> String {
    plain(&finish(command))
}

fn plain(output: &Output) -> String {
    assert!(!output.status.success(), "it must fail");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing on standard output");
    format!("exit {}\n{}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).trim_end())
}

/// Runs a command with `input` on its standard input.
pub(crate) fn fed(command: &mut Command, input: &Path) -> Output {
    finish(command.stdin(fs::File::open(input).unwrap()))
}

const COMMANDS: [&str; 22] = [
    "new",
    "check",
    "show",
    "explain",
    "options",
    "lock",
    "update",
    "why",
    "diff",
    "vendor",
    "build",
    "inspect",
    "size",
    "recipe",
    "cache",
    "keys",
    "install-bootspec",
    "run",
    "ssh",
    "mkfs",
    "verity",
    "completions",
];

#[test]
fn every_command_helps() {
    let overview = succeed(pintle().arg("--help"));
    for command in COMMANDS {
        assert!(overview.contains(&format!("\n  {command} ")), "{command} in {overview}");
        let help = succeed(pintle().args([command, "--help"]));
        assert!(help.contains(&format!("Usage: pintle {command}")), "{help}");
        // Every argument says what it is for: text after it, or in the next line.
        for (at, line) in help.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("--")) {
            let next = help.lines().nth(at + 1).unwrap_or_default();
            let told = line.trim().contains("  ") || next.starts_with("          ");
            assert!(told, "{command}: {line}");
        }
    }
    let listed =
        overview.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    assert_eq!(listed.count(), COMMANDS.len() + 1, "and `help`: {overview}");
    assert!(succeed(pintle().arg("--version")).starts_with("pintle "));
}

#[test]
fn shells_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let script = succeed(pintle().args(["completions", shell]));
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
    }
    // Judged by the shell itself.
    let dir = folder();
    let script = dir.path().join("pintle.bash");
    fs::write(&script, succeed(pintle().args(["completions", "bash"]))).unwrap();
    let complete = "source \"$0\"; COMP_WORDS=(pintle bui); COMP_CWORD=1; _pintle pintle bui pintle; echo \"${COMPREPLY[*]}\"";
    assert_eq!(succeed(Command::new("bash").args(["-c", complete]).arg(&script)), "build\n");
}

#[test]
fn a_new_definition_is_good_and_made_once() {
    let dir = folder();
    assert_snapshot!(succeed(within(dir.path()).args(["new", "web"])), @"
    wrote web/system.toml
    wrote web/.gitignore
    wrote web/keys (keys; only you can read them)
    next: put your SSH key into it, then
      cd web
      pintle check
      pintle build
      pintle run --until ssh --keep
    ");
    let written = fs::read(dir.path().join("web/system.toml")).unwrap();
    assert_snapshot!(fails(within(dir.path()).args(["new", "web"])), @"
    exit 1
    error: web/system.toml exists already; nothing was changed
      next: choose another name
    ");
    assert_eq!(written, fs::read(dir.path().join("web/system.toml")).unwrap());
    assert_snapshot!(fails(within(dir.path()).args(["new", "Web Server"])), @"
    exit 2
    error: `Web Server` cannot name a system: use lower-case letters, digits, `-`, `_` and `.`
    ");
    assert_snapshot!(succeed(within(dir.path()).args(["check", "web"])), @"web 1: good (25 packages asked for, 8 files, 0 services)");
    assert_snapshot!(succeed(within(&dir.path().join("web")).args(["--json", "check"])), @r#"
    {
      "name": "web",
      "notices": [],
      "version": "1"
    }
    "#);
}

#[test]
fn what_is_shown_is_a_definition() {
    let dir = folder();
    succeed(within(dir.path()).args(["new", "web"]));
    let shown = succeed(within(dir.path()).args(["show", "web"]));
    let document = dir.path().join("web.json");
    fs::write(&document, &shown).unwrap();
    let output = fed(within(dir.path()).args(["show", "-"]), &document);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown);
    assert_eq!(succeed(within(dir.path()).args(["show", "web.json"])), shown);
    let checked = fed(within(dir.path()).args(["check", "-"]), &document);
    assert_eq!(
        String::from_utf8(checked.stdout).unwrap(),
        succeed(within(dir.path()).args(["check", "web"]))
    );
    let system: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(system["name"], "web");
}

#[test]
fn values_are_explained() {
    let dir = folder();
    succeed(within(dir.path()).args(["new", "web"]));
    assert_snapshot!(succeed(within(dir.path()).args(["explain", "base.hostname", "web"])), @r#"
    base.hostname = "web"

      Name of the host.

      type       hostname
      default    "{{ system.name | replace('_', '-') }}"
      example    "web1.example.org"
      set by     builtin:base/module.toml:4:10 (the option's default)
    "#);
    assert_snapshot!(fails(within(dir.path()).args(["explain", "base.hostnam", "web"])), @"
    exit 2
    error: there is no option `base.hostnam`; did you mean `base.hostname`?
      next: pintle options lists all of them
    ");
    let document = dir.path().join("web.json");
    fs::write(&document, succeed(within(dir.path()).args(["show", "web"]))).unwrap();
    assert_snapshot!(fails(within(dir.path()).args(["explain", "base.hostname", "web.json"])), @"
    exit 2
    error: an evaluated document does not say where its values come from
      next: explain the definition it was made from
    ");
    let told: Value = serde_json::from_str(&succeed(within(dir.path()).args([
        "--json",
        "explain",
        "base.hostname",
        "web",
    ])))
    .unwrap();
    assert_eq!(told["value"], "web");
}

#[test]
fn options_have_a_reference() {
    let all = succeed(pintle().arg("options"));
    for option in ["base.hostname", "nginx.sites", "users"] {
        assert!(all.contains(option), "{option}");
    }
    let one = succeed(pintle().args(["options", "base.hostname"]));
    assert!(one.contains("Name of the host.") && !one.contains("nginx"), "{one}");
    let page = succeed(pintle().args(["options", "--format", "html"]));
    assert!(page.starts_with("<!"), "{}", &page[..100]);
    let machine: Value =
        serde_json::from_str(&succeed(pintle().args(["--json", "options", "nginx"]))).unwrap();
    assert!(machine.to_string().contains("sites"));
    assert_snapshot!(fails(pintle().args(["options", "ngnix"])), @"
    exit 2
    error: there is no module or option `ngnix`; did you mean `nginx`?
      next: pintle options lists all of them
    ");
}

#[test]
fn failures_are_told_to_machines() {
    let dir = folder();
    let output = finish(within(dir.path()).args(["check", "--json", "nowhere"]));
    assert_eq!((output.status.code(), output.stderr.len()), (Some(3), 0));
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    {
      "error": {
        "details": null,
        "hints": [
          "pintle new NAME, or name a definition: pintle check PATH"
        ],
        "kind": "bad-input",
        "messages": [
          "there is no definition at nowhere"
        ]
      }
    }
    "#);
}
