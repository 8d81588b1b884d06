//! What the tests share: the program, a cache that survives between runs, one web server image, and a gate that lets
//! two virtual machines run at once.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Condvar, Mutex, OnceLock};

/// The program, with a cache of the tests' own.
pub(crate) fn pintle() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pintle"));
    command.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1");
    command
}

/// Downloads and unpacked packages, kept from one test run to the next.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// Root of the checkout.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Standard output of a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = finish(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command; the tools the tests judge with are installed by the test command.
pub(crate) fn finish(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!(
            "cannot run {:?}: {error}; `cargo xtask test` installs what the tests need",
            command.get_program()
        )
    })
}

/// The example web server, built once from the real archive.
pub(crate) struct Web {
    /// Folder with definition and lock.
    pub(crate) folder: PathBuf,
    /// `web.raw`.
    pub(crate) image: PathBuf,
    /// The same as qcow2.
    pub(crate) qcow2: PathBuf,
    /// `web.json`, read.
    pub(crate) manifest: serde_json::Value,
    /// Private key whose public half is baked in for root.
    pub(crate) key: PathBuf,
}

/// Builds it on first use.
pub(crate) fn web() -> &'static Web {
    static WEB: OnceLock<Web> = OnceLock::new();
    WEB.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("web-{}", std::process::id()));
        let (definition, out) = (folder.join("definition"), folder.join("out"));
        let key = folder.join("key");
        // A test that panicked in here leaves its beginnings to the next.
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&definition).unwrap();
        succeed(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        write_definition(&definition, public.trim());
        succeed(
            pintle()
                .args(["build", "--format", "raw", "--format", "qcow2", "--output"])
                .arg(&out)
                .arg(&definition),
        );
        let manifest = serde_json::from_slice(&std::fs::read(out.join("web.json")).unwrap()).unwrap();
        Web { folder: definition, image: out.join("web.raw"), qcow2: out.join("web.qcow2"), manifest, key }
    })
}

/// The example web server with a key for root, a service of our own, and files that test the file system.
pub(crate) fn write_definition(folder: &Path, key: &str) {
    let example = checkout().join("examples/web");
    std::fs::create_dir_all(folder.join("site")).unwrap();
    std::fs::copy(example.join("site/index.html"), folder.join("site/index.html")).unwrap();
    let text = std::fs::read_to_string(example.join("system.toml")).unwrap();
    assert!(text.contains("ssh-keys = []"), "the example has a place for a key");
    let text = text.replace("ssh-keys = []", &format!("ssh-keys = [{key:?}]"));
    let before = "packages = [\"attr\"]\n";
    let after =
        "\n[services.beacon]\ncommand = [\"/usr/bin/sleep\", \"infinity\"]\ndirectories = [\"state\"]\n";
    std::fs::write(folder.join("system.toml"), format!("{before}{text}{after}")).unwrap();
}

/// Lets two virtual machines run at once: each takes a core.
pub(crate) struct Gate;

static RUNNING: Mutex<u32> = Mutex::new(0);
static FREE: Condvar = Condvar::new();

impl Gate {
    /// Waits for its turn.
    pub(crate) fn enter() -> Self {
        let mut running = RUNNING.lock().unwrap();
        while *running >= 2 {
            running = FREE.wait(running).unwrap();
        }
        *running += 1;
        Self
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap() -= 1;
        FREE.notify_one();
    }
}

/// Boots the image of a web server by UEFI, keeping what it writes; gives what `script` says inside once a page answers.
pub(crate) fn boot_web(image: &Path, script: &str) -> String {
    let _turn = Gate::enter();
    let mut command = pintle();
    command.args(["run", "--quiet", "--firmware", "uefi", "--writable", "--cpus", "1", "--timeout", "600"]);
    command.arg(image).args(["--until", "http://:80/", "--exec", "sh", "-c"]);
    succeed(command.arg(format!("'{script}'")))
}

/// Where a partition begins, in sectors of 512 bytes, as `sgdisk` has it.
pub(crate) fn first_sector(disk: &Path, number: u32) -> u64 {
    let info = succeed(Command::new("sgdisk").arg(format!("--info={number}")).arg(disk));
    let sector = info.lines().find_map(|line| line.strip_prefix("First sector: ")).unwrap();
    sector.split(' ').next().unwrap().parse().unwrap()
}
