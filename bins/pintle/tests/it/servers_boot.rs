//! Servers at work: three images with all that the issue names, each booted, and each server asked for what it is there
//! for. The lists of checks lie beside this file and run inside of the machine.

use crate::common::{Gate, cache, checkout, pintle, succeed};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An image under test, removed with its folder.
struct Server {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl Server {
    /// A definition of the folder `servers_boot`, in which `DIGEST` stands for `digest`, beside its checks and its site.
    fn define(name: &'static str, digest: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let beside = checkout().join("bins/pintle/tests/it/servers_boot");
        let read = |file: String| fs::read_to_string(beside.join(file)).unwrap();
        fs::write(folder.path().join("checks"), read("checks.sh".into()) + &read(format!("{name}.sh")))
            .unwrap();
        let text = read(format!("{name}.toml")).replace("DIGEST", digest);
        fs::write(folder.path().join("system.toml"), text).unwrap();
        succeed(Command::new("cp").arg("-r").arg(beside.join("site")).arg(folder.path()));
        Self { folder, name }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn build(self) -> Self {
        succeed(pintle().args(["build", "--output"]).arg(self.path("out")).arg(self.folder.path()));
        self
    }

    /// Boots, keeps what is written, and ends with an orderly shutdown. Every check must have said that it is well.
    fn boot(&self, options: &[&str], number: &str) {
        let shutdown = "systemd-run --quiet --on-active=1 systemctl poweroff";
        let _turn = Gate::enter();
        let mut command = pintle();
        command.args(["run", "--quiet", "--cpus", "1", "--memory", "1280M", "--timeout", "900"]);
        command
            .args(["--writable", "--keep"])
            .args(options)
            .arg(self.path(&format!("out/{}.raw", self.name)));
        command.args(["--exec", "sh", "-c"]).arg(format!("'checks {number}; {shutdown}'"));
        let said = succeed(&mut command);
        assert!(said.lines().count() > 3 && said.lines().all(|line| line.starts_with("ok: ")), "{said}");
    }
}

#[test]
fn databases_caches_and_web_servers_work_and_keep_their_data() {
    let server = Server::define("stores", "").build();
    server.boot(&["--until", "http://:80/"], "1");
    server.boot(&["--firmware", "bios"], "2");
}

#[test]
fn time_jobs_logs_names_bans_tunnels_figures_and_mail_work() {
    Server::define("daemons", "").build().boot(&[], "1");
}

#[test]
fn containers_that_came_along_work() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let layout = folder.path().join("busybox");
    let digest = busybox(&layout);
    let server = Server::define("containers", &format!("sha256:{digest}"));
    succeed(Command::new("tar").arg("-C").arg(&layout).arg("-cf").arg(server.path("busybox.tar")).arg("."));
    fs::rename(&layout, server.path("busybox")).unwrap();
    server.build().boot(&["--until", "http://:80/"], "1");
}

/// Makes an OCI image layout of Debian's static busybox and returns its digest.
fn busybox(layout: &Path) -> String {
    let (definition, root) = (layout.with_extension("definition"), layout.with_extension("root"));
    fs::create_dir_all(&definition).unwrap();
    fs::create_dir_all(root.join("data")).unwrap();
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    fs::write(definition.join("system.toml"), "name = \"box\"\npackages = [\"busybox-static\"]\n").unwrap();
    succeed(
        pintle().args(["build", "--format", "tar", "--output"]).arg(definition.join("out")).arg(&definition),
    );
    let lock: toml::Table = fs::read_to_string(definition.join("pintle.lock")).unwrap().parse().unwrap();
    let package =
        lock["package"].as_array().unwrap().iter().find(|p| p["name"].as_str() == Some("busybox-static"));
    let digest = package.unwrap()["sha256"].as_str().unwrap();
    let deb = cache().join("blobs").join(&digest[..2]).join(digest);
    succeed(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&root));
    let links = "for name in $(./usr/bin/busybox --list); do [ -e usr/bin/$name ] || ln -s busybox usr/bin/$name; done; \
                 rm -r usr/share; ln -sf usr/bin bin; mkdir -p www";
    succeed(Command::new("sh").args(["-ec", links]).current_dir(&root));
    let layer = root.with_extension("tar");
    succeed(
        Command::new("tar").args(["--owner=0", "--group=0", "-C"]).arg(&root).arg("-cf").arg(&layer).arg("."),
    );
    let blob = |bytes: &[u8], kind: &str| {
        let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        fs::write(layout.join("blobs/sha256").join(&digest), bytes).unwrap();
        let media = format!("application/vnd.oci.image.{kind}");
        (json!({"mediaType": media, "digest": format!("sha256:{digest}"), "size": bytes.len()}), digest)
    };
    let (layer, diff) = blob(&fs::read(&layer).unwrap(), "layer.v1.tar");
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{diff}")]},
    });
    let (config, _) = blob(config.to_string().as_bytes(), "config.v1+json");
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [layer]});
    let (manifest, digest) = blob(manifest.to_string().as_bytes(), "manifest.v1+json");
    fs::write(layout.join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}").unwrap();
    fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())
        .unwrap();
    digest
}
