//! What the shipped modules make of what users write.

use pintle_definition::{MemoryFiles, evaluate};
use pintle_model::{FileContent, System};

/// The system of a definition with `name = "t"` and `text`.
fn system(text: &str) -> System {
    let files = MemoryFiles::new()
        .with("system.toml", format!("name = \"t\"\n{text}"))
        .with("site/index.html", "hello")
        .with("motd", "hello");
    evaluate(&files, "system.toml").unwrap_or_else(|problems| panic!("{problems}")).system().clone()
}

fn text(system: &System, path: &str) -> String {
    match &system.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}")).content {
        FileContent::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// A plausible public key.
fn key(comment: &str) -> String {
    format!("ssh-ed25519 AAAA{} {comment}", "C3Nz".repeat(16))
}

#[test]
fn nothing_but_a_name_is_a_server_without_open_doors() {
    let system = system("");
    insta::assert_snapshot!(system.packages.join(" "), @"ca-certificates dbus e2fsprogs iproute2 kmod libpam-systemd linux-image-cloud-amd64 login mount passwd procps systemd systemd-repart systemd-resolved systemd-sysv systemd-timesyncd udev");
    insta::assert_snapshot!(system.kernel.parameters.join(" "), @"console=tty0 console=ttyS0,115200 systemd.firstboot=off");
    insta::assert_snapshot!(system.units.enable.join(" "), @"systemd-networkd-wait-online.service systemd-networkd.service systemd-networkd.socket systemd-resolved.service systemd-timesyncd.service");
    let paths: Vec<&str> = system.files.iter().map(|file| file.path.as_str()).collect();
    insta::assert_snapshot!(paths.join("\n"), @r#"
    /etc/default/locale
    /etc/hostname
    /etc/hosts
    /etc/locale.conf
    /etc/resolv.conf
    /etc/systemd/network/50-all.network
    /etc/systemd/system/systemd-networkd-wait-online.service.d/pintle.conf
    "#);
    assert!(system.users.is_empty() && system.checks.is_empty());
}

#[test]
fn base_settings_become_files() {
    let system = system(
        r#"
[base]
hostname = "web1.example.org"
timezone = "Europe/Berlin"
locale = "de_DE.UTF-8"
sysctl = { "vm.swappiness" = 10, "net.ipv4.ip_forward" = true, "kernel.core_pattern" = "|/bin/false" }
[base.kernel]
package = "linux-image-amd64"
consoles = ["ttyS1"]
parameters = ["quiet"]
modules = ["br_netfilter", "tun"]
initrd-modules = ["dm_crypt"]
blacklist = ["pcspkr"]
"#,
    );
    assert_eq!(system.kernel.parameters, ["console=ttyS1", "systemd.firstboot=off", "quiet"]);
    assert_eq!(system.kernel.initrd_modules, ["dm_crypt"]);
    assert!(
        system.packages.contains(&"linux-image-amd64".into()) && system.packages.contains(&"tzdata".into())
    );
    assert!(system.packages.contains(&"locales-all".into()));
    insta::assert_snapshot!(text(&system, "/etc/hosts"), @r#"
    127.0.0.1 localhost
    127.0.1.1 web1.example.org web1
    ::1 localhost ip6-localhost ip6-loopback
    ff02::1 ip6-allnodes
    ff02::2 ip6-allrouters
    "#);
    insta::assert_snapshot!(text(&system, "/etc/sysctl.d/90-pintle.conf"), @r#"
    kernel.core_pattern = |/bin/false
    net.ipv4.ip_forward = 1
    vm.swappiness = 10
    "#);
    insta::assert_snapshot!(text(&system, "/etc/modules-load.d/pintle.conf"), @r#"
    br_netfilter
    tun
    "#);
    insta::assert_snapshot!(text(&system, "/etc/modprobe.d/pintle-blacklist.conf"), @"blacklist pcspkr");
    insta::assert_snapshot!(text(&system, "/etc/localtime"), @r#"Symlink("../usr/share/zoneinfo/Europe/Berlin")"#);
    insta::assert_snapshot!(text(&system, "/etc/locale.conf"), @"LANG=de_DE.UTF-8");
}

#[test]
fn another_architecture_has_its_own_kernel() {
    assert_eq!(system("arch = \"arm64\"").kernel.package.as_deref(), Some("linux-image-cloud-arm64"));
}

#[test]
fn users_get_keys_and_sudo_but_no_password() {
    let system = system(&format!(
        "[ssh]\n[users.root]\nssh-keys = [\"{}\"]\n[users.alice]\nssh-keys = [\"{}\"]\nsudo = true\ngroups = [\"adm\"]\n",
        key("root"),
        key("alice"),
    ));
    let users: Vec<(&str, Option<u32>, &[String], usize)> = system
        .users
        .iter()
        .map(|user| (user.name.as_str(), user.uid, user.groups.as_slice(), user.ssh_keys.len()))
        .collect();
    assert_eq!(
        users,
        [("alice", None, &["adm".to_owned(), "sudo".into()][..], 1), ("root", Some(0), &[][..], 1)]
    );
    assert!(system.users.iter().all(|user| user.password_hash.is_none()));
    assert_eq!(system.users[0].origin, "system.toml:5:8");
    assert!(system.packages.contains(&"sudo".into()));
    assert_eq!(text(&system, "/etc/sudoers.d/pintle-alice"), "alice ALL=(ALL:ALL) NOPASSWD: ALL\n");
}

#[test]
fn ssh_is_closed_to_passwords() {
    let system = system(
        "[ssh]\nport = 2222\nallow-users = [\"root\"]\n[ssh.settings]\nX11Forwarding = false\nClientAliveInterval = 60\n",
    );
    insta::assert_snapshot!(text(&system, "/etc/ssh/sshd_config.d/10-pintle.conf"), @r#"
    Port 2222
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    PermitRootLogin prohibit-password
    AllowUsers root
    ClientAliveInterval 60
    X11Forwarding no
    "#);
    assert!(system.units.enable.contains(&"ssh.service".into()));
}

#[test]
fn a_network_without_settings_asks_dhcp() {
    insta::assert_snapshot!(text(&system(""), "/etc/systemd/network/50-all.network"), @r#"
    [Match]
    Type=ether
    Kind=!*

    [Link]
    RequiredForOnline=yes

    [Network]
    DHCP=yes
    IPv6AcceptRA=yes
    "#);
}

#[test]
fn a_static_interface_with_routes_and_a_vlan() {
    let system = system(
        r#"
[network.interfaces.lan]
mac = "52:54:00:12:34:56"
addresses = ["192.0.2.10/24", "2001:db8::10/64"]
gateways = ["192.0.2.1", "fe80::1"]
dns = ["192.0.2.53"]
domains = ["example.org"]
mtu = 9000
vlans = ["backup"]
routes = [{ to = "198.51.100.0/24", via = "192.0.2.254", metric = 0 }]
router-advertisements = false

[network.interfaces.backup]
dhcp = "ipv4"
optional = true

[network]
dns = ["9.9.9.9"]
vlans.backup.id = 20
"#,
    );
    insta::assert_snapshot!(text(&system, "/etc/systemd/network/50-lan.network"), @r#"
    [Match]
    PermanentMACAddress=52:54:00:12:34:56

    [Link]
    MTUBytes=9000
    RequiredForOnline=yes

    [Network]
    DHCP=no
    IPv6AcceptRA=no
    Address=192.0.2.10/24
    Address=2001:db8::10/64
    Gateway=192.0.2.1
    Gateway=fe80::1
    DNS=192.0.2.53
    Domains=example.org
    VLAN=backup

    [Route]
    Destination=198.51.100.0/24
    Gateway=192.0.2.254
    Metric=0
    "#);
    insta::assert_snapshot!(text(&system, "/etc/systemd/network/50-backup.network"), @r#"
    [Match]
    Name=backup

    [Link]
    RequiredForOnline=no

    [Network]
    DHCP=ipv4
    IPv6AcceptRA=yes
    "#);
    insta::assert_snapshot!(text(&system, "/etc/systemd/network/40-backup.netdev"), @r#"
    [NetDev]
    Name=backup
    Kind=vlan

    [VLAN]
    Id=20
    "#);
    insta::assert_snapshot!(text(&system, "/etc/systemd/resolved.conf.d/pintle.conf"), @r#"
    [Resolve]
    DNS=9.9.9.9
    "#);
    insta::assert_snapshot!(text(&system, "/etc/resolv.conf"), @r#"Symlink("../run/systemd/resolve/stub-resolv.conf")"#);
}

#[test]
fn nginx_sites_become_servers() {
    let system = system(
        r#"
[nginx]
extra = "gzip_vary on;"

[nginx.sites.main]
root = "/srv/www data"
content = "site"

[nginx.sites.shop]
hosts = ["shop.example.org", "www.shop.example.org"]
listen = [80, 8080]
proxy = "http://127.0.0.1:3000"
extra = "client_max_body_size 10m;\nadd_header X-Test 1;"
[nginx.sites.shop.locations."/static/"]
root = "/srv/static"
extra = "expires 1d;"
[nginx.sites.shop.locations."/api/"]
proxy = "http://127.0.0.1:4000"
"#,
    );
    insta::assert_snapshot!(text(&system, "/etc/nginx/sites-enabled/main.conf"), @r#"
    server {
        listen 80 default_server;
        listen [::]:80 default_server;
        server_name _;
        root "/srv/www data";
        index index.html;

        location / {
            try_files $uri $uri/ =404;
        }
    }
    "#);
    insta::assert_snapshot!(text(&system, "/etc/nginx/sites-enabled/shop.conf"), @r#"
    server {
        listen 80;
        listen [::]:80;
        listen 8080;
        listen [::]:8080;
        server_name shop.example.org www.shop.example.org;

        location / {
            proxy_pass http://127.0.0.1:3000;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }

        location /api/ {
            proxy_pass http://127.0.0.1:4000;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }

        location /static/ {
            root "/srv/static";
            expires 1d;
        }

        client_max_body_size 10m;
        add_header X-Test 1;
    }
    "#);
    insta::assert_snapshot!(text(&system, "/etc/nginx/sites-enabled/default"), @"# The sites are in NAME.conf beside this file.");
    insta::assert_snapshot!(format!("{:?}", system.checks), @r#"[Http { url: "http://127.0.0.1:80/" }, Tcp { port: 80 }]"#);
}

#[test]
fn sites_without_hosts_may_share_nginx_by_port() {
    let system = system("[nginx.sites]\na = { root = \"/a\" }\nb = { root = \"/b\", listen = [8080] }\n");
    assert_eq!(system.checks.len(), 2);
}

#[test]
fn files_are_taken_as_written() {
    let system = system(
        r#"
[files]
"/etc/motd" = { text = "{{ not a template }}\n", mode = "0600", owner = "www-data" }
"/etc/empty" = { text = "" }
"/etc/copied" = { copy = "motd" }
"/etc/link" = { symlink = "motd" }
"/srv/data/" = { directory = true }
"#,
    );
    assert_eq!(text(&system, "/etc/motd"), "{{ not a template }}\n");
    assert_eq!(text(&system, "/etc/empty"), "");
    assert_eq!(text(&system, "/etc/copied"), "Copy(\"motd\")");
    assert_eq!(text(&system, "/etc/link"), "Symlink(\"motd\")");
    assert_eq!(text(&system, "/srv/data"), "Directory");
    let motd = system.files.iter().find(|file| file.path == "/etc/motd").unwrap();
    assert_eq!((motd.mode.as_deref(), motd.owner.as_str()), (Some("0600"), "www-data"));
    assert_eq!(motd.origin, "system.toml:4:1");
}

#[test]
fn services_keep_every_field() {
    let system = system(
        r#"
[services.shop]
description = "The shop"
command = ["/usr/local/bin/shop", "--greeting", "hello {{ world }}"]
prepare = [["/usr/local/bin/shop", "migrate"]]
reload = ["/bin/kill", "-HUP", "$MAINPID"]
user = "www-data"
group = "www-data"
needs = ["network", "database"]
after = ["cache"]
ready = "notify"
restart = "always"
restart-delay = 5
environment = { PORT = 8080, DEBUG = false, NAME = "x" }
directory = "/srv/shop"
directories = ["state", "cache"]
writable = ["/srv/uploads"]
low-ports = true
sandbox = "light"
enable = false
[services.database]
command = ["/usr/bin/database"]
"#,
    );
    insta::assert_debug_snapshot!(system.services[1], @r#"
    Service {
        name: "shop",
        description: "The shop",
        command: [
            "/usr/local/bin/shop",
            "--greeting",
            "hello {{ world }}",
        ],
        prepare: [
            [
                "/usr/local/bin/shop",
                "migrate",
            ],
        ],
        reload: Some(
            [
                "/bin/kill",
                "-HUP",
                "$MAINPID",
            ],
        ),
        user: Some(
            "www-data",
        ),
        group: Some(
            "www-data",
        ),
        needs: [
            "network",
            "database",
        ],
        after: [
            "cache",
        ],
        ready: Notify,
        restart: Always,
        restart_delay: 5,
        environment: {
            "DEBUG": "false",
            "NAME": "x",
            "PORT": "8080",
        },
        directory: Some(
            "/srv/shop",
        ),
        directories: [
            State,
            Cache,
        ],
        writable: [
            "/srv/uploads",
        ],
        low_ports: true,
        sandbox: Light,
        enable: false,
        origin: "system.toml:3:11",
    }
    "#);
    assert_eq!(system.services[0].name, "database");
    assert!(system.services[0].enable && system.services[0].reload.is_none());
}

#[test]
fn the_author_can_switch_off_what_a_module_switched_on() {
    let system = system(
        "[ssh]\n[units]\ndisable = [\"ssh.service\"]\nmask = [\"systemd-networkd-wait-online.service\"]\n[time]\nenable = false\n",
    );
    assert!(!system.units.enable.contains(&"ssh.service".into()));
    assert_eq!(system.units.disable, ["ssh.service"]);
    assert_eq!(system.units.mask, ["systemd-networkd-wait-online.service"]);
    assert!(!system.packages.contains(&"systemd-timesyncd".into()));
}

#[test]
fn the_top_of_the_definition_becomes_source_and_image() {
    let system = system(
        r#"
version = "2026.11"
accept = { foo = "its postinst only prints" }
[source]
mirror = "/srv/mirror"
snapshot = "http://snapshot.test/{time}"
components = ["main", "contrib"]
[image]
formats = ["qcow2", "raw.gz"]
size = "2G"
free = 1048576
esp-size = "128M"
bios = false
epoch = 1700000000
"#,
    );
    insta::assert_debug_snapshot!((&system.source, &system.image, &system.accept), @r#"
    (
        Source {
            debian: Debian {
                suites: [
                    Suite {
                        name: "trixie",
                        components: [
                            "main",
                            "contrib",
                        ],
                        mirror: Some(
                            "/srv/mirror",
                        ),
                    },
                    Suite {
                        name: "trixie-updates",
                        components: [
                            "main",
                            "contrib",
                        ],
                        mirror: Some(
                            "/srv/mirror",
                        ),
                    },
                    Suite {
                        name: "trixie-security",
                        components: [
                            "main",
                            "contrib",
                        ],
                        mirror: None,
                    },
                ],
                recommends: false,
                snapshot: Some(
                    "http://snapshot.test/{time}",
                ),
                keys: [],
            },
            nix: None,
        },
        Image {
            layout: Plain,
            formats: [
                Qcow2,
                RawGz,
            ],
            container_service: None,
            size: Some(
                Size(
                    2147483648,
                ),
            ),
            free: Size(
                1048576,
            ),
            slot_size: None,
            esp_size: Some(
                Size(
                    134217728,
                ),
            ),
            bios: false,
            uefi: true,
            rescue: true,
            tpm: true,
            encrypt: Off,
            secure_boot: SecureBoot {
                keys: None,
                enrol: IfSafe,
            },
            usr_file_system: Erofs,
            display_server: false,
            sbom: [
                Spdx,
                CycloneDx,
            ],
            report: true,
            epoch: Some(
                1700000000,
            ),
        },
        [
            Accept {
                package: "foo",
                reason: "its postinst only prints",
            },
        ],
    )
    "#);
}
