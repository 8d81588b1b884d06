use crate::Outcome;
use crate::arguments::{self, Run};
use crate::environment::{interrupted, runtime_folder};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::run::{
    Accel, Console, DiskBus, Event, Firmware, Outcome as Ran, Request, RunError, Writes, draw, svg,
};
use pintle_model::Arch;
use pintle_world::qemu::QemuError;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

pub(crate) fn run(arguments: &Run, reporter: &Reporter) -> Outcome {
    let failed = |error: RunError| explain(error);
    let scratch = scratch_folder()?;
    let direct = super::closure::direct(arguments, scratch.path(), reporter)?;
    let image = match (&direct, &arguments.image) {
        (Some(direct), _) => direct.disk.clone(),
        (None, Some(image)) => image.clone(),
        (None, None) => newest_image(Path::new("out"))?,
    };
    if arguments.plot.is_some() && matches!(arguments.console, arguments::Console::Terminal) {
        let message = "a machine whose console is this terminal is not watched: there is nothing to plot";
        return Err(
            Failure::new(FailureKind::Usage, message).hint("pintle run --console show --plot FILE.svg")
        );
    }
    let signed = is_signed(&image);
    if arguments.secure_boot {
        check_signed(arguments, &image, signed, direct.is_some())?;
    }
    let request = Request {
        direct,
        // Firmware without keys takes those of the image at the first start, and starts again.
        restarts: arguments.restarts || signed == Some(true),
        ..request(arguments, image, scratch.path().to_owned())
    };
    let mut tell = |event: Event| tell(&event, reporter);
    let ran = pintle_flows::run::run(&request, &mut tell, &interrupted()).map_err(failed)?;
    if let (Some(path), Some(boot)) = (&arguments.plot, &ran.boot) {
        pintle_world::atomic::write(path, svg(boot).as_bytes())
            .map_err(|error| Failure::new(FailureKind::Failed, error))?;
        reporter.say(&format!("wrote {}", path.display()));
    }
    report(&ran, reporter);
    let code = ran.exec_status.map_or(0, |status| u8::try_from(status).unwrap_or(1));
    Ok(ExitCode::from(code))
}

fn request(arguments: &Run, image: PathBuf, scratch: PathBuf) -> Request {
    let name =
        image.file_stem().map_or_else(|| "image".to_owned(), |name| name.to_string_lossy().into_owned());
    Request {
        name,
        image,
        direct: None,
        arch: Arch::Amd64,
        firmware: match arguments.firmware {
            arguments::Firmware::Uefi => Firmware::Uefi,
            arguments::Firmware::Bios => Firmware::Bios,
        },
        secure_boot: arguments.secure_boot,
        tpm: arguments.tpm,
        state: arguments.state.clone(),
        restarts: arguments.restarts,
        bus: match arguments.disk {
            arguments::Disk::Virtio => DiskBus::Virtio,
            arguments::Disk::Scsi => DiskBus::Scsi,
            arguments::Disk::Sata => DiskBus::Sata,
            arguments::Disk::Nvme => DiskBus::Nvme,
        },
        drives: arguments.drive.clone(),
        memory: arguments.memory,
        cpus: arguments.cpus,
        forwards: arguments.forward.clone(),
        until: arguments.until.clone(),
        exec: arguments.exec.clone(),
        plot: arguments.plot.is_some(),
        console: match arguments.console {
            arguments::Console::Hidden => Console::Watched,
            arguments::Console::Show => Console::Shown,
            arguments::Console::Terminal => Console::Terminal,
        },
        writes: if arguments.writable { Writes::Kept } else { Writes::Discarded },
        accel: match arguments.accel {
            arguments::Accel::Auto => Accel::Auto,
            arguments::Accel::Kvm => Accel::Kvm,
            arguments::Accel::Tcg => Accel::Tcg,
        },
        keep: arguments.keep,
        patience: Duration::from_secs(arguments.timeout),
        scratch,
        path: std::env::var_os("PATH").unwrap_or_default(),
    }
}

/// The image that was built last.
fn newest_image(folder: &Path) -> Result<PathBuf, Failure> {
    let images = pintle_world::files::newest(folder, &["raw", "qcow2"]);
    images.ok().flatten().ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("no image given, and none found in {}/", folder.display()))
            .hint("pintle build, or name an image: pintle run PATH")
    })
}

/// Refuses what would start without anything being checked, or not at all, as far as it is known.
fn check_signed(arguments: &Run, image: &Path, signed: Option<bool>, direct: bool) -> Result<(), Failure> {
    if direct || matches!(arguments.firmware, arguments::Firmware::Bios) {
        let message = "Secure Boot is of UEFI firmware, and this machine starts without it";
        return Err(Failure::new(FailureKind::Usage, message).hint("--firmware uefi, and an image"));
    }
    if signed != Some(false) {
        return Ok(());
    }
    let message = format!("{} is not signed: there is nothing that Secure Boot could check", image.display());
    Err(Failure::new(FailureKind::Refused, message)
        .hint("pintle keys new keys, and build it with them: pintle build --keys keys"))
}

/// Whether the image is signed, as its manifest has it; none where that says nothing.
fn is_signed(image: &Path) -> Option<bool> {
    let manifest = pintle_world::files::read(&image.with_extension("json")).ok()??;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).ok()?;
    let disk = manifest.get("disk").filter(|disk| !disk.is_null())?;
    Some(disk.get("signed_by").is_some())
}

fn scratch_folder() -> Result<tempfile::TempDir, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let runtime = runtime_folder();
    let failed = |error: std::io::Error| {
        Failure::new(FailureKind::Failed, format!("cannot use {}: {error}", runtime.display()))
    };
    std::fs::create_dir_all(&runtime).map_err(failed)?;
    // It holds private keys of throw-away machines.
    std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
    tempfile::Builder::new().prefix("vm-").tempdir_in(&runtime).map_err(failed)
}

fn tell(event: &Event, reporter: &Reporter) {
    match event {
        Event::Started { kvm, login, forwards } => {
            let how = if *kvm { "KVM" } else { "without KVM: several times slower than real hardware" };
            reporter.say(&format!("machine started ({how}); `pintle ssh` logs in (port {})", login.port));
            for forward in forwards.iter().filter(|forward| forward.guest != 22) {
                reporter
                    .say(&format!("  http://127.0.0.1:{}/ leads to port {}", forward.host, forward.guest));
            }
        }
        Event::Reached(moment) => reporter.say(&format!("{:>7.1} s  {}", moment.seconds, moment.what)),
        Event::Ready(_) => {}
    }
}

fn report(ran: &Ran, reporter: &Reporter) {
    let picture = draw(&ran.moments, 100);
    let text =
        if picture.is_empty() { String::new() } else { format!("\nwhere the boot time went:\n{picture}") };
    reporter.result(
        &text,
        &json!({
            "kvm": ran.kvm, "timeline": ran.moments, "boot": ran.boot, "exec_status": ran.exec_status,
        }),
    );
}

/// Adds what to do next.
fn explain(error: RunError) -> Failure {
    let hints: &[&str] = match &error {
        RunError::Qemu(QemuError::Missing { program }) if program == "swtpm" => &["apt install swtpm"],
        RunError::Qemu(QemuError::Missing { .. }) => &["apt install qemu-system-x86 qemu-utils ovmf"],
        RunError::Qemu(QemuError::TooOld { .. }) => {
            &["apt install -t bookworm-backports qemu-system-x86 qemu-utils ovmf"]
        }
        RunError::NoOvmf(_) => &["apt install ovmf", "or start it by BIOS: pintle run --firmware bios"],
        RunError::NotReady { .. } | RunError::Stopped { .. } => &["watch it: pintle run --console show"],
        RunError::Format(_) => &["gzip and zstd images: `gunzip -k` or `unzstd -k` first"],
        RunError::Ssh(_) => &["apt install openssh-client"],
        _ => &[],
    };
    let kind = if matches!(error, RunError::Format(_)) { FailureKind::Usage } else { FailureKind::Failed };
    hints.iter().fold(Failure::new(kind, error), |failure, hint| failure.hint(*hint))
}
