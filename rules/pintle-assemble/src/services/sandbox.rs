//! How far a service is fenced in (systemd.exec(5)).

use pintle_model::{Sandbox, Service};

/// What a service without special needs never misses.
const STRICT: [&str; 18] = [
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectSystem=strict",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "LockPersonality=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    // Netlink is how the C library learns which addresses exist.
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
];

const LIGHT: [&str; 2] = ["NoNewPrivileges=yes", "PrivateTmp=yes"];

/// The settings of a service's sandbox, one per line.
pub(super) fn settings(service: &Service) -> Vec<String> {
    let root = service.user.as_deref() == Some("root");
    let mut out: Vec<String> = match service.sandbox {
        Sandbox::Strict => STRICT.iter().map(|line| (*line).to_owned()).collect(),
        Sandbox::Light => LIGHT.iter().map(|line| (*line).to_owned()).collect(),
        Sandbox::Off => Vec::new(),
    };
    if service.sandbox == Sandbox::Strict {
        let home = if lives_at_home(service) { "read-only" } else { "yes" };
        out.push(format!("ProtectHome={home}"));
        // Without its capabilities root is nobody: who asks for root needs some.
        if !root {
            out.push(format!("CapabilityBoundingSet={}", if service.low_ports { BIND } else { "" }));
        }
    }
    if service.low_ports && !root {
        out.push(format!("AmbientCapabilities={BIND}"));
    }
    out
}

const BIND: &str = "CAP_NET_BIND_SERVICE";

/// True where it must see something below the home directories.
fn lives_at_home(service: &Service) -> bool {
    let home = |path: &str| {
        ["/home", "/root"]
            .iter()
            .any(|home| path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let programs = service.prepare.iter().chain(&service.reload).chain([&service.command]);
    programs.filter_map(|words| words.first()).any(|program| home(program))
        || service.directory.as_deref().is_some_and(home)
        || service.writable.iter().any(|path| home(path))
}
