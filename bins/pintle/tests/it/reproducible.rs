//! The same bytes, whoever builds, where and when; and nothing asked of the kernel that an ordinary user may not ask.

use crate::common::{cache, succeed, web};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the definition with its lock, in another place.
fn copy(to: &Path) -> PathBuf {
    succeed(Command::new("cp").arg("-r").arg(&web().folder).arg(to));
    succeed(Command::new("chmod").args(["-R", "a+rX"]).arg(to));
    to.to_owned()
}

fn digest(path: &Path) -> String {
    let said = succeed(Command::new("sha256sum").arg(path));
    said.split(' ').next().unwrap().to_owned()
}

#[test]
fn another_place_zone_umask_and_user_give_the_same_bytes() {
    let first = digest(&web().image);
    let folder = tempfile::Builder::new().prefix("elsewhere-").tempdir().unwrap();
    succeed(Command::new("chmod").arg("a+rx").arg(folder.path()));
    let definition = copy(&folder.path().join("other"));
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    succeed(Command::new("chmod").arg("a+rwx").arg(&out));
    // An ordinary user, without the packages at hand: they are unpacked once more, in another cache.
    let cache_copy = folder.path().join("cache");
    std::fs::create_dir(&cache_copy).unwrap();
    // Only what other tests do not take away meanwhile: `partial` holds their downloads in the making.
    for part in ["blobs", "indices", "vouched"] {
        succeed(Command::new("cp").arg("-r").arg(cache().join(part)).arg(&cache_copy));
    }
    succeed(Command::new("chmod").args(["-R", "a+rwX"]).arg(&cache_copy));
    let program = folder.path().join("pintle");
    // Not std::fs::copy: a test that forks meanwhile would keep the new program open for writing.
    succeed(Command::new("cp").arg(env!("CARGO_BIN_EXE_pintle")).arg(&program));
    succeed(Command::new("chmod").arg("a+rx").arg(&program));
    let script = format!(
        "umask 077; export TZ=Pacific/Chatham LC_ALL=C HOME=/nonexistent PINTLE_CACHE_DIR={}; exec {} build --locked --offline --output {} {}",
        cache_copy.display(),
        program.display(),
        out.display(),
        definition.display()
    );
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "sh", "-c", &script]);
    succeed(&mut command);
    assert_eq!(first, digest(&out.join("web.raw")));
}

#[test]
fn a_build_makes_no_privileged_call() {
    let folder = tempfile::tempdir().unwrap();
    let definition = copy(&folder.path().join("definition"));
    let trace = folder.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace).args(["-e", FORBIDDEN]).arg(env!("CARGO_BIN_EXE_pintle"));
    command.env("PINTLE_CACHE_DIR", cache()).args(["build", "--locked", "--output"]);
    succeed(command.arg(folder.path().join("out")).arg(&definition));
    let calls = std::fs::read_to_string(&trace).unwrap();
    // The one execve is strace starting the program.
    let seen: Vec<&str> = calls.lines().filter(|line| !line.contains("execve(")).collect();
    assert_eq!(seen, [""; 0], "calls that need privileges or start programs");
    assert_eq!(calls.matches("execve(").count(), 1, "{calls}");
    // The trace must be able to show them: the same filter sees a mount that is refused.
    let judged = folder.path().join("judged");
    let mut mount = Command::new("strace");
    mount.args(["-f", "-qq", "-o"]).arg(&judged).args(["-e", FORBIDDEN, "unshare", "--mount", "true"]);
    drop(mount.output());
    assert!(std::fs::read_to_string(&judged).unwrap().contains("unshare("), "strace sees such calls");
}

/// Mounts, namespaces, devices, roots, identities, modules, programs.
const FORBIDDEN: &str = "trace=mount,umount2,move_mount,fsopen,fsmount,open_tree,pivot_root,chroot,unshare,setns,mknod,mknodat,\
chown,fchown,lchown,fchownat,setuid,setgid,setreuid,setregid,setresuid,setresgid,capset,init_module,finit_module,\
bpf,ptrace,execve,execveat";
