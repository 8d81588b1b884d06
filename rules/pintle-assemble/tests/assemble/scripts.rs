use crate::world::World;
use pintle_assemble::{Coverage, Recipes};

const UNCLEAR: &str = "frobnicate --all\nif [ -n \"$2\" ]; then\n  only-on-upgrades\nfi\ndb_get toy/answer\n";

#[test]
fn harmless_idioms_are_understood() {
    let mut world = World::new();
    world.package("toy", "1").file("usr/sbin/there", "x").postinst(
        r#"
. /usr/share/debconf/confmodule
case "$1" in
    configure)
        if [ -n "$2" ] && dpkg --compare-versions "$2" lt 1.0; then
            frobnicate
        fi
        if dpkg --compare-versions "$2" lt-nl 2; then frobnicate; fi
        command -v missing >/dev/null && missing --run
        [ -d /run/systemd/system ] && systemctl daemon-reload
        if ! getent passwd toy >/dev/null 2>&1; then
            adduser --system --quiet --group --home /var/lib/toy --no-create-home toy
        fi
        for dir in a b; do
            mkdir -p "/var/lib/toy/$dir"
            chown toy:toy /var/lib/toy/$dir
        done
        touch /var/log/toy.log
        chmod 640 /var/log/toy.log
        ln -sf there /usr/sbin/also
        cat > /etc/toy.conf <<'EOF'
$not expanded
EOF
        invoke-rc.d toy start || exit $?
        ;;
    abort-upgrade|abort-remove)
        frobnicate
        ;;
    *)
        echo "unknown argument" >&2
        exit 1
        ;;
esac
exit 0
frobnicate
"#,
    );
    let done = world.assemble().unwrap();
    assert_eq!(done.owner("var/lib/toy/b"), "999:999 755");
    assert_eq!(done.owner("var/log/toy.log"), "0:0 640");
    assert_eq!(done.text("usr/sbin/also"), "-> there");
    assert_eq!(done.text("etc/toy.conf"), "$not expanded\n");
    let report = done.assembled.report.packages.iter().find(|report| report.package == "toy").unwrap();
    assert_eq!(report.coverage, Coverage::Understood);
    insta::assert_snapshot!(report.handled.iter().map(|text| format!("{text}\n")).collect::<String>(), @r"
    debconf keeps its defaults
    units start at boot
    ");
}

#[test]
fn an_uncovered_script_is_shown_with_a_way_out() {
    let mut world = World::new();
    world.package("toy", "1.2-3").postinst(UNCLEAR);
    insta::assert_snapshot!(world.fail(), @r#"
    the postinst of package toy 1.2-3 is not covered: these lines are not understood
         3 | frobnicate --all
      They may concern: programs whose effect is not known.
      Nothing was run. Write a recipe, `recipes/toy.toml` beside the definition, that says what the script does to the files, starting with

          package = "toy"
          why = "what the script does, and what stands in for it"

          [[script]]
          name = "postinst"
          version = "1.2-3"
          sha256 = "eb48ff1e793367877e139345cb6c3bb72d4cb915528fe152004220ff8c97428b"
          lines = """
          8257 7555 4f73 f1c2 b4bd 03c8
          """
      or, if it does not matter for this system, accept it in the definition:

          [[accept]]
          package = "toy"
          reason = "…"
    "#);
}

#[test]
fn decisions_of_the_running_machine_are_not_guessed() {
    for line in [
        "if grep -q x /proc/cpuinfo; then touch /etc/flag; fi",
        "test -e /proc/1/exe && touch /etc/flag",
        "for file in /etc/*.conf; do chmod 600 $file; done",
        "case \"$(uname -r)\" in 6*) exit 0 ;; esac\ntouch /etc/flag",
        "while read line; do rm -rf $line; done < /etc/list",
        "x=$(frobnicate)",
        "eval \"$(frobnicate)\"",
        "sed -i s/a/b/ /etc/passwd",
        "echo text >> /etc/list",
        "cat /etc/passwd | tee /etc/copy",
        "if true; then",
    ] {
        let mut world = World::new();
        world.package("toy", "1").postinst(line);
        assert!(world.fail().contains("is not covered"), "{line}");
    }
}

/// What scripts compute with words: each writes `yes` if it was followed as a shell would.
#[test]
fn words_are_computed_as_a_shell_does() {
    for line in [
        r#"pair=a.conf:b.conf; [ "$(echo $pair | cut -d: -f2)" = b.conf ]"#,
        r#"say() { echo "--x $1"; }; [ "$(say a; for i in b c; do say $i; done)" = "--x a
--x b
--x c" ]"#,
        r#"x=750:/var/lib; [ "${x%%:*} ${x#*:}" = "750 /var/lib" ]"#,
        r#"x=/a/b/c.d; [ "${x##*/} ${x%/*} ${x%.*}" = "c.d /a/b /a/b/c" ]"#,
        r#"run() { "$@"; }; run test -n "a b""#,
        r#"find_it() { OLD="$IFS"; IFS=:; for p in $PATH; do [ "$p" = /sbin ] && break; done; IFS="$OLD"; }; find_it; [ $p = /sbin ]"#,
        r#"set -- a 'b c'; [ "$#$2" = "2b c" ]"#,
        r#"eval "x=\$1"; [ "$x" = configure ]"#,
        r#"[ "$(printf '%s-%s\n' a b)" = a-b ]"#,
        r#"[ -z "$(id -u nobodyelse 2>/dev/null)" ]"#,
        r#"[ "$(umask)" = 0022 ] && [[ "$(uname -s)" == Linux ]]"#,
        r#"dpkg-statoverride --list x | while read a b; do rm -r $a; done; ! { false || [ 1 -ne 1 ]; }"#,
    ] {
        let mut world = World::new();
        world.package("toy", "1").postinst(&format!("set -e\nif {line}; then echo yes >/etc/followed; fi\n"));
        let done = world.assemble().unwrap_or_else(|errors| panic!("{line}: {errors}"));
        assert_eq!(done.text("etc/followed"), "yes\n", "{line}");
    }
}

#[test]
fn what_is_known_of_an_installation_is_followed() {
    let script = r##"
useradd --system --gid nogroup toy
usermod -c "A toy" toy
mkdir -p /run/toy && chown toy: /run/toy && echo x >/run/toy/x
mkdir /var/lib/toy && chown toy: /var/lib/toy
echo "# by $0" | cat >/dev/null
name=world
cat >/etc/toy <<END
hello $name, \$5 \"
END
echo more >>/etc/toy
dpkg-divert --add --no-rename --divert /bin/toy.usr-is-merged /bin/toy
/usr/sbin/setpriv --reuid man -- /usr/bin/mandb -q || true
fc-cache -f >/var/log/fonts.log 2>&1
[ ! -e /dev/MAKEDEV ] || exit 0
if grep -q x /proc/cpuinfo && [ -e /etc/not-there ]; then touch /etc/flag; fi
"##;
    let mut world = World::new();
    world.package("toy", "1").postinst(script);
    let done = world.assemble().unwrap();
    assert_eq!(done.text("etc/toy"), "hello world, $5 \\\"\nmore\n");
    let tree = &done.assembled.tree;
    assert!(tree.find("run/toy").is_none() && tree.find("etc/flag").is_none());
    let folder = tree.find("var/lib/toy").unwrap().attrs;
    assert!(folder.uid > 0 && folder.gid == 65534, "{folder:?}");
    assert!(done.text("etc/passwd").contains(":A toy:"));
    // What only another script may have begun is not guessed.
    let mut world = World::new();
    world.package("toy", "1").postinst("echo more >>/etc/shells\n");
    assert!(world.fail().contains("is not covered"));
}

#[test]
fn folders_of_dh_usrlocal_are_made() {
    let script = "# Automatically added by dh_usrlocal/13\n(\nwhile read line; do\nset -- $line\ndone\n) << DATA\n\
                  /usr/local/share default\n/usr/local/share/toy 02775 root adm\nDATA\n# End automatically added section\n";
    let mut world = World::new();
    world.package("toy", "1").postinst(script);
    let done = world.assemble().unwrap();
    let attrs = done.assembled.tree.find("usr/local/share/toy").unwrap().attrs;
    assert_eq!((attrs.mode, attrs.gid), (0o2775, 4));
}

fn recipes(text: &str) -> Recipes {
    let mut recipes = Recipes::default();
    recipes.add("toy.toml", text).unwrap();
    recipes
}

/// The recipe's `[[script]]` table, as the error offers it.
fn starter(error: &str) -> String {
    let from = error.find("[[script]]").unwrap();
    let lines = error[from..].lines().map(|line| line.strip_prefix("      ").unwrap_or(line));
    lines.take_while(|line| !line.contains("or, if it does")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_recipe_covers_the_scripts_it_was_written_for() {
    let mut world = World::new();
    world.package("toy", "1").file("usr/share/toy/conf", "c").file("usr/lib/systemd/system/toy.service", "[Install]\nWantedBy=multi-user.target\n").postinst(
        &format!("{UNCLEAR}# Automatically added by dh_installsystemd/13\nif deb-systemd-helper --quiet was-enabled 'toy.service'; then\n\
         deb-systemd-helper enable 'toy.service' >/dev/null || true\nfi\n# End automatically added section\n"),
    );
    let table = starter(&world.fail());
    world.recipes = recipes(&format!(
        "package = \"toy\"\nwhy = \"a test\"\nleft-out = [\"the frobnication\"]\n\
         [[file]]\npath = \"/etc/toy.conf\"\ncopy = \"/usr/share/toy/conf\"\nmode = \"0600\"\ngroup = \"adm\"\n\
         [[user]]\nname = \"toy\"\n[[directory]]\npath = \"/var/lib/toy\"\nowner = \"toy\"\n{table}"
    ));
    let done = world.assemble().unwrap();
    assert_eq!(done.text("etc/toy.conf"), "c");
    assert_eq!(done.owner("etc/toy.conf"), "0:4 600");
    assert_eq!(done.owner("var/lib/toy"), "999:0 755");
    // What debhelper wrote is understood all the same.
    assert_eq!(
        done.text("etc/systemd/system/multi-user.target.wants/toy.service"),
        "-> /usr/lib/systemd/system/toy.service"
    );
    let report = done.assembled.report.packages.iter().find(|report| report.package == "toy").unwrap();
    assert_eq!(report.coverage, Coverage::Recipe { name: "toy.toml".into() });
    assert_eq!(report.left_out, ["the frobnication"]);
}

#[test]
fn a_recipe_for_another_script_shows_what_changed() {
    let mut world = World::new();
    world.package("toy", "1").postinst(UNCLEAR);
    let table = starter(&world.fail());
    world = World::new();
    world
        .package("toy", "2")
        .postinst(&UNCLEAR.replace("--all", "--most").replace("db_get toy/answer\n", ""));
    world.recipes = recipes(&format!("package = \"toy\"\nwhy = \"a test\"\n{table}"));
    insta::assert_snapshot!(world.fail(), @r#"
    recipe toy.toml was written for another postinst of package toy (that of 1, here is 2)
         + frobnicate --most
         - 2 lines that it knew are gone
      Not understood by itself:
         3 | frobnicate --most
      They may concern: programs whose effect is not known.
      Check what changed, then add to the recipe

          [[script]]
          name = "postinst"
          version = "2"
          sha256 = "a9cf47d63ce54fa60718d02cb97f76955710c80dbd90a35f0b2ea3a47ed2b2cc"
          lines = """
          8257 f176 4f73 f1c2 b4bd
          """
    "#);
}

#[test]
fn an_accepted_script_is_left_out_and_reported() {
    let mut world = World::new();
    world.package("toy", "1").postinst(UNCLEAR);
    world.system(serde_json::json!({ "accept": [{ "package": "toy", "reason": "no need to frobnicate" }] }));
    let done = world.assemble().unwrap();
    let report = done.assembled.report.packages.iter().find(|report| report.package == "toy").unwrap();
    assert_eq!(
        report.coverage,
        Coverage::Accepted { script: "postinst".into(), reason: "no need to frobnicate".into() }
    );
}

#[test]
fn bad_recipes_are_told_by_name() {
    let add = |text: &str| {
        let error = Recipes::default().add("bad.toml", text).unwrap_err();
        format!("{error}: {}\n", error.reason)
    };
    let head = "package = \"x\"\nwhy = \"\"\n";
    let texts = [
        "package = \"a*b*\"\nwhy = \"\"\n".to_owned(),
        format!("{head}[[directory]]\npath = \"relative\"\n"),
        format!("{head}[[directory]]\npath = \"/x\"\nmode = \"99\"\n"),
        format!("{head}[[file]]\npath = \"/x\"\n"),
        format!("{head}[[script]]\nname = \"prerm\"\nversion = \"1\"\nsha256 = \"{}\"\n", "0".repeat(64)),
    ];
    insta::assert_snapshot!(texts.map(|text| add(&text)).concat(), @r"
    recipe bad.toml is not valid: package `a*b*` has more than one `*`
    recipe bad.toml is not valid: path `relative` is not absolute
    recipe bad.toml is not valid: mode `99` is not an octal number up to 7777
    recipe bad.toml is not valid: file /x needs exactly one of `text` and `copy`
    recipe bad.toml is not valid: script `prerm` is neither `preinst` nor `postinst`
    ");
}

#[test]
fn the_shipped_recipes_are_valid_and_say_why() {
    let recipes = Recipes::shipped().unwrap();
    let names: Vec<&str> = recipes.packages().collect();
    assert!(names.contains(&"openssh-server") && names.contains(&"linux-image-*"), "{names:?}");
    for name in names {
        let (_, recipe, _) = recipes.find(name).unwrap();
        assert!(
            !recipe.why.trim().is_empty() && (!recipe.scripts.is_empty() || !recipe.recommends.is_empty()),
            "{name}"
        );
    }
    let (file, _, variable) = recipes.find("linux-image-6.12.1+deb13-cloud-amd64").unwrap();
    assert_eq!((file, variable), ("linux-image.toml", "6.12.1+deb13-cloud-amd64"));
}

#[test]
fn effects_without_an_object_are_errors() {
    let mut world = World::new();
    world.package("toy", "1").postinst(
        "chown nobody:nogroup /etc/missing\nchown ghost /etc/passwd\ncp /usr/share/missing /etc/x\ntouch /usr/bin/x\nrmdir /usr/bin\n",
    );
    let text = world.fail();
    insta::assert_snapshot!(text.lines().next().unwrap(), @"the postinst of package toy 1 is not covered: these lines are not understood");
    let mut world = World::new();
    world
        .package("toy", "1")
        .postinst("chown nobody:nogroup /etc/missing\nchown ghost /etc\ncp /usr/share/missing /etc/x\n");
    insta::assert_snapshot!(world.fail(), @r"
    Pintle (scripts of toy): there is nothing to give to an owner or a mode: /etc/missing

    Pintle (scripts of toy): there is no user `ghost`

    Pintle (scripts of toy): the file to copy does not exist: /usr/share/missing
    ");
}

#[test]
fn other_languages_are_not_read_as_shell() {
    for script in ["#!/usr/bin/perl\nexit 0;\n", "\x7fELF", "exit 0\n"] {
        let mut world = World::new();
        world.package("toy", "1").member("postinst", script);
        assert!(world.fail().contains("not a shell script"), "{script}");
    }
    let mut world = World::new();
    world.package("toy", "1").member("postinst", "#! /bin/bash -e\nexit 0\n");
    assert!(world.assemble().is_ok());
}

#[test]
fn variables_live_as_long_as_in_a_shell() {
    let mut world = World::new();
    world.package("toy", "1").postinst(
        "x=/etc/outer\nf() { local x=/etc/inner; touch $x; }\nf\ntouch $x\nx=/etc/once true\ntouch $x.too\n\
         unset x\n[ -z \"$x\" ] && touch /etc/empty\nmkdir /etc/flag.d\ntouch /etc/flag\n[ -e /etc/flag ] && rm -f /etc/flag /etc/never\n",
    );
    let done = world.assemble().unwrap();
    for path in ["etc/outer", "etc/inner", "etc/outer.too", "etc/empty", "etc/flag.d"] {
        assert!(done.has(path), "{path}");
    }
    assert!(!done.has("etc/flag") && !done.has("etc/once"));
}

#[test]
fn an_accept_that_accepts_nothing_is_a_warning() {
    let mut world = World::new();
    world.package("toy", "1").postinst("exit 0\n");
    world.system(serde_json::json!({ "accept": [{ "package": "toy", "reason": "was needed once" }] }));
    let done = world.assemble().unwrap();
    insta::assert_snapshot!(done.assembled.report.warnings.join("\n"), @"accept: the scripts of toy need no accepting");
}

#[test]
fn what_would_fail_does_not_happen() {
    let mut world = World::new();
    world.package("toy", "1").file("etc/toy/a.conf", "a").file("etc/toy/b.conf", "b").postinst(
        r#"
if [ "$(id -u toy)" -eq 0 ]; then
    echo "not root" >&2
    exit 1
fi
uname -m | grep -q 64 || exit 3
for file in /etc/toy/*.conf; do
    [ -e "$file" ] || continue
    chmod u=rw,g=r,o= "$file"
done
for file in /usr/share/toy/hooks/*.sh; do
    [ -x "$file" ] || break
    $file run
done
adduser --system --group --quiet toy
if ! id -nG toy | grep -qw adm; then adduser --quiet toy adm; fi
install --mode 640 /dev/null /etc/toy/secret
mkdir -Zp -m750 /var/lib/toy
touch /var/lib/toy/state
chown -R toy:toy /var/lib/toy
"#,
    );
    let done = world.assemble().unwrap();
    assert_eq!(done.owner("etc/toy/a.conf"), "0:0 640");
    assert_eq!(done.owner("etc/toy/b.conf"), "0:0 640");
    assert_eq!(done.owner("etc/toy/secret"), "0:0 640");
    assert_eq!(done.owner("var/lib/toy"), "999:999 750");
    assert_eq!(done.owner("var/lib/toy/state"), "999:999 644");
    assert!(done.text("etc/group").contains("adm:x:4:toy\n"));
    // A script that fails for certain is nobody's to judge.
    let mut world = World::new();
    world.package("toy", "1").postinst("exit 1");
    assert!(world.fail().contains("is not covered"));
}

#[test]
fn debconf_answers_with_defaults() {
    let script = r#"
. /usr/share/debconf/confmodule
db_get toy/server
if [ "$RET" = true ]; then touch /etc/server; fi
db_get toy/elsewhere
if [ "$RET" = never ]; then true; fi
db_stop
"#;
    let templates = "Template: toy/server\nType: boolean\nDefault: true\nDescription: x\n";
    let mut world = World::new();
    world.package("toy", "1").member("templates", templates).postinst(script);
    assert_eq!(world.assemble().unwrap().text("etc/server"), "");
    // Its own configuration script may change the answer, in a way that is known or not.
    let configured = |config: &str| {
        let mut world = World::new();
        let toy = world.package("toy", "1").member("templates", templates);
        toy.member("config", &format!("#!/bin/sh\ndb_input low toy/server || true\n{config}\n"))
            .postinst(script);
        world
    };
    assert!(
        configured("db_set toy/server false").assemble().unwrap().assembled.tree.find("etc/server").is_none()
    );
    assert_eq!(
        configured("db_get toy/server; db_set toy/server $RET").assemble().unwrap().text("etc/server"),
        ""
    );
    assert!(configured("db_set toy/server $(cat /proc/version)").fail().contains("is not covered"));
    assert!(
        configured("if grep -q x /proc/version; then db_set toy/server no; fi")
            .fail()
            .contains("is not covered")
    );
}

#[test]
fn system_v_scripts_get_their_links() {
    let header = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: toy\n# Default-Start:     2 3 4 5\n\
                  # Default-Stop:      0 1 6\n### END INIT INFO\n# Default-Start: S\n";
    let mut world = World::new();
    world.package("toy", "1").file("etc/init.d/toy", header).postinst("update-rc.d toy defaults >/dev/null");
    world.package("off", "1").file("etc/init.d/off", header).postinst("update-rc.d off defaults-disabled");
    let done = world.assemble().unwrap();
    assert_eq!(done.text("etc/rc3.d/S01toy"), "-> ../init.d/toy");
    assert_eq!(done.text("etc/rc6.d/K01toy"), "-> ../init.d/toy");
    assert_eq!(done.text("etc/rc2.d/K01off"), "-> ../init.d/off");
    assert!(done.assembled.tree.find("etc/rcS.d").is_none());
}

#[test]
fn a_recipe_leaves_to_the_machine_what_only_it_can_do() {
    let recipe = r#"
package = "toy"
why = "The key is the machine's own."

[[member]]
user = "www-data"
group = "adm"

[[first-boot]]
name = "toy-key"
description = "Make the key of toy"
unless = "/etc/toy.key"
run = ["/usr/bin/toy-keygen /etc/toy.key"]
before = ["toy.service"]
"#;
    let mut world = World::new();
    world.package("toy", "1").postinst(UNCLEAR);
    let table = starter(&world.fail());
    world.recipes = recipes(&format!("{recipe}\n{table}"));
    let done = world.assemble().unwrap();
    insta::assert_snapshot!(done.text("usr/lib/systemd/system/first-boot-toy-key.service"), @r"
    [Unit]
    Description=Make the key of toy
    ConditionPathExists=!/etc/toy.key
    Before=toy.service

    [Service]
    Type=oneshot
    RemainAfterExit=yes
    ExecStart=/usr/bin/toy-keygen /etc/toy.key
    ");
    let link = "usr/lib/systemd/system/toy.service.wants/first-boot-toy-key.service";
    assert_eq!(done.text(link), "-> ../first-boot-toy-key.service");
    assert!(done.text("etc/group").contains("adm:x:4:www-data\n"));
}
