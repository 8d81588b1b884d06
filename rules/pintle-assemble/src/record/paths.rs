//! Which paths say nothing about a package.

/// Made anew by every machine, by Pintle, or by the recording itself. A `/` at the end stands for all below.
const IGNORED: &[&str] = &[
    ".pintle",
    ".pintle/",
    "dev/",
    "proc/",
    "run/",
    "sys/",
    "tmp/",
    "var/tmp/",
    "etc/ld.so.cache",
    "etc/.pwd.lock",
    "etc/mtab",
    "usr/lib/udev/hwdb.bin",
    "usr/sbin/policy-rc.d",
    "usr/sbin/start-stop-daemon",
    "var/cache/debconf/",
    "var/cache/ldconfig/",
    "var/cache/man/",
    "var/lib/apt/",
    "var/lib/dpkg/info/",
    "var/lib/dpkg/status",
    "var/lib/dpkg/triggers/",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/systemd/catalog/",
    "var/log/alternatives.log",
    "var/log/dpkg.log",
    "usr/share/info/dir",
];

/// Compared by their content, not as files.
const DATABASES: &[&str] = &[
    "etc/group",
    "etc/gshadow",
    "etc/passwd",
    "etc/shadow",
    "etc/subgid",
    "etc/subuid",
    "var/lib/dpkg/diversions",
    "var/lib/dpkg/statoverride",
    "etc/alternatives/",
    "var/lib/dpkg/alternatives/",
    "var/lib/systemd/deb-systemd-helper-enabled/",
    "var/lib/systemd/deb-systemd-user-helper-enabled/",
    "var/lib/ucf/",
];

/// Whether a path without leading slash is left out of the comparison.
pub(super) fn ignored(path: &str) -> bool {
    let listed = |entry: &str| match entry.strip_suffix('/') {
        Some(folder) => {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        }
        // `passwd-`, `statoverride-old`: what tools keep of the state before.
        None => path == entry || path.strip_prefix(entry).is_some_and(|rest| rest == "-" || rest == "-old"),
    };
    IGNORED.iter().chain(DATABASES).any(|entry| listed(entry))
}

/// Bytecode and the like, made again on use: a word for the list of what is left out.
pub(super) fn made_on_use(path: &str) -> Option<&'static str> {
    (path.ends_with(".pyc") || path.ends_with("/__pycache__")).then_some("bytecode of Python")
}
