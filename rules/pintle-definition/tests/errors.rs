//! Every error as its author sees it.

use pintle_definition::{MemoryFiles, evaluate, evaluate_document};

/// What is wrong with a definition that begins with `name = "t"` on its first line.
fn wrong(text: &str) -> String {
    wrong_with(MemoryFiles::new(), text)
}

fn wrong_with(files: MemoryFiles, text: &str) -> String {
    let files = files.with("system.toml", format!("name = \"t\"\n{text}"));
    evaluate(&files, "system.toml").expect_err("this must be wrong").to_string()
}

/// A module of the author's own, called `mine`.
fn module(declaration: &str) -> MemoryFiles {
    MemoryFiles::new().with("modules/mine/module.toml", declaration)
}

#[test]
fn unknown_option() {
    insta::assert_snapshot!(wrong("[nginx.sites.main]\nrot = \"/srv/www\"\nproxy = \"http://127.0.0.1\"\n"), @r#"
    error: unknown option `nginx.sites.main.rot`
     --> system.toml:3:1
      |
    3 | rot = "/srv/www"
      | ^^^ `nginx.sites.NAME` has no such option
      = help: did you mean `root`?
      = doc: nginx.sites.NAME.root (path, may be left unset): Directory in the system whose files are served.
      = doc: example: root = "/srv/www"
    "#);
    insta::assert_snapshot!(wrong("[nginx.sites.main]\nzzz = 1\nproxy = \"http://127.0.0.1\"\n"), @r#"
    error: unknown option `nginx.sites.main.zzz`
     --> system.toml:3:1
      |
    3 | zzz = 1
      | ^^^ `nginx.sites.NAME` has no such option
      = help: options here: hosts, listen, root, content, proxy, index, locations, extra, check
      = doc: nginx.sites.NAME (map of record, default empty): Sites, each under a name of your choice. One without `hosts` answers everything that no other site does.
    "#);
}

#[test]
fn unknown_module() {
    insta::assert_snapshot!(wrong("[ngnix]\n"), @r#"
    error: unknown option `ngnix`
     --> system.toml:2:2
      |
    2 | [ngnix]
      |  ^^^^^ the definition has no such option or module
      = help: did you mean `nginx`?
      = doc: nginx (record): The web server nginx: static sites and proxies. Debian's default site is switched off.
    "#);
    insta::assert_snapshot!(wrong("[mongodb]\nversion = 17\n"), @"
    error: unknown option `mongodb`
     --> system.toml:2:2
      |
    2 | [mongodb]
      |  ^^^^^^^ the definition has no such option or module
      = help: options here: name, version, arch, import, source, image, accept, base, chrony, files, haproxy, health, network, nginx, node-exporter, packages, podman, postgresql, redis, services, slim, ssh, time, units, users
      = doc: What stands at the top of a definition: the system's name, where its packages come from, and the shape of its image.
    ");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(wrong("[ssh]\nport = \"eighty\"\n"), @r#"
    error: `ssh.port` must be a port (a whole number from 1 to 65535)
     --> system.toml:3:8
      |
    3 | port = "eighty"
      |        ^^^^^^^^ this is a string
      = doc: ssh.port (port, default 22): Port it listens on.
    "#);
    insta::assert_snapshot!(wrong("[ssh]\nport = 70000\n"), @r#"
    error: `ssh.port` must be a port (a whole number from 1 to 65535)
     --> system.toml:3:8
      |
    3 | port = 70000
      |        ^^^^^ out of range
      = doc: ssh.port (port, default 22): Port it listens on.
    "#);
    insta::assert_snapshot!(wrong("[ssh]\nroot-login = \"without-password\"\n"), @r#"
    error: `ssh.root-login` must be one of "prohibit-password", "no", "yes", "forced-commands-only"
     --> system.toml:3:14
      |
    3 | root-login = "without-password"
      |              ^^^^^^^^^^^^^^^^^^ none of these
      = doc: ssh.root-login (prohibit-password | no | yes | forced-commands-only, default "prohibit-password"): How root may log in: with a key, not at all, anyhow, or only for commands fixed to a key.
    "#);
    insta::assert_snapshot!(wrong("packages = \"vim\"\n"), @r#"
    error: `packages` must be a list of packages
     --> system.toml:2:12
      |
    2 | packages = "vim"
      |            ^^^^^ this is a string
      = doc: packages (list of package, default empty): Debian packages to install, with what they depend on. Several files may add to the list.
      = doc: example: packages = ["curl", "vim-tiny"]
    "#);
    insta::assert_snapshot!(wrong("packages = [\"vim\", 3, \"Nano\"]\n"), @r#"
    error: `packages[1]` must be a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)
     --> system.toml:2:20
      |
    2 | packages = ["vim", 3, "Nano"]
      |                    ^ this is a whole number
      = doc: packages (list of package, default empty): Debian packages to install, with what they depend on. Several files may add to the list.
      = doc: example: packages = ["curl", "vim-tiny"]

    error: `packages[2]` must be a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)
     --> system.toml:2:23
      |
    2 | packages = ["vim", 3, "Nano"]
      |                       ^^^^^^ not of that form
      = doc: packages (list of package, default empty): Debian packages to install, with what they depend on. Several files may add to the list.
      = doc: example: packages = ["curl", "vim-tiny"]
    "#);
    insta::assert_snapshot!(wrong("nginx = true\n"), @r#"
    error: `nginx` must be a table of options
     --> system.toml:2:9
      |
    2 | nginx = true
      |         ^^^^ this is a boolean
      = doc: nginx (record): The web server nginx: static sites and proxies. Debian's default site is switched off.
    "#);
    insta::assert_snapshot!(wrong("[image]\nsize = \"2 gigs\"\n"), @r#"
    error: `image.size` must be a size: a number of bytes, or a string such as "512M" or "2G"
     --> system.toml:3:8
      |
    3 | size = "2 gigs"
      |        ^^^^^^^^ not of that form
      = doc: image.size (size, may be left unset): Size of the disk. Where it is not set, the image is as small as its content and `free` allow; the root file system grows to the real disk on first boot either way.
      = doc: example: size = "2G"
    "#);
    insta::assert_snapshot!(wrong("[users.Alice]\n"), @r#"
    error: `Alice` can not be a key of `users`
     --> system.toml:2:8
      |
    2 | [users.Alice]
      |        ^^^^^ must be a name of lower-case letters, digits, `-` and `_`, a letter or `_` first, at most 31 long
      = doc: users (map of record, default empty): People and their SSH keys. Nobody has a password unless you set a hash.
      = doc: example: users = { alice = { ssh-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample12 alice@laptop"], sudo = true } }
    "#);
    insta::assert_snapshot!(wrong("[users.alice]\nssh-keys = [\"ssh-ed25519 AAAA\"]\n"), @r#"
    error: `users.alice.ssh-keys[0]` must be a public SSH key on one line (`ssh-ed25519 AAAA… comment`)
     --> system.toml:3:13
      |
    3 | ssh-keys = ["ssh-ed25519 AAAA"]
      |             ^^^^^^^^^^^^^^^^^^ not of that form
      = doc: users.NAME.ssh-keys (list of ssh-key, default empty): Public keys that may log in, one line each as in `~/.ssh/id_ed25519.pub`.
      = doc: example: ssh-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample12 alice@laptop"]
    "#);
    insta::assert_snapshot!(wrong("[base]\ntimezone = 2026-11-20\n"), @r#"
    error: `base.timezone` must be a word without spaces, quotes or control characters
     --> system.toml:3:12
      |
    3 | timezone = 2026-11-20
      |            ^^^^^^^^^^ this is a date
      = doc: base.timezone (word, default "UTC"): Time zone, as a name of the time zone database. Anything but `UTC` adds the package `tzdata`.
      = doc: example: timezone = "Europe/Berlin"
    "#);
}

#[test]
fn everything_is_reported_at_once() {
    insta::assert_snapshot!(wrong("version = 3\n[ssh]\nprot = 22\n[nginx]\nsites = []\n"), @r#"
    error: `version` must be a word without spaces, quotes or control characters
     --> system.toml:2:11
      |
    2 | version = 3
      |           ^ this is a whole number
      = doc: version (word, default "1"): Version of the system, the `IMAGE_VERSION` of os-release.
      = doc: example: version = "2026.11"

    error: unknown option `ssh.prot`
     --> system.toml:4:1
      |
    4 | prot = 22
      | ^^^^ `ssh` has no such option
      = help: did you mean `port`?
      = doc: ssh.port (port, default 22): Port it listens on.

    error: `nginx.sites` must be a table from names to tables of options
     --> system.toml:6:9
      |
    6 | sites = []
      |         ^^ this is a list
      = doc: nginx.sites (map of record, default empty): Sites, each under a name of your choice. One without `hosts` answers everything that no other site does.
      = doc: example: sites = { main = { hosts = ["example.org", "www.example.org"], root = "/srv/www" }, shop = { hosts = ["shop.example.org"], proxy = "http://127.0.0.1:8080" } }
    "#);
}

#[test]
fn not_toml() {
    insta::assert_snapshot!(wrong("[ssh\nport = 22\n"), @r#"
    error: this is not TOML: unclosed table, expected `]`
     --> system.toml:2:5
      |
    2 | [ssh
      |     ^ here
    "#);
    insta::assert_snapshot!(wrong("a = = 3\nb = \"x\n"), @r#"
    error: this is not TOML: extra `=`, expected nothing
     --> system.toml:2:5
      |
    2 | a = = 3
      |     ^ here

    error: this is not TOML: invalid basic string, expected `"`
     --> system.toml:3:7
      |
    3 | b = "x
      |       ^ here
    "#);
    insta::assert_snapshot!(wrong("[base]\nhostname = \"ä\"\nhostname = \"b\"\n"), @r#"
    error: `hostname` is defined twice in this file
     --> system.toml:4:1
      |
    4 | hostname = "b"
      | ^^^^^^^^ again here
     ::: system.toml:3:1
      |
    3 | hostname = "ä"
      | -------- first defined here
    "#);
    insta::assert_snapshot!(wrong("[ssh]\nport = 22\n[base]\n[ssh]\n"), @r#"
    error: `ssh` is defined twice in this file
     --> system.toml:5:2
      |
    5 | [ssh]
      |  ^^^ again here
     ::: system.toml:2:2
      |
    2 | [ssh]
      |  --- first defined here
    "#);
    insta::assert_snapshot!(wrong("[base]\nsysctl = { a = 99999999999999999999 }\n"), @r#"
    error: this number is too large
     --> system.toml:3:16
      |
    3 | sysctl = { a = 99999999999999999999 }
      |                ^^^^^^^^^^^^^^^^^^^^ beyond 64 bits
    "#);
}

#[test]
fn nothing_to_evaluate() {
    let missing = evaluate(&MemoryFiles::new(), "system.toml").unwrap_err();
    insta::assert_snapshot!(missing, @r#"
    error: there is no file system.toml
      = help: `pintle new NAME` writes a starter definition
    "#);
    let binary = evaluate(&MemoryFiles::new().with("system.toml", [0xff, 0xfe]), "system.toml").unwrap_err();
    insta::assert_snapshot!(binary, @"error: system.toml is not UTF-8 text");
    let empty = evaluate(&MemoryFiles::new().with("system.toml", ""), "system.toml").unwrap_err();
    insta::assert_snapshot!(empty, @r#"
    error: `name` must be set
     --> system.toml:1:1
      |
    1 |
      | ^ it is missing here
      = doc: name (image-name, required): Name of the system. It is the `IMAGE_ID` of os-release and names the files that `pintle build` writes.
      = doc: example: name = "web"
    "#);
}

#[test]
fn two_values_for_one_option() {
    let files = MemoryFiles::new().with("common.toml", "[base]\ntimezone = \"UTC\"\n");
    insta::assert_snapshot!(wrong_with(files, "import = [\"common.toml\"]\n[base]\ntimezone = \"Europe/Berlin\"\n"), @r#"
    error: `base.timezone` is set to two values
     --> system.toml:4:1
      |
    4 | timezone = "Europe/Berlin"
      | ^^^^^^^^ here to "Europe/Berlin"
     ::: common.toml:2:1
      |
    2 | timezone = "UTC"
      | -------- here to "UTC"
      = help: remove one, or say which is stronger: `timezone = …` under [default.base] yields, under [force.base] wins
    "#);
}

#[test]
fn imports() {
    insta::assert_snapshot!(wrong("import = [\"comon.toml\"]\n"), @r#"
    error: there is no file comon.toml
     --> system.toml:2:11
      |
    2 | import = ["comon.toml"]
      |           ^^^^^^^^^^^^ imported here
      = help: the path is relative to the file that imports it
    "#);
    let files = MemoryFiles::new()
        .with("a/one.toml", "import = [\"two.toml\"]\n")
        .with("a/two.toml", "import = [\"../system.toml\"]\n");
    insta::assert_snapshot!(wrong_with(files, "import = [\"a/one.toml\"]\n"), @r#"
    error: these files import each other in a circle
     --> a/two.toml:1:11
      |
    1 | import = ["../system.toml"]
      |           ^^^^^^^^^^^^^^^^ this closes the circle
      = help: system.toml -> a/one.toml -> a/two.toml -> system.toml
    "#);
    let mut files = MemoryFiles::new();
    for depth in 0..20 {
        files = files.with(&format!("{depth}.toml"), format!("import = [\"{}.toml\"]\n", depth + 1));
    }
    insta::assert_snapshot!(wrong_with(files, "import = [\"0.toml\"]\n"), @r#"
    error: more than 16 imports that import
     --> 15.toml:1:11
      |
    1 | import = ["16.toml"]
      |           ^^^^^^^^^
    "#);
}

#[test]
fn missing_source_file() {
    insta::assert_snapshot!(wrong("[files.\"/srv/www\"]\ncopy = \"sites\"\n"), @r#"
    error: there is no file or folder sites
     --> system.toml:3:8
      |
    3 | copy = "sites"
      |        ^^^^^^^ named here
      = doc: files."/PATH".copy (source, may be left unset): A copy of a file, or of a folder with all that is in it; relative to the file of the definition that says so.
      = doc: example: copy = "site"
    "#);
}

#[test]
fn priorities() {
    insta::assert_snapshot!(wrong("force = 3\n"), @r#"
    error: `default`, `force` and `replace` must be tables of modules
     --> system.toml:2:9
      |
    2 | force = 3
      |         ^ this is a whole number
      = doc: What stands at the top of a definition: the system's name, where its packages come from, and the shape of its image.
    "#);
    insta::assert_snapshot!(wrong("[force.ssh]\nprot = 1\n"), @r#"
    error: unknown option `ssh.prot`
     --> system.toml:3:1
      |
    3 | prot = 1
      | ^^^^ `ssh` has no such option
      = help: did you mean `port`?
      = doc: ssh.port (port, default 22): Port it listens on.
    "#);
}

#[test]
fn requirements_of_modules() {
    insta::assert_snapshot!(wrong("[nginx.sites.main]\nroot = \"/srv\"\nproxy = \"http://127.0.0.1\"\n"), @r#"
    error: `nginx.sites.main` needs exactly one of `root` and `proxy`
     --> system.toml:2:14
      |
    2 | [nginx.sites.main]
      |              ^^^^
      = help: root = "/srv/www" serves files, proxy = "http://127.0.0.1:8080" asks another server
    "#);
    insta::assert_snapshot!(wrong("[nginx.sites.main]\n"), @r#"
    error: `nginx.sites.main` needs exactly one of `root` and `proxy`
     --> system.toml:2:14
      |
    2 | [nginx.sites.main]
      |              ^^^^
      = help: root = "/srv/www" serves files, proxy = "http://127.0.0.1:8080" asks another server
    "#);
    insta::assert_snapshot!(wrong("[nginx.sites]\na.root = \"/a\"\nb.root = \"/b\"\n"), @r#"
    error: several sites of nginx have no `hosts`, and only one can answer everything on a port
     --> system.toml:2:8
      |
    2 | [nginx.sites]
      |        ^^^^^
      = help: give all but one of them `hosts = ["…"]`, or ports of their own
    "#);
    insta::assert_snapshot!(wrong("[files]\n\"/etc/motd\" = { mode = \"0644\" }\n"), @r#"
    error: `files."/etc/motd"` needs exactly one of `text`, `copy`, `symlink` and `directory`
     --> system.toml:3:1
      |
    3 | "/etc/motd" = { mode = "0644" }
      | ^^^^^^^^^^^
      = help: for an empty file write: text = ""
    "#);
    insta::assert_snapshot!(wrong("[services.shop]\ncommand = [\"shop\"]\n"), @r#"
    error: `services.shop.command` must begin with the absolute path of a program
     --> system.toml:3:1
      |
    3 | command = ["shop"]
      | ^^^^^^^
      = help: example: command = ["/usr/local/bin/shop"]
    "#);
    insta::assert_snapshot!(wrong("[services.shop]\ncommand = [\"/a\"]\nprepare = [[\"/b\"], [\"c\"]]\n"), @r#"
    error: each command of `services.shop.prepare` must begin with the absolute path of a program
     --> system.toml:4:1
      |
    4 | prepare = [["/b"], ["c"]]
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("[ssh.settings]\nPort = 22\n"), @r#"
    error: `ssh.settings.Port`: use the option `ssh.port` for this
     --> system.toml:3:1
      |
    3 | Port = 22
      | ^^^^
    "#);
    insta::assert_snapshot!(wrong("[users.root]\nsudo = true\n"), @r#"
    error: `users.root` takes only `ssh-keys` and `password-hash`
     --> system.toml:2:8
      |
    2 | [users.root]
      |        ^^^^
    "#);
    insta::assert_snapshot!(wrong("[network.interfaces.lan]\nvlans = [\"backup\"]\n"), @r#"
    error: `network.interfaces.lan.vlans` names a VLAN that is not in `network.vlans`
     --> system.toml:3:1
      |
    3 | vlans = ["backup"]
      | ^^^^^
    "#);
    insta::assert_snapshot!(wrong("[image]\nbios = false\nuefi = false\n"), @r#"
    error: the image could not boot: neither `image.bios` nor `image.uefi` is on
     --> system.toml:4:1
      |
    4 | uefi = false
      | ^^^^
      = help: leave one of them on
    "#);
    insta::assert_snapshot!(wrong("[image]\nusr-file-system = \"ext4\"\n"), @r#"
    error: `image.usr-file-system` needs `image.layout = "verified"`: in others `/usr` is a part of the root
     --> system.toml:3:1
      |
    3 | usr-file-system = "ext4"
      | ^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn one_path_from_two_sides() {
    insta::assert_snapshot!(wrong("[files]\n\"/etc/hostname\" = { text = \"x\" }\n"), @r#"
    error: file `/etc/hostname` is defined twice
       --> system.toml:3:1
        |
      3 | "/etc/hostname" = { text = "x" }
        | ^^^^^^^^^^^^^^^ again here
       ::: builtin:base/module.toml:165:1
        |
    165 | [[files]]
        | --------- first here
        = help: to put one in place of the other, write it under [force]
    "#);
}

#[test]
fn mistakes_in_a_module() {
    insta::assert_snapshot!(wrong_with(module("doc = \"Mine.\"\nactiv = \"always\"\n[options.x]\ntype = \"strnig\"\n"), ""), @r#"
    error: `activ` is not a key of module.toml
     --> modules/mine/module.toml:2:1
      |
    2 | activ = "always"
      | ^^^^^ not known
      = help: did you mean `active`?
      = doc: keys: type, doc, default, example, options, choices, min, max, keys, active, packages, files, users, groups, services, units, kernel, checks, health, accept, slim, set, require, warn

    error: `x` has no `doc`: say what it is for
     --> modules/mine/module.toml:3:10
      |
    3 | [options.x]
      |          ^

    error: `strnig` is not a type
     --> modules/mine/module.toml:4:8
      |
    4 | type = "strnig"
      |        ^^^^^^^^
      = doc: types: bool, integer, port, size, scalar, enum, record, string, line, word, path, source, name, hostname, package, package-name, kernel-release, kernel-pattern, unit, mode, ssh-key, address, cidr, mac, url, image-name; `list of T`, `map of T`, `optional T`
    "#);
    insta::assert_snapshot!(wrong_with(module("doc = \"Mine.\"\n[options.x]\ntype = \"string\"\ndoc = \"X.\"\n"), "[mine]\n"), @r#"
    error: `mine.x` must be set
     --> system.toml:2:2
      |
    2 | [mine]
      |  ^^^^ it is missing here
      = doc: mine.x (string, required): X.
    "#);
    let broken = module("doc = \"Mine.\"\n[[files]]\npath = \"/etc/x\"\ntemplate = \"x.j2\"\n");
    insta::assert_snapshot!(wrong_with(broken.clone(), "[mine]\n"), @r#"
    error: the module has no template `x.j2` (its name must end in .j2)
     --> modules/mine/module.toml:2:1
      |
    2 | [[files]]
      | ^^^^^^^^^ in module `mine`
    "#);
    let template = broken.with("modules/mine/x.j2", "line\n  {{ nothing }}\n");
    insta::assert_snapshot!(wrong_with(template, "[mine]\n"), @r#"
    error: undefined value: `nothing` is undefined
     --> modules/mine/x.j2:2:3
      |
    2 |   {{ nothing }}
      |   ^^^^^^^^^^^^^ in this template
     ::: modules/mine/module.toml:4:12
      |
    4 | template = "x.j2"
      |            ------ in module `mine`
    "#);
    let syntax = module("doc = \"Mine.\"\n").with("modules/mine/x.j2", "line\n{% if %}\n");
    insta::assert_snapshot!(wrong_with(syntax, ""), @r#"
    error: syntax error: unexpected end of block
     --> modules/mine/x.j2:2:1
      |
    2 | {% if %}
      | ^^^^^^^^
    "#);
    let expression =
        module("doc = \"Mine.\"\n[[packages]]\nwhen = \"nothing.here\"\nnames = [\"{{ 1 + }}\"]\n");
    insta::assert_snapshot!(wrong_with(expression, "[mine]\n"), @r#"
    error: undefined value: `nothing` is undefined
     --> modules/mine/module.toml:3:8
      |
    3 | when = "nothing.here"
      |        ^^^^^^^^^^^^^^ in module `mine`
    "#);
    let package =
        module("doc = \"Mine.\"\n[[packages]]\nnames = [\"No Package\"]\n[[units]]\nenable = [\"nginx\"]\n");
    insta::assert_snapshot!(wrong_with(package, "[mine]\n"), @"
    error: `No Package` is not a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)
     --> modules/mine/module.toml:2:1
      |
    2 | [[packages]]
      | ^^^^^^^^^^^^ in module `mine`

    error: `nginx` is not a unit with its suffix (`nginx.service`)
     --> modules/mine/module.toml:4:1
      |
    4 | [[units]]
      | ^^^^^^^^^ in module `mine`
    ");
    let check = module("doc = \"Mine.\"\n[[checks]]\nudp = 3\n[[files]]\npath = \"x\"\ntext = \"\"\n");
    insta::assert_snapshot!(wrong_with(check, "[mine]\n"), @"
    error: `udp` is not a key of [[checks]]
     --> modules/mine/module.toml:3:1
      |
    3 | udp = 3
      | ^^^ not known
      = doc: keys: when, for-each, unit, tcp, http, command, not-failed, network
    ");
    let reserved = MemoryFiles::new().with("modules/force/module.toml", "doc = \"Mine.\"\n");
    insta::assert_snapshot!(wrong_with(reserved, ""), @r#"
    error: a module can not be called `force`: the definition uses that word
      = help: rename the folder modules/force
    "#);
}

#[test]
fn modules_that_keep_changing_each_other() {
    let files = module(
        "doc = \"Mine.\"\n[options.n]\ntype = \"integer\"\ndoc = \"N.\"\ndefault = 0\n[[set]]\noption = \"mine.n\"\nvalue = \"{{ n + 1 }}\"\n",
    );
    insta::assert_snapshot!(wrong_with(files, "[mine]\n"), @r#"
    error: modules keep changing each other's options: modules/mine/module.toml
      = help: their [[set]] must not depend on what they set
    "#);
}

#[test]
fn a_module_that_sets_what_does_not_exist() {
    let files = module("doc = \"Mine.\"\n[[set]]\noption = \"base.sysctll\"\nvalue = { a = 1 }\n");
    insta::assert_snapshot!(wrong_with(files, "[mine]\n"), @r#"
    error: unknown option `base.sysctll`
     --> modules/mine/module.toml:2:1
      |
    2 | [[set]]
      | ^^^^^^^ `base` has no such option
      = help: did you mean `sysctl`?
      = doc: base.sysctl (map of scalar, default empty): Kernel settings below `/proc/sys`, by their names with dots.
      = doc: example: sysctl = { "net.ipv4.ip_forward" = 1, "vm.swappiness" = 10 }
    "#);
}

#[test]
fn documents() {
    let read = |json: &str| evaluate_document("web.json", json.as_bytes()).unwrap_err().to_string();
    insta::assert_snapshot!(read("{\n  \"schema\": 1,\n"), @"web.json:3:0: this is not JSON: EOF while parsing a value");
    insta::assert_snapshot!(read("{\"name\": \"web\"}"), @"web.json: this document has schema none; this version of Pintle reads schema 1");
    insta::assert_snapshot!(read("{\"schema\": 2}"), @"web.json: this document has schema 2; this version of Pintle reads schema 1");
    let rest = "\"name\": \"web\", \"version\": \"1\", \"source\": {\"debian\": {\"suites\": []}}";
    insta::assert_snapshot!(read(&format!("{{\"schema\": 1, {rest},\n \"pakages\": []}}")), @"web.json:2:10: at `pakages`: unknown field `pakages`, expected one of `schema`, `name`, `version`, `arch`, `source`, `packages`, `accept`, `kernel`, `image`, `files`, `users`, `groups`, `services`, `units`, `checks`, `health`, `slim`");
    insta::assert_snapshot!(read(&format!("{{\"schema\": 1, {rest},\n \"users\": [{{\"name\": 3}}]}}")), @"web.json:2:21: at `users[0].name`: invalid type: integer `3`, expected a string");
    insta::assert_snapshot!(read(&format!("{{\"schema\": 1, {rest},\n \"packages\": [\"a b\"]}}")), @"web.json: at `packages[0]`: `a b` is not a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)");
    insta::assert_snapshot!(
        read(&format!("{{\"schema\": 1, {rest}, \"services\": [{{\"name\": \"x\", \"command\": [\"x\"]}}]}}")), @"web.json: at `services[0] (x)`: the program `x` must be an absolute path (`/srv/www`) without `..`"
    );
    insta::assert_snapshot!(
        read(&format!("{{\"schema\": 1, {rest}, \"users\": [{{\"name\": \"x\", \"description\": \"a:b\"}}]}}")), @"web.json: at `users[0].description`: no `:` and no control characters here"
    );
}
