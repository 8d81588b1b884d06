//! The life of a lock: it moves on, says why things are in it, and builds from a folder for ever.

use crate::common::finish;
use crate::toy::{Toy, base};
use insta::assert_snapshot;
use pintle_testkit::archive::{Archive, ToySuite};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

fn changelog(package: &str, entries: &[(&str, &str, &str)]) -> Vec<u8> {
    let entry = |(version, head, text): &(&str, &str, &str)| {
        format!(
            "{package} ({version}) {head}\n\n  * {text}\n\n -- A B <a@example.org>  Fri, 07 Nov 2025 10:00:00 +0100\n\n"
        )
    };
    entries.iter().map(entry).collect::<String>().into_bytes()
}

/// Web server, library and tool; `web-data` is of the same source.
fn before() -> Archive {
    base()
        .package(
            "web 1.0-1 depends: libweb2 (>= 1), web-data (= 1.0-1), mail-agent | mta; installed-size: 100",
        )
        .package("web-data 1.0-1 source: web; arch: all; installed-size: 10")
        .package("libweb2 1.0-1 source: webkit (1.0-1)")
        .package("tool 2.0-1 depends: libweb2")
        .package("smallmta 1 provides: mta (= 1)")
        .package("linux-image-6.1.0-9-toy 6.1.9-1 source: linux; arch: amd64")
        .package("linux-image-toy 6.1.9-1 depends: linux-image-6.1.0-9-toy")
}

/// The same a while later: a security fix in `web`, a new kernel, a rebuilt tool.
fn after() -> Archive {
    let web = [
        ("1.0-1+deb13u2", "trixie-security; urgency=high", "Fix CVE-2026-10001 and CVE-2025-9999."),
        ("1.0-1+deb13u1", "trixie; urgency=medium", "Small things."),
        ("1.0-1", "unstable; urgency=medium", "New release."),
    ];
    base()
        .package(
            "web 1.0-1+deb13u2 depends: libweb2 (>= 1), web-data (= 1.0-1+deb13u2), mail-agent | mta; installed-size: 120",
        )
        .file("/usr/share/doc/web/changelog.Debian", 0o644, changelog("web", &web))
        .package("web-data 1.0-1+deb13u2 source: web; arch: all; installed-size: 10")
        .package("libweb2 1.1-1 source: webkit (1.1-1)")
        .package("tool 2.0-1+b1 source: tool (2.0-1); depends: libweb2 (>= 1.1)")
        .file("/usr/share/doc/tool/changelog.Debian", 0o644, changelog("tool", &[("2.0-1", "unstable; urgency=low", "First.")]))
        .file(
            "/usr/share/doc/tool/changelog.Debian.amd64",
            0o644,
            changelog("tool", &[("2.0-1+b1", "sid; urgency=low, binary-only=yes", "Rebuild against libweb2.")]),
        )
        .package("smallmta 1 provides: mta (= 1)")
        .package("linux-image-6.1.0-10-toy 6.1.10-1 source: linux; arch: amd64")
        .package("linux-image-toy 6.1.10-1 depends: linux-image-6.1.0-10-toy")
}

const ASKED: [&str; 4] = ["web", "tool", "smallmta", "linux-image-toy"];

/// Replaces the archive, a day later.
fn moves_on(toy: &Toy, archive: &Archive) {
    let later = ToySuite {
        date: "Sun, 13 Sep 2026 07:55:41 UTC".to_owned(),
        date_seconds: 1_789_199_741 + 86_400,
        ..ToySuite::new("trixie")
    };
    fs::remove_dir_all(toy.mirror()).unwrap();
    archive.write(&toy.mirror(), &later).unwrap();
}

fn run(toy: &Toy, arguments: &[&str]) -> Command {
    let mut command = toy.pintle();
    command.args(arguments);
    command
}

/// Standard output and standard error of what must succeed.
fn says(toy: &Toy, arguments: &[&str]) -> String {
    let output = finish(&mut run(toy, arguments));
    let error = toy.plain(&output);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8_lossy(&output.stdout).replace(&toy.folder().display().to_string(), "DIR");
    let error = error.trim_start_matches("exit 0").trim();
    if error.is_empty() { text } else { format!("{text}-- {error}") }
}

fn tells(toy: &Toy, arguments: &[&str]) -> Value {
    let output = finish(run(toy, arguments).arg("--json"));
    assert!(output.status.success(), "{}", toy.plain(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Locked packages with their versions.
fn locked(toy: &Toy) -> Vec<String> {
    let lock: toml::Table = fs::read_to_string(toy.lock()).unwrap().parse().unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap();
    packages.iter().map(|p| format!("{} {}", text(p, "name"), text(p, "version"))).collect()
}

const UPDATE: [&str; 3] = ["update", "--definition", "definition/toy.json"];

#[test]
fn an_update_says_what_changes() {
    let toy = Toy::new(&before(), &ASKED);
    says(&toy, &["lock", "definition/toy.json"]);
    let old = fs::read_to_string(toy.lock()).unwrap();
    assert_snapshot!(says(&toy, &UPDATE), @r#"
9 packages, none changed
-- the lock is as new as the archive
"#);
    moves_on(&toy, &after());
    let dry = says(&toy, &[&UPDATE[..], &["--dry-run"]].concat());
    assert_snapshot!(dry, @r#"
9 packages: 5 upgraded, 1 replaced; security fixes in a source package; 4.2 KiB of packages, +20 KiB installed
  suite trixie: 2026-09-12T07:55:41Z -> 2026-09-13T07:55:41Z
  kernel: linux-image-6.1.0-9-toy 6.1.9-1 -> linux-image-6.1.0-10-toy 6.1.10-1

security fixes:
  web 1.0-1 -> 1.0-1+deb13u2
      web 1.0-1 -> 1.0-1+deb13u2
      web-data 1.0-1 -> 1.0-1+deb13u2
    urgency high; CVE-2025-9999, CVE-2026-10001
    | 1.0-1+deb13u2 (trixie-security, 2025-11-07)
    |   * Fix CVE-2026-10001 and CVE-2025-9999.
    | 1.0-1+deb13u1 (trixie, 2025-11-07)
    |   * Small things.

moved:
  linux-image-toy 6.1.9-1 -> 6.1.10-1
  tool 2.0-1 -> 2.0-1+b1
    urgency low
    | 2.0-1+b1 (sid, 2025-11-07)
    |   * Rebuild against libweb2.
  libweb2 1.0-1 -> 1.1-1

replaced:
  linux-image-6.1.0-9-toy 6.1.9-1 -> linux-image-6.1.0-10-toy 6.1.10-1
-- nothing was written
"#);
    assert_eq!(fs::read_to_string(toy.lock()).unwrap(), old, "a dry run writes nothing");
    let told = tells(&toy, &UPDATE);
    assert_eq!(told["written"], true);
    let web = &told["changes"]["moved"][0];
    assert_eq!((&web["source"], &web["security"]), (&json!("web"), &json!(true)));
    assert_eq!(web["cves"], json!(["CVE-2025-9999", "CVE-2026-10001"]));
    assert_eq!((web["changelog"].as_array().unwrap().len(), &web["changelog_complete"]), (2, &json!(true)));
    assert_eq!(web["packages"][0]["installed_change"], 20 * 1024);
    assert!(locked(&toy).contains(&"web 1.0-1+deb13u2".to_owned()));
    // What is new now is old tomorrow.
    moves_on(&toy, &before());
    let back = says(&toy, &[&UPDATE[..], &["--changelog", "none"]].concat());
    assert_snapshot!(back, @r#"
9 packages: 5 downgraded, 1 replaced; 3.8 KiB of packages, -20 KiB installed
  kernel: linux-image-6.1.0-10-toy 6.1.10-1 -> linux-image-6.1.0-9-toy 6.1.9-1

moved:
  linux-image-toy 6.1.10-1 -> 6.1.9-1 (downgraded)
  tool 2.0-1+b1 -> 2.0-1 (downgraded)
  web 1.0-1+deb13u2 -> 1.0-1
      web 1.0-1+deb13u2 -> 1.0-1 (downgraded)
      web-data 1.0-1+deb13u2 -> 1.0-1 (downgraded)
  libweb2 1.1-1 -> 1.0-1 (downgraded)

replaced:
  linux-image-6.1.0-10-toy 6.1.10-1 -> linux-image-6.1.0-9-toy 6.1.9-1
-- wrote definition/toy.lock
"#);
}

#[test]
fn named_packages_move_with_what_they_need() {
    let toy = Toy::new(&before(), &ASKED);
    says(&toy, &["lock", "definition/toy.json"]);
    moves_on(&toy, &after());
    // `web-data` has to be of the same version; the library, the tool and the kernel stay.
    says(&toy, &[&UPDATE[..], &["web"]].concat());
    assert_snapshot!(locked(&toy).join("\n"), @r#"
base-files 13
base-passwd 3.6
libweb2 1.0-1
linux-image-6.1.0-9-toy 6.1.9-1
linux-image-toy 6.1.9-1
smallmta 1
tool 2.0-1
web 1.0-1+deb13u2
web-data 1.0-1+deb13u2
"#);
    // What stays was in the archive when the old lock was made.
    let text = fs::read_to_string(toy.lock()).unwrap();
    assert!(text.contains("snapshot = \"2026-09-12T07:55:41Z\"\n\n[[package]]"), "{text}");
    // The tool needs the new library; a source package stands for all that is made from it.
    says(&toy, &[&UPDATE[..], &["tool", "linux"]].concat());
    assert_snapshot!(locked(&toy).join("\n"), @r#"
base-files 13
base-passwd 3.6
libweb2 1.1-1
linux-image-6.1.0-10-toy 6.1.10-1
linux-image-toy 6.1.10-1
smallmta 1
tool 2.0-1+b1
web 1.0-1+deb13u2
web-data 1.0-1+deb13u2
"#);
    assert_snapshot!(toy.fails(&mut run(&toy, &[&UPDATE[..], &["weeb"]].concat())), @r#"
exit 2
error: `weeb` is not in the lock; did you mean `web`?
  next: name packages of the lock, binary or source; pintle lock adds what the definition asks for
"#);
    toy.builds();
}

#[test]
fn a_larger_definition_moves_nothing_else() {
    let toy = Toy::new(&before(), &ASKED[..3]);
    says(&toy, &["lock", "definition/toy.json"]);
    moves_on(&toy, &after().package("more 5 depends: libweb2"));
    toy.define(&toy.mirror().display().to_string(), &["web", "tool", "smallmta", "more"], json!({}));
    assert_snapshot!(toy.builds().lines().filter(|line| !line.starts_with("time:")).collect::<Vec<_>>().join("\n"), @r#"
changed the lock:
  suite trixie 2026-09-12T07:55:41Z -> 2026-09-13T07:55:41Z
+ more 5

note: the image has no kernel and will not boot by itself; the formats `directory`, `tar` and `oci` hold its files without a disk
note: root will not grow to the disk it is copied to: systemd-repart is missing (package systemd-repart)
"#);
    assert_snapshot!(locked(&toy).join("\n"), @r#"
base-files 13
base-passwd 3.6
libweb2 1.0-1
more 5
smallmta 1
tool 2.0-1
web 1.0-1
web-data 1.0-1
"#);
    // Somebody without a cache cannot get what the archive has dropped: it moves, and says so.
    says(&toy, &["lock", "definition/toy.json"]);
    fs::remove_dir_all(toy.cache()).unwrap();
    toy.define(&toy.mirror().display().to_string(), &["web", "smallmta", "more"], json!({}));
    assert_snapshot!(says(&toy, &["lock", "definition/toy.json"]), @r#"
definition/toy.lock: 7 packages
-- pool/main/l/libweb2/libweb2_1.0-1_amd64.deb: not on MIRROR
  libweb2: 1.0-1 can no longer be had: another version is taken
  pool/main/t/tool/tool_2.0-1_amd64.deb: not on MIRROR
  tool: 2.0-1 can no longer be had: another version is taken
  pool/main/w/web/web_1.0-1_amd64.deb: not on MIRROR
  web: 1.0-1 can no longer be had: another version is taken
  pool/main/w/web-data/web-data_1.0-1_all.deb: not on MIRROR
  web-data: 1.0-1 can no longer be had: another version is taken
changed the lock:
  libweb2 1.0-1 -> 1.1-1
  web 1.0-1 -> 1.0-1+deb13u2
  web-data 1.0-1 -> 1.0-1+deb13u2
- tool 2.0-1
"#);
}

#[test]
fn an_update_needs_a_lock() {
    let toy = Toy::new(&before(), &ASKED);
    assert_snapshot!(toy.fails(&mut run(&toy, &UPDATE)), @r#"
exit 3
error: there is no lock at definition/toy.lock
  next: pintle lock, and keep the file with the definition
"#);
}

#[test]
fn why_shows_the_way() {
    let toy = Toy::new(&before(), &ASKED);
    says(&toy, &["lock", "definition/toy.json"]);
    let why = |name: &str| says(&toy, &["why", name, "definition/toy.json"]);
    assert_snapshot!(why("libweb2"), @r#"
libweb2 1.0-1 is in the lock because of

  tool  (asked for by the definition)
  └─ libweb2  Depends: libweb2

  web  (asked for by the definition)
  └─ libweb2  Depends: libweb2 (>= 1)

directly needed by 2:
  tool 2.0-1  Depends: libweb2
  web 1.0-1  Depends: libweb2 (>= 1)
"#);
    assert_snapshot!(why("mta"), @r#"
smallmta 1 provides mta, and is in the lock because of

  smallmta  (asked for by the definition)

  web  (asked for by the definition)
  └─ smallmta  Depends: mail-agent | mta  [smallmta provides mta]

directly needed by 1:
  web 1.0-1  Depends: mail-agent | mta  [smallmta provides mta]
"#);
    assert_snapshot!(why("base-files"), @r#"
base-files 13 is in the lock because of

  base-files  (essential: part of every Debian system)

no package of the lock depends on it
"#);
    assert_snapshot!(toy.fails(&mut run(&toy, &["why", "libweb3", "definition/toy.json"])), @r#"
exit 2
error: `libweb3` is not in the lock; did you mean `libweb2`?
"#);
    let told = tells(&toy, &["why", "libweb2", "definition/toy.json"]);
    assert_eq!(told["why"][0]["chains"][0]["steps"][0]["relation"], "libweb2");
    assert_eq!(told["why"][0]["dependers"].as_array().unwrap().len(), 2);
}

/// Digest of the image that a build wrote.
fn image(toy: &Toy) -> Value {
    let manifest: Value = serde_json::from_slice(&fs::read(toy.out().join("toy.json")).unwrap()).unwrap();
    manifest["outputs"][0]["sha256"].clone()
}

#[test]
fn a_vendored_folder_builds_for_ever() {
    let toy = Toy::new(&before(), &ASKED[..3]);
    let server = toy.serve(&ASKED[..3]);
    toy.builds();
    let (bytes, lock) = (image(&toy), fs::read(toy.lock()).unwrap());
    assert_snapshot!(says(&toy, &["vendor", "definition/toy.json", "kept"]), @r#"
kept: 7 packages (4.6 KiB), 12 files written
build from it with: pintle build --locked --vendor kept
"#);
    assert_snapshot!(says(&toy, &["vendor", "definition/toy.json", "kept"]), @r#"
kept: 7 packages (4.6 KiB), 0 files written, 12 there already
build from it with: pintle build --locked --vendor kept
"#);

    // No mirror, no cache, nothing but the folder.
    server.heal();
    fs::remove_dir_all(toy.cache()).unwrap();
    fs::remove_dir_all(toy.out()).unwrap();
    fs::remove_dir_all(toy.mirror()).unwrap();
    let output = finish(toy.build().args(["--locked", "--vendor", "kept"]));
    assert!(output.status.success(), "{}", toy.plain(&output));
    assert_eq!(server.requests(), [""; 0], "nobody is asked");
    assert_eq!((image(&toy), fs::read(toy.lock()).unwrap()), (bytes.clone(), lock.clone()), "the same bytes");
    // As a mirror of the definition's, seen from its folder.
    fs::remove_dir_all(toy.cache()).unwrap();
    toy.define("../kept", &ASKED[..3], json!({}));
    toy.builds();
    assert_eq!(image(&toy), bytes);
    // What is locked can be chosen from it again, and nothing else is there.
    let fewer = finish(&mut run(&toy, &["lock", "definition/toy.json", "--vendor", "kept"]));
    assert!(fewer.status.success());
    toy.define("../kept", &["web", "linux-image-toy"], json!({}));
    // How many downloads had begun differs from run to run.
    let said = toy.fails(toy.build().args(["--vendor", "kept"]));
    let said: Vec<&str> = said.lines().filter(|line| !line.contains(": not on ")).collect();
    let said =
        said.join("\n").replace("linux-image-6.1.0-9-toy", "KERNEL").replace("linux-image-toy", "KERNEL");
    assert_snapshot!(said, @r#"
exit 1
error: cannot fetch package KERNEL 6.1.9-1 (suite trixie)
  because: DIR/kept/pool/main/l/KERNEL/KERNEL_6.1.9-1_amd64.deb is not there
  next: the folder lacks a package of the lock: pintle vendor fills it where there is a network
"#);

    // A file that is not what was locked is not used.
    let deb = toy.folder().join("kept").join(before().deb_path("web"));
    toy.define("../kept", &ASKED[..3], json!({}));
    fs::remove_dir_all(toy.cache()).unwrap();
    let good = fs::read(&deb).unwrap();
    fs::write(&deb, good.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).unwrap();
    let said = toy.fails(toy.build().args(["--vendor", "kept"]));
    assert!(said.starts_with("exit 4") && said.contains("is not the file that was signed"), "{said}");
}

#[test]
fn a_vendored_release_may_expire() {
    let suite =
        ToySuite { valid_until: Some("Mon, 12 Sep 2056 07:55:41 UTC".to_owned()), ..ToySuite::new("trixie") };
    let toy = Toy::with_suite(&before(), &suite, &ASKED[..3]);
    says(&toy, &["lock", "definition/toy.json"]);
    says(&toy, &["vendor", "definition/toy.json", "kept"]);
    // The same suite, expired; the lock names it.
    let old =
        ToySuite { valid_until: Some("Sat, 19 Sep 2026 07:55:41 UTC".to_owned()), ..ToySuite::new("trixie") };
    let kept = toy.folder().join("kept");
    before().write(&kept, &old).unwrap();
    let digest = sha256(&fs::read(kept.join("dists/trixie/InRelease")).unwrap());
    let lock: toml::Table = fs::read_to_string(toy.lock()).unwrap().parse().unwrap();
    let named = lock["suite"][0]["inrelease"].as_str().unwrap().to_owned();
    toy.define("../kept", &["web"], json!({}));
    assert_snapshot!(toy.refused(), @r#"
exit 4
error: suite `trixie` expired on 2026-09-19T07:55:41Z (it is NOW): the mirror is no longer updated, or old files are replayed; use another mirror (`source.mirror`), or correct this machine's clock
"#);
    let text = fs::read_to_string(toy.lock()).unwrap().replace(&named, &digest);
    fs::write(toy.lock(), text).unwrap();
    toy.builds();
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn vendoring_again_follows_the_lock() {
    let toy = Toy::new(&before(), &ASKED[..3]);
    says(&toy, &["lock", "definition/toy.json"]);
    says(&toy, &["vendor", "definition/toy.json", "kept"]);
    moves_on(&toy, &after());
    says(&toy, &UPDATE);
    assert_snapshot!(says(&toy, &["vendor", "definition/toy.json", "kept"]), @r#"
kept: 7 packages (5.0 KiB), 8 files written, 4 there already
build from it with: pintle build --locked --vendor kept
"#);
    let kept = toy.folder().join("kept");
    assert!(kept.join(before().deb_path("web")).exists(), "what an older lock needs stays");
    assert_snapshot!(says(&toy, &["vendor", "definition/toy.json", "kept", "--prune"]), @r#"
kept: 7 packages (5.0 KiB), 0 files written, 12 there already, 5 removed
build from it with: pintle build --locked --vendor kept
"#);
    assert!(!kept.join(before().deb_path("web")).exists());
    let mut files = Command::new("find");
    files.arg(&kept).args(["-type", "f", "-printf", "%P\n"]);
    let mut files: Vec<String> = crate::common::succeed(&mut files).lines().map(str::to_owned).collect();
    files.sort();
    assert_snapshot!(files.join("\n"), @r#"
dists/trixie/InRelease
dists/trixie/main/binary-amd64/Packages.gz
dists/trixie/main/binary-amd64/by-hash/SHA256/4fc7772e9a275d40d9d164e2178a2ff0a3937b8bd9e9520cd7bc94967098d1db
keys/archive.asc
pintle.lock
pool/main/b/base-files/base-files_13_all.deb
pool/main/b/base-passwd/base-passwd_3.6_amd64.deb
pool/main/l/libweb2/libweb2_1.1-1_amd64.deb
pool/main/s/smallmta/smallmta_1_amd64.deb
pool/main/t/tool/tool_2.0-1+b1_amd64.deb
pool/main/w/web-data/web-data_1.0-1+deb13u2_all.deb
pool/main/w/web/web_1.0-1+deb13u2_amd64.deb
vendor.json
"#);
    // A folder of somebody else's is left alone.
    fs::create_dir(toy.folder().join("photos")).unwrap();
    fs::write(toy.folder().join("photos/cat.jpg"), "cat").unwrap();
    assert_snapshot!(toy.fails(&mut run(&toy, &["vendor", "definition/toy.json", "photos", "--prune"])), @r#"
exit 2
error: photos holds other files: it was not made by `pintle vendor`
  next: name a new or an empty folder
"#);
    assert_snapshot!(toy.fails(toy.build().args(["--vendor", "photos"])), @r#"
exit 2
error: photos is no vendored folder: there is no vendor.json
  next: pintle vendor photos makes it
"#);
}

/// Two images, two locks, two definitions.
#[test]
fn a_diff_says_how_two_images_differ() {
    let unit = "[Unit]\nDescription=toy\n";
    let old = before().package("extra 1").file("/usr/lib/systemd/system/extra.service", 0o644, unit);
    let toy = Toy::new(&old, &["web", "smallmta", "extra"]);
    let file = |path: &str, text: &str, mode: &str| json!({"path": path, "content": {"text": text}, "mode": mode, "origin": "system.toml:1:1"});
    let files = json!([
        file("/etc/gone", "x", "0644"),
        file("/etc/motd", "hello", "0644"),
        file("/etc/open", "y", "0644")
    ]);
    toy.define(&toy.mirror().display().to_string(), &["web", "smallmta", "extra"], json!({"files": files}));
    toy.builds();
    let keep = |name: &str| {
        let to = toy.folder().join(name);
        fs::create_dir(&to).unwrap();
        for file in [
            toy.out().join("toy.raw"),
            toy.out().join("toy.json"),
            toy.lock(),
            toy.definition().join("toy.json"),
        ] {
            let called = if file.starts_with(toy.definition()) && file.ends_with("toy.json") {
                "system.json".into()
            } else {
                file.file_name().unwrap().to_owned()
            };
            fs::copy(&file, to.join(called)).unwrap();
        }
    };
    keep("a");
    moves_on(&toy, &after());
    let files = json!([
        file("/etc/motd", "hullo", "0644"),
        file("/etc/new", "z", "0600"),
        file("/etc/open", "y", "0600")
    ]);
    let more = json!({"files": files, "users": [{"name": "ops"}]});
    toy.define(&toy.mirror().display().to_string(), &["web", "smallmta"], more);
    says(&toy, &[&UPDATE[..], &["web"]].concat());
    toy.builds();
    keep("b");
    let diff = |a: &str, b: &str| says(&toy, &["diff", a, b]);
    assert_snapshot!(diff("a/toy.raw", "b/toy.raw"), @r#"
packages: 1 removed, 2 changed; units: 1 removed; users: 1 added; groups: 1 added; files: 4 added, 6 removed, 11 changed; +178 B in files

packages:
- extra 1
  web 1.0-1 -> 1.0-1+deb13u2
  web-data 1.0-1 -> 1.0-1+deb13u2

units:
- extra.service there

users:
+ ops 1000

groups:
+ ops 1000

files:
- /etc/gone (file, 0644, 1 B)
  /etc/group (40 B -> 52 B)
  /etc/gshadow (32 B -> 40 B)
  /etc/motd (other content, 5 B)
+ /etc/new (file, 0600, 1 B)
  /etc/open (0644 -> 0600)
  /etc/passwd (91 B -> 128 B)
  /etc/shadow (54 B -> 79 B)
  /etc/subgid (0 B -> 17 B)
  /etc/subuid (0 B -> 17 B)
+ /home (directory, 0755)
+ /home/ops (directory, 0700)
- /usr/lib/systemd/system (directory, 0755)
  /usr/lib/systemd/system-preset/00-pintle.preset (97 B -> 75 B)
- /usr/share/doc/extra (directory, 0755)
  /var/lib/dpkg/status (1.2 KiB -> 1.1 KiB)

and 5 files of 2 changed packages (--files lists them)
"#);
    assert_snapshot!(diff("a/toy.lock", "b/toy.lock"), @r#"
packages: 1 removed, 2 changed; users: 1 added; groups: 1 added

packages:
- extra 1
  web 1.0-1 -> 1.0-1+deb13u2
  web-data 1.0-1 -> 1.0-1+deb13u2

users:
+ ops 1000

groups:
+ ops 1000
"#);
    assert_snapshot!(diff("a/toy.json", "b/toy.json"), @r#"
packages: 1 removed, 2 changed

packages:
- extra 1
  web 1.0-1 -> 1.0-1+deb13u2
  web-data 1.0-1 -> 1.0-1+deb13u2

sizes:
  from generated dpkg database 2.0 KiB -> 1.8 KiB
  from generated units 97 B -> 75 B
  from generated users 217 B -> 333 B
- from package extra 48 B
  from package web 23 B -> 410 B
"#);
    assert_snapshot!(diff("a/system.json", "b/system.json"), @r#"
options: 8 added, 6 removed, 2 changed

options:
- files[/etc/gone].content.text x
- files[/etc/gone].group root
- files[/etc/gone].mode 0644
- files[/etc/gone].owner root
- files[/etc/gone].path /etc/gone
  files[/etc/motd].content.text hello -> hullo
+ files[/etc/new].content.text z
+ files[/etc/new].group root
+ files[/etc/new].mode 0600
+ files[/etc/new].owner root
+ files[/etc/new].path /etc/new
  files[/etc/open].mode 0644 -> 0600
- packages[extra]
+ users[ops].description
+ users[ops].name ops
+ users[ops].system false
"#);
    assert_snapshot!(diff("a/toy.lock", "b/toy.raw"), @r#"
packages: 1 removed, 2 changed
not compared, because the lock and the image do not both tell: units, files

packages:
- extra 1
  web 1.0-1 -> 1.0-1+deb13u2
  web-data 1.0-1 -> 1.0-1+deb13u2
"#);
    // The container does not matter.
    let qcow2 = toy.folder().join("b/toy.qcow2");
    let convert = ["convert", "-f", "raw", "-O", "qcow2", "-c"];
    crate::common::succeed(
        Command::new("qemu-img").args(convert).arg(toy.folder().join("b/toy.raw")).arg(&qcow2),
    );
    assert_snapshot!(diff("b/toy.raw", "b/toy.qcow2"), @"no differences (image and image)");
    let told = tells(&toy, &["diff", "a/toy.raw", "b/toy.qcow2"]);
    let paths: Vec<&str> =
        told["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&"/etc/new") && paths.contains(&"/etc/gone"), "{paths:?}");

    let status =
        |more: &[&str]| finish(run(&toy, &["diff", "a/toy.lock", "b/toy.lock"]).args(more)).status.code();
    assert_eq!((status(&[]), status(&["--exit-code"])), (Some(0), Some(1)));
    let same = finish(&mut run(&toy, &["diff", "a/toy.raw", "a/toy.raw", "--exit-code"]));
    assert_eq!(same.status.code(), Some(0));
    let fails = |a: &str, b: &str| toy.fails(&mut run(&toy, &["diff", a, b]));
    assert_snapshot!(fails("a/none", "b/toy.lock"), @r#"
exit 2
error: there is no a/none
  next: name two definitions, locks (*.lock), manifests (NAME.json) or images (raw, qcow2)
"#);
    fs::write(toy.folder().join("noise"), crate::toy::noise(100_000)).unwrap();
    assert_snapshot!(fails("noise", "b/toy.raw"), @r#"
exit 3
error: cannot read the image noise
  because: not an ext4 file system
"#);
    fs::write(toy.folder().join("lonely.raw.gz"), "x").unwrap();
    assert_snapshot!(fails("lonely.raw.gz", "b/toy.raw"), @r#"
exit 3
error: lonely.raw.gz is compressed as a whole and has no lonely.json beside it; unpack it, or compare the manifests
"#);
}

/// The real thing: places in the definition and in modules, an image that boots.
#[test]
fn of_a_real_server() {
    let web = crate::common::web();
    let why =
        |name: &str| crate::common::succeed(crate::common::pintle().args(["why", name]).arg(&web.folder));
    let text = why("libssl3t64");
    assert!(text.contains("  nginx  (asked for at builtin:nginx/module.toml:"), "{text}");
    assert!(text.contains("\ndirectly needed by "), "{text}");
    let text = why("attr");
    assert!(text.contains("  attr  (asked for at system.toml:1:"), "{text}");
    let started = std::time::Instant::now();
    let mut diff = crate::common::pintle();
    diff.args(["diff", "--exit-code"]).args([&web.image, &web.qcow2]);
    assert_eq!(crate::common::succeed(&mut diff), "no differences (image and image)\n");
    println!("two images in {:.1} s", started.elapsed().as_secs_f64());
    let kernel = web.manifest["disk"]["kernel"].as_str().unwrap();
    let mut diff = crate::common::pintle();
    diff.args(["diff", "--json"]).args([&web.image, &web.image.with_extension("json")]);
    let told: Value = serde_json::from_str(&crate::common::succeed(&mut diff)).unwrap();
    for same in ["kernels", "packages"] {
        assert_eq!(told[same], json!([]), "{same} of {kernel}");
    }
    assert_eq!(told["cmdline"], Value::Null, "the command line is that of the manifest");
}
