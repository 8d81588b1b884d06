//! A boot that fails or hangs in the initrd ends by itself: the boot loader has counted it, and tries again or takes
//! another release. A rescue stays as it is.

use super::build::Build;
use super::{InitrdError, Root, literal};

const AGAIN: &str = "pintle-try-again.service";
const TIMER: &str = "pintle-late.timer";

const AGAIN_UNIT: &str = "\
[Unit]
Description=This boot has failed: the machine starts again
DefaultDependencies=no
ConditionKernelCommandLine=!pintle.rescue

[Service]
Type=oneshot
StandardOutput=journal+console
StandardError=journal+console
ExecStart=systemctl --force reboot
";

fn timer(deadline: u32) -> String {
    format!(
        "[Unit]\nDescription=End a boot that hangs\nDefaultDependencies=no\nConflicts=initrd-switch-root.target\n\
         Before=initrd-switch-root.target\nConditionKernelCommandLine=!pintle.rescue\n\n[Timer]\n\
         OnBootSec={deadline}\nAccuracySec=1\nUnit={AGAIN}\n"
    )
}

/// Adds it, where a boot has a deadline.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let Root::Stateless { deadline: Some(deadline), .. } = &build.options.root else { return Ok(()) };
    let units = literal("usr/lib/systemd/system");
    let all =
        [(AGAIN, AGAIN_UNIT.to_owned(), "emergency.target"), (TIMER, timer(*deadline), "sysinit.target")];
    for (name, text, target) in all {
        build.write(&units.join(name)?, 0o644, text.into_bytes())?;
        build.link(&units.join(format!("{target}.wants/{name}"))?, &format!("../{name}"))?;
    }
    Ok(())
}
