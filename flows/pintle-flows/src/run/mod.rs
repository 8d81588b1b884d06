//! Boot an image in QEMU and watch it until it is ready.

mod direct;
mod machine;
mod plot;
mod session;
mod timeline;
mod until;

pub use direct::{Direct, DirectError, DirectRequest, direct};
pub use machine::{Console, DiskBus, Firmware, Machine, Uefi, Writes};
pub use pintle_report::plot::{Boot, svg};
pub use plot::PlotError;
pub use session::{Session, SessionError, choose, running};
pub use timeline::{Moment, draw};
pub use until::{BadForward, BadUntil, Forward, Until};

use pintle_model::{Arch, Size};
use pintle_world::qemu::{Emulator, QemuError, Tpm, Vm, first_file};
use pintle_world::ssh::{Login, SshError};
use pintle_world::{probe, ssh};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use timeline::Timeline;

/// Which virtualisation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Accel {
    /// KVM if it is usable, else translation.
    #[default]
    Auto,
    /// KVM.
    Kvm,
    /// QEMU's own translation.
    Tcg,
}

/// What to run and what to wait for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name for `pintle ssh`.
    pub name: String,
    /// Disk image.
    pub image: PathBuf,
    /// A kernel to be started without firmware's help and without a boot loader; the image is its root.
    pub direct: Option<Direct>,
    /// Architecture.
    pub arch: Arch,
    /// Firmware.
    pub firmware: Firmware,
    /// UEFI that checks what it starts.
    pub secure_boot: bool,
    /// Give it a TPM.
    pub tpm: bool,
    /// Folder that keeps firmware's variables and the TPM's state from one run to the next; none: both go with the
    /// machine.
    pub state: Option<PathBuf>,
    /// The guest may restart; else it ends where it would.
    pub restarts: bool,
    /// Bus of the disk.
    pub bus: DiskBus,
    /// Further disks.
    pub drives: Vec<PathBuf>,
    /// Memory.
    pub memory: Size,
    /// Processors.
    pub cpus: u8,
    /// Port forwardings asked for.
    pub forwards: Vec<Forward>,
    /// Conditions that together mean "ready".
    pub until: Vec<Until>,
    /// Run in the guest over SSH once it is ready; its exit status becomes the outcome's.
    pub exec: Option<Vec<String>>,
    /// Ask the guest how its boot went.
    pub plot: bool,
    /// Serial line.
    pub console: Console,
    /// Writes to the image.
    pub writes: Writes,
    /// Acceleration.
    pub accel: Accel,
    /// Keep running after readiness.
    pub keep: bool,
    /// Give up after this long without readiness.
    pub patience: Duration,
    /// A fresh folder of the caller's for keys and scratch files; removed by the caller.
    pub scratch: PathBuf,
    /// `$PATH`.
    pub path: OsString,
}

/// What happens while a machine runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// The machine was started.
    Started {
        /// True: KVM.
        kvm: bool,
        /// The login that leads in.
        login: Login,
        /// All port forwardings.
        forwards: Vec<Forward>,
    },
    /// A stage of the boot was reached.
    Reached(Moment),
    /// Every condition holds.
    Ready(Duration),
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// True: KVM; false: translation, several times slower than real hardware.
    pub kvm: bool,
    /// The boot, in order of time.
    pub moments: Vec<Moment>,
    /// How the boot went, from inside.
    pub boot: Option<Boot>,
    /// Exit status of the command run inside.
    pub exec_status: Option<i32>,
}

/// Why it did not go.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The emulator.
    #[error("cannot run the image")]
    Qemu(#[from] QemuError),
    /// OVMF is not installed.
    #[error("no UEFI firmware (OVMF) found in {0}")]
    NoOvmf(String),
    /// The image's format cannot be booted as it is.
    #[error("{0}: only raw and qcow2 images can be run (unpack it first)")]
    Format(PathBuf),
    /// The image is not there.
    #[error("{path}")]
    Image {
        /// The image.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A scratch file.
    #[error("{path}")]
    Scratch {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SSH.
    #[error("cannot reach into the machine")]
    Ssh(#[from] SshError),
    /// The note for `pintle ssh`.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Not ready in time.
    #[error("not ready after {seconds} s: waiting for {missing}; the console ends with:\n{console}")]
    NotReady {
        /// How long it was waited.
        seconds: u64,
        /// What did not come.
        missing: String,
        /// Last lines of the serial console.
        console: String,
    },
    /// The guest stopped before it was ready.
    #[error("the machine stopped before it was ready; the console ends with:\n{console}")]
    Stopped {
        /// Last lines of the serial console.
        console: String,
        /// What QEMU said.
        #[source]
        source: QemuError,
    },
    /// How the boot went.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Where distributions put OVMF: code and a template of the variables, 4 MiB builds first.
const OVMF: [(&str, &str); 4] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];

/// The same with builds that guard their variables (System Management Mode), as Secure Boot needs it.
const OVMF_SECURE: [(&str, &str); 4] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];

/// Boots `request.image` and returns once it is ready (or, with nothing to wait for, once it stops).
///
/// # Errors
/// [`RunError`]; the machine is ended in every case.
pub fn run(
    request: &Request,
    tell: &mut dyn FnMut(Event),
    interrupted: &AtomicBool,
) -> Result<Outcome, RunError> {
    let emulator = Emulator::find(request.arch.qemu(), &request.path)?;
    let key = request.scratch.join("key");
    let public = ssh::make_key(&key)?;
    let state = request.state.as_deref().unwrap_or(&request.scratch);
    // It lives as long as this function runs: longer than the machine.
    let tpm = match request.tpm {
        true => Some(Tpm::start(&state.join("tpm"), &request.scratch, &request.path)?),
        false => None,
    };
    let mut machine = prepare(request, &emulator, public)?;
    machine.tpm = tpm.as_ref().map(|tpm| tpm.socket().to_owned());
    if machine.console == Console::Terminal {
        emulator.run_in_terminal(&machine.arguments())?;
        return Ok(Outcome { kvm: machine.kvm, moments: Vec::new(), boot: None, exec_status: None });
    }
    let mut vm = Vm::start(&emulator, &machine.arguments(), machine.console == Console::Shown)?;
    let ssh_port = host_port(&machine.forwards, 22);
    let session = Session { name: request.name.clone(), pid: vm.pid(), ssh_port, key };
    session.write(&request.scratch)?;
    let login = session.login("root");
    let forwards = machine.forwards.clone();
    tell(Event::Started { kvm: machine.kvm, login: login.clone(), forwards });
    let mut timeline = Timeline::default();
    watch(request, &machine, &mut vm, &mut timeline, tell, interrupted)?;
    let boot = match request.plot {
        true => Some(plot::boot(request, machine.kvm, &login, timeline.moments())?),
        false => None,
    };
    let mut exec_status = None;
    if let Some(command) = &request.exec {
        exec_status = Some(login.run(command)?.code().unwrap_or(255));
    }
    if request.keep || (request.until.is_empty() && request.exec.is_none() && !request.plot) {
        linger(&mut vm, &mut timeline, tell, interrupted);
    }
    Ok(Outcome { kvm: machine.kvm, moments: timeline.into_moments(), boot, exec_status })
}

/// Turns the request into a complete machine.
fn prepare(request: &Request, emulator: &Emulator, public: String) -> Result<Machine, RunError> {
    let (image, image_format) = disk(&request.image)?;
    let drives = request.drives.iter().map(|path| disk(path)).collect::<Result<Vec<_>, _>>()?;
    let uefi = match request.firmware {
        // A kernel by itself needs none, and SeaBIOS is the faster one to hand over.
        _ if request.direct.is_some() => None,
        Firmware::Bios => None,
        Firmware::Uefi => Some(ovmf(request)?),
    };
    let kvm = match request.accel {
        Accel::Kvm => true,
        Accel::Tcg => false,
        Accel::Auto => emulator.kvm_is_usable(),
    };
    let mut forwards = request.forwards.clone();
    let wanted = request.until.iter().filter_map(|until| match until {
        Until::Http { port, .. } => Some(*port),
        _ => None,
    });
    for guest in wanted.chain([22]) {
        if !forwards.iter().any(|forward| forward.guest == guest) {
            let scratch = |source| RunError::Scratch { path: request.scratch.clone(), source };
            forwards.push(Forward { host: probe::free_port().map_err(scratch)?, guest });
        }
    }
    Ok(Machine {
        arch: request.arch,
        kvm,
        image,
        image_format,
        bus: request.bus,
        drives,
        writes: request.writes,
        uefi,
        tpm: None,
        // Keys are enrolled at the first start, and count from the second on.
        restarts: request.restarts || request.secure_boot,
        direct: request.direct.clone(),
        memory: request.memory,
        cpus: request.cpus,
        forwards,
        root_key: Some(public),
        console: request.console,
    })
}

/// A disk image by its absolute path, and its format.
fn disk(path: &Path) -> Result<(PathBuf, &'static str), RunError> {
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("raw" | "img") => "raw",
        Some("qcow2") => "qcow2",
        _ => return Err(RunError::Format(path.to_owned())),
    };
    let found = path.canonicalize().map_err(|source| RunError::Image { path: path.to_owned(), source })?;
    Ok((found, format))
}

/// OVMF's code, and its variables: those that are kept, or fresh ones, without a key of anybody.
fn ovmf(request: &Request) -> Result<Uefi, RunError> {
    let table = if request.secure_boot { OVMF_SECURE } else { OVMF };
    let places = table.map(|(code, _)| code);
    let code = first_file(&places).ok_or_else(|| RunError::NoOvmf(places.join(", ")))?;
    let (_, template) =
        table.iter().find(|(c, _)| Path::new(c) == code).expect("invariant: found in the table");
    let folder = request.state.as_deref().unwrap_or(&request.scratch);
    let variables = folder.join("efi-variables.fd");
    if !variables.exists() {
        let copied = std::fs::create_dir_all(folder).and_then(|()| std::fs::copy(template, &variables));
        copied.map_err(|source| RunError::Scratch { path: variables.clone(), source })?;
    }
    Ok(Uefi { code: code.to_owned(), variables, guarded: request.secure_boot })
}

fn host_port(forwards: &[Forward], guest: u16) -> u16 {
    let forward = forwards.iter().find(|forward| forward.guest == guest);
    forward.expect("invariant: prepare() forwards every port that is asked about").host
}

/// How long one look at the console takes before the network is asked again.
const TICK: Duration = Duration::from_millis(200);

/// Follows the console and asks the network until all conditions hold.
fn watch(
    request: &Request,
    machine: &Machine,
    vm: &mut Vm,
    timeline: &mut Timeline,
    tell: &mut dyn FnMut(Event),
    interrupted: &AtomicBool,
) -> Result<(), RunError> {
    let mut missing = request.until.clone();
    if (request.exec.is_some() || request.plot) && !missing.contains(&Until::Ssh) {
        missing.push(Until::Ssh);
    }
    let mut asked = Duration::ZERO;
    while !missing.is_empty() {
        if interrupted.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        see_console(vm, timeline, tell);
        if vm.elapsed() >= asked + TICK {
            asked = vm.elapsed();
            missing.retain(|until| {
                let holds = holds(until, machine, timeline, vm);
                if holds && *until != Until::Login {
                    timeline.add(vm.elapsed(), &until.to_string());
                    tell(Event::Reached(Moment {
                        seconds: vm.elapsed().as_secs_f64(),
                        what: until.to_string(),
                    }));
                }
                !holds
            });
        }
        vm.still_running().map_err(|source| RunError::Stopped { console: tail(vm), source })?;
        if !missing.is_empty() && vm.elapsed() > request.patience {
            let missing = missing.iter().map(Until::to_string).collect::<Vec<_>>().join(", ");
            let seconds = request.patience.as_secs();
            return Err(RunError::NotReady { seconds, missing, console: tail(vm) });
        }
    }
    tell(Event::Ready(vm.elapsed()));
    Ok(())
}

fn see_console(vm: &Vm, timeline: &mut Timeline, tell: &mut dyn FnMut(Event)) {
    let mut patience = TICK;
    while let Some(line) = vm.line(patience) {
        patience = Duration::ZERO;
        if let Some(stage) = timeline.see(line.at, &line.text) {
            tell(Event::Reached(Moment { seconds: line.at.as_secs_f64(), what: stage.to_owned() }));
        }
    }
}

fn holds(until: &Until, machine: &Machine, timeline: &Timeline, vm: &Vm) -> bool {
    // QEMU accepts the connection itself and passes it on: only an answer counts.
    let patience = Duration::from_secs(3);
    match until {
        Until::Login => timeline.has_login(),
        // Rarely asked, and a console has some kilobytes.
        Until::Console(text) => String::from_utf8_lossy(&vm.log()).contains(text.as_str()),
        Until::Ssh => {
            let port = host_port(&machine.forwards, 22);
            ssh::greets(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)
        }
        Until::Http { port, path } => {
            let url = format!("http://127.0.0.1:{}{path}", host_port(&machine.forwards, *port));
            probe::http_status(&url, patience).is_ok_and(|status| status < 400)
        }
    }
}

/// Stays until the guest stops or the user has enough.
fn linger(vm: &mut Vm, timeline: &mut Timeline, tell: &mut dyn FnMut(Event), interrupted: &AtomicBool) {
    while !interrupted.load(Ordering::Relaxed) && vm.exited().is_none() {
        see_console(vm, timeline, tell);
    }
}

/// The last lines of the serial console.
fn tail(vm: &Vm) -> String {
    let log = vm.log();
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(25)..].iter().map(|line| format!("  | {line}\n")).collect()
}
