use super::Emulator;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A boot sector that leaves QEMU through `isa-debug-exit`: mov al,0x10; mov dx,0xf4; out dx,al; hlt.
const LEAVE: [u8; 7] = [0xb0, 0x10, 0xba, 0xf4, 0x00, 0xee, 0xf4];
/// What QEMU exits with then: `(0x10 << 1) | 1`.
const LEFT: i32 = 33;
/// Longest wait for one probe.
const PATIENCE: Duration = Duration::from_secs(3);

impl Emulator {
    /// Whether KVM is worth using. A readable `/dev/kvm` says little: on clouds that emulate nested virtualisation it
    /// is there and slower than QEMU's own translation, or hangs a kernel. So both run the firmware and one boot
    /// sector (0.1 s on a sound machine), and KVM must not be far slower.
    #[must_use]
    pub fn kvm_is_usable(&self) -> bool {
        if std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
            return false;
        }
        let Some(kvm) = self.probe("kvm") else { return false };
        self.probe("tcg").is_none_or(|tcg| kvm < tcg * 4)
    }

    /// How long firmware and boot sector take with `accel`; `None` when they do not come to their end.
    fn probe(&self, accel: &str) -> Option<Duration> {
        let mut disk = tempfile::NamedTempFile::new().ok()?;
        let mut sector = [0u8; 512];
        sector[..LEAVE.len()].copy_from_slice(&LEAVE);
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        disk.write_all(&sector).ok()?;
        disk.as_file().set_len(1 << 20).ok()?;
        let start = Instant::now();
        let mut child = self.probe_command(accel, disk.path()).spawn().ok()?;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return (status.code() == Some(LEFT)).then(|| start.elapsed()),
                Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
                _ => {
                    // The answer is "no" either way; the child must not outlive the question.
                    drop(child.kill());
                    drop(child.wait());
                    return None;
                }
            }
        }
    }

    fn probe_command(&self, accel: &str, disk: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["-machine", "q35", "-accel", accel, "-m", "64", "-nodefaults", "-display", "none"])
            .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-drive"])
            .arg(format!("format=raw,snapshot=on,file={}", disk.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}
