use crate::world::World;
use pintle_assemble::HostContent;
use pintle_model::{Attrs, Blob, Kind, Origin, Tree, TreePath};
use serde_json::json;

#[test]
fn a_definitions_file_replaces_a_packages() {
    let mut world = World::new();
    world
        .package("toy", "1")
        .file("etc/toy.conf", "theirs")
        .link("etc/toy.link", "toy.conf")
        .dir("srv")
        .dir("srv/data");
    world.system(json!({ "files": [
        { "path": "/etc/toy.conf", "content": { "text": "ours" }, "mode": "0640", "group": "adm", "origin": "system.toml:4:1" },
        { "path": "/etc/toy.link", "content": { "symlink": "elsewhere" } },
        { "path": "/srv/data", "content": "directory", "mode": "0700", "owner": "www-data" },
        { "path": "/var/new/deep/file", "content": { "text": "x" } },
    ]}));
    let done = world.assemble().unwrap();
    assert_eq!(done.text("etc/toy.conf"), "ours");
    assert_eq!(done.owner("etc/toy.conf"), "0:4 640");
    assert_eq!(*done.origin("etc/toy.conf"), Origin::Definition("system.toml:4:1".into()));
    assert_eq!(done.text("etc/toy.link"), "-> elsewhere");
    assert_eq!(done.owner("srv/data"), "33:0 700");
    assert_eq!(done.owner("var/new/deep"), "0:0 755");
}

#[test]
fn copies_of_files_and_folders() {
    let mut world = World::new();
    let mut folder = Tree::new();
    let by = folder.origin(Origin::Host("site".into()));
    let path = TreePath::literal;
    folder.ensure_directory(&path("css"), Attrs::root(0o700), by).unwrap();
    let private = Attrs { mode: 0o600, uid: 501, gid: 20, ..Attrs::root(0) };
    folder.add(&path("css/a.css"), Kind::File(Blob::inline(*b"a{}")), private, by).unwrap();
    folder.add(&path("run"), Kind::File(Blob::inline(*b"#!")), Attrs { mode: 0o755, ..private }, by).unwrap();
    folder.add(&path("link"), Kind::Symlink((*b"run").into()), private, by).unwrap();
    world.host.insert("site".into(), HostContent::Folder(folder));
    world.host.insert("tool".into(), HostContent::File { blob: Blob::inline(*b"#!"), executable: true });
    world.system(json!({ "files": [
        { "path": "/srv/site", "content": { "copy": "site" }, "owner": "www-data" },
        { "path": "/usr/local/bin/tool", "content": { "copy": "tool" } },
    ]}));
    let done = world.assemble().unwrap();
    assert_eq!(done.owner("srv/site/css"), "33:0 755");
    assert_eq!(done.owner("srv/site/css/a.css"), "33:0 644");
    assert_eq!(done.owner("srv/site/run"), "33:0 755");
    assert_eq!(done.text("srv/site/link"), "-> run");
    assert_eq!(done.owner("usr/local/bin/tool"), "0:0 755");
}

#[test]
fn bad_files_are_all_told() {
    let mut world = World::new();
    world.system(json!({ "files": [
        { "path": "etc/x", "content": { "text": "" }, "origin": "a:1:1" },
        { "path": "/etc/../x", "content": { "text": "" }, "origin": "a:2:1" },
        { "path": "/etc/y", "content": { "text": "" }, "mode": "rwx", "origin": "a:3:1" },
        { "path": "/etc/z", "content": { "text": "" }, "origin": "a:4:1" },
        { "path": "/etc//z", "content": { "text": "" }, "origin": "a:5:1" },
        { "path": "/etc/o", "content": { "text": "" }, "owner": "ghost", "origin": "a:6:1" },
        { "path": "/usr", "content": { "text": "" }, "origin": "a:7:1" },
        { "path": "/etc/c", "content": { "copy": "missing" }, "origin": "a:8:1" },
        { "path": "/usr/lib/os-release/x", "content": { "text": "" }, "origin": "a:9:1" },
    ]}));
    insta::assert_snapshot!(world.fail(), @r"
    a:1:1: not an absolute path of a file: `etc/x`

    the definition (a:2:1): cannot change the tree: `/etc/../x` climbs out of the tree with `..`

    a:3:1: not an octal file mode: `rwx`

    /etc/z is set twice: at a:4:1 and at a:5:1

    a:6:1: there is no user `ghost`

    the definition (a:7:1): a folder that is not empty is in the way: /usr

    a:8:1: the file or folder to copy was not read: `missing`

    the definition (a:9:1): cannot change the tree: /usr/lib/os-release/x: /usr/lib/os-release is a file from package base-files 13, not a directory
    ");
}

#[test]
fn no_image_has_an_identity() {
    let mut world = World::new();
    let done = world.assemble().unwrap();
    assert_eq!(done.text("etc/machine-id"), "uninitialized\n");
    assert_eq!(done.text("usr/lib/os-release"), "ID=debian\nIMAGE_ID=toy\nIMAGE_VERSION=7\n");
    world.system(json!({ "files": [
        { "path": "/etc/ssl/private/key.pem", "content": { "text": "-----BEGIN PRIVATE KEY-----\n" }, "origin": "system.toml:8:1" },
    ]}));
    insta::assert_snapshot!(world.fail(), @"/etc/ssl/private/key.pem must not be in an image: a private key (from the definition (system.toml:8:1))");
}

#[test]
fn the_same_input_gives_the_same_tree() {
    let mut world = World::new();
    world.package("toy", "1").file("usr/bin/x", "x");
    let paths = |done: &crate::world::Done| {
        done.tree().walk().map(|e| format!("{:?} {:?}", e.path, e.inode)).collect::<Vec<_>>()
    };
    assert_eq!(paths(&world.assemble().unwrap()), paths(&world.assemble().unwrap()));
}
