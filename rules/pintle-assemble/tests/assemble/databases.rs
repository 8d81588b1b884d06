use crate::world::{World, judge, verdict};

#[test]
fn dpkg_reads_its_database() {
    let mut world = World::new();
    world
        .package("toy", "1:2-3")
        .field("Depends: base-files (>=1)|other")
        .field("Homepage: x")
        .member("conffiles", "/etc/toy.conf\nremove-on-upgrade /etc/old.conf\n")
        .member(
            "triggers",
            "# comment\ninterest-noawait /usr/lib/toy\ninterest toy-changed\nactivate-noawait ldconfig\n",
        )
        .dir("etc")
        .file("etc/toy.conf", "configuration\n")
        .postinst("exit 0\n");
    let done = world.assemble().unwrap();
    let folder = tempfile::tempdir().unwrap();
    done.export(folder.path());
    let admin = folder.path().join("var/lib/dpkg");
    let query = |args: &[&str]| verdict(judge("dpkg-query").arg("--admindir").arg(&admin).args(args));
    insta::assert_snapshot!(query(&["-W", "-f", "${Package} ${Version} ${Status}\n"]), @r"
    base-files 13 install ok installed
    base-passwd 3 install ok installed
    toy 1:2-3 install ok installed
    ");
    insta::assert_snapshot!(query(&["-L", "toy"]), @r"
    /.
    /etc
    /etc/toy.conf
    ");
    insta::assert_snapshot!(query(&["-S", "/etc/toy.conf"]), @"toy: /etc/toy.conf");
    insta::assert_snapshot!(query(&["-s", "toy"]), @r"
    Package: toy
    Status: install ok installed
    Maintainer: A <a@b>
    Architecture: all
    Version: 1:2-3
    Depends: base-files (>= 1) | other
    Conffiles:
     /etc/toy.conf fdf7dc0a8881232b9b0d77ba088b6839
     /etc/old.conf newconffile remove-on-upgrade
    Description: toy
    Homepage: x
    ");
    assert_eq!(done.text("var/lib/dpkg/triggers/File"), "/usr/lib/toy toy/noawait\n");
    assert_eq!(done.text("var/lib/dpkg/triggers/toy-changed"), "toy\n");
    assert_eq!(done.owner("var/lib/dpkg/info/toy.postinst"), "0:0 755");
    verdict(judge("dpkg").arg("--root").arg(folder.path()).args(["--verify", "toy"]));
    verdict(judge("dpkg").arg("--root").arg(folder.path()).arg("--audit"));
}

#[test]
fn the_best_alternative_wins_as_update_alternatives_has_it() {
    let script = |name: &str, priority: u32, manual: bool| {
        let slave = if manual {
            format!(" --slave /usr/share/man/pager.1 pager.1 /usr/share/man/{name}.1")
        } else {
            String::new()
        };
        format!("update-alternatives --install /usr/bin/pager pager /usr/bin/{name} {priority}{slave}\n")
    };
    let mut world = World::new();
    world
        .package("less", "1")
        .dir("usr/share/man")
        .file("usr/bin/less", "x")
        .file("usr/share/man/less.1", "x")
        .postinst(&script("less", 77, true));
    world.package("more", "1").file("usr/bin/more", "x").postinst(&script("more", 50, true));
    world.package("pg", "1").file("usr/bin/pg", "x").postinst(&script("pg", 77, false));
    let done = world.assemble().unwrap();
    assert_eq!(done.text("usr/bin/pager"), "-> /etc/alternatives/pager");
    assert_eq!(done.text("etc/alternatives/pager"), "-> /usr/bin/less");
    assert_eq!(done.text("etc/alternatives/pager.1"), "-> /usr/share/man/less.1");
    let folder = tempfile::tempdir().unwrap();
    done.export(folder.path());
    let shown =
        verdict(judge("update-alternatives").arg("--root").arg(folder.path()).args(["--query", "pager"]));
    insta::assert_snapshot!(shown, @r"
    Name: pager
    Link: /usr/bin/pager
    Slaves:
     pager.1 /usr/share/man/pager.1
    Status: auto
    Best: /usr/bin/less
    Value: /usr/bin/less

    Alternative: /usr/bin/less
    Priority: 77
    Slaves:
     pager.1 /usr/share/man/less.1

    Alternative: /usr/bin/more
    Priority: 50
    Slaves:
     pager.1 /usr/share/man/more.1

    Alternative: /usr/bin/pg
    Priority: 77
    Slaves:
    ");
}

#[test]
fn a_missing_candidate_and_a_file_in_the_way_are_warnings() {
    let mut world = World::new();
    world.package("toy", "1").file("usr/bin/editor", "x").file("usr/bin/vi", "x").postinst(
        "update-alternatives --install /usr/bin/pager pager /usr/bin/gone 1\n\
         update-alternatives --install /usr/bin/editor editor /usr/bin/vi 1\n",
    );
    let done = world.assemble().unwrap();
    insta::assert_snapshot!(done.assembled.report.warnings.join("\n"), @r"
    alternative pager: /usr/bin/gone does not exist
    alternative editor: /usr/bin/editor is not a link and stays
    ");
}

#[test]
fn statoverrides_are_applied_and_remembered() {
    let mut world = World::new();
    world.package("toy", "1").file("usr/bin/helper", "x").postinst(
        "if ! dpkg-statoverride --list /usr/bin/helper >/dev/null; then\n\
         dpkg-statoverride --update --add root adm 4754 /usr/bin/helper\nfi\n",
    );
    let done = world.assemble().unwrap();
    assert_eq!(done.owner("usr/bin/helper"), "0:4 4754");
    assert_eq!(done.text("var/lib/dpkg/statoverride"), "root adm 4754 /usr/bin/helper\n");
}

#[test]
fn ucf_knows_its_files() {
    let mut world = World::new();
    world
        .package("toy", "1")
        .file("usr/share/toy/conf", "c\n")
        .postinst("ucf --three-way /usr/share/toy/conf /etc/toy.conf\nucfr toy /etc/toy.conf\n");
    let done = world.assemble().unwrap();
    assert_eq!(done.text("etc/toy.conf"), "c\n");
    assert_eq!(done.text("var/lib/ucf/registry"), "toy \t /etc/toy.conf\n");
    assert_eq!(done.text("var/lib/ucf/hashfile"), "2cd6ee2c70b0bde53fbe6cac3c8b8bb1  /etc/toy.conf\n");
}

#[test]
fn shells_are_listed_with_their_real_paths() {
    let mut world = World::new();
    world
        .package("debianutils", "1")
        .dir("usr/share/debianutils")
        .file("usr/share/debianutils/shells", "# /etc/shells: valid login shells\n/bin/sh\n")
        .file("usr/share/debianutils/shells.d/bash", "/bin/bash # a comment\n");
    let done = world.assemble().unwrap();
    let expected = "/bin/sh\n/usr/bin/sh\n/bin/bash \n/usr/bin/bash \n".replace(" \n", "\n");
    assert_eq!(done.text("var/lib/shells.state").replace(" \n", "\n"), expected);
}
