//! The agent in a system, what it needs of it, and what makes it stand before `boot-complete.target`.

mod assessment;
mod needs;

use crate::edit::Editor;
use crate::error::AssembleError;
use crate::hardened::hardened;
use crate::input::AgentFiles;
use crate::services::UNITS;
use needs::lacking;
use pintle_model::{Kind, Origin, System};

/// Where it is.
pub const AGENT: &str = "/usr/lib/pintle/pintle-agent";
/// What it reads.
const GATE: &str = "/usr/lib/pintle/health.json";

/// Puts it in place.
///
/// # Errors
/// [`AssembleError`]: it would not run there, or its checks cannot be made.
pub(crate) fn place(
    editor: &mut Editor<'_>,
    system: &System,
    agent: &AgentFiles<'_>,
) -> Result<(), AssembleError> {
    editor.act_as(Origin::Generated("agent".to_owned()));
    lacking(editor.tree(), agent.program, editor.contents(), system.arch)?;
    let path = editor.path(AGENT)?;
    let attrs = editor.attrs(0o755);
    editor.put(&path, Kind::File(agent.program.clone()), attrs)?;
    editor.link("/usr/bin/pintle-agent", "../lib/pintle/pintle-agent")?;
    editor.file(GATE, agent.gate, 0o644, (0, 0))?;
    editor.file(&format!("{UNITS}/pintle-health.service"), unit(agent.runs_commands), 0o644, (0, 0))?;
    let requires = format!("{UNITS}/boot-complete.target.requires/pintle-health.service");
    editor.link(&requires, "../pintle-health.service")?;
    // Without a boot loader that counts nobody would ask for it.
    let wants = format!("{UNITS}/multi-user.target.wants/boot-complete.target");
    editor.link(&wants, "../boot-complete.target")?;
    editor.file(&format!("{UNITS}/boot-complete.target.d/pintle.conf"), AFTER.to_owned(), 0o644, (0, 0))?;
    assessment::place(editor, &system.health)
}

/// A target comes after what it wants, unless that comes after it (systemd.target(5), "Default Dependencies"): people can
/// log in while the checks are made.
const AFTER: &str = "[Unit]\nAfter=multi-user.target\n";

/// The unit that stands before `boot-complete.target`. It is not ordered after what it waits for: of a job that never ends
/// it must say so.
fn unit(runs_commands: bool) -> String {
    let mut text = hardened(UNIT);
    // Who looks at a service as its own user has to become that user.
    let capabilities =
        if runs_commands { "CAP_DAC_READ_SEARCH CAP_SETGID CAP_SETUID CAP_SYS_BOOT" } else { "CAP_SYS_BOOT" };
    text.push_str("CapabilityBoundingSet=");
    text.push_str(capabilities);
    text.push('\n');
    text
}

const UNIT: &str = "\
[Unit]
Description=Say whether this boot is good
Documentation=man:pintle-agent-health(1)
Before=boot-complete.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/pintle/pintle-agent health --gate
StandardOutput=journal+console
StandardError=journal+console
RuntimeDirectory=pintle
RuntimeDirectoryPreserve=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallFilter=@system-service
UMask=0022
";
