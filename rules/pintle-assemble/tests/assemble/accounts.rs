use crate::world::{World, judge, verdict};
use pintle_assemble::accounts::{allocate, needs};
use pintle_model::{LockedGroup, LockedUser, NoContents};

fn people() -> World {
    let mut world = World::new();
    world
        .package("daemons", "1")
        .file(
            "usr/lib/sysusers.d/daemons.conf",
            "g render -\nu! net - \"Net Manager\"\nu fixed 70:nogroup \"Fixed\" /var/lib/fixed /bin/sh\nm net adm\n",
        )
        .dir("etc/skel")
        .file("etc/skel/.profile", "hello\n")
        .file("usr/bin/helper", "x")
        .postinst("addgroup --system --force-badname _ssh\nadduser --system --home /srv/toy toy\n");
    world.system(serde_json::json!({
        "users": [
            { "name": "ann", "groups": ["sudo"], "ssh_keys": ["ssh-ed25519 AAAA ann"], "description": "Ann" },
            { "name": "bob", "uid": 1500, "shell": "/bin/sh", "password_hash": "$y$j9T$x$y" },
            { "name": "root", "ssh_keys": ["ssh-ed25519 BBBB root"] },
            { "name": "svc", "system": true },
        ],
        "groups": [{ "name": "ops" }],
    }));
    world
}

#[test]
fn account_files_say_what_everyone_asked_for() {
    let done = people().assemble().unwrap();
    insta::assert_snapshot!(done.text("etc/passwd"), @r"
    root:x:0:0:root:/root:/bin/bash
    daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
    www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
    ann:x:1000:1000:Ann:/home/ann:/bin/bash
    bob:x:1500:1500::/home/bob:/bin/sh
    fixed:x:70:65534:Fixed:/var/lib/fixed:/bin/sh
    net:x:999:999:Net Manager:/:/usr/sbin/nologin
    svc:x:998:998::/nonexistent:/usr/sbin/nologin
    toy:x:997:65534::/srv/toy:/usr/sbin/nologin
    ");
    insta::assert_snapshot!(done.text("etc/group"), @r"
    root:x:0:
    daemon:x:1:
    adm:x:4:net
    sudo:x:27:ann
    www-data:x:33:
    shadow:x:42:
    nogroup:x:65534:
    _ssh:x:996:
    ann:x:1000:
    bob:x:1500:
    net:x:999:
    ops:x:1001:
    render:x:995:
    svc:x:998:
    ");
    insta::assert_snapshot!(done.text("etc/shadow"), @r"
    root:*:19675:0:99999:7:::
    daemon:*:19675:0:99999:7:::
    www-data:*:19675:0:99999:7:::
    nobody:*:19675:0:99999:7:::
    ann:!:19675:0:99999:7:::
    bob:$y$j9T$x$y:19675:0:99999:7:::
    fixed:!*:19675::::::
    net:!*:19675:::::1:
    svc:!:19675::::::
    toy:!:19675::::::
    ");
    insta::assert_snapshot!(done.text("etc/gshadow"), @r"
    root:*::
    daemon:*::
    adm:*::net
    sudo:*::ann
    www-data:*::
    shadow:*::
    nogroup:*::
    _ssh:!::
    ann:!::
    bob:!::
    net:!*::
    ops:!::
    render:!*::
    svc:!::
    ");
    insta::assert_snapshot!(done.text("etc/subuid"), @r"
    ann:100000:65536
    bob:165536:65536
    ");
    assert_eq!(done.owner("etc/shadow"), "0:42 640");
}

#[test]
fn homes_hold_keys_only_their_owner_reads() {
    let done = people().assemble().unwrap();
    assert_eq!(done.owner("home/ann"), "1000:1000 700");
    assert_eq!(done.text("home/ann/.profile"), "hello\n");
    assert_eq!(done.owner("home/ann/.profile"), "1000:1000 644");
    assert_eq!(done.owner("home/ann/.ssh"), "1000:1000 700");
    assert_eq!(done.owner("home/ann/.ssh/authorized_keys"), "1000:1000 600");
    assert_eq!(done.text("home/ann/.ssh/authorized_keys"), "ssh-ed25519 AAAA ann\n");
    assert_eq!(done.owner("root/.ssh/authorized_keys"), "0:0 600");
    assert!(done.has("home/bob") && !done.has("home/svc"));
    assert_eq!(done.owner("srv/toy"), "997:65534 755");
}

#[test]
fn pwck_and_grpck_agree() {
    let done = people().assemble().unwrap();
    let folder = tempfile::tempdir().unwrap();
    done.export(folder.path());
    let file = |name: &str| folder.path().join("etc").join(name);
    // Both also look for homes, and for members in this machine's own accounts: only the form is asked about.
    for (program, first, second) in [("pwck", "passwd", "shadow"), ("grpck", "group", "gshadow")] {
        let output = judge(program).arg("-r").arg(file(first)).arg(file(second)).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!["invalid", "no matching", "duplicate"].iter().any(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn numbers_stay_once_they_are_locked() {
    let world = people();
    let empty = needs(&[], &world.system, &world.recipes, &NoContents);
    // Without base-passwd there is no group sudo for ann.
    insta::assert_snapshot!(empty.unwrap_err().to_string(), @"the definition: there is no group `sudo`");
    let mut system = world.system.clone();
    system.users.retain(|user| user.name != "ann");
    let needs = needs(&[], &system, &world.recipes, &NoContents).unwrap();
    let old_users = [("svc", 321), ("gone", 999)].map(|(name, uid)| LockedUser { name: name.into(), uid });
    let old_groups = [LockedGroup { name: "ops".into(), gid: 1500 }];
    let (users, groups) = allocate(&needs, (&old_users, &old_groups)).unwrap();
    let users: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.uid)).collect();
    let groups: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.gid)).collect();
    assert_eq!(users, [("bob", 1500), ("svc", 321)]);
    // bob's own group has a fixed number, so the old number of ops is gone.
    assert_eq!(groups, [("bob", 1500), ("ops", 1000), ("svc", 321)]);
}

#[test]
fn bad_accounts_are_all_told() {
    let mut world = World::new();
    world.package("bad", "1").file("usr/lib/sysusers.d/bad.conf", "u x y z\nq\n");
    insta::assert_snapshot!(world.fail(), @r"
    package bad: its usr/lib/sysusers.d/bad.conf file, line 1: `y` is not a user or group number

    package bad: its usr/lib/sysusers.d/bad.conf file, line 2: `q` is not one of u, u!, g, m, r
    ");
    let mut world = World::new();
    world.system(serde_json::json!({ "users": [
        { "name": "a:b", "origin": "system.toml:1:1" },
        { "name": "ann", "groups": ["ghosts"], "origin": "system.toml:2:1" },
        { "name": "eve", "home": "/x:y", "origin": "system.toml:3:1" },
    ]}));
    insta::assert_snapshot!(world.fail(), @r"
    system.toml:1:1: not a user name: `a:b`

    system.toml:2:1: there is no group `ghosts`

    system.toml:3:1: home, shell or password hash holds a colon or a line end: `eve`
    ");
    let mut world = World::new();
    world.system(serde_json::json!({ "users": [{ "name": "ann", "uid": 33 }, { "name": "bob", "uid": 1000 }, { "name": "eve", "uid": 1000 }] }));
    insta::assert_snapshot!(world.fail(), @r"
    user number 33 is wanted by both `an account of base-passwd` and `ann`

    user number 1000 is wanted by both `bob` and `eve`

    group number 33 is wanted by both `an account of base-passwd` and `ann`

    group number 1000 is wanted by both `bob` and `eve`
    ");
}

#[test]
fn systemd_sysusers_makes_the_same_accounts() {
    let done = people().assemble().unwrap();
    let folder = tempfile::tempdir().unwrap();
    done.export(folder.path());
    let before = std::fs::read_to_string(folder.path().join("etc/passwd")).unwrap();
    verdict(judge("systemd-sysusers").arg("--root").arg(folder.path()));
    // Nothing is left for the first boot to do.
    assert_eq!(std::fs::read_to_string(folder.path().join("etc/passwd")).unwrap(), before);
}
