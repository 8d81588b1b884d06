//! What a chore needs of the machine: Debian packages, installed when missing.

use crate::{Outcome, say};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// To boot images. From backports: Debian 12's own QEMU 7.2 crashes one in ten boots of kernel 6.12.
pub(crate) const QEMU: [&str; 4] = ["qemu-system-x86", "qemu-utils", "ovmf", "seabios"];

/// To judge what we write.
pub(crate) const JUDGES: [&str; 56] = [
    "apt",
    "attr",
    "binutils",
    "chromium-headless-shell",
    "cpio",
    "cryptsetup-bin",
    "curl",
    "debconf",
    "debian-archive-keyring",
    "dosfstools",
    "dpkg",
    "dpkg-dev",
    "e2fsprogs",
    "erofs-utils",
    "fdisk",
    "file",
    "fonts-dejavu-core",
    "gdisk",
    "git",
    "gnupg",
    "gpgv",
    "grub-common",
    "grub-pc-bin",
    "gzip",
    "kmod",
    "libarchive-tools",
    "libcap2-bin",
    "libpam-runtime",
    "libtss2-esys-3.0.2-0",
    "libtss2-mu0",
    "libtss2-rc0",
    "libtss2-tcti-swtpm0",
    "mmdebstrap",
    "mtools",
    "openssh-client",
    "openssh-server",
    "openssl",
    "osslsigncode",
    "parted",
    "passwd",
    "procps",
    "python3",
    "python3-pefile",
    "python3-venv",
    "sbsigntool",
    "skopeo",
    "strace",
    "swtpm",
    "systemd",
    "systemd-boot-efi",
    "tar",
    "udev",
    "umoci",
    "util-linux",
    "xz-utils",
    "zstd",
];

/// Builds the agent as it goes into images, and gives its file.
pub(crate) fn agent(root: &Path) -> Result<PathBuf, String> {
    call(&["cargo", "build", "--profile", "agent", "--package", "pintle-agent"], root)?;
    Ok(root.join(target()).join("agent/pintle-agent"))
}

/// Cargo's folder of everything that is built, seen from the root of the checkout.
pub(crate) fn target() -> String {
    std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned())
}

/// Runs a command; its output is the user's to see.
pub(crate) fn call(words: &[&str], folder: &Path) -> Outcome {
    say(&format!("$ {}", words.join(" ")));
    let status = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .status()
        .map_err(|error| format!("cannot run {}: {error}", words[0]))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", words.join(" "))) }
}

/// What a command prints; empty when it fails.
pub(crate) fn output(words: &[&str]) -> String {
    Command::new(words[0])
        .args(&words[1..])
        .stderr(Stdio::null())
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

fn installed(package: &str) -> bool {
    output(&["dpkg-query", "-W", "-f", "${db:Status-Status}", package]).trim() == "installed"
}

/// True when QEMU is there and new enough (8.2).
fn qemu_is_good() -> bool {
    let text = output(&["qemu-system-x86_64", "--version"]);
    let Some(version) = text.strip_prefix("QEMU emulator version ") else { return false };
    let mut parts = version.split(['.', ' ']).map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    found >= (8, 2) && Path::new("/usr/share/OVMF/OVMF_CODE_4M.fd").exists()
}

/// Installs QEMU, from the release's backports where the release's own is too old.
pub(crate) fn need_qemu() -> Outcome {
    if qemu_is_good() {
        return Ok(());
    }
    let codename = os_release("VERSION_CODENAME");
    if codename != "bookworm" {
        return need(&QEMU);
    }
    add_backports(&codename)?;
    let target = format!("{codename}-backports");
    let mut words = vec!["apt-get", "install", "-y", "-q", "--no-install-recommends", "-t", &target];
    words.extend(QEMU);
    as_root(&words)
}

/// Installs those of `packages` that are missing.
pub(crate) fn need(packages: &[&str]) -> Outcome {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    as_root(&["apt-get", "update", "-q"])?;
    let mut words = vec!["apt-get", "install", "-y", "-q", "--no-install-recommends"];
    words.extend(missing);
    as_root(&words)
}

fn os_release(key: &str) -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

/// Adds the backports suite of the mirror that the machine already uses.
fn add_backports(codename: &str) -> Outcome {
    let target = Path::new("/etc/apt/sources.list.d/pintle-backports.sources");
    if target.exists() || output(&["apt-cache", "policy"]).contains(&format!("{codename}-backports")) {
        return as_root(&["apt-get", "update", "-q"]);
    }
    let uri = mirror(codename).ok_or("no Debian mirror found in this machine's apt sources")?;
    let text = format!(
        "Types: deb\nURIs: {uri}\nSuites: {codename}-backports\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
    let scratch = std::env::temp_dir().join("pintle-backports.sources");
    std::fs::write(&scratch, text).map_err(|error| format!("{}: {error}", scratch.display()))?;
    let (from, to) = (scratch.to_string_lossy(), target.to_string_lossy());
    as_root(&["install", "-m", "644", &from, &to])?;
    as_root(&["apt-get", "update", "-q"])
}

/// The first URI of the machine's apt sources that serves the release itself.
fn mirror(codename: &str) -> Option<String> {
    let listing = output(&["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(REPO_URI)"]);
    let mut lines = listing.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.find(|words| words.len() == 3 && words[1] == codename).map(|words| words[2].to_owned())
}

/// Runs a command as root: directly, or through sudo.
fn as_root(words: &[&str]) -> Outcome {
    let mut all = vec!["env", "DEBIAN_FRONTEND=noninteractive"];
    if output(&["id", "-u"]).trim() != "0" {
        if output(&["sh", "-c", "command -v sudo"]).is_empty() {
            return Err(format!("this needs root once; please run:\n  {}", words.join(" ")));
        }
        all.insert(0, "sudo");
    }
    all.extend(words);
    call(&all, Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::{JUDGES, QEMU};

    /// Debian Policy 5.6.1. A name that a line break got into once cost a whole run.
    #[test]
    fn every_need_is_the_name_of_a_package() {
        for name in QEMU.iter().chain(&JUDGES) {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
            assert!(name.len() > 1 && name.chars().all(good) && !name.ends_with('-'), "{name:?}");
        }
    }
}
