//! Our solutions against apt's, on the real archive. Needs the network: the archive is the one that the machine's own
//! apt sources name.
//!
//! Two judgements per set of packages:
//! - asked for exactly our packages, apt adds none and removes none: ours is a solution;
//! - asked for the same set, apt picks the same packages and versions, or more where [`SETS`] says why.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::Arch;
use pintle_package::control::Limits;
use pintle_package::control::index::{self, PackageRecord};
use pintle_resolve::apt_sources::{parse_list, parse_sources, pick_mirrors};
use pintle_resolve::{Request, SuiteIndex, Universe, Unsolvable, solve};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SUITES: [&str; 3] = ["trixie", "trixie-updates", "trixie-security"];

/// What is asked for, and what apt takes beyond that. The reason is always the same: apt takes the first alternative of
/// a dependency before it comes to the package that has to bring another; we look at what has to be there first.
const SETS: [(&str, &[&str]); 32] = [
    ("systemd-sysv", &[]),
    ("nginx openssh-server systemd-sysv linux-image-cloud-amd64", &[]),
    ("apache2 libapache2-mod-php", &[]),
    ("postgresql-17-postgis-3 pgbouncer", &[]),
    // mariadb-server needs gawk, which answers base-files' awk.
    ("mariadb-server", &["mawk"]),
    ("redis-server memcached", &[]),
    // podman needs netavark, which answers `container-network-stack`.
    (
        "podman",
        &[
            "containernetworking-plugins",
            "iptables",
            "libip4tc2",
            "libip6tc2",
            "libmnl0",
            "libnetfilter-conntrack3",
            "libnfnetlink0",
            "libnftnl11",
            "libxtables12",
            "netbase",
        ],
    ),
    ("docker.io", &[]),
    ("openssh-server systemd-sysv systemd-resolved dbus sudo", &[]),
    ("php-fpm php-mysql php-xml php-curl", &[]),
    ("haproxy keepalived", &[]),
    ("bind9 unbound", &[]),
    ("postfix dovecot-imapd rspamd", &[]),
    ("exim4", &[]),
    ("bsd-mailx", &[]),
    ("sendmail", &[]),
    ("prometheus prometheus-node-exporter", &[]),
    ("rabbitmq-server", &[]),
    // python3 provides python3-supported-min.
    ("python3-django gunicorn", &["python3-typing-extensions"]),
    ("nodejs npm", &[]),
    ("samba nfs-kernel-server", &[]),
    ("wireguard-tools nftables fail2ban", &[]),
    ("libvirt-daemon-system qemu-system-x86", &[]),
    // The desktop brings other fonts, and a graphical pinentry.
    ("kde-full", &["fonts-dejavu-core", "fonts-dejavu-mono", "pinentry-curses"]),
    ("xfce4", &[]),
    ("lighttpd certbot", &["python3-typing-extensions"]),
    ("sysvinit-core", &[]),
    ("runit-init", &[]),
    ("initramfs-tools linux-image-amd64 grub-pc", &[]),
    ("slapd krb5-kdc freeradius", &[]),
    ("cloud-init unattended-upgrades", &[]),
    ("build-essential debhelper", &[]),
];

/// Sets that neither can install.
const IMPOSSIBLE: [&str; 3] = ["postfix exim4", "systemd-sysv sysvinit-core", "nginx no-such-package"];

/// An apt of its own: nothing installed, only our suites.
struct Apt {
    root: tempfile::TempDir,
}

impl Apt {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in
            ["etc/apt/preferences.d", "lib/apt/lists/partial", "cache/apt/archives/partial", "lib/dpkg"]
        {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("lib/dpkg/status"), "").unwrap();
        let mirrors =
            pick_mirrors(&machine_sources(), &SUITES).expect("this machine's apt sources name an archive");
        // What is compared is the solver; signatures have tests of their own.
        let lines =
            SUITES.iter().zip(&mirrors).map(|(suite, uri)| format!("deb [trusted=yes] {uri} {suite} main\n"));
        fs::write(at("etc/apt/sources.list"), lines.collect::<String>()).unwrap();
        let config = format!(
            "Dir \"{root}\"; Dir::State \"{root}/lib/apt\"; Dir::State::status \"{root}/lib/dpkg/status\";\n\
             Dir::Cache \"{root}/cache/apt\"; APT::Architecture \"amd64\"; APT::Architectures \"amd64\";\n\
             APT::Install-Recommends \"false\"; APT::Sandbox::User \"root\"; Acquire::Languages \"none\";\n\
             Acquire::GzipIndexes \"false\"; Debug::NoLocking \"true\";\n",
            root = root.path().display()
        );
        fs::write(at("apt.conf"), config).unwrap();
        let apt = Self { root };
        let update = apt.run(&["update"]);
        assert!(update.1, "apt-get update failed: {}", update.0);
        apt
    }

    fn run(&self, arguments: &[&str]) -> (String, bool) {
        let output = Command::new("apt-get")
            .args(arguments)
            .env("APT_CONFIG", self.root.path().join("apt.conf"))
            .env("LC_ALL", "C")
            .output()
            .expect("apt-get is needed: run `cargo xtask test`, which installs the judges");
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.success())
    }

    /// What apt would install, name to version; `None` when it cannot.
    fn install<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<BTreeMap<String, String>> {
        let arguments: Vec<&str> = ["-s", "install"].into_iter().chain(names).collect();
        let (text, done) = self.run(&arguments);
        let word = |line: &str, n: usize| line.split(' ').nth(n).unwrap().trim_start_matches('(').to_owned();
        let lines = text.lines().filter(|line| line.starts_with("Inst "));
        done.then(|| lines.map(|line| (word(line, 1), word(line, 2))).collect())
    }

    /// The indices that apt fetched, in the order of [`SUITES`].
    fn indices(&self) -> Vec<String> {
        let files: Vec<PathBuf> = fs::read_dir(self.root.path().join("lib/apt/lists"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        let index = |suite: &str| {
            let wanted = format!("_dists_{suite}_main_binary-amd64_Packages");
            let file = files.iter().find(|path| path.to_string_lossy().ends_with(&wanted));
            fs::read_to_string(file.unwrap_or_else(|| panic!("apt fetched no index of {suite}"))).unwrap()
        };
        SUITES.iter().map(|suite| index(suite)).collect()
    }
}

fn machine_sources() -> Vec<pintle_resolve::apt_sources::AptSource> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    let is = |path: &Path, extension: &str| path.extension().is_some_and(|e| e == extension);
    let mut sources = Vec::new();
    for path in files.iter().filter(|path| path.exists()) {
        let text = fs::read_to_string(path).unwrap();
        if is(path, "list") {
            sources.extend(parse_list(&text).unwrap());
        } else if is(path, "sources") {
            sources.extend(parse_sources(&text).unwrap());
        }
    }
    sources
}

fn request(names: &str) -> Request {
    Request {
        packages: names.split(' ').map(|name| name.parse().unwrap()).collect(),
        essential: true,
        ..Request::default()
    }
}

#[test]
fn picks_what_apt_picks() {
    let apt = Apt::new();
    let texts = apt.indices();
    let records: Vec<Vec<PackageRecord<'_>>> =
        texts.iter().map(|text| index::parse(text, &Limits::default()).unwrap()).collect();
    let suites: Vec<SuiteIndex<'_>> = SUITES
        .iter()
        .zip(&records)
        .map(|(name, records)| SuiteIndex { name, priority: 500, records })
        .collect();
    let universe = Universe::new(Arch::Amd64, &suites).unwrap();
    let essential: Vec<&str> =
        universe.ids().map(|id| universe.best(id).record).filter(|r| r.essential).map(|r| r.name).collect();

    let judge = |(set, more): &(&str, &[&str])| -> Vec<String> {
        let ours: BTreeMap<String, String> = match solve(&universe, &request(set)) {
            Ok(solution) => solution.locked().into_iter().map(|p| (p.name, p.version)).collect(),
            Err(error) => return vec![format!("{set}: {error}")],
        };
        let mut faults = Vec::new();
        if apt.install(ours.keys().map(String::as_str)).as_ref() != Some(&ours) {
            faults.push(format!("{set}: apt does not take our packages as they are"));
        }
        let Some(theirs) = apt.install(essential.iter().copied().chain(set.split(' '))) else {
            faults.push(format!("{set}: apt finds no solution"));
            return faults;
        };
        let expected: BTreeSet<&str> = more.iter().copied().collect();
        let only_apt: BTreeSet<&str> =
            theirs.keys().filter(|name| !ours.contains_key(*name)).map(String::as_str).collect();
        let only_ours: Vec<_> =
            ours.iter().filter(|(name, version)| theirs.get(*name) != Some(version)).collect();
        if only_apt != expected || !only_ours.is_empty() {
            faults.push(format!("{set}: only apt has {only_apt:?}, only we have {only_ours:?}"));
        }
        faults
    };
    let (left, right) = SETS.split_at(SETS.len() / 2);
    let faults: Vec<String> = std::thread::scope(|scope| {
        let right = scope.spawn(|| right.iter().flat_map(judge).collect::<Vec<_>>());
        let mut faults: Vec<String> = left.iter().flat_map(judge).collect();
        faults.extend(right.join().unwrap());
        faults
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    for set in IMPOSSIBLE {
        assert_eq!(apt.install(essential.iter().copied().chain(set.split(' '))), None, "{set}");
        let error = solve(&universe, &request(set)).map(|s| s.packages.len()).unwrap_err();
        let tangled = error.to_string().contains("ask for fewer");
        assert!(
            !tangled && matches!(error, Unsolvable::Request(_) | Unsolvable::Together(_)),
            "{set}: {error}"
        );
    }
}
