use crate::world::World;
use pintle_model::{Origin, Tree, TreePath};

fn package(name: &str) -> Origin {
    Origin::Package { name: name.into(), version: "1".into() }
}

#[test]
fn paths_go_through_the_links_of_merged_usr() {
    let mut world = World::new();
    world.package("old", "1").dir("lib").dir("lib/udev").file("lib/udev/rule", "x").file("bin/tool", "y");
    let done = world.assemble().unwrap();
    assert_eq!(done.text("usr/lib/udev/rule"), "x");
    assert_eq!(done.text("usr/bin/tool"), "y");
    assert_eq!(done.text("bin"), "-> usr/bin");
    assert_eq!(*done.origin("usr/bin/tool"), package("old"));
}

#[test]
fn two_owners_of_one_path_are_named() {
    let mut world = World::new();
    world.package("first", "1.0-1").file("usr/bin/tool", "1").file("usr/bin/other", "1");
    world.package("second", "2:3").file("bin/tool", "2").dir("usr/bin/other");
    insta::assert_snapshot!(world.fail(), @r"
    /usr/bin/tool is shipped by both package first 1.0-1 and package second 2:3, and neither replaces the other or diverts it

    /usr/bin/other is shipped by both package first 1.0-1 and package second 2:3, and neither replaces the other or diverts it
    ");
}

#[test]
fn a_package_that_replaces_wins_in_either_order() {
    for (old, new) in [("aaa", "zzz"), ("zzz", "aaa")] {
        let mut world = World::new();
        world.package(old, "1").file("usr/bin/tool", "old");
        world.package(new, "2").field(&format!("Replaces: {old} (<< 2)")).file("usr/bin/tool", "new");
        assert_eq!(world.assemble().unwrap().text("usr/bin/tool"), "new", "{old} {new}");
    }
}

#[test]
fn a_package_replaces_only_the_versions_it_names() {
    let mut world = World::new();
    world.package("old", "3").file("usr/bin/tool", "old");
    world.package("new", "2").field("Replaces: old (<< 2)").file("usr/bin/tool", "new");
    assert!(world.fail().contains("shipped by both"));
}

#[test]
fn a_diversion_moves_the_files_of_others() {
    let mut world = World::new();
    world.package("a-normal", "1").file("usr/bin/tool", "normal").hard_link("usr/bin/tool2", "usr/bin/tool");
    world.package("special", "1").file("usr/bin/tool", "special").member(
        "preinst",
        "#!/bin/sh\nset -e\nif [ \"$1\" = install ]; then\n\tdpkg-divert --package special --add --rename \\\n\t\t\
         --divert /usr/bin/tool.normal /usr/bin/tool\nfi\n",
    );
    let done = world.assemble().unwrap();
    assert_eq!(done.text("usr/bin/tool"), "special");
    assert_eq!(done.text("usr/bin/tool.normal"), "normal");
    let id = |path: &str| Tree::lookup(done.tree(), &TreePath::literal(path));
    assert_eq!(id("usr/bin/tool2"), id("usr/bin/tool.normal"));
    assert_eq!(done.text("var/lib/dpkg/diversions"), "/usr/bin/tool\n/usr/bin/tool.normal\nspecial\n");
}

#[test]
fn owners_go_by_name() {
    let mut world = World::new();
    world
        .package("web", "1")
        .dir("var/www")
        .owned("www-data", "adm", 0o2750)
        .file("usr/bin/helper", "x")
        .owned("root", "shadow", 0o2755);
    let done = world.assemble().unwrap();
    assert_eq!(done.owner("var/www"), "33:4 2750");
    assert_eq!(done.owner("usr/bin/helper"), "0:42 2755");
    assert_eq!(done.assembled.report.privileged, [("/usr/bin/helper".to_owned(), 0o2755)]);
}

#[test]
fn shared_directories_are_no_conflict_but_a_difference_is_told() {
    let mut world = World::new();
    world.package("a", "1").dir("srv").dir("srv/x");
    world.package("b", "1").dir("srv").dir("srv/x").owned("root", "adm", 0o750);
    let done = world.assemble().unwrap();
    assert_eq!(done.owner("srv/x"), "0:0 755");
    insta::assert_snapshot!(done.assembled.report.warnings.join("\n"), @"/srv/x: package a 1 and package b 1 differ in mode or owner; those of the first count");
}

#[test]
fn a_hard_link_to_nothing_is_an_error() {
    let mut world = World::new();
    world.package("bad", "1").hard_link("usr/bin/x", "usr/bin/missing");
    insta::assert_snapshot!(world.fail(), @"package bad 1: /usr/bin/x: a hard link to a file that the archive does not have before it");
}
