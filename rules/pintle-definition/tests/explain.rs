//! `explain`: what a value is, what it is for, and what set it.

use pintle_definition::{Evaluation, MemoryFiles, Paint, evaluate};

fn evaluation() -> Evaluation {
    let files = MemoryFiles::new()
        .with(
            "system.toml",
            r#"name = "web"
import = ["common/base.toml"]
packages = ["curl"]

[nginx.sites.main]
root = "/srv/www"
listen = [80, 8080]

[nginx.sites."shop-2"]
hosts = ["shop.example.org"]
proxy = "http://127.0.0.1:3000"

[force.base]
timezone = "Europe/Berlin"

[replace.base]
packages = ["systemd", "udev"]
"#,
        )
        .with(
            "common/base.toml",
            "packages = [\"vim-tiny\", \"less\"]\n[base]\ntimezone = \"UTC\"\n[default.base]\ntimezone = \"UTC\"\n[base.sysctl]\n\"vm.swappiness\" = 10\n",
        );
    evaluate(&files, "system.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

/// The explanation as text, without line numbers of shipped modules: those may grow.
fn explained(evaluation: &Evaluation, path: &str) -> String {
    let text = evaluation.explain(path).unwrap_or_else(|error| panic!("{error}")).to_string();
    let mut parts = text.split("module.toml:");
    let mut steady = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        steady.push_str("module.toml:…");
        steady.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    steady
}

#[test]
fn a_scalar_and_what_it_overrides() {
    let evaluation = evaluation();
    insta::assert_snapshot!(explained(&evaluation, "base.timezone"), @r#"
    base.timezone = "Europe/Berlin"

      Time zone, as a name of the time zone database. Anything but `UTC` adds the package `tzdata`.

      type       word
      default    "UTC"
      example    "Europe/Berlin"
      set by     system.toml:14:1 (force)
      overrides  common/base.toml:3:1: "UTC"
      overrides  common/base.toml:5:1 (default): "UTC"
    "#);
    assert!(evaluation.system().packages.contains(&"tzdata".to_owned()));
}

#[test]
fn defaults_and_unset_options() {
    let evaluation = evaluation();
    insta::assert_snapshot!(explained(&evaluation, "base.hostname"), @r#"
    base.hostname = "web"

      Name of the host.

      type       hostname
      default    "{{ system.name | replace('_', '-') }}"
      example    "web1.example.org"
      set by     builtin:base/module.toml:… (the option's default)
    "#);
    insta::assert_snapshot!(explained(&evaluation, "image.size"), @r#"
    image.size = (unset)

      Size of the disk. Where it is not set, the image is as small as its content and `free` allow; the root file system grows to the real disk on first boot either way.

      type       size
      example    "2G"
      set by     nothing
    "#);
    insta::assert_snapshot!(explained(&evaluation, "nginx.enable"), @r#"
    nginx.enable = true

      Whether this module is part of the system. On as soon as anything of it is set, be it only its empty table.

      type       bool
      set by     system.toml:5:2
    "#);
    insta::assert_snapshot!(explained(&evaluation, "ssh.enable"), @r#"
    ssh.enable = false

      Whether this module is part of the system. On as soon as anything of it is set, be it only its empty table.

      type       bool
      set by     nothing
    "#);
}

#[test]
fn lists_say_who_gave_each_element() {
    let evaluation = evaluation();
    insta::assert_snapshot!(explained(&evaluation, "packages"), @r#"
    packages

      Debian packages to install, with what they depend on. Several files may add to the list.

      Of a package the newest version of all suites is taken. `nginx=1.26.3-3` asks for one version, `nginx/trixie-backports` for that of one suite, which must be among `source.suites`.

      type       list of package
      example    ["curl", "vim-tiny"]
      set by     common/base.toml:1:1: ["vim-tiny", "less"]
      set by     system.toml:3:1: ["curl"]

      packages[0] = "vim-tiny"  (common/base.toml:1:13)
      packages[1] = "less"  (common/base.toml:1:25)
      packages[2] = "curl"  (system.toml:3:13)
    "#);
    insta::assert_snapshot!(explained(&evaluation, "packages[2]"), @r#"
    packages[2] = "curl"

      Debian packages to install, with what they depend on. Several files may add to the list.

      Of a package the newest version of all suites is taken. `nginx=1.26.3-3` asks for one version, `nginx/trixie-backports` for that of one suite, which must be among `source.suites`.

      type       package
      set by     system.toml:3:13
    "#);
    insta::assert_snapshot!(explained(&evaluation, "base.packages"), @r#"
    base.packages

      Packages of the base system, beside those that Debian marks essential. To take some away, write the whole list under `[replace.base]`.

      type       list of package
      default    ["ca-certificates", "dbus", "e2fsprogs", "iproute2", "kmod", "libpam-systemd", "login", "mount", "passwd", "procps", "systemd", "systemd-repart", "systemd-sysv", "udev"]
      set by     system.toml:17:1 (replace)

      base.packages[0] = "systemd"  (system.toml:17:13)
      base.packages[1] = "udev"  (system.toml:17:24)
    "#);
}

#[test]
fn maps_and_records_name_their_parts() {
    let evaluation = evaluation();
    insta::assert_snapshot!(explained(&evaluation, "nginx.sites"), @r#"
    nginx.sites

      Sites, each under a name of your choice. One without `hosts` answers everything that no other site does.

      type       map of record
      example    { main = { hosts = ["example.org", "www.example.org"], root = "/srv/www" }, shop = { hosts = ["shop.example.org"], proxy = "http://127.0.0.1:8080" } }
      set by     system.toml:5:8

      nginx.sites.main   = { check = true, extra = "", hosts = [], index = ["index.html"], listen = [80, 8080], locations = {}, root = "/srv/www" }  (system.toml:5:14)
      nginx.sites.shop-2 = { check = true, extra = "", hosts = ["shop.example.org"], index = ["index.html"], listen = [80], locations = {}, proxy = "http://127.0.0.1:3000" }  (system.toml:9:14)
    "#);
    insta::assert_snapshot!(explained(&evaluation, "nginx.sites.main"), @r#"
    nginx.sites.main

      Sites, each under a name of your choice. One without `hosts` answers everything that no other site does.

      type       record
      set by     system.toml:5:14

      nginx.sites.main.check     = true  (builtin:nginx/module.toml:…)
      nginx.sites.main.content   = (unset)
      nginx.sites.main.extra     = ""  (builtin:nginx/module.toml:…)
      nginx.sites.main.hosts     = []
      nginx.sites.main.index     = ["index.html"]  (builtin:nginx/module.toml:…)
      nginx.sites.main.listen    = [80, 8080]  (system.toml:7:1)
      nginx.sites.main.locations = {}
      nginx.sites.main.proxy     = (unset)
      nginx.sites.main.root      = "/srv/www"  (system.toml:6:1)
    "#);
    insta::assert_snapshot!(explained(&evaluation, "nginx.sites.shop-2.proxy"), @r#"
    nginx.sites.shop-2.proxy = "http://127.0.0.1:3000"

      Server that answers instead, such as a service of this system.

      type       url
      example    "http://127.0.0.1:8080"
      set by     system.toml:11:1
    "#);
    insta::assert_snapshot!(explained(&evaluation, "base.sysctl.\"vm.swappiness\""), @r#"
    base.sysctl."vm.swappiness" = 10

      Kernel settings below `/proc/sys`, by their names with dots.

      type       scalar
      set by     common/base.toml:7:1
    "#);
}

#[test]
fn paths_that_lead_nowhere() {
    let evaluation = evaluation();
    let error = |path: &str| evaluation.explain(path).unwrap_err().to_string();
    insta::assert_snapshot!(error("ngnix.sites"), @"there is no option `ngnix.sites`; did you mean `nginx`?");
    insta::assert_snapshot!(error("nginx.site"), @"there is no option `nginx.site`; did you mean `nginx.sites`?");
    insta::assert_snapshot!(error("nginx.sites.mian"), @"there is no option `nginx.sites.mian`; did you mean `nginx.sites.main`?");
    insta::assert_snapshot!(error("nginx.sites.other"), @"there is no option `nginx.sites.other`; did you mean `nginx.sites`?");
    insta::assert_snapshot!(error("name.first"), @"there is no option `name.first`; did you mean `name`?");
    insta::assert_snapshot!(error("a..b"), @"there is no option `a..b`");
}

#[test]
fn an_explanation_is_also_json() {
    let json = serde_json::to_string_pretty(&evaluation().explain("base.timezone").unwrap()).unwrap();
    insta::assert_snapshot!(json, @r#"
    {
      "path": "base.timezone",
      "type": "word",
      "doc": "Time zone, as a name of the time zone database. Anything but `UTC` adds the package `tzdata`.",
      "value": "Europe/Berlin",
      "default": "\"UTC\"",
      "example": "\"Europe/Berlin\"",
      "set_by": [
        {
          "place": "system.toml:14:1",
          "priority": "force",
          "value": "\"Europe/Berlin\""
        }
      ],
      "overridden": [
        {
          "place": "common/base.toml:3:1",
          "priority": "normal",
          "value": "\"UTC\""
        },
        {
          "place": "common/base.toml:5:1",
          "priority": "default",
          "value": "\"UTC\""
        }
      ],
      "parts": []
    }
    "#);
}

#[test]
fn every_package_knows_who_asked_for_it() {
    let evaluation = evaluation();
    insta::assert_debug_snapshot!(evaluation.asked_by("curl"), @r#"
    [
        "system.toml:3:13",
    ]
    "#);
    insta::assert_debug_snapshot!(evaluation.asked_by("nginx"), @r#"
    [
        "builtin:nginx/module.toml:80:1",
    ]
    "#);
    insta::assert_debug_snapshot!(evaluation.asked_by("linux-image-cloud-amd64"), @r#"
    [
        "builtin:base/module.toml:127:1",
    ]
    "#);
    assert!(evaluation.asked_by("unknown").is_empty());
}

#[test]
fn keys_without_a_server_are_worth_a_note() {
    let key = format!("ssh-ed25519 AAAA{} me", "C3Nz".repeat(16));
    let text = format!("name = \"t\"\n[users.root]\nssh-keys = [\"{key}\"]\n");
    let evaluation = evaluate(&MemoryFiles::new().with("system.toml", text), "system.toml").unwrap();
    insta::assert_snapshot!(evaluation.notices().render_as_notices(Paint::Plain), @r#"
    note: there are SSH keys, but nothing to log in to: the module `ssh` is off
     --> system.toml:2:2
      |
    2 | [users.root]
      |  ^^^^^
      = help: add an empty table [ssh] to have the SSH server
    "#);
    let painted = evaluation.notices().render_as_notices(Paint::Ansi);
    assert!(painted.contains("\x1b[1;34mnote\x1b[0m"));
}
