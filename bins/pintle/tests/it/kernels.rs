//! Two kernels in one image: Debian's generic one, and one of the user's own with its modules. Each is started once,
//! by another firmware.

use crate::common::{Gate, cache, pintle, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

struct Built {
    image: PathBuf,
    manifest: serde_json::Value,
    /// Release of the user's own kernel.
    own: String,
}

/// Debian's cloud kernel taken out of its package stands for a kernel of the user's own.
fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kernels-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let (cloud, both, out) = (folder.join("cloud"), folder.join("both"), folder.join("out"));
        std::fs::create_dir_all(&cloud).unwrap();
        std::fs::create_dir_all(&both).unwrap();
        std::fs::write(cloud.join("system.toml"), "name = \"cloud\"\n").unwrap();
        succeed(pintle().arg("lock").arg(&cloud));
        let own = take_out(&cloud, &both);
        let text = format!(
            "name = \"two\"\npackages = [\"amd64-microcode\"]\n[source]\ncomponents = [\"main\", \"non-free-firmware\"]\n[ssh]\n[base.kernel]\npackage = \"linux-image-amd64\"\ndefault = \"*deb13-amd64\"\n\
             [base.kernel.own.\"{own}\"]\nimage = \"bzImage\"\nmodules = \"own-modules\"\n"
        );
        std::fs::write(both.join("system.toml"), text).unwrap();
        succeed(pintle().args(["build", "--output"]).arg(&out).arg(&both));
        let manifest = serde_json::from_slice(&std::fs::read(out.join("two.json")).unwrap()).unwrap();
        Built { image: out.join("two.raw"), manifest, own }
    })
}

/// Puts the kernel that `definition` locked into `folder`, as `make modules_install` would; returns its release.
fn take_out(definition: &Path, folder: &Path) -> String {
    let lock: toml::Table = std::fs::read_to_string(definition.join("pintle.lock")).unwrap().parse().unwrap();
    let field = |package: &toml::Value, name: &str| package[name].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap();
    let kernel = packages.iter().find(|package| field(package, "name").starts_with("linux-image-6")).unwrap();
    let release = field(kernel, "name").strip_prefix("linux-image-").unwrap().to_owned();
    let digest = field(kernel, "sha256");
    let blob = cache().join("blobs").join(&digest[..2]).join(&digest);
    let unpacked = folder.join("unpacked");
    succeed(Command::new("dpkg-deb").arg("-x").arg(&blob).arg(&unpacked));
    std::fs::rename(unpacked.join(format!("boot/vmlinuz-{release}")), folder.join("bzImage")).unwrap();
    let modules = folder.join("own-modules");
    std::fs::rename(unpacked.join(format!("usr/lib/modules/{release}")), &modules).unwrap();
    succeed(Command::new("find").arg(&modules).args(["-name", "*.ko.xz", "-exec", "xz", "-d", "{}", "+"]));
    std::os::unix::fs::symlink("/home/me/linux", modules.join("build")).unwrap();
    release
}

/// Boots, and returns what `script` says inside.
fn boot(options: &[&str], image: &Path, script: &str) -> String {
    let _turn = Gate::enter();
    let mut command = pintle();
    command.args(["run", "--quiet", "--cpus", "1", "--timeout", "900", "--until", "ssh"]).args(options);
    succeed(command.arg(image).args(["--exec", "sh", "-c"]).arg(format!("'{script}'")))
}

const WHICH: &str = "systemctl is-system-running --wait; uname -r; modprobe dummy && lsmod | grep -c dummy";

/// The kernel reads its first archive alone for it, and only where that is not compressed.
#[test]
fn microcode_comes_before_the_initrd() {
    let (built, folder) = (built(), tempfile::tempdir().unwrap());
    let partitions = built.manifest["disk"]["partitions"].as_array().unwrap();
    let esp = partitions.iter().find(|partition| partition["role"] == "esp").unwrap();
    let from = format!("{}@@{}", built.image.display(), esp["start"]);
    let [uki, initrd] = ["uki", "initrd"].map(|name| folder.path().join(name));
    let path = format!("::{}", built.manifest["disk"]["kernels"][0]["uki"].as_str().unwrap());
    succeed(Command::new("mcopy").args(["-n", "-i", &from, &path]).arg(&uki));
    let mut objcopy = Command::new("objcopy");
    succeed(objcopy.args(["-O", "binary", "--only-section=.initrd"]).arg(&uki).arg(&initrd));
    let names = succeed(Command::new("cpio").args(["-t", "--quiet", "-F"]).arg(&initrd));
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names.last(), Some(&"kernel/x86/microcode/AuthenticAMD.bin"), "{names:?}");
}

#[test]
fn the_chosen_one_starts_by_bios() {
    let built = built();
    let kernels = built.manifest["disk"]["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 2);
    let generic = kernels[0]["release"].as_str().unwrap();
    assert!(generic.ends_with("+deb13-amd64"), "{generic}");
    assert_eq!(kernels[1]["release"].as_str().unwrap(), built.own);
    assert!(
        built.manifest["findings"].as_array().is_some_and(Vec::is_empty),
        "{}",
        built.manifest["findings"]
    );
    let said = boot(&["--firmware", "bios"], &built.image, WHICH);
    assert_eq!(said.lines().collect::<Vec<_>>(), ["running", generic, "1"]);
}

#[test]
fn the_other_starts_by_its_entry() {
    let built = built();
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("other.raw");
    succeed(Command::new("cp").arg("--sparse=always").arg(&built.image).arg(&image));
    let partitions = built.manifest["disk"]["partitions"].as_array().unwrap();
    let esp = partitions.iter().find(|partition| partition["role"] == "esp").unwrap();
    let entry = built.manifest["disk"]["kernels"][1]["uki"].as_str().unwrap();
    let conf = folder.path().join("loader.conf");
    let name = entry.rsplit('/').next().unwrap();
    std::fs::write(&conf, format!("default {name}\ntimeout 0\n")).unwrap();
    let inside = format!("{}@@{}", image.display(), esp["start"]);
    succeed(Command::new("mcopy").args(["-o", "-i", &inside]).arg(&conf).arg("::/loader/loader.conf"));
    let build = format!("{WHICH}; ls /lib/modules/*/build 2>/dev/null | wc -l");
    let said = boot(&[], &image, &build);
    assert_eq!(said.lines().collect::<Vec<_>>(), ["running", built.own.as_str(), "1", "0"]);
}
