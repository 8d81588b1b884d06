//! What makes a boot end that hangs or is not good, what is left in the end, and what a good one gets back.

use super::UNITS;
use crate::edit::Editor;
use crate::error::AssembleError;
use crate::hardened::hardened;
use pintle_model::{Health, OnFailure};

/// Seconds for which the gate may say what it has seen, once its own deadline has passed.
const GRACE: u32 = 30;
/// A manager that does not run for so long is started again by the watchdog.
const WATCHDOG: &str = "\
# Where the machine has no watchdog of its own, pintle-watchdog.service brings one.
[Manager]
RuntimeWatchdogSec=60
";

/// Puts it in place.
pub(super) fn place(editor: &mut Editor<'_>, health: &Health) -> Result<(), AssembleError> {
    let mut units = vec![
        ("pintle-rescue.target", RESCUE.to_owned(), None),
        ("pintle-bless.service", hardened(BLESS), Some("boot-complete.target")),
        ("pintle-watchdog.service", hardened(SOFTWARE_WATCHDOG), Some("basic.target")),
    ];
    if health.on_failure == OnFailure::Reboot {
        units.push(("pintle-late.service", hardened(LATE), None));
        units.push(("pintle-late.timer", timer(health.deadline + GRACE), Some("sysinit.target")));
    }
    for (name, text, wanted_by) in units {
        editor.file(&format!("{UNITS}/{name}"), text, 0o644, (0, 0))?;
        if let Some(target) = wanted_by {
            editor.link(&format!("{UNITS}/{target}.wants/{name}"), &format!("../{name}"))?;
        }
    }
    editor.file("/usr/lib/systemd/system.conf.d/20-pintle-watchdog.conf", WATCHDOG, 0o644, (0, 0))
}

/// Comes before everything that can hang.
fn timer(seconds: u32) -> String {
    format!(
        "[Unit]\nDescription=End a boot that never says whether it is good\nDocumentation=man:pintle-agent-health(1)\n\
         DefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n\
         ConditionKernelCommandLine=!pintle.rescue\n\n[Timer]\nOnBootSec={seconds}\nAccuracySec=1\n"
    )
}

const LATE: &str = "\
[Unit]
Description=End a boot that has not said whether it is good
Documentation=man:pintle-agent-health(1)
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/usr/lib/pintle/pintle-agent health --late
StandardOutput=journal+console
StandardError=journal+console
CapabilityBoundingSet=CAP_SYS_BOOT
ProtectSystem=strict
ProtectHome=yes
PrivateDevices=yes
PrivateNetwork=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service
";

/// Mounts the EFI system partition for itself alone.
const BLESS: &str = "\
[Unit]
Description=Give this boot, which is good, all its tries again
Documentation=man:pintle-agent-bless(1)
Requires=boot-complete.target
After=boot-complete.target
ConditionKernelCommandLine=!pintle.rescue

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/pintle/pintle-agent bless
RuntimeDirectory=pintle
RuntimeDirectoryPreserve=yes
CapabilityBoundingSet=CAP_SYS_ADMIN
PrivateMounts=yes
PrivateNetwork=yes
PrivateTmp=yes
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service @mount
";

/// Hardware watchdogs are found by udev, long before.
const SOFTWARE_WATCHDOG: &str = "\
[Unit]
Description=Watch over a machine that has no watchdog of its own
Documentation=man:systemd-system.conf(5)
After=systemd-udev-trigger.service
ConditionPathExists=!/dev/watchdog0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/modprobe softdog
CapabilityBoundingSet=CAP_SYS_MODULE
PrivateNetwork=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service @module
";

/// Whatever of it a system does not have is passed over.
const RESCUE: &str = "\
[Unit]
Description=Rescue: SSH and a console, without the services of this system
Documentation=man:pintle-agent(1)
Requires=basic.target
Conflicts=rescue.service rescue.target emergency.target
After=basic.target rescue.service rescue.target
Wants=getty.target systemd-networkd.service systemd-resolved.service systemd-user-sessions.service ssh.service \
sshd-keygen.service pintle-keep.service
AllowIsolate=yes
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_runs_out_after_the_gate() {
        insta::assert_snapshot!(timer(330), @"
        [Unit]
        Description=End a boot that never says whether it is good
        Documentation=man:pintle-agent-health(1)
        DefaultDependencies=no
        Conflicts=shutdown.target
        Before=shutdown.target
        ConditionKernelCommandLine=!pintle.rescue

        [Timer]
        OnBootSec=330
        AccuracySec=1
        ");
    }
}
