use crate::world::{World, judge, verdict};
use std::fs;

const UNIX: &str = "Name: Unix authentication\nDefault: yes\nPriority: 256\nAuth-Type: Primary\nAuth:\n\
    \t[success=end default=ignore]\tpam_unix.so nullok try_first_pass\nAuth-Initial:\n\
    \t[success=end default=ignore]\tpam_unix.so nullok\nAccount-Type: Primary\nAccount:\n\
    \t[success=end new_authtok_reqd=done default=ignore]\tpam_unix.so\nSession-Type: Additional\nSession:\n\
    \trequired\tpam_unix.so\nPassword-Type: Primary\nPassword:\n\
    \t[success=end default=ignore]\tpam_unix.so obscure use_authtok try_first_pass yescrypt\nPassword-Initial:\n\
    \t[success=end default=ignore]\tpam_unix.so obscure yescrypt\n";
const DIRECTORY: &str = "Name: Directory\nDefault: yes\nPriority: 900\nAuth-Type: Primary\nAuth:\n\
    \t[success=end default=ignore]\tpam_dir.so use_first_pass\n\t[success=2 default=die]\tpam_dir2.so a  b\nAuth-Initial:\n\
    \t[success=end default=ignore]\tpam_dir.so\nSession-Type: Additional\nSession-Interactive-Only: yes\nSession:\n\
    \toptional\tpam_dir.so\n\toptional\tpam_dir2.so x\n";
const LATE: &str = "Name: Late\nDefault: yes\nPriority: 0\nAuth-Type: Additional\nAuth:\n\
    \t[success=end default=ignore]\tpam_late.so\n\toptional\tpam_cap.so\nSession-Type: Additional\nSession:\n\toptional\tpam_late.so\n";
const OFF: &str =
    "Name: Off\nDefault: no\nPriority: 0\nSession-Type: Additional\nSession:\n\toptional\tpam_mkhomedir.so\n";

/// pam-auth-update, with a debconf of its own, must make the same files of the same profiles.
fn same_as_pam_auth_update(profiles: &[(&str, &str)]) {
    let templates = |kind: &str| {
        fs::read_to_string(format!("/usr/share/pam/common-{kind}"))
            .expect("libpam-runtime is a judge: run `cargo xtask test`")
    };
    const KINDS: [&str; 5] = ["account", "auth", "password", "session", "session-noninteractive"];
    let mut world = World::new();
    let deb = world.package("libpam-runtime", "1").dir("usr/share/pam").dir("usr/share/pam-configs");
    let deb = KINDS
        .iter()
        .fold(deb, |deb, kind| deb.file(&format!("usr/share/pam/common-{kind}"), &templates(kind)));
    profiles.iter().fold(deb, |deb, (name, text)| deb.file(&format!("usr/share/pam-configs/{name}"), text));
    let done = world.assemble().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for path in ["etc/pam.d", "var/lib/pam", "usr/share/pam-configs"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    for (name, text) in profiles {
        fs::write(root.join("usr/share/pam-configs").join(name), text).unwrap();
    }
    let store = |name: &str, kind: &str| {
        format!("Name: {name}\nDriver: File\nFilename: {}/{kind}.dat\n", root.display())
    };
    let config = format!("Config: c\nTemplates: t\n\n{}\n{}", store("c", "config"), store("t", "templates"));
    fs::write(root.join("debconf.conf"), config).unwrap();
    verdict(
        judge("pam-auth-update")
            .env("DEBCONF_SYSTEMRC", root.join("debconf.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--root")
            .arg(root)
            .args(["--package", "--force"]),
    );
    let theirs = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    for kind in KINDS {
        for path in [format!("etc/pam.d/common-{kind}"), format!("var/lib/pam/{kind}")] {
            assert_eq!(done.text(&path), theirs(&path), "{path}");
        }
    }
    assert_eq!(done.text("var/lib/pam/seen"), theirs("var/lib/pam/seen"));
}

#[test]
fn the_usual_profile() {
    same_as_pam_auth_update(&[("unix", UNIX), ("mkhomedir", OFF)]);
}

#[test]
fn several_profiles_with_jumps_and_first_lines() {
    same_as_pam_auth_update(&[("unix", UNIX), ("dir", DIRECTORY), ("late", LATE), ("off", OFF)]);
}

#[test]
fn no_primary_profile_at_all() {
    same_as_pam_auth_update(&[("late", LATE)]);
}
