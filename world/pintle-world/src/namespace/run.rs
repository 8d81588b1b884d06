//! `unshare`, `mount` and `chroot` of this host (util-linux, coreutils), with a limit of time.

use super::NamespaceError;
use std::collections::VecDeque;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the scripts said last is kept.
const OUTPUT_MAX: usize = 64 << 10;
/// Pause between looks at a child.
const LOOK: Duration = Duration::from_millis(20);

/// How programs inside ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Exit status, if there is one.
    pub code: Option<i32>,
    /// What they said last, standard output and standard error together.
    pub output: String,
}

/// Users, mounts, processes, network, shared memory and names: all of their own; who runs this is root inside.
const UNSHARE: [&str; 9] =
    ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts"];

/// The few devices that scripts use, /proc, and the change of root. The host name is the same for everybody.
const ENTER: &str = r#"
exec 2>&1
set -e
root=$1
for device in null zero full random urandom; do
    [ -e "$root/dev/$device" ] || : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
hostname recorded.invalid 2>/dev/null || true
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin FAKEROOTDONTTRYCHOWN=1 \
    chroot "$root" /usr/bin/fakeroot-sysv /bin/sh "$2"
"#;

/// Whether this host lets its users make such namespaces.
///
/// # Errors
/// [`NamespaceError::Forbidden`] with what allows it, [`NamespaceError::Program`].
pub fn available() -> Result<(), NamespaceError> {
    let output = Command::new("unshare").args(UNSHARE).arg("true").stdin(Stdio::null()).output();
    let output = output.map_err(NamespaceError::Program)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("unshare: ").to_owned();
    Err(NamespaceError::Forbidden { said, settings: settings() })
}

/// What allows user namespaces until the next boot, where a setting forbids them.
fn settings() -> Vec<&'static str> {
    const KNOWN: [(&str, &str, &str); 3] = [
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
    ];
    let forbids = |name: &str, value: &str| {
        let text = std::fs::read_to_string(Path::new("/proc/sys").join(name));
        text.is_ok_and(|text| text.trim() == value)
    };
    let found = KNOWN.iter().filter(|(name, value, _)| forbids(name, value));
    found.map(|(_, _, command)| *command).collect()
}

/// Runs a shell script of the tree at `root`.
pub(super) fn run(root: &Path, script: &str, limit: Duration) -> Result<Ran, NamespaceError> {
    for folder in ["dev", "proc"] {
        let path = root.join(folder);
        std::fs::create_dir_all(&path).map_err(|source| NamespaceError::File { path, source })?;
    }
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", ENTER, "sh"]).arg(root).arg(script);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    wait(command.spawn().map_err(NamespaceError::Program)?, limit)
}

fn wait(mut child: Child, limit: Duration) -> Result<Ran, NamespaceError> {
    let kept = Arc::new(Mutex::new(VecDeque::new()));
    let reader = child.stdout.take().map(|mut stdout| {
        let kept = Arc::clone(&kept);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&bytes[..count]);
                let excess = kept.len().saturating_sub(OUTPUT_MAX);
                kept.drain(..excess);
            }
        })
    });
    let text = || {
        let kept: Vec<u8> = kept.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        String::from_utf8_lossy(&kept).into_owned()
    };
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(NamespaceError::Program)? {
            // All processes inside are gone with the first one, and so is the other end of the pipe.
            drop(reader.map(std::thread::JoinHandle::join));
            return Ok(Ran { code: status.code(), output: text() });
        }
        if start.elapsed() > limit {
            child.kill().and_then(|()| child.wait().map(drop)).map_err(NamespaceError::Program)?;
            return Err(NamespaceError::Slow { limit, output: text() });
        }
        std::thread::sleep(LOOK);
    }
}
