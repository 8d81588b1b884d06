//! The flake: evaluated and built by Debian's own Nix, with a stand-in for nixpkgs, which no test can fetch. What it
//! builds is compared with what the program builds when it is called by itself.

use crate::common::{checkout, finish, succeed};
use pintle_testkit::nix::{StoreCopy, fixture};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The flake beside a stand-in for its input, and a store of its own.
struct Flake {
    ours: TempDir,
    nixpkgs: TempDir,
    store: StoreCopy,
}

/// Made once: tests only add to the store, as users do.
fn flake() -> &'static Flake {
    static FLAKE: OnceLock<Flake> = OnceLock::new();
    FLAKE.get_or_init(|| {
        let ours = tempfile::tempdir().unwrap();
        // As Nix sees a checkout: without what git does not know.
        let files = succeed(Command::new("git").arg("-C").arg(checkout()).args([
            "ls-files",
            "-co",
            "--exclude-standard",
        ]));
        for name in files.lines().filter(|name| checkout().join(name).is_file()) {
            let to = ours.path().join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(checkout().join(name), to).unwrap();
        }
        let nixpkgs = fixture().nixpkgs(Path::new(env!("CARGO_BIN_EXE_pintle")));
        Flake { ours, nixpkgs, store: fixture().store_copy() }
    })
}

impl Flake {
    /// `nix ARGUMENTS`, without a network and without any flake but the two.
    fn nix(&self, arguments: &[&str]) -> Output {
        let mut nix = fixture().nix_on(&self.store.root, "nix");
        nix.env("NIX_CONFIG", "extra-experimental-features = flakes\nflake-registry =\nbuild-hook =");
        nix.args(arguments).arg("--offline");
        finish(&mut nix)
    }

    /// The same with an attribute of the flake.
    fn ask(&self, verb: &[&str], attribute: &str) -> Output {
        let flake = format!("path:{}{attribute}", self.ours.path().display());
        let input = format!("path:{}", self.nixpkgs.path().display());
        let mut words = verb.to_vec();
        words.extend([flake.as_str(), "--no-write-lock-file", "--override-input", "nixpkgs", &input]);
        self.nix(&words)
    }

    /// The value of an expression, as text; `flake` and `pkgs` are at hand. Paths of this machine are short.
    fn eval(&self, expression: &str) -> Result<String, String> {
        let output = self.nix(&["eval", "--impure", "--raw", "--expr", &self.expression(expression)]);
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout).unwrap());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.split("error: ").last().unwrap_or_default().trim();
        Err(error.to_owned())
    }

    /// The folder that building an expression makes.
    fn build(&self, expression: &str) -> PathBuf {
        let expression = self.expression(expression);
        let output =
            self.nix(&["build", "--impure", "--no-link", "--print-out-paths", "-L", "--expr", &expression]);
        self.built(&output)
    }

    fn built(&self, output: &Output) -> PathBuf {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        self.store.root.join(path.trim_start_matches('/'))
    }

    /// Flakes called as Nix calls them; `--override-input` is not for expressions.
    fn expression(&self, expression: &str) -> String {
        let (ours, nixpkgs) = (self.ours.path().display(), self.nixpkgs.path().display());
        format!(
            "let nixpkgs = builtins.getFlake \"path:{nixpkgs}\"; \
             self = (import {ours}/flake.nix).outputs {{ inherit nixpkgs; self = self // {{ outPath = {ours}; }}; }}; \
             flake = self; pkgs = nixpkgs.legacyPackages.x86_64-linux; \
             system = modules: nixpkgs.lib.nixosSystem {{ system = \"x86_64-linux\"; modules = [ self.nixosModules.default \
             {{ system.stateVersion = \"26.11\"; }} ] ++ modules; }}; in {expression}"
        )
    }
}

/// Names and digests of the files in a folder.
fn digests(folder: &Path) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let sum = succeed(Command::new("sha256sum").arg(&path));
            (path.file_name().unwrap().to_string_lossy().into_owned(), sum[..64].to_owned())
        })
        .filter(|(name, _)| name != "pintle.lock")
        .collect();
    all.sort();
    all
}

/// Everything the flake has, by Nix's own word. `nix flake check` builds its checks too, the image among them.
#[test]
fn nix_finds_nothing_wrong_in_the_flake() {
    let shown = flake().ask(&["flake", "show", "--json"], "");
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let kinds = |value: &serde_json::Value| -> Vec<String> {
        let mut found = Vec::new();
        let mut todo = vec![(String::new(), value.clone())];
        while let Some((path, value)) = todo.pop() {
            match value.get("type").and_then(serde_json::Value::as_str) {
                Some(kind) => found.push(format!("{} {kind}", path.trim_start_matches('.'))),
                None => todo.extend(
                    value
                        .as_object()
                        .unwrap()
                        .iter()
                        .map(|(name, below)| (format!("{path}.{name}"), below.clone())),
                ),
            }
        }
        found.sort();
        found
    };
    insta::assert_snapshot!(kinds(&shown).join("\n"), @"
    checks.x86_64-linux.image derivation
    checks.x86_64-linux.package derivation
    devShells.x86_64-linux.default derivation
    formatter.x86_64-linux derivation
    lib unknown
    nixosModules.bootloader nixos-module
    nixosModules.default nixos-module
    nixosModules.image nixos-module
    overlays.default nixpkgs-overlay
    packages.x86_64-linux.default derivation
    packages.x86_64-linux.pintle derivation
    ");
    let checked = flake().ask(&["flake", "check"], "");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn an_image_that_nix_builds_has_the_same_bytes() {
    let made = flake()
        .built(&flake().ask(&["build", "--no-link", "--print-out-paths"], "#checks.x86_64-linux.image"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut direct = Command::new(env!("CARGO_BIN_EXE_pintle"));
    direct.env("PINTLE_CACHE_DIR", folder.path().join("cache")).current_dir(folder.path());
    direct.args(["build", "--offline", "--nix", &fixture().gen2, "--nix-boot-files", "/usr", "--nix-store"]);
    succeed(direct.arg(&fixture().root).arg("--output").arg(&out));
    assert_eq!(digests(&made), digests(&out));
    // Ordinary: any builder can do it, and who has the image need not have the system.
    let logical = format!("/nix/store/{}", made.file_name().unwrap().to_string_lossy());
    let query = |what: &str| {
        let mut nix = fixture().nix_on(&flake().store.root, "nix-store");
        succeed(nix.args(["--query", what, &logical]))
    };
    assert_eq!(query("--references"), "");
    let derivation = flake().nix(&["derivation", "show", query("--deriver").trim()]);
    let derivation = String::from_utf8(derivation.stdout).unwrap();
    assert!(derivation.contains("builder") && !derivation.contains("requiredSystemFeatures"), "{derivation}");
}

/// What `docs/nix.md` tells people to write.
#[test]
fn the_example_of_the_guide_builds() {
    let guide = fs::read_to_string(checkout().join("docs/nix.md")).unwrap();
    let example = guide.split("```nix\n").find(|part| part.contains("nixosConfigurations.web =")).unwrap();
    let (example, after) = example.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("flake.nix"), example).unwrap();
    fs::write(folder.path().join("configuration.nix"), "{ }\n").unwrap();
    let path = |folder: &Path| format!("path:{}", folder.display());
    let (here, nixpkgs) = (path(folder.path()), path(flake().nixpkgs.path()));
    let pintle = path(flake().ours.path());
    let made = flake().built(&flake().nix(&[
        "build",
        "--no-link",
        "--print-out-paths",
        &here,
        "--no-write-lock-file",
        "--override-input",
        "nixpkgs",
        &nixpkgs,
        "--override-input",
        "pintle",
        &pintle,
    ]));
    // It shows what comes out, for a system called `web`.
    let shown = after.split("$ ls result/\n").nth(1).unwrap().lines().next().unwrap();
    let mut names: Vec<String> =
        fs::read_dir(made).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.join("  ").replace("toy", "web"), shown);
}

/// GRUB out of a folder, through the firmware to the system.
#[test]
fn an_image_that_nix_builds_boots() {
    let made = flake().build(
        "flake.lib.mkImage { inherit pkgs; toplevel = pkgs.toplevels.gen2; name = \"other\"; uefi = false; \
         formats = [ \"qcow2\" ]; free = \"64M\"; settings.image = { report = false; sbom = [ ]; }; }",
    );
    assert_eq!(
        digests(&made).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["other.json", "other.qcow2"]
    );
    let image = made.join("other.qcow2");
    let folder = tempfile::tempdir().unwrap();
    let said = crate::nix::boot(folder.path(), &["--firmware", "bios", image.to_str().unwrap()]);
    assert!(said.contains(&format!("stage-2: booted {}", fixture().gen2)), "{said}");
}

#[test]
fn what_is_asked_for_is_in_the_definition() {
    let shorten = |text: String| {
        let words = text.split("/nix/store/").enumerate();
        words
            .map(|(at, part)| if at == 0 { part.to_owned() } else { format!("STORE{}", &part[32..]) })
            .collect::<String>()
    };
    let definition =
        |expression: &str| shorten(flake().eval(&format!("({expression}).definition.text")).unwrap());
    insta::assert_snapshot!(definition("flake.lib.mkImage { nixos = system [ ]; formats = [ \"qcow2\" \"raw.gz\" ]; version = \"2\"; size = \"2G\"; }"), @r#"
    name = "toy"
    version = "2"
    [image]
    bios = true
    formats = ["qcow2","raw.gz"]
    size = "2G"
    uefi = true
    [source]
    nix = "STORE-nixos-system-toy-26.05.2"
    nix-boot-files = ["STORE-systemd","STORE-grub"]
    nix-label = "nixos"
    nix-registration = "STORE-closure-info/registration"
    "#);
    // The same by options of a system.
    insta::assert_snapshot!(
        definition("(system [ { pintle.image = { formats = [ \"digitalocean\" ]; bootloader = \"bios\"; free = \"1G\"; label = \"root\"; \
            settings.image.epoch = 1763596800; }; } ]).config.system.build.pintleImage"),
        @r#"
    name = "toy"
    version = "26.05.2"
    [image]
    bios = true
    epoch = 1763596800
    formats = ["digitalocean"]
    free = "1G"
    uefi = false
    [source]
    nix = "STORE-nixos-system-toy-26.05.2"
    nix-boot-files = ["STORE-systemd","STORE-grub"]
    nix-label = "root"
    nix-registration = "STORE-closure-info/registration"
    "#
    );
}

#[test]
fn the_modules_give_way_and_say_what_is_wrong() {
    let system = |modules: &str, what: &str| {
        flake().eval(&format!("let c = (system [ {modules} ]).config; in {what}"))
    };
    let told = |modules: &str| {
        system(
            modules,
            "builtins.concatStringsSep \"\\n\" (map (a: a.message) (builtins.filter (a: !a.assertion) c.assertions))",
        )
    };
    let device = "c.fileSystems.\"/\".device";
    assert_eq!(system("", device).unwrap(), "/dev/disk/by-label/nixos");
    assert_eq!(system("{ fileSystems.\"/\".device = \"/dev/vda3\"; }", device).unwrap(), "/dev/vda3");
    assert_eq!(system("", "builtins.toJSON c.boot.loader.external.enable").unwrap(), "false");
    assert_eq!(told("{ boot.loader.pintle.enable = true; }").unwrap(), "");
    insta::assert_snapshot!(told("{ boot.loader.pintle = { enable = true; key = \"/etc/key\"; }; }").unwrap(), @"boot.loader.pintle: `key` and `certificate` go together, and only one of them is set");
    insta::assert_snapshot!(
        told("{ boot.loader.pintle = { enable = true; key = \"/nix/store/x/key\"; certificate = \"/etc/pem\"; }; }").unwrap(),
        @"boot.loader.pintle.key is in the store, where everybody can read it: name a file outside of it"
    );
    insta::assert_snapshot!(system("{ pintle.image.bootloader = \"grub\"; }", "c.system.build.pintleImage.definition.text").unwrap_err(), @r#"A definition for option `pintle.image.bootloader' is not of type `one of ["both","bios","uefi"]'."#);
    insta::assert_snapshot!(system("{ pintle.image.format = \"raw\"; }", device).unwrap_err(), @"The option `pintle.image.format' does not exist.");
    let hook = flake().build(
        "(system [ { boot.loader.pintle = { enable = true; configurationLimit = 7; key = \"/etc/it's/key\"; certificate = \"/etc/pem\"; }; } ])\
         .config.boot.loader.external.installHook",
    );
    let hook = fs::read_to_string(hook).unwrap();
    let (_, hook) = hook.rsplit_once("/bin/pintle").unwrap();
    insta::assert_snapshot!(hook, @r#"' 'install-bootspec' '--esp' '/boot' '--profile' '/nix/var/nix/profiles/system' '--configuration-limit' '7' '--timeout' '5' '--key' '/etc/it'\''s/key' '--certificate' '/etc/pem' "$@""#);
}
