//! What the modules of servers make of their options. That the servers themselves accept it is judged where images are
//! built and booted.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use pintle_definition::{MemoryFiles, evaluate};
use pintle_model::{Check, FileContent, System};

fn evaluated(text: &str) -> Result<System, String> {
    let files = MemoryFiles::new()
        .with("system.toml", format!("name = \"t\"\n{text}"))
        .with("haproxy.cfg", "global\n")
        .with("shop.tar", "");
    let evaluation = evaluate(&files, "system.toml").map_err(|problems| problems.to_string())?;
    Ok(evaluation.system().clone())
}

fn system(text: &str) -> System {
    evaluated(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The first line of what is said, and what to do about it.
fn said(text: &str) -> String {
    let said = evaluated(text).unwrap_err();
    let line = |start: &str| said.lines().find(|line| line.trim_start().starts_with(start));
    [line("error"), line("= help")].into_iter().flatten().map(str::trim).collect::<Vec<_>>().join("\n")
}

fn text(system: &System, path: &str) -> String {
    match &system.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}")).content {
        FileContent::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn postgresql_makes_databases_and_roles() {
    let system = system(
        r#"[postgresql]
listen = ["localhost", "10.0.0.5"]
settings = { shared_buffers = "64MB", log_connections = true, max_connections = 50, "shop.title" = "it's" }
authentication = ["hostssl shop shop 10.0.0.0/8 scram-sha-256"]
databases = { shop = { extensions = ["pgcrypto"] }, wiki = { owner = "editor", locale = "C.UTF-8" } }
users.editor = { create-databases = true, password-hash = "SCRAM-SHA-256$4096:abc" }
users.backup = { roles = ["pg_read_all_data"], connection-limit = 2 }
"#,
    );
    insta::assert_snapshot!(text(&system, "/etc/postgresql/17/main/conf.d/50-pintle.conf"), @"
    # Made by Pintle from the options of `postgresql`.
    listen_addresses = 'localhost,10.0.0.5'
    port = 5432
    hba_file = '/etc/postgresql-common/pintle-hba.conf'
    log_connections = 'on'
    max_connections = '50'
    shared_buffers = '64MB'
    shop.title = 'it''s'
    ");
    insta::assert_snapshot!(text(&system, "/etc/postgresql-common/pintle-hba.conf"), @"
    # Made by Pintle from the options of `postgresql`.
    hostssl shop shop 10.0.0.0/8 scram-sha-256
    local all all peer
    host all all 127.0.0.1/32 scram-sha-256
    host all all ::1/128 scram-sha-256
    ");
    insta::assert_snapshot!(text(&system, "/etc/postgresql-common/pintle-setup.sql"), @r#"
    -- Made by Pintle from the options of `postgresql`.
    SELECT 'CREATE ROLE "shop" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop') \gexec
    SELECT 'CREATE ROLE "backup"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backup') \gexec
    ALTER ROLE "backup" WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 2;
    SELECT 'CREATE ROLE "editor"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'editor') \gexec
    ALTER ROLE "editor" WITH LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT -1;
    ALTER ROLE "editor" PASSWORD 'SCRAM-SHA-256$4096:abc';
    GRANT "pg_read_all_data" TO "backup";
    SELECT 'CREATE DATABASE "shop" OWNER "shop"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'shop') \gexec
    ALTER DATABASE "shop" OWNER TO "shop";
    \connect "shop"
    CREATE EXTENSION IF NOT EXISTS "pgcrypto";
    \connect postgres
    SELECT 'CREATE DATABASE "wiki" OWNER "editor" TEMPLATE template0 LOCALE ''C.UTF-8''' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'wiki') \gexec
    ALTER DATABASE "wiki" OWNER TO "editor";
    "#);
    let setup = system.services.iter().find(|service| service.name == "postgresql-setup").unwrap();
    assert_eq!(setup.needs, ["postgresql@17-main.service"]);
    assert!(system.packages.contains(&"postgresql-17".to_owned()));
    assert_eq!(system.checks, [Check::Unit { unit: "postgresql-setup.service".into() }]);
}

#[test]
fn redis_is_a_cache_or_a_store() {
    let cache = system(
        "[redis]\nmemory = \"256M\"\neviction = \"allkeys-lru\"\nsnapshots = []\nsocket = true\n\
         settings = { maxclients = 100 }\nextra = 'rename-command FLUSHALL \"\"'\n",
    );
    insta::assert_snapshot!(text(&cache, "/etc/redis/redis.conf"), @r#"
    # Made by Pintle from the options of `redis`.
    bind 127.0.0.1 -::1
    protected-mode yes
    port 6379
    unixsocket /run/redis/redis-server.sock
    unixsocketperm 770
    pidfile /run/redis/redis-server.pid
    logfile ""
    syslog-enabled no
    dir /var/lib/redis
    dbfilename dump.rdb
    save ""
    appendonly no
    maxmemory 268435456
    maxmemory-policy allkeys-lru
    maxclients "100"
    rename-command FLUSHALL ""
    include /etc/redis/conf.d/*.conf
    "#);
    let store =
        text(&system("[redis]\nappend-only = true\nlisten = []\nsocket = true\n"), "/etc/redis/redis.conf");
    for line in ["bind \"\"", "port 0", "save 3600 1", "appendonly yes"] {
        assert!(store.lines().any(|had| had == line), "{line}: {store}");
    }
}

#[test]
fn chrony_takes_the_place_of_timesyncd() {
    let system = system(
        "[chrony]\nservers = { \"time.cloudflare.com\" = { nts = true }, \"ntp1.example.org\" = { prefer = true } }\n\
         pools = { \"2.debian.pool.ntp.org\" = { max-sources = 3 } }\nallow = [\"10.0.0.0/8\", \"all\"]\nlocal-stratum = 10\n",
    );
    insta::assert_snapshot!(text(&system, "/etc/chrony/chrony.conf"), @"
    # Made by Pintle from the options of `chrony`.
    pool 2.debian.pool.ntp.org iburst maxsources 3
    server ntp1.example.org iburst prefer
    server time.cloudflare.com iburst nts
    sourcedir /run/chrony-dhcp
    sourcedir /etc/chrony/sources.d
    keyfile /etc/chrony/chrony.keys
    driftfile /var/lib/chrony/chrony.drift
    ntsdumpdir /var/lib/chrony
    logdir /var/log/chrony
    maxupdateskew 100.0
    rtcsync
    makestep 1 3
    allow 10.0.0.0/8
    allow
    local stratum 10
    confdir /etc/chrony/conf.d
    ");
    assert!(!system.packages.contains(&"systemd-timesyncd".to_owned()));
    assert!(
        text(&self::system("[chrony]\n"), "/etc/chrony/chrony.conf")
            .contains("pool 2.debian.pool.ntp.org iburst\n")
    );
}

#[test]
fn haproxy_is_described_or_written() {
    let described = system(
        r#"[haproxy]
timeouts = { tunnel = "1h" }
extra = "listen stats\n  bind 127.0.0.1:8404"
frontends.web = { bind = [":80"], default-backend = "app", rules = ["use_backend api if { path_beg /api/ }"] }
backends.app = { check = "GET /", servers = { one = { address = "10.0.0.11:8080" }, two = { address = "10.0.0.12:8080", backup = true } } }
backends.api = { balance = "leastconn", servers = { one = { address = "10.0.0.11:9090", check = false, options = ["weight", "50"] } } }
"#,
    );
    let cfg = text(&described, "/etc/haproxy/haproxy.cfg");
    insta::assert_snapshot!(cfg.split_once("defaults\n").unwrap().1, @"
        log global
        option dontlognull
        timeout connect 5s
        timeout client 50s
        timeout server 50s
        timeout tunnel 1h

    frontend web
        mode http
        option httplog
        bind :80
        use_backend api if { path_beg /api/ }
        default_backend app

    backend api
        mode http
        balance leastconn
        server one 10.0.0.11:9090 weight 50

    backend app
        mode http
        balance roundrobin
        option httpchk GET /
        server one 10.0.0.11:8080 check
        server two 10.0.0.12:8080 check backup

    listen stats
      bind 127.0.0.1:8404
    ");
    let written = system("[haproxy]\nconfig = \"haproxy.cfg\"\n");
    assert_eq!(text(&written, "/etc/haproxy/haproxy.cfg"), "Copy(\"haproxy.cfg\")");
}

#[test]
fn node_exporter_gets_its_arguments() {
    let system = system(
        "[node-exporter]\naddress = \"2001:db8::5\"\ncollectors = { enable = [\"systemd\"], disable = [\"wifi\"] }\n\
         arguments = [\"--web.disable-exporter-metrics\"]\n",
    );
    insta::assert_snapshot!(text(&system, "/etc/default/prometheus-node-exporter"), @r#"
    # Made by Pintle from the options of `node-exporter`. Read by systemd: a backslash joins lines.
    ARGS="--web.listen-address=[2001:db8::5]:9100 \
      --collector.textfile.directory=/var/lib/prometheus/node-exporter \
      --collector.systemd \
      --no-collector.wifi \
      --web.disable-exporter-metrics \
      --log.level=warn"
    "#);
}

#[test]
fn containers_become_quadlet_units() {
    let system = system(&format!(
        r#"[podman]
registries = ["docker.io"]
[podman.containers.cache]
image = "docker.io/library/memcached@{DIGEST}"
ports = ["127.0.0.1:11211:11211"]
volumes = ["/srv/x:/data:ro"]
memory = "64M"
network = "host"
[podman.containers.shop]
archive = "shop.tar"
digest = "{DIGEST}"
command = ["serve", "two words"]
environment = {{ TITLE = "a \"b\"", PORT = 80 }}
user = "1000:1000"
needs = ["postgresql-setup", "srv.mount"]
enable = false
"#
    ));
    insta::assert_snapshot!(text(&system, "/etc/containers/systemd/cache.container"), @"
    # Made by Pintle from `podman.containers.cache`; the service is cache.service (podman-systemd.unit(5)).
    [Unit]
    Description=Container cache
    Wants=network-online.target
    After=network-online.target

    [Container]
    ContainerName=cache
    Image=docker.io/library/memcached@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    PublishPort=127.0.0.1:11211:11211
    Volume=/srv/x:/data:ro
    Network=host
    PodmanArgs=--memory=67108864

    [Service]
    Restart=always
    # Fetching an image takes as long as it takes.
    TimeoutStartSec=15min
    ");
    insta::assert_snapshot!(text(&system, "/etc/systemd/system/multi-user.target.d/container-cache.conf"), @"
    # Made by Pintle from `podman.containers.cache`.
    [Unit]
    Wants=cache.service
    ");
    insta::assert_snapshot!(text(&system, "/etc/containers/systemd/shop.container"), @r#"
    # Made by Pintle from `podman.containers.shop`; the service is shop.service (podman-systemd.unit(5)).
    [Unit]
    Description=Container shop
    Requires=postgresql-setup.service srv.mount
    After=postgresql-setup.service srv.mount

    [Container]
    ContainerName=shop
    Image=oci-archive:/usr/share/containers/images/shop.tar
    Exec="serve" "two words"
    Environment="PORT=80"
    Environment="TITLE=a \"b\""
    User=1000
    Group=1000

    [Service]
    Restart=always
    # Fetching an image takes as long as it takes.
    TimeoutStartSec=15min
    "#);
    insta::assert_snapshot!(text(&system, "/etc/containers/registries.conf.d/50-pintle.conf"), @r#"unqualified-search-registries = ["docker.io"]"#);
    assert_eq!(
        text(&system, "/usr/share/containers/images/shop.tar"),
        format!("OciImage {{ path: \"shop.tar\", digest: \"{DIGEST}\" }}")
    );
    assert_eq!(system.checks, [Check::Unit { unit: "cache.service".into() }]);
}

#[test]
fn what_cannot_be_is_explained() {
    insta::assert_snapshot!(said("[podman.containers.a]\nimage = \"docker.io/library/memcached:1.6\"\n"), @"
    error: `podman.containers.a.image` needs a digest, so that every machine runs the same bytes
    = help: skopeo inspect --format '{{.Name}}@{{.Digest}}' docker://docker.io/library/memcached:1.6
    ");
    insta::assert_snapshot!(said("[podman.containers.a]\narchive = \"shop.tar\"\n"), @"
    error: `podman.containers.a` needs `digest` beside `archive` or `layout`, and only there
    = help: skopeo inspect --format '{{.Digest}}' oci-archive:FILE says it
    ");
    insta::assert_snapshot!(said("[podman.containers.a]\n"), @r#"
    error: `podman.containers.a` needs exactly one of `image`, `archive` and `layout`
    = help: image = "docker.io/library/memcached@sha256:…" is fetched by the machine, archive = "shop.tar" comes along
    "#);
    insta::assert_snapshot!(said("[postgresql]\nusers.shop = { password-hash = \"hunter2\" }\n"), @"
    error: `postgresql.users.shop.password-hash` must begin with `SCRAM-SHA-256$`
    = help: the password itself does not belong into an image: everyone who has the image could read it
    ");
    insta::assert_snapshot!(said("[postgresql]\nauthentication = [\"hots all all all trust\"]\n"), @"
    error: `postgresql.authentication` holds lines of pg_hba.conf
    = help: example: hostssl shop shop 10.0.0.0/8 scram-sha-256
    ");
    insta::assert_snapshot!(said("[postgresql]\nsettings = { port = 5433 }\n"), @"error: `postgresql.settings` holds what has an option of its own: `listen`, `port`, `authentication`");
    insta::assert_snapshot!(said("[redis]\nlisten = []\n"), @"
    error: nobody could reach redis: `redis.listen` is empty and `redis.socket` is off
    = help: leave one of them on
    ");
    insta::assert_snapshot!(said("[haproxy]\n"), @r#"
    error: haproxy needs either `config` or `frontends` and `backends`
    = help: config = "haproxy.cfg" takes a whole file beside the definition
    "#);
    insta::assert_snapshot!(said("[haproxy.frontends.web]\nbind = [\":80\"]\ndefault-backend = \"app\"\n"), @"
    error: `haproxy.frontends.web` sends to a backend that is not in `haproxy.backends`
    = help: there are: none
    ");
    insta::assert_snapshot!(said("[node-exporter]\ncollectors = { only = [\"cpu\"], disable = [\"wifi\"] }\n"), @"
    error: `node-exporter.collectors.only` says what is collected, so `enable` and `disable` have no part in it
    = help: leave one or the other away
    ");
}
