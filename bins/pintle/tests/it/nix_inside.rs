//! A system with Nix among its programs: what the image says of its store, Nix believes when it runs inside.

use crate::common::{Gate, cache, succeed};
use pintle_testkit::nix::fixture;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// The image, built once.
fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nix-inside-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        let mut build = Command::new(env!("CARGO_BIN_EXE_pintle"));
        build.env("PINTLE_CACHE_DIR", cache()).args(["build", "--offline", "--no-report", "--sbom", "none"]);
        build.args(["--nix", &fixture().with_nix, "--nix-boot-files", "/usr", "--nix-store"]);
        succeed(build.arg(&fixture().root_more).arg("--output").arg(&folder));
        folder.join("toy.raw")
    })
}

/// A running machine, at whose console somebody sits.
struct Machine {
    run: Child,
    keys: ChildStdin,
    lines: std::io::Split<BufReader<ChildStdout>>,
    _turn: Gate,
}

impl Machine {
    fn start(image: &Path) -> Self {
        let turn = Gate::enter();
        let mut run = Command::new(env!("CARGO_BIN_EXE_pintle"));
        run.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1");
        run.args(["run", "--cpus", "1", "--memory", "512M", "--console", "terminal", "--firmware", "bios"]);
        run.arg(image).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = run.spawn().unwrap();
        let (keys, out) = (run.stdin.take().unwrap(), run.stdout.take().unwrap());
        let lines = BufReader::new(out).split(b'\n');
        let mut machine = Self { run, keys, lines, _turn: turn };
        // Its first service: then there is a shell too.
        machine.until("tick keep");
        machine
    }

    /// Everything up to the line that holds `what`.
    fn until(&mut self, what: &str) -> String {
        let mut all = String::new();
        loop {
            let line =
                self.lines.next().unwrap_or_else(|| panic!("the console ended before `{what}`:\n{all}"));
            let line = String::from_utf8_lossy(&line.unwrap()).trim().to_owned();
            all += &line;
            all.push('\n');
            if line.contains(what) {
                return all;
            }
        }
    }

    /// What a command says, and its exit status.
    fn call(&mut self, command: &str) -> (String, String) {
        // The console shows what is typed too, broken into lines; nothing that is typed looks as what is waited for.
        let typed =
            format!("{command} > /tmp/said 2>&1; s=$?; echo begin-$((0)); cat /tmp/said; echo finished-$s\n");
        self.keys.write_all(typed.as_bytes()).unwrap();
        self.until("begin-0");
        let said = self.until("finished-");
        let (said, status) = said.rsplit_once("finished-").unwrap();
        let said = said.lines().filter(|line| !line.contains("tick keep"));
        (said.fold(String::new(), |all, line| all + line + "\n"), status.trim().to_owned())
    }

    fn power_off(mut self) {
        self.keys.write_all(b"poweroff\n").unwrap();
        self.until("Power down");
        self.run.wait().unwrap();
    }
}

const NIX_STORE: &str = "/run/current-system/sw/bin/nix-store";

#[test]
fn nix_finds_its_store_clean_inside_of_the_machine() {
    let mut machine = Machine::start(image());
    let (said, status) = machine.call(&format!("{NIX_STORE} --verify --check-contents"));
    assert_eq!(status, "0", "{said}");
    for bad in ["modified", "disappeared", "is not valid", "error"] {
        assert!(!said.contains(bad), "{said}");
    }
    assert!(said.contains("checking store hashes"), "{said}");
    // It knows all of them, so there was something to check.
    let (known, status) = machine.call(&format!("{NIX_STORE} --query --requisites {}", fixture().with_nix));
    assert_eq!(status, "0", "{known}");
    let (there, _) = machine.call("ls -d /nix/store/*");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text
            .split_whitespace()
            .filter(|word| word.starts_with("/nix/store/"))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&known), sorted(&there));
    assert!(sorted(&known).len() > 8, "{known}");
    machine.power_off();
}

/// One bit of one file in the image: Nix sees it, so the test above can fail.
#[test]
fn nix_sees_a_flipped_byte_inside_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("toy.raw");
    succeed(Command::new("cp").arg("--sparse=always").arg(image()).arg(&copy));
    let text = b"fixture with Nix\n";
    let bytes = fs::read(&copy).unwrap();
    let at: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| window == text)
        .map(|(at, _)| at)
        .collect();
    // The message of the day, the one file that holds it.
    let [at] = at[..] else { panic!("it is there {} times", at.len()) };
    fs::File::options().write(true).open(&copy).unwrap().write_all_at(b"F", at as u64).unwrap();
    let mut machine = Machine::start(&copy);
    let (said, status) = machine.call(&format!("{NIX_STORE} --verify --check-contents"));
    assert_eq!(status, "1", "{said}");
    assert!(said.contains("-etc") && said.contains("was modified"), "{said}");
    machine.power_off();
}
