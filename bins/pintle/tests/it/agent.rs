//! The agent inside verified systems, as QEMU starts them: what it says of a good boot, of an edit, and of an application
//! that is dead.

use crate::common::{boot_web, finish, pintle, succeed};
use std::fs;
use std::path::{Path, PathBuf};

const DEFINITION: &str = r#"name = "agent"
version = "7"

[image]
layout = "verified"
bios = false

[ssh]

[users.root]
ssh-keys = []

[nginx.sites.main]
root = "/srv/www"
content = "site"
"#;

/// Builds an image of the definition with `more` behind it.
fn built(folder: &Path, more: &str) -> PathBuf {
    let definition = folder.join("definition");
    fs::create_dir_all(definition.join("site")).unwrap();
    fs::write(definition.join("site/index.html"), "agent\n").unwrap();
    fs::write(definition.join("system.toml"), format!("{DEFINITION}{more}")).unwrap();
    let mut build = pintle();
    build.args(["build", "--no-report", "--sbom", "none", "--output"]).arg(folder.join("out"));
    succeed(build.arg(&definition));
    folder.join("out/agent.raw")
}

#[test]
fn a_healthy_system_says_so_and_shows_an_edit() {
    let folder = tempfile::tempdir().unwrap();
    let image = built(folder.path(), "");
    let manifest = fs::read(folder.path().join("out/agent.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["agent"]["path"], "/usr/lib/pintle/pintle-agent");
    let said = boot_web(
        &image,
        "systemctl is-system-running --wait; systemctl is-active boot-complete.target; sha256sum \
         /usr/lib/pintle/pintle-agent; pintle-agent drift; echo drift $?; echo 127.0.0.1 other >>/etc/hosts; touch \
         /etc/nginx/mine; pintle-agent drift; echo drift $?; ls /var/lib/pintle/etc; systemd-analyze security \
         --no-pager pintle-keep.service pintle-health.service pintle-bless.service pintle-late.service \
         pintle-watchdog.service | grep Overall; systemd-analyze verify --man=no /usr/lib/systemd/system/pintle-* 2>&1 | grep \
         pintle; echo ==; pintle-agent --json status",
    );
    let (before, status) = said.split_once("==\n").unwrap();
    let lines: Vec<&str> = before.lines().collect();
    assert_eq!(lines[..2], ["running", "active"], "{said}");
    assert_eq!(lines[2].split(' ').next(), manifest["agent"]["sha256"].as_str(), "{said}");
    insta::assert_snapshot!(lines[3..9].join("\n"), @"
    /etc is what the image made it
    drift 0
    ~ /etc/hosts: other content
    + /etc/nginx/mine
    these last until the next boot; to keep them, write them into the definition
    drift 5
    ");
    assert_eq!(lines[9..11], ["machine-id", "ssh"], "{said}");
    let exposures: Vec<&str> = lines.iter().copied().filter(|line| line.contains("Overall")).collect();
    assert!(exposures.len() == 5 && exposures.iter().all(|line| line.contains("OK")), "{said}");
    assert_eq!(lines.len(), 16, "systemd-analyze verify finds nothing to say: {said}");
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    assert_eq!((&status["name"], &status["version"]), (&"agent".into(), &"7".into()), "{status:#}");
    assert_eq!(status["slot"]["letter"], "A", "{status:#}");
    assert_eq!(status["slot"]["label"], "agent_7", "{status:#}");
    assert_eq!(status["verity"], "verified", "{status:#}");
    let cmdline = manifest["disk"]["cmdline"].as_str().unwrap();
    assert!(cmdline.contains(status["usrhash"].as_str().unwrap()), "{status:#}");
    assert_eq!(status["boot"]["state"], "good", "{status:#}");
    assert_eq!(status["health"]["state"], "good", "{status:#}");
    assert_eq!(status["drift"], 2, "{status:#}");
}

#[test]
fn a_dead_application_is_told_of_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let more =
        "\n[services.shop]\ncommand = [\"/bin/false\"]\n\n[health]\ndeadline = 100\non-failure = \"stay\"\n";
    let image = built(folder.path(), more);
    let said = boot_web(
        &image,
        "systemctl is-system-running --wait; systemctl is-active boot-complete.target; journalctl -b -o cat -u \
         pintle-health | grep -v systemd; pintle-agent --json status; echo status $?",
    );
    assert!(said.starts_with("degraded\ninactive\n"), "{said}");
    assert!(
        said.contains(
            "this boot is not good: 1 of 4 checks do not hold, and the deadline of 100 s has passed"
        ),
        "{said}"
    );
    assert!(said.contains("  shop.service: it is ") && said.contains("because of `exit-code`"), "{said}");
    assert!(said.contains("the machine stays up, degraded"), "{said}");
    assert!(said.contains("\"state\": \"degraded\"") && said.trim_end().ends_with("status 5"), "{said}");
}

#[test]
fn a_verified_image_without_an_agent_is_refused_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("definition");
    fs::create_dir_all(definition.join("site")).unwrap();
    fs::write(definition.join("site/index.html"), "x").unwrap();
    fs::write(definition.join("system.toml"), DEFINITION).unwrap();
    let mut build = pintle();
    build
        .args(["build", "--agent", "/nonexistent/agent", "--output"])
        .arg(folder.path().join("out"))
        .arg(&definition);
    let output = finish(&mut build);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"
    error: there is no agent at /nonexistent/agent
      next: cargo install --path bins/pintle-agent --profile agent, which puts it beside pintle; or --agent FILE
    ");
    assert!(!definition.join("pintle.lock").exists(), "it is said before anything is fetched");
}
