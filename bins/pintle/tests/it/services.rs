//! What the modules of servers write, judged by the servers themselves, inside of a tree made from an image.

use crate::common::{finish, pintle, succeed};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const DEFINITION: &str = r#"
name = "servers"

[postgresql]
settings = { shared_buffers = "16MB", log_connections = true, "shop.title" = "it's" }
authentication = ["hostssl shop shop 10.0.0.0/8 scram-sha-256"]
databases = { shop = { extensions = ["pgcrypto"] }, wiki = { owner = "editor", locale = "C.UTF-8" } }
users.editor = { create-databases = true }
users.backup = { roles = ["pg_read_all_data"], connection-limit = 2 }

[redis]
memory = "64M"
socket = true
settings = { maxclients = 100 }
extra = 'rename-command FLUSHALL ""'

[chrony]
servers = { "time.example.org" = { nts = true }, "ntp1.example.org" = { prefer = true } }
pools = { "2.debian.pool.ntp.org" = { max-sources = 3 } }
allow = ["10.0.0.0/8", "all"]
local-stratum = 10

[haproxy]
timeouts = { tunnel = "1h" }
frontends.web = { bind = [":8080"], default-backend = "app", rules = ["use_backend api if { path_beg /api/ }"] }
backends.app = { check = "GET /", servers = { one = { address = "127.0.0.1:80" }, two = { address = "10.0.0.2:80", backup = true } } }
backends.api = { balance = "leastconn", servers = { one = { address = "10.0.0.3:80", check = false, options = ["weight", "50"] } } }

[node-exporter]
address = "127.0.0.1"
collectors = { enable = ["systemd"], disable = ["wifi"] }

[podman.containers.cache]
image = "docker.io/library/memcached@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
command = ["memcached", "-m", "two words"]
ports = ["127.0.0.1:11211:11211"]
environment = { TITLE = "a b" }
memory = "64M"
"#;

/// The root of the image, taken out by debugfs.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("servers-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let (out, root) = (folder.join("out"), folder.join("root"));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(folder.join("system.toml"), DEFINITION).unwrap();
        succeed(pintle().args(["build", "--output"]).arg(&out).arg(&folder));
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(out.join("servers.json")).unwrap()).unwrap();
        let partitions = manifest["disk"]["partitions"].as_array().unwrap();
        let start = &partitions.iter().find(|partition| partition["role"] == "root").unwrap()["start"];
        let device = format!("{}?offset={start}", out.join("servers.raw").display());
        succeed(Command::new("debugfs").args(["-R", &format!("rdump / {}", root.display()), &device]));
        for (name, minor) in [("null", "3"), ("zero", "5"), ("urandom", "9")] {
            let node = root.join("dev").join(name);
            if !node.exists() {
                succeed(Command::new("mknod").args(["-m", "666"]).arg(&node).args(["c", "1", minor]));
            }
        }
        root
    })
}

fn inside(arguments: &[&str]) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root()).args(arguments).env("LANG", "C.UTF-8").stdin(Stdio::null());
    command
}

#[test]
fn servers_accept_their_settings() {
    succeed(&mut inside(&["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"]));
    let read = succeed(&mut inside(&["chronyd", "-p", "-f", "/etc/chrony/chrony.conf"]));
    assert!(read.contains("server time.example.org iburst nts"), "{read}");
    // It has read all when it says so; without a place to listen it then ends.
    let quiet = ["--port", "0", "--unixsocket", "", "--dir", "/tmp"];
    let redis = finish(&mut inside(&[&["redis-server", "/etc/redis/redis.conf"], &quiet[..]].concat()));
    let said = String::from_utf8_lossy(&redis.stdout).into_owned();
    assert!(said.contains("Configuration loaded") && said.contains("not listen anywhere"), "{said}");
    let generator = "/usr/lib/systemd/system-generators/podman-system-generator";
    let units = succeed(&mut inside(&[generator, "--dryrun"]));
    let drop_in = root().join("etc/systemd/system/multi-user.target.d/container-cache.conf");
    assert!(std::fs::read_to_string(drop_in).unwrap().contains("\nWants=cache.service\n"));
    let run = units.lines().find(|line| line.starts_with("ExecStart=")).unwrap_or_default();
    for part in ["--publish 127.0.0.1:11211:11211", "--memory=67108864", "@sha256:0123", "\"two words\""] {
        assert!(run.contains(part), "{part}: {units}");
    }
    let options = std::fs::read_to_string(root().join("etc/default/prometheus-node-exporter")).unwrap();
    let script = format!("{options}\nexec timeout 3 prometheus-node-exporter --version $ARGS");
    assert!(succeed(&mut inside(&["sh", "-c", &script])).contains("version"));
}

/// Targets want services, never the other way round, in whatever is not of a package.
#[test]
fn no_unit_of_ours_says_who_wants_it() {
    let lists = root().join("var/lib/dpkg/info");
    let mut owned = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(lists).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "list") {
            owned.extend(std::fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
    let mut grep = Command::new("grep");
    grep.args(["-rlE", "^(WantedBy|RequiredBy|UpheldBy)="]).current_dir(root());
    let found = finish(grep.args(["etc", "usr/lib/systemd", "usr/share/containers"]));
    let found = String::from_utf8(found.stdout).unwrap();
    let moved = |path: &str| path.strip_prefix("usr").map(str::to_owned);
    let is_owned = |path: &&str| {
        owned.contains(&format!("/{path}")) || moved(path).is_some_and(|path| owned.contains(&path))
    };
    let (packages, ours): (Vec<&str>, Vec<&str>) = found.lines().partition(is_owned);
    assert!(packages.len() > 10 && ours.is_empty(), "{ours:?}");
}

/// A cluster as the first boot makes it; then the image's settings and its databases, twice.
#[test]
fn postgresql_gets_its_databases() {
    let root = root();
    succeed(&mut inside(&["install", "-d", "-o", "postgres", "-g", "postgres", "/run/postgresql"]));
    succeed(&mut inside(&["install", "-d", "-m", "1777", "/dev/shm"]));
    succeed(&mut inside(&["pg_createcluster", "-u", "postgres", "--no-status", "17", "main"]));
    let postgres = |arguments: &[&str]| {
        let user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"];
        inside(&[&user[..], arguments].concat())
    };
    let server = "/usr/lib/postgresql/17/bin/postgres";
    let config = "config_file=/etc/postgresql/17/main/postgresql.conf";
    let value = |name: &str| succeed(&mut postgres(&[server, "-C", name, "-c", config])).trim().to_owned();
    assert_eq!(value("hba_file"), "/etc/postgresql-common/pintle-hba.conf");
    assert_eq!((value("shared_buffers").as_str(), value("listen_addresses").as_str()), ("2048", "localhost"));
    // Its key is made at the first boot too.
    let mut running = postgres(&[server, "-c", config, "-c", "ssl=off", "-c", "port=54329"]).spawn().unwrap();
    let psql = |arguments: &[&str]| postgres(&[&["psql", "--no-psqlrc", "--port=54329"], arguments].concat());
    let until = Instant::now() + Duration::from_secs(120);
    while !finish(&mut psql(&["-c", "SELECT 1"])).status.success() {
        assert!(Instant::now() < until, "the server does not answer");
        std::thread::sleep(Duration::from_millis(500));
    }
    let setup =
        ["--quiet", "--set=ON_ERROR_STOP=1", "--file=/etc/postgresql-common/pintle-setup.sql", "postgres"];
    for _ in 0..2 {
        succeed(&mut psql(&setup));
    }
    let databases = "SELECT datname, rolname FROM pg_database JOIN pg_roles ON datdba = pg_roles.oid \
                     WHERE datname !~ 'template' ORDER BY 1";
    let databases = succeed(&mut psql(&["-At", "-c", databases]));
    let extension = succeed(&mut psql(&["-At", "-c", "SELECT count(*) FROM pg_extension", "shop"]));
    let pid = std::fs::read_to_string(root.join("var/lib/postgresql/17/main/postmaster.pid")).unwrap();
    succeed(Command::new("kill").args(["-INT", pid.lines().next().unwrap()]));
    running.wait().unwrap();
    assert_eq!(databases.lines().collect::<Vec<_>>(), ["postgres|postgres", "shop|shop", "wiki|editor"]);
    assert_eq!(extension.trim(), "2");
}
