use crate::world::{World, judge, verdict};
use serde_json::json;

const ENABLE: &str = "# Automatically added by dh_installsystemd/13.24\n\
    if [ \"$1\" = \"configure\" ]; then\n\
    deb-systemd-helper unmask 'UNIT' >/dev/null || true\n\
    if deb-systemd-helper --quiet was-enabled 'UNIT'; then\n\
    deb-systemd-helper enable 'UNIT' >/dev/null || true\n\
    else\ndeb-systemd-helper update-state 'UNIT' >/dev/null || true\nfi\nfi\n\
    # End automatically added section\n";

fn world() -> World {
    let mut world = World::new();
    let scripts: String = ["web.service", "timed.timer", "quiet.service", "no.service"]
        .map(|unit| ENABLE.replace("UNIT", unit))
        .concat();
    world
        .package("units", "1")
        .dir("usr/lib/systemd/system")
        .file("usr/lib/systemd/system/web.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=www.service\nAlso=web.socket\n")
        .file("usr/lib/systemd/system/web.socket", "[Socket]\nListenStream=80\n[Install]\nWantedBy=sockets.target\n")
        .file("usr/lib/systemd/system/timed.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n")
        .file("usr/lib/systemd/system/quiet.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
        .file("usr/lib/systemd/system/no.service", "[Service]\nExecStart=/bin/true\n[Install]\nRequiredBy=multi-user.target\n")
        .file("usr/lib/systemd/system/getty@.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n")
        .file("usr/lib/systemd/system/static.service", "[Service]\nExecStart=/bin/true\n")
        .file("usr/lib/systemd/system-preset/90-x.preset", "# comment\ndisable quiet.*\nenable *\n")
        .postinst(&format!("systemctl enable getty@tty1.service || true\n{scripts}"));
    world
}

#[test]
fn units_are_enabled_as_scripts_presets_and_definition_say() {
    let mut world = world();
    world.system(json!({ "units": { "disable": ["no.service"], "mask": ["sleepy.target"] } }));
    let done = world.assemble().unwrap();
    let links: Vec<String> = done
        .tree()
        .walk_from(&pintle_model::TreePath::literal("etc/systemd/system"))
        .filter(|entry| matches!(entry.inode.kind, pintle_model::Kind::Symlink(_)))
        .map(|entry| format!("{} {}\n", entry.path.lossy(), done.text(&entry.path.lossy())))
        .collect();
    insta::assert_snapshot!(links.concat(), @r"
    etc/systemd/system/getty.target.wants/getty@tty1.service -> /usr/lib/systemd/system/getty@.service
    etc/systemd/system/multi-user.target.wants/web.service -> /usr/lib/systemd/system/web.service
    etc/systemd/system/sleepy.target -> /dev/null
    etc/systemd/system/sockets.target.wants/web.socket -> /usr/lib/systemd/system/web.socket
    etc/systemd/system/timers.target.wants/timed.timer -> /usr/lib/systemd/system/timed.timer
    etc/systemd/system/www.service -> /usr/lib/systemd/system/web.service
    ");
    insta::assert_snapshot!(done.assembled.report.not_enabled.join("\n"), @r"
    no.service: the definition disables it
    quiet.service: a preset disables it
    ");
    assert_eq!(
        done.text("var/lib/systemd/deb-systemd-helper-enabled/quiet.service.dsh-also"),
        "/etc/systemd/system/multi-user.target.wants/quiet.service\n"
    );
    insta::assert_snapshot!(done.text("usr/lib/systemd/system-preset/00-pintle.preset"), @r"
    # What this image enables of the units it has (written when it was built).
    enable getty@.service tty1
    enable timed.timer
    enable web.service
    enable web.socket
    disable no.service
    disable quiet.service
    disable static.service
    ");
    // systemctl makes the same of the tree.
    let folder = tempfile::tempdir().unwrap();
    done.export(folder.path());
    let state = |unit: &str| {
        let output =
            judge("systemctl").arg("--root").arg(folder.path()).args(["is-enabled", unit]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let units = [
        "web.service",
        "web.socket",
        "timed.timer",
        "quiet.service",
        "no.service",
        "getty@tty1.service",
        "sleepy.target",
        "static.service",
    ];
    insta::assert_snapshot!(units.map(|unit| format!("{unit} {}", state(unit))).join("\n"), @r"
    web.service enabled
    web.socket enabled
    timed.timer enabled
    quiet.service disabled
    no.service disabled
    getty@tty1.service enabled
    sleepy.target masked
    static.service static
    ");
}

#[test]
fn systemctl_enable_makes_the_same_links() {
    let mut ours = world();
    ours.system(json!({ "units": { "enable": ["getty@.service", "quiet.service"] } }));
    let done = ours.assemble().unwrap();
    let folder = tempfile::tempdir().unwrap();
    world().assemble().unwrap().export(folder.path());
    verdict(judge("systemctl").arg("--root").arg(folder.path()).args([
        "enable",
        "getty@.service",
        "quiet.service",
    ]));
    for path in ["getty.target.wants/getty@tty1.service", "multi-user.target.wants/quiet.service"] {
        let link = std::fs::read_link(folder.path().join("etc/systemd/system").join(path)).unwrap();
        let link = format!("-> {}", link.display());
        // systemd of before merged-/usr says /lib.
        assert_eq!(
            done.text(&format!("etc/systemd/system/{path}")),
            link.replace("-> /lib/", "-> /usr/lib/")
        );
    }
}

#[test]
fn what_the_definition_disables_is_not_enabled_along_with_others() {
    let mut world = world();
    world.system(json!({ "units": { "disable": ["web.socket"] } }));
    let done = world.assemble().unwrap();
    assert!(done.has("etc/systemd/system/multi-user.target.wants/web.service"));
    assert!(!done.has("etc/systemd/system/sockets.target.wants/web.socket"));
}

#[test]
fn units_that_cannot_be_enabled_are_told() {
    let mut world = world();
    world.system(
        json!({ "units": { "enable": ["web.sevice", "time.timer", "webd.service", "static.service"] } }),
    );
    insta::assert_snapshot!(world.fail(), @r"
    units.enable: there is no unit `web.sevice`; did you mean `web.service`?

    units.enable: there is no unit `time.timer`; did you mean `timed.timer`?

    units.enable: there is no unit `webd.service`; did you mean `web.service`?

    units.enable: has no [Install] section: something else must start it: static.service
    ");
}

#[test]
fn the_definitions_services_become_units() {
    let mut world = world();
    world.system(json!({ "services": [{ "name": "shop", "command": ["/usr/bin/shop"] }] }));
    let done = world.assemble().unwrap();
    assert!(done.text("usr/lib/systemd/system/shop.service").contains("/usr/bin/shop"));
    assert_eq!(
        done.text("usr/lib/systemd/system/multi-user.target.wants/shop.service"),
        "-> ../shop.service"
    );
    world.system(json!({ "services": [
        { "name": "web", "command": ["/usr/bin/shop"], "origin": "system.toml:9:1" },
        { "name": "shop", "command": ["/usr/bin/shop"], "user": "ghost", "origin": "system.toml:12:1" },
    ] }));
    insta::assert_snapshot!(world.fail(), @r"
    system.toml:9:1: a package has a unit of this name: `web.service`

    system.toml:12:1: there is no user `ghost`
    ");
}
