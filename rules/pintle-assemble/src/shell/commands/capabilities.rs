//! setcap(8): file capabilities, as the kernel keeps them in an extended attribute.

use super::{Invocation, values};
use crate::effect::{Effect, EffectClass};
use crate::shell::run::{Run, Status};

/// capabilities(7), in the order of their numbers (linux/capability.h).
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];
/// VFS_CAP_REVISION_2 of linux/capability.h.
const REVISION: u32 = 0x0200_0000;

/// `setcap cap_net_raw,cap_net_admin+ep PATH`.
pub(super) fn setcap(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call).unwrap_or_default();
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-q").collect();
    match plain.as_slice() {
        // Taken away from a file that has none.
        [text, path] if path.starts_with('/') && text.contains('-') => Status::True,
        [text, path] if path.starts_with('/') => match attribute(text) {
            Some(value) => run.effect(call.line, Effect::Capabilities { path: (*path).to_owned(), value }),
            None => run.unknown(call.line, EffectClass::Owners),
        },
        _ => run.unknown(call.line, EffectClass::Owners),
    }
}

/// `struct vfs_cap_data`: revision with the effective flag, then permitted and inheritable sets, low and high words.
pub(crate) fn attribute(text: &str) -> Option<Vec<u8>> {
    let (names, flags) = text.split_once(['+', '='])?;
    let mut set = 0_u64;
    for name in names.split(',') {
        let name = name.trim().to_ascii_lowercase();
        let number = NAMES.iter().position(|known| name.strip_prefix("cap_") == Some(known))?;
        set |= 1 << number;
    }
    if flags.is_empty() || !flags.chars().all(|flag| "epi".contains(flag)) {
        return None;
    }
    let given = |flag: char| if flags.contains(flag) { set } else { 0 };
    let (permitted, inheritable) = (given('p'), given('i'));
    let words = [
        REVISION | u32::from(flags.contains('e')),
        permitted as u32,
        inheritable as u32,
        (permitted >> 32) as u32,
        (inheritable >> 32) as u32,
    ];
    Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_is_the_kernels() {
        // As `setcap cap_net_raw+ep` writes it.
        let expected = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(attribute("cap_net_raw+ep"), Some(expected.to_vec()));
        assert_eq!(attribute("cap_frob+ep"), None);
        assert_eq!(attribute("cap_chown"), None);
    }
}
