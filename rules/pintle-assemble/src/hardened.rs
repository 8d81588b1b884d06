/// What no unit of ours that runs in the system may do (systemd.exec(5)); services of a definition have a list of their own
/// in `services/sandbox.rs`.
const HARDENED: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
";

/// A unit whose text ends in its section `[Service]`, with what none of ours may do.
pub(crate) fn hardened(unit: &str) -> String {
    [unit, HARDENED].concat()
}
