//! What is asked for: sets that people install, sets that nobody can, and sets at random.

/// What is asked for, and what apt may take beyond that: which of two packages it takes first also depends on the others
/// that it knows. The reason is always the same: apt takes the first alternative of
/// a dependency before it comes to the package that has to bring another; we look at what has to be there first.
pub(crate) const SETS: [(&str, &[&str]); 32] = [
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
pub(crate) const IMPOSSIBLE: [&str; 3] =
    ["postfix exim4", "systemd-sysv sysvinit-core", "nginx no-such-package"];

/// Random sets judged in one run.
pub(crate) const RANDOM: usize = 200;

/// Sets of one to five packages, each package as likely as any other; the same for the same `names`.
pub(crate) fn random(names: &[&str]) -> Vec<String> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % bound
    };
    (0..RANDOM)
        .map(|_| {
            let count = 1 + below(5);
            let picked: Vec<&str> = (0..count).map(|_| names[below(names.len())]).collect();
            picked.join(" ")
        })
        .collect()
}
