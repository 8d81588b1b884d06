#!/bin/sh
# What each list of checks begins with. A check says one line; what failed says why.
check() {
    what=$1
    shift
    if said=$("$@" 2>&1); then echo "ok: $what"; else echo "FAILED: $what: $said"; fi
}
# Asks again until it is so: for what another process does in its own time.
until_so() {
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.5
    done 2>/dev/null
    "$@"
}
as() {
    user=$1
    shift
    runuser -u "$user" -- "$@"
}
cd /
sound() {
    [ "$(systemctl is-system-running --wait)" = running ] && return
    systemctl --failed --no-legend
    journalctl --no-pager --boot --priority=warning
    return 1
}
check "the system is up and nothing failed" sound
# A service that fails and starts again is neither up nor failed. The journal does so when it leaves the initrd.
steady() {
    systemctl show --property=Id,NRestarts '*.service' | tr '\n' ' ' | sed 's/  /\n/g' |
        awk '!/systemd-journald/ && /NRestarts=[1-9]/ { print; wrong = 1 } END { exit wrong }'
}
check "no service had to start again" steady
cycles() { ! journalctl --no-pager --boot | grep 'ordering cycle'; }
check "no unit waits for itself" cycles
