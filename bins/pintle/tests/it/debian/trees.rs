//! The three trees: ours, what mmdebstrap makes, what the packages ship. The latter two are kept from one run to the
//! next, for as long as the lock names the same packages. They are made of the very files that the build took, from
//! the tests' cache, without the network.

use super::listing::{Listing, Names};
use crate::common::{cache, checkout, succeed, web};
use pintle_model::{Lock, LockedPackage, PackageRole};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// All of them.
pub(super) struct Trees {
    /// In the image.
    pub(super) ours: Listing,
    /// By mmdebstrap, all scripts run.
    pub(super) made: Listing,
    /// By dpkg-deb, no script run.
    pub(super) shipped: Listing,
    /// What modprobe would load for each module, in the order of [`load_all`], by the index of mmdebstrap's tree.
    pub(super) loads: String,
}

/// Makes them on first use.
pub(super) fn trees() -> &'static Trees {
    static TREES: OnceLock<Trees> = OnceLock::new();
    TREES.get_or_init(|| {
        let who = succeed(Command::new("id").arg("-u"));
        assert_eq!(who.trim(), "0", "only root can run the scripts of packages: run these tests as root");
        let ours = ours();
        let (made, shipped) = theirs();
        let names = Names::read(&ours.root);
        Trees {
            made: Listing::of_folder(&made, &Names::read(&made)),
            shipped: Listing::of_folder(&shipped, &names),
            loads: std::fs::read_to_string(made.with_file_name("loads")).unwrap(),
            ours,
        }
    })
}

/// The packages of the system, by name.
pub(super) fn packages() -> impl Iterator<Item = &'static LockedPackage> {
    static LOCK: OnceLock<Lock> = OnceLock::new();
    let lock = LOCK.get_or_init(|| {
        toml::from_str(&std::fs::read_to_string(web().folder.join("pintle.lock")).unwrap()).unwrap()
    });
    lock.packages.iter().filter(|package| package.role == PackageRole::System)
}

fn ours() -> Listing {
    let partitions = web().manifest["disk"]["partitions"].as_array().unwrap();
    let root = partitions.iter().find(|partition| partition["role"] == "root").unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tree");
    succeed(Command::new("rm").arg("-rf").arg(&folder));
    Listing::of_image(&web().image, root["start"].as_u64().unwrap(), &folder)
}

/// Folders of what mmdebstrap makes and of what packages ship.
fn theirs() -> (PathBuf, PathBuf) {
    let epoch = web().manifest["epoch"].to_string();
    let mut key = Sha256::new();
    key.update(&epoch);
    packages().for_each(|package| key.update(package.sha256.to_string()));
    let key: String = key.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
    let folder = all.join(key);
    let (made, shipped) = (folder.join("made"), folder.join("shipped"));
    if !folder.exists() {
        // Those of other packages, or of a run that was broken off.
        succeed(Command::new("rm").arg("-rf").arg(&all));
        let work = all.join("work");
        let archive = archive(&work.join("archive"));
        run_scripts(&archive, &epoch, &work.join("made"));
        unpack(&archive, &work.join("shipped"));
        succeed(Command::new("rm").arg("-rf").arg(&archive));
        std::fs::rename(&work, &folder).unwrap();
    }
    (made, shipped)
}

/// A local archive of the locked packages: `pool` and `Packages`.
fn archive(folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder.join("pool")).unwrap();
    for package in packages() {
        let digest = package.sha256.to_string();
        let blob = cache().join("blobs").join(&digest[..2]).join(&digest);
        let name = format!("{}_{}.deb", package.name, package.arch);
        std::os::unix::fs::symlink(blob, folder.join("pool").join(name)).unwrap();
    }
    let index = succeed(Command::new("dpkg-scanpackages").arg("pool").current_dir(folder));
    assert_eq!(index.lines().filter(|line| line.starts_with("Package: ")).count(), packages().count());
    std::fs::write(folder.join("Packages"), index).unwrap();
    folder.to_owned()
}

/// Every package installed as the archive's tools do it.
fn run_scripts(archive: &Path, epoch: &str, to: &Path) {
    let names: Vec<&str> = packages().map(|package| package.name.as_str()).collect();
    let mut command = Command::new("mmdebstrap");
    command.env("SOURCE_DATE_EPOCH", epoch).env("LC_ALL", "C.UTF-8");
    command.args(["--quiet", "--mode=root", "--variant=custom", "--skip=cleanup/reproducible"]);
    command.args(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=APT::Sandbox::User \"root\""]);
    command.arg(format!("--include={}", names.join(","))).arg("").arg(to);
    succeed(command.arg(format!("deb [trusted=yes] copy:{} ./", archive.display())));
    // By the index that belongs to compressed modules, while it does.
    std::fs::write(to.with_file_name("loads"), load_all(to)).unwrap();
    unpack_modules(to);
}

/// What modprobe would load for every module, with what each depends on, whether or not the files are compressed.
pub(super) fn load_all(root: &Path) -> String {
    let versions = root.join("usr/lib/modules");
    let version = std::fs::read_dir(&versions).unwrap().next().unwrap().unwrap().file_name();
    let dep = std::fs::read_to_string(versions.join(&version).join("modules.dep")).unwrap();
    let name = |line: &str| {
        let file = line.split(':').next()?.rsplit('/').next()?;
        Some(file.split('.').next()?.to_owned())
    };
    let mut modules: Vec<String> = dep.lines().filter_map(name).collect();
    modules.sort_unstable();
    assert!(modules.len() > 1000, "{} modules", modules.len());
    let mut command = Command::new("modprobe");
    command.args(["-C", "/nonexistent", "-a", "--show-depends", "-S"]).arg(version).arg("-d").arg(root);
    succeed(command.args(&modules)).replace(&root.display().to_string(), "").replace(".ko.xz", ".ko")
}

/// What is in the packages, on top of each other; base-files first, for its links that merge /usr.
fn unpack(archive: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let script = "for deb in pool/base-files_*.deb pool/*.deb; do dpkg-deb --fsys-tarfile \"$deb\" | \
                  tar -x -p --numeric-owner --keep-directory-symlink --no-overwrite-dir -C \"$0\" || exit 1; done";
    succeed(Command::new("sh").args(["-c", script]).arg(to).current_dir(archive));
    unpack_modules(to);
}

/// Kernel modules are kept uncompressed in an image.
fn unpack_modules(root: &Path) {
    succeed(
        Command::new("find")
            .arg(root.join("usr/lib/modules"))
            .args(["-name", "*.ko.xz", "-exec", "xz", "-d", "{}", "+"]),
    );
}

/// The list of differences.
pub(super) fn list() -> String {
    std::fs::read_to_string(checkout().join("bins/pintle/tests/it/differences.toml")).unwrap()
}
