//! Services as systemd units: by snapshot, and by systemd's own judgement.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use pintle_assemble::services::{Rendered, systemd_unit};
use pintle_model::{Ready, Restart, Sandbox, Service, StateDirectory};
use proptest::prelude::*;
use std::process::Command;

/// A service with everything at its default but the command.
fn service(name: &str, command: &[&str]) -> Service {
    serde_json::from_value(serde_json::json!({ "name": name, "command": command })).unwrap()
}

/// What `systemd-analyze verify` says of the units; empty when it is content.
fn verify(units: &[Rendered]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for unit in units {
        std::fs::write(folder.path().join(&unit.name), &unit.text).unwrap();
    }
    let paths: Vec<_> = units.iter().map(|unit| folder.path().join(&unit.name)).collect();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&paths)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()))
        .output()
        .expect("systemd-analyze is missing: `cargo xtask test` installs the judges");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && said.is_empty() {
        String::new()
    } else {
        format!("{}{said}", output.status)
    }
}

#[test]
fn the_judge_judges() {
    let mut unit = systemd_unit(&service("shop", &["/usr/bin/true"]));
    unit.text.push_str("Sandbox=strict\n");
    assert!(verify(&[unit]).contains("Unknown key"));
}

#[test]
fn a_plain_service_has_a_user_of_its_own_and_a_fence() {
    let unit = systemd_unit(&service("shop", &["/usr/bin/true", "--port", "8080"]));
    insta::assert_snapshot!(unit.text, @r#"
    [Unit]
    Description=shop
    StartLimitIntervalSec=0

    [Service]
    Type=exec
    ExecStart=/usr/bin/true --port 8080
    Restart=on-failure
    RestartSec=1
    DynamicUser=yes
    NoNewPrivileges=yes
    PrivateTmp=yes
    PrivateDevices=yes
    ProtectSystem=strict
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectProc=invisible
    LockPersonality=yes
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    ProtectHome=yes
    CapabilityBoundingSet=
    "#);
    assert_eq!(unit.path(), "/usr/lib/systemd/system/shop.service");
    let (link, target) = unit.wants_link().unwrap();
    assert_eq!(link, "/usr/lib/systemd/system/multi-user.target.wants/shop.service");
    assert_eq!(target, "../shop.service");
    assert_eq!(verify(&[unit]), "");
}

/// A service that uses every field.
fn full() -> Service {
    Service {
        description: "The shop: 100% \"open\"".into(),
        prepare: vec![vec!["/usr/bin/true".into(), "migrate now".into()], vec!["/usr/bin/true".into()]],
        reload: Some(vec!["/usr/bin/kill".into(), "-HUP".into(), "$MAINPID".into()]),
        user: Some("www-data".into()),
        group: Some("www-data".into()),
        needs: ["network", "time", "local-files", "database", "backup.socket"].map(String::from).to_vec(),
        after: vec!["cache".into()],
        ready: Ready::Notify,
        restart: Restart::Always,
        restart_delay: 5,
        environment: [("GREETING", "hello $USER, 100%"), ("PORT", "8080")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        directory: Some("/srv/my shop".into()),
        directories: vec![StateDirectory::Runtime, StateDirectory::State, StateDirectory::State],
        writable: vec!["/srv/uploads".into(), "/home/shop/in box".into()],
        low_ports: true,
        enable: false,
        ..service("shop", &["/usr/bin/true", "--greeting", "it's $5; \"really\"", "", "a\\b"])
    }
}

#[test]
fn every_field_has_its_setting() {
    let unit = systemd_unit(&full());
    insta::assert_snapshot!(unit.text, @r#"
    [Unit]
    Description=The shop: 100%% "open"
    Wants=network-online.target time-sync.target systemd-time-wait-sync.service
    Requires=database.service backup.socket
    After=network-online.target time-sync.target local-fs.target database.service backup.socket cache.service
    StartLimitIntervalSec=0

    [Service]
    Type=notify
    ExecStartPre=/usr/bin/true "migrate now"
    ExecStartPre=/usr/bin/true
    ExecStart=/usr/bin/true --greeting "it's $$5; \"really\"" "" "a\\b"
    ExecReload=/usr/bin/kill -HUP $MAINPID
    Restart=always
    RestartSec=5
    User=www-data
    Group=www-data
    Environment="GREETING=hello $USER, 100%%"
    Environment=PORT=8080
    WorkingDirectory=/srv/my shop
    StateDirectory=shop
    RuntimeDirectory=shop
    ReadWritePaths=/srv/uploads "/home/shop/in box"
    NoNewPrivileges=yes
    PrivateTmp=yes
    PrivateDevices=yes
    ProtectSystem=strict
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectProc=invisible
    LockPersonality=yes
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
    SystemCallArchitectures=native
    SystemCallFilter=@system-service
    ProtectHome=read-only
    CapabilityBoundingSet=CAP_NET_BIND_SERVICE
    AmbientCapabilities=CAP_NET_BIND_SERVICE
    "#);
    assert_eq!(unit.wanted_by, None);
    let others = ["database", "cache"].map(|name| systemd_unit(&service(name, &["/usr/bin/true"])));
    let socket = Rendered {
        name: "backup.socket".into(),
        text: "[Socket]\nListenStream=/run/backup\nService=cache.service\n".into(),
        wanted_by: None,
    };
    assert_eq!(verify(&[vec![unit, socket], others.to_vec()].concat()), "");
}

#[test]
fn each_way_of_being_ready_and_of_restarting_is_accepted() {
    let mut units = Vec::new();
    let mut said = String::new();
    for (ready, word) in
        [(Ready::Started, "a"), (Ready::Notify, "b"), (Ready::Forked, "c"), (Ready::Finished, "d")]
    {
        for (restart, digit) in [(Restart::Always, 1), (Restart::OnFailure, 2), (Restart::Never, 3)] {
            let name = format!("{word}{digit}");
            let service = Service { ready: ready.clone(), restart, ..service(&name, &["/usr/bin/true"]) };
            let unit = systemd_unit(&service);
            let lines: Vec<&str> = unit
                .text
                .lines()
                .filter(|line| {
                    ["Type", "Remain", "Restart", "StartLimit"].iter().any(|key| line.starts_with(key))
                })
                .filter(|line| !line.starts_with("RestrictS"))
                .collect();
            said.push_str(&format!("{ready:?} {restart:?}: {}\n", lines.join(" ")));
            units.push(unit);
        }
    }
    insta::assert_snapshot!(said, @r#"
    Started Always: StartLimitIntervalSec=0 Type=exec Restart=always RestartSec=1
    Started OnFailure: StartLimitIntervalSec=0 Type=exec Restart=on-failure RestartSec=1
    Started Never: Type=exec
    Notify Always: StartLimitIntervalSec=0 Type=notify Restart=always RestartSec=1
    Notify OnFailure: StartLimitIntervalSec=0 Type=notify Restart=on-failure RestartSec=1
    Notify Never: Type=notify
    Forked Always: StartLimitIntervalSec=0 Type=forking Restart=always RestartSec=1
    Forked OnFailure: StartLimitIntervalSec=0 Type=forking Restart=on-failure RestartSec=1
    Forked Never: Type=forking
    Finished Always: StartLimitIntervalSec=0 Type=oneshot RemainAfterExit=yes Restart=on-failure RestartSec=1
    Finished OnFailure: StartLimitIntervalSec=0 Type=oneshot RemainAfterExit=yes Restart=on-failure RestartSec=1
    Finished Never: Type=oneshot RemainAfterExit=yes
    "#);
    assert_eq!(verify(&units), "");
}

#[test]
fn fences_of_three_heights() {
    let fence = |change: &dyn Fn(&mut Service)| {
        let mut service = service("x", &["/usr/bin/true"]);
        change(&mut service);
        let unit = systemd_unit(&service);
        assert_eq!(verify(std::slice::from_ref(&unit)), "");
        unit.text.split_once("RestartSec=1\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!(fence(&|service| service.sandbox = Sandbox::Light), @r#"
    DynamicUser=yes
    NoNewPrivileges=yes
    PrivateTmp=yes
    "#);
    insta::assert_snapshot!(fence(&|service| service.sandbox = Sandbox::Off), @"DynamicUser=yes");
    let root = fence(&|service| service.user = Some("root".into()));
    assert!(!root.contains("CapabilityBoundingSet") && root.contains("ProtectSystem=strict"));
    let low = fence(&|service| service.low_ports = true);
    assert!(
        low.contains("CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE")
    );
    assert!(fence(&|service| service.directory = Some("/home/x".into())).contains("ProtectHome=read-only"));
    assert!(fence(&|service| service.directory = Some("/homework".into())).contains("ProtectHome=yes"));
}

#[test]
fn without_a_pause_the_start_limit_stays() {
    let unit = systemd_unit(&Service { restart_delay: 0, ..service("x", &["/usr/bin/true"]) });
    assert!(!unit.text.contains("StartLimitIntervalSec"));
}

/// The words of a command line as systemd reads them, by a reading of systemd.syntax(7) of our own.
fn read_back(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut current: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                current.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(current.take()),
            '\\' => {
                let word = current.get_or_insert_default();
                match chars.next().unwrap() {
                    'n' => word.push('\n'),
                    't' => word.push('\t'),
                    'x' => {
                        let hex: String =
                            [chars.next().unwrap(), chars.next().unwrap()].into_iter().collect();
                        word.push(char::from(u8::from_str_radix(&hex, 16).unwrap()));
                    }
                    other => word.push(other),
                }
            }
            '%' | '$' => {
                assert_eq!(chars.next(), Some(c), "a lone {c} in {line}");
                current.get_or_insert_default().push(c);
            }
            other => current.get_or_insert_default().push(other),
        }
    }
    assert!(!quoted, "an open quote in {line}");
    words.extend(current);
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Any words survive, on one line, and can not become other settings.
    #[test]
    fn arguments_survive_any_text(arguments in proptest::collection::vec("[^\u{0}]{0,12}", 0..5)) {
        let mut command = vec!["/usr/bin/true".to_owned()];
        command.extend(arguments.into_iter().filter(|argument| argument != "$MAINPID"));
        let unit = systemd_unit(&Service { command: command.clone(), ..service("x", &[]) });
        let lines: Vec<&str> = unit.text.split('\n').filter(|line| line.starts_with("ExecStart=")).collect();
        prop_assert_eq!(lines.len(), 1);
        prop_assert_eq!(read_back(lines[0].strip_prefix("ExecStart=").unwrap()), command);
        let plain = systemd_unit(&service("x", &["/usr/bin/true"]));
        prop_assert_eq!(unit.text.split('\n').count(), plain.text.split('\n').count());
    }

    /// Neither can a description, a directory or a variable.
    #[test]
    fn other_texts_stay_on_their_lines(text in "\\PC{0,20}|[\\x01-\\x20\\\\%\"']{0,8}") {
        let mut service = service("x", &["/usr/bin/true"]);
        service.description = text.clone();
        service.environment.insert("V".into(), text.clone());
        let unit = systemd_unit(&service);
        let plain = systemd_unit(&Service { description: "d".into(), environment: [("V".into(), String::new())].into(), ..service });
        prop_assert_eq!(unit.text.split('\n').count(), plain.text.split('\n').count());
        prop_assert!(!unit.text.contains("\\\n"), "a line that continues: {}", unit.text);
    }
}
