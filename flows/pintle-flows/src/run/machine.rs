use super::direct::Direct;
use super::until::Forward;
use pintle_model::{Arch, Size};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How the guest's firmware starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Firmware {
    /// OVMF.
    #[default]
    Uefi,
    /// SeaBIOS.
    Bios,
}

/// What the disk hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DiskBus {
    /// virtio-blk: `/dev/vda`, as on most clouds.
    #[default]
    Virtio,
    /// virtio-scsi: `/dev/sda`.
    Scsi,
    /// AHCI: `/dev/sda`.
    Sata,
    /// NVMe: `/dev/nvme0n1`.
    Nvme,
}

/// Whether what the guest writes is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Writes {
    /// Into a scratch file that goes with the machine: the image stays as built.
    #[default]
    Discarded,
    /// Into the image.
    Kept,
}

/// Where the serial line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Console {
    /// Watched for the timeline, shown only when something goes wrong.
    #[default]
    Watched,
    /// Watched and shown.
    Shown,
    /// Handed to the terminal, both ways; nothing is watched.
    Terminal,
}

/// Firmware of a UEFI machine.
#[derive(Clone, Debug)]
pub struct Uefi {
    /// Its code, which is only read.
    pub code: PathBuf,
    /// Its variables.
    pub variables: PathBuf,
    /// Only firmware itself can write the variables, as Secure Boot needs it.
    pub guarded: bool,
}

/// A virtual machine, complete: nothing about it is left to decide.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Architecture.
    pub arch: Arch,
    /// True: KVM; false: QEMU's own translation.
    pub kvm: bool,
    /// Disk image.
    pub image: PathBuf,
    /// `raw` or `qcow2`.
    pub image_format: &'static str,
    /// Bus of the disk.
    pub bus: DiskBus,
    /// Further disks (virtio-blk, `/dev/vdb` and so on) and their formats; what the guest writes to them is lost.
    pub drives: Vec<(PathBuf, &'static str)>,
    /// Writes.
    pub writes: Writes,
    /// UEFI; none: BIOS.
    pub uefi: Option<Uefi>,
    /// Socket of a TPM.
    pub tpm: Option<PathBuf>,
    /// False: where the guest restarts, it ends.
    pub restarts: bool,
    /// A kernel to be started by itself.
    pub direct: Option<Direct>,
    /// Memory.
    pub memory: Size,
    /// Processors.
    pub cpus: u8,
    /// Port forwardings.
    pub forwards: Vec<Forward>,
    /// SSH public key that root of the guest shall accept, handed over as a systemd credential.
    pub root_key: Option<String>,
    /// Serial line.
    pub console: Console,
}

/// QEMU reads `,` in option values as a separator unless doubled.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

impl Machine {
    /// QEMU's arguments.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut args: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| args.extend(words.iter().map(|word| (*word).to_owned()));
        let machine = match (self.arch, &self.uefi) {
            (Arch::Amd64, Some(Uefi { guarded: true, .. })) => "q35,smm=on",
            (Arch::Amd64, _) => "q35",
            (Arch::Arm64, _) => "virt",
        };
        add(&["-machine", machine, "-accel", if self.kvm { "kvm" } else { "tcg" }, "-cpu", "max"]);
        add(&["-smp", &self.cpus.to_string(), "-m", &format!("{}M", self.memory.bytes() >> 20)]);
        add(&["-nodefaults", "-display", "none"]);
        if !self.restarts {
            add(&["-no-reboot"]);
        }
        let serial = if self.console == Console::Terminal { "mon:stdio" } else { "stdio" };
        add(&["-serial", serial, "-device", "virtio-rng-pci"]);
        if let Some(socket) = &self.tpm {
            add(&["-chardev", &format!("socket,id=tpm,path={}", escape(socket))]);
            add(&["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"]);
        }
        if let Some(Uefi { code, variables, guarded }) = &self.uefi {
            if *guarded {
                add(&["-global", "driver=cfi.pflash01,property=secure,value=on"]);
            }
            add(&["-drive", &format!("if=pflash,format=raw,readonly=on,file={}", escape(code))]);
            add(&["-drive", &format!("if=pflash,format=raw,file={}", escape(variables))]);
        } else {
            // SeaBIOS then says its name on the serial line, which starts the timeline.
            add(&["-fw_cfg", "name=etc/sercon-port,string=0"]);
        }
        if let Some(Direct { kernel, initrd, cmdline, .. }) = &self.direct {
            add(&["-kernel", &kernel.to_string_lossy(), "-append", cmdline]);
            if let Some(initrd) = initrd {
                add(&["-initrd", &escape(initrd)]);
            }
        }
        let snapshot = if self.writes == Writes::Discarded { "on" } else { "off" };
        let file = escape(&self.image);
        let format = self.image_format;
        add(&["-drive", &format!("if=none,id=disk,format={format},snapshot={snapshot},file={file}")]);
        match self.bus {
            DiskBus::Virtio => add(&["-device", "virtio-blk-pci,drive=disk,bootindex=1"]),
            DiskBus::Scsi => {
                add(&["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk,bootindex=1"]);
            }
            DiskBus::Sata => {
                add(&["-device", "ahci,id=ahci", "-device", "ide-hd,bus=ahci.0,drive=disk,bootindex=1"]);
            }
            DiskBus::Nvme => add(&["-device", "nvme,drive=disk,serial=pintle,bootindex=1"]),
        }
        for (number, (path, format)) in self.drives.iter().enumerate() {
            let file = escape(path);
            add(&["-drive", &format!("if=none,id=drive{number},format={format},snapshot=on,file={file}")]);
            add(&["-device", &format!("virtio-blk-pci,drive=drive{number}")]);
        }
        let mut network = "user,id=net".to_owned();
        for forward in &self.forwards {
            network += &format!(",hostfwd=tcp:127.0.0.1:{}-:{}", forward.host, forward.guest);
        }
        add(&["-netdev", &network, "-device", "virtio-net-pci,netdev=net,romfile="]);
        if let Some(key) = &self.root_key {
            // systemd.exec(5), SYSTEM CREDENTIALS: SMBIOS type 11 strings reach PID 1.
            let value = base64(login_files(key).as_bytes());
            add(&["-smbios", &format!("type=11,value=io.systemd.credential.binary:tmpfiles.extra={value}")]);
        }
        args.into_iter().map(OsString::from).collect()
    }
}

/// tmpfiles.d(5) lines that let `key` in as root. The key is in memory only, behind the second of sshd's default files:
/// the first may be the image's own, and systemd's own credential for keys leaves an existing file alone.
fn login_files(key: &str) -> String {
    format!(
        "d /root/.ssh 0700 root root -\nd /run/pintle 0700 root root -\nf+ /run/pintle/run.pub 0600 root root - {key}\n\
         L+ /root/.ssh/authorized_keys2 - - - - /run/pintle/run.pub\n"
    )
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_as_expected() {
        let machine = Machine {
            arch: Arch::Amd64,
            kvm: false,
            image: "/out/a,b.raw".into(),
            image_format: "raw",
            bus: DiskBus::Nvme,
            drives: vec![("/data.img".into(), "raw")],
            writes: Writes::Discarded,
            uefi: None,
            tpm: Some("/run/tpm.sock".into()),
            restarts: false,
            direct: None,
            memory: Size::mib(256),
            cpus: 2,
            forwards: vec![Forward { host: 8080, guest: 80 }],
            root_key: Some("ssh-ed25519 A".into()),
            console: Console::Watched,
        };
        let words: Vec<_> = machine.arguments().into_iter().map(|w| w.into_string().unwrap()).collect();
        insta::assert_snapshot!(words.join(" "), @"-machine q35 -accel tcg -cpu max -smp 2 -m 256M -nodefaults -display none -no-reboot -serial stdio -device virtio-rng-pci -chardev socket,id=tpm,path=/run/tpm.sock -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-tis,tpmdev=tpm0 -fw_cfg name=etc/sercon-port,string=0 -drive if=none,id=disk,format=raw,snapshot=on,file=/out/a,,b.raw -device nvme,drive=disk,serial=pintle,bootindex=1 -drive if=none,id=drive0,format=raw,snapshot=on,file=/data.img -device virtio-blk-pci,drive=drive0 -netdev user,id=net,hostfwd=tcp:127.0.0.1:8080-:80 -device virtio-net-pci,netdev=net,romfile= -smbios type=11,value=io.systemd.credential.binary:tmpfiles.extra=ZCAvcm9vdC8uc3NoIDA3MDAgcm9vdCByb290IC0KZCAvcnVuL3BpbnRsZSAwNzAwIHJvb3Qgcm9vdCAtCmYrIC9ydW4vcGludGxlL3J1bi5wdWIgMDYwMCByb290IHJvb3QgLSBzc2gtZWQyNTUxOSBBCkwrIC9yb290Ly5zc2gvYXV0aG9yaXplZF9rZXlzMiAtIC0gLSAtIC9ydW4vcGludGxlL3J1bi5wdWIK");
    }
}
