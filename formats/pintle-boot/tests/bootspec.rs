//! Documents of NixOS RFC 0125, of what came before it, and of those who got it wrong.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

use pintle_boot::bootspec::{BootPath, Bootspec, BootspecError, Limits, Toplevel, TreeToplevel};
use pintle_model::{Attrs, Blob, Kind, NoContents, Origin, Tree, TreePath};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io;

/// The document that the RFC describes: every field, one specialisation, extensions.
fn rfc() -> Value {
    let boot = json!({
        "system": "x86_64-linux",
        "init": "/nix/store/xxx-nixos-system-xxx/init",
        "initrd": "/nix/store/xxx-initrd-linux/initrd",
        "initrdSecrets": "/nix/store/xxx-append-secrets/bin/append-initrd-secrets",
        "kernel": "/nix/store/xxx-linux/bzImage",
        "kernelParams": ["amd_iommu=on", "iommu=pt", "loglevel=4"],
        "label": "NixOS 21.11 (Linux 5.15.30)",
        "toplevel": "/nix/store/xxx-nixos-system-xxx",
    });
    json!({
        "org.nixos.bootspec.v1": boot,
        "org.nixos.specialisation.v1": { "<name>": { "org.nixos.bootspec.v1": boot, "example.more": [1] } },
        "org.nixos.systemd-boot": { "sortKey": "nixos", "devicetree": "/nix/store/xxx-dtbs/board.dtb", "z": 1, "a": 2 },
        "org.nix-community.lanzaboote": { "sort_key": "lanza" },
    })
}

/// What stands in the way of a field's absence.
const OPTIONAL: [&str; 2] = ["initrd", "initrdSecrets"];
const REQUIRED: [&str; 6] = ["system", "init", "kernel", "kernelParams", "label", "toplevel"];

fn parse(document: &Value) -> Result<Bootspec, BootspecError> {
    Bootspec::parse(document.to_string().as_bytes(), &Limits::default())
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The error for the RFC's document with the value at `pointer` changed; `Null` taken literally.
fn with(pointer: &str, value: Value) -> String {
    let mut document = rfc();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        _ => parent[key] = value,
    }
    chain(&parse(&document).unwrap_err())
}

fn without(key: &str) -> Result<Bootspec, BootspecError> {
    let mut document = rfc();
    document["org.nixos.bootspec.v1"].as_object_mut().unwrap().remove(key).unwrap();
    parse(&document)
}

#[test]
fn everything_of_the_rfc_is_read_and_written() {
    let spec = parse(&rfc()).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&spec.render()).unwrap()["org.nixos.bootspec.v1"],
        rfc()["org.nixos.bootspec.v1"]
    );
    assert_eq!(parse(&serde_json::from_str(&spec.render()).unwrap()).unwrap(), spec);
    let boot = &spec.boot;
    assert_eq!((boot.system.as_str(), boot.label.as_str()), ("x86_64-linux", "NixOS 21.11 (Linux 5.15.30)"));
    assert_eq!(boot.kernel.as_str(), "/nix/store/xxx-linux/bzImage");
    insta::assert_snapshot!(boot.command_line().unwrap(), @"amd_iommu=on iommu=pt loglevel=4 init=/nix/store/xxx-nixos-system-xxx/init");
    let child = &spec.specialisations["<name>"];
    assert_eq!(child.boot, *boot);
    assert_eq!(child.extensions["example.more"], json!([1]));
    assert_eq!(spec.extensions.len(), 2);
    let systemd = spec.systemd_boot().unwrap().unwrap();
    assert_eq!(systemd.sort_key.as_deref(), Some("nixos"));
    assert_eq!(systemd.devicetree.unwrap().as_str(), "/nix/store/xxx-dtbs/board.dtb");
    assert_eq!(spec.lanzaboote().unwrap().unwrap().sort_key.as_deref(), Some("lanza"));
    assert_eq!(child.systemd_boot().unwrap(), None);
    assert_eq!(child.lanzaboote().unwrap(), None);
    insta::assert_snapshot!(spec.render(), @r#"
    {
      "org.nix-community.lanzaboote": {
        "sort_key": "lanza"
      },
      "org.nixos.bootspec.v1": {
        "init": "/nix/store/xxx-nixos-system-xxx/init",
        "initrd": "/nix/store/xxx-initrd-linux/initrd",
        "initrdSecrets": "/nix/store/xxx-append-secrets/bin/append-initrd-secrets",
        "kernel": "/nix/store/xxx-linux/bzImage",
        "kernelParams": [
          "amd_iommu=on",
          "iommu=pt",
          "loglevel=4"
        ],
        "label": "NixOS 21.11 (Linux 5.15.30)",
        "system": "x86_64-linux",
        "toplevel": "/nix/store/xxx-nixos-system-xxx"
      },
      "org.nixos.specialisation.v1": {
        "<name>": {
          "example.more": [
            1
          ],
          "org.nixos.bootspec.v1": {
            "init": "/nix/store/xxx-nixos-system-xxx/init",
            "initrd": "/nix/store/xxx-initrd-linux/initrd",
            "initrdSecrets": "/nix/store/xxx-append-secrets/bin/append-initrd-secrets",
            "kernel": "/nix/store/xxx-linux/bzImage",
            "kernelParams": [
              "amd_iommu=on",
              "iommu=pt",
              "loglevel=4"
            ],
            "label": "NixOS 21.11 (Linux 5.15.30)",
            "system": "x86_64-linux",
            "toplevel": "/nix/store/xxx-nixos-system-xxx"
          },
          "org.nixos.specialisation.v1": {}
        }
      },
      "org.nixos.systemd-boot": {
        "a": 2,
        "devicetree": "/nix/store/xxx-dtbs/board.dtb",
        "sortKey": "nixos",
        "z": 1
      }
    }
    "#);
}

#[test]
fn optional_is_absent_and_required_is_not() {
    for key in OPTIONAL {
        let spec = without(key).unwrap();
        assert!(spec.boot.initrd.is_none() || spec.boot.initrd_secrets.is_none());
        let text = spec.render();
        assert_eq!(parse(&serde_json::from_str(&text).unwrap()).unwrap(), spec);
    }
    for key in REQUIRED {
        let error = without(key).unwrap_err().to_string();
        assert_eq!(error, format!("boot.json at `/org.nixos.bootspec.v1`: `{key}` is missing"));
    }
    let mut document = rfc();
    document.as_object_mut().unwrap().remove("org.nixos.specialisation.v1").unwrap();
    assert!(parse(&document).unwrap().specialisations.is_empty());
}

#[test]
fn null_is_not_absent() {
    for key in OPTIONAL.into_iter().chain(REQUIRED) {
        let error = with(&format!("/org.nixos.bootspec.v1/{key}"), Value::Null);
        assert_eq!(
            error,
            format!(
                "boot.json at `/org.nixos.bootspec.v1/{key}`: null, where a value is either there or not"
            )
        );
    }
    insta::assert_snapshot!(with("/org.nixos.specialisation.v1", Value::Null), @"boot.json at `/org.nixos.specialisation.v1`: null, where a value is either there or not");
    insta::assert_snapshot!(with("/org.nixos.specialisation.v1/<name>", Value::Null), @"boot.json at `/org.nixos.specialisation.v1/<name>`: null, where a value is either there or not");
    insta::assert_snapshot!(with("/org.nixos.bootspec.v1/kernelParams/1", Value::Null), @"boot.json at `/org.nixos.bootspec.v1/kernelParams/1`: null, where a value is either there or not");
    insta::assert_snapshot!(with("/example.extension", Value::Null), @"boot.json at `/example.extension`: null, where a value is either there or not");
    insta::assert_snapshot!(with("/org.nixos.specialisation.v1/<name>/a~1b", Value::Null), @"boot.json at `/org.nixos.specialisation.v1/<name>/a~01b`: null, where a value is either there or not");
    // What is in an extension is its owner's business.
    let mut document = rfc();
    document["org.nixos.systemd-boot"] = json!({ "sortKey": null, "devicetree": null });
    let spec = parse(&document).unwrap();
    assert_eq!(spec.systemd_boot().unwrap(), Some(Default::default()));
    assert_eq!(parse(&serde_json::from_str(&spec.render()).unwrap()).unwrap(), spec);
}

#[test]
fn what_cannot_be_booted_is_named_with_its_place() {
    let boot = |key: &str| format!("/org.nixos.bootspec.v1/{key}");
    insta::assert_snapshot!(with(&boot("kernel"), json!("bzImage")), @"boot.json at `/org.nixos.bootspec.v1/kernel`: a path is refused: `bzImage` is not absolute");
    insta::assert_snapshot!(with(&boot("initrd"), json!("/nix/store/../../etc/shadow")), @"boot.json at `/org.nixos.bootspec.v1/initrd`: a path is refused: `/nix/store/../../etc/shadow` has empty, `.` or `..` parts");
    insta::assert_snapshot!(with(&boot("init"), json!("/nix/store/x/init root=/dev/evil")), @"boot.json at `/org.nixos.bootspec.v1/init`: a path is refused: `/nix/store/x/init root=/dev/evil` has characters that a kernel's command line cannot hold");
    insta::assert_snapshot!(with(&boot("toplevel"), json!(7)), @"boot.json at `/org.nixos.bootspec.v1/toplevel`: a number, where a string belongs");
    insta::assert_snapshot!(with(&boot("label"), json!("two\nlines")), @r"boot.json at `/org.nixos.bootspec.v1/label`: `two\nlines` is empty or holds a control character");
    insta::assert_snapshot!(with(&boot("label"), json!("")), @"boot.json at `/org.nixos.bootspec.v1/label`: `` is empty or holds a control character");
    insta::assert_snapshot!(with(&boot("kernelParams"), json!("quiet")), @"boot.json at `/org.nixos.bootspec.v1/kernelParams`: a string, where a list belongs");
    insta::assert_snapshot!(with(&boot("kernelParams/0"), json!("a=\"b")), @r#"boot.json at `/org.nixos.bootspec.v1/kernelParams`: these are no kernel parameters: kernel parameters `a="b iommu=pt loglevel=4` hold a `"` without its partner"#);
    insta::assert_snapshot!(with(&boot("kernelParams/0"), json!("a\nb")), @r"boot.json at `/org.nixos.bootspec.v1/kernelParams`: these are no kernel parameters: kernel parameters `a\nb iommu=pt loglevel=4` hold a control character");
    insta::assert_snapshot!(with("/org.nixos.specialisation.v1/<name>/org.nixos.bootspec.v1/kernel", json!("x")), @"boot.json at `/org.nixos.specialisation.v1/<name>/org.nixos.bootspec.v1/kernel`: a path is refused: `x` is not absolute");
    insta::assert_snapshot!(with("/org.nixos.specialisation.v1/<name>", json!({})), @"boot.json at `/org.nixos.specialisation.v1/<name>` has no `org.nixos.bootspec.v1`");
    insta::assert_snapshot!(with("/org.nixos.specialisation.v1/", rfc()), @"boot.json at `/org.nixos.specialisation.v1/`: `` is empty or holds a control character");
    insta::assert_snapshot!(with("/org.nixos.bootspec.v1", json!([])), @"boot.json at `/org.nixos.bootspec.v1`: a list, where an object belongs");
    let mut document = rfc();
    document["org.nixos.systemd-boot"] = json!({ "sortKey": 1 });
    insta::assert_snapshot!(parse(&document).unwrap().systemd_boot().unwrap_err(), @"boot.json at `/org.nixos.systemd-boot/sortKey`: a number, where a string belongs");
    document["org.nixos.systemd-boot"] = json!({ "devicetree": "board.dtb" });
    insta::assert_snapshot!(chain(&parse(&document).unwrap().systemd_boot().unwrap_err()), @"boot.json at `/org.nixos.systemd-boot/devicetree`: a path is refused: `board.dtb` is not absolute");
    document["org.nix-community.lanzaboote"] = json!("lanza");
    insta::assert_snapshot!(parse(&document).unwrap().lanzaboote().unwrap_err(), @"boot.json at `/org.nix-community.lanzaboote`: a string, where an object belongs");
}

#[test]
fn documents_that_are_none() {
    let error = |text: &str| chain(&Bootspec::parse(text.as_bytes(), &Limits::default()).unwrap_err());
    insta::assert_snapshot!(error(""), @"boot.json is no JSON document: EOF while parsing a value at line 1 column 0");
    insta::assert_snapshot!(error("[]"), @"boot.json: a list, where an object belongs");
    insta::assert_snapshot!(error("{}"), @"boot.json has no `org.nixos.bootspec.v1`");
    insta::assert_snapshot!(error(r#"{"org.nixos.bootspec.v2": {}}"#), @"boot.json has no `org.nixos.bootspec.v1`, only `org.nixos.bootspec.v2`");
    insta::assert_snapshot!(error(&"[".repeat(1000)), @"boot.json is no JSON document: recursion limit exceeded at line 1 column 128");
    let limits = Limits { size: 10, ..Limits::default() };
    insta::assert_snapshot!(Bootspec::parse(rfc().to_string().as_bytes(), &limits).unwrap_err(), @"boot.json has 1007 bytes, more than the 10 that are read");
}

#[test]
fn specialisations_without_end() {
    let mut document = rfc();
    for _ in 0..4 {
        let mut above = rfc();
        above["org.nixos.specialisation.v1"]["<name>"] = document;
        document = above;
    }
    insta::assert_snapshot!(parse(&document).unwrap_err(), @"boot.json at `/org.nixos.specialisation.v1/<name>/org.nixos.specialisation.v1/<name>/org.nixos.specialisation.v1/<name>/org.nixos.specialisation.v1/<name>/org.nixos.specialisation.v1/<name>`: specialisations more than 4 deep");
    let mut wide = rfc();
    for number in 0..1000 {
        wide["org.nixos.specialisation.v1"][number.to_string()] =
            json!({ "org.nixos.bootspec.v1": rfc()["org.nixos.bootspec.v1"] });
    }
    insta::assert_snapshot!(parse(&wide).unwrap_err(), @"boot.json has more than 1000 specialisations");
}

/// As nixpkgs wrote it while the RFC was discussed: null for what is not there, specialisations without `v1`.
fn before_the_rfc() -> Value {
    let mut boot = rfc()["org.nixos.bootspec.v1"].clone();
    boot["initrdSecrets"] = Value::Null;
    let mut child = boot.clone();
    child["label"] = json!("child");
    child["specialisation"] = json!({});
    boot["specialisation"] = json!({ "child": child });
    boot["extensions"] = json!({ "org.example": { "a": 1 } });
    json!({ "v1": boot })
}

#[test]
fn the_form_before_the_rfc() {
    let spec = parse(&before_the_rfc()).unwrap();
    assert_eq!(spec.boot.initrd_secrets, None);
    assert_eq!(spec.specialisations["child"].boot.label, "child");
    assert_eq!(spec.extensions["org.example"], json!({ "a": 1 }));
    let again: Value = serde_json::from_str(&spec.render()).unwrap();
    assert!(again.get("v1").is_none(), "it is written as the RFC wants it");
    assert_eq!(parse(&again).unwrap(), spec);
    let mut document = before_the_rfc();
    document["v1"]["kernel"] = Value::Null;
    insta::assert_snapshot!(parse(&document).unwrap_err(), @"boot.json at `/v1/kernel`: null, where a value is either there or not");
    document["v1"]["kernel"] = json!("/x");
    document["v1"].as_object_mut().unwrap().remove("system").unwrap();
    insta::assert_snapshot!(parse(&document).unwrap_err(), @"boot.json at `/v1`: `system` is missing");
}

/// A toplevel as NixOS made it before it wrote `boot.json`, in a store.
fn old_toplevel() -> Tree {
    let mut tree = Tree::new();
    let text = |text: &str| Kind::File(Blob::inline(text.as_bytes().to_vec()));
    let link = |target: &str| Kind::Symlink(target.as_bytes().into());
    put(&mut tree, "nix/store/l-linux/bzImage", text("kernel"));
    put(&mut tree, "nix/store/m-modules/lib/modules/5.10.81/modules.dep", text(""));
    put(&mut tree, "nix/store/r-initrd/initrd", text("initrd"));
    for (system, params) in [("s-system", "loglevel=4 net.ifnames=0"), ("c-child", "debug\n")] {
        let at = |name: &str| format!("nix/store/{system}/{name}");
        put(&mut tree, &at("kernel"), link("/nix/store/l-linux/bzImage"));
        put(&mut tree, &at("kernel-modules"), link("/nix/store/m-modules"));
        put(&mut tree, &at("initrd"), link("/nix/store/r-initrd/initrd"));
        put(&mut tree, &at("init"), text("#!/bin/sh"));
        put(&mut tree, &at("append-initrd-secrets"), text("#!/bin/sh"));
        put(&mut tree, &at("kernel-params"), text(params));
        put(&mut tree, &at("nixos-version"), text("21.11pre-git"));
        put(&mut tree, &at("system"), text("x86_64-linux"));
    }
    put(&mut tree, "nix/store/s-system/specialisation/child", link("/nix/store/c-child"));
    tree
}

fn put(tree: &mut Tree, path: &str, kind: Kind) {
    let path = TreePath::literal(path);
    let origin = tree.origin(Origin::Nobody);
    tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), origin).unwrap();
    if tree.get(&path).is_some() {
        tree.remove(&path).unwrap();
    }
    tree.add(&path, kind, Attrs::root(0o755), origin).unwrap();
}

fn of_toplevel(tree: &Tree) -> Result<Bootspec, BootspecError> {
    let path = "/nix/store/s-system".parse().unwrap();
    Bootspec::of_toplevel(&TreeToplevel { tree, contents: &NoContents, path }, &Limits::default())
}

#[test]
fn a_toplevel_without_a_document() {
    let spec = of_toplevel(&old_toplevel()).unwrap();
    insta::assert_snapshot!(spec.render(), @r#"
    {
      "org.nixos.bootspec.v1": {
        "init": "/nix/store/s-system/init",
        "initrd": "/nix/store/r-initrd/initrd",
        "initrdSecrets": "/nix/store/s-system/append-initrd-secrets",
        "kernel": "/nix/store/l-linux/bzImage",
        "kernelParams": [
          "loglevel=4",
          "net.ifnames=0"
        ],
        "label": "NixOS 21.11pre-git (Linux 5.10.81)",
        "system": "x86_64-linux",
        "toplevel": "/nix/store/s-system"
      },
      "org.nixos.specialisation.v1": {
        "child": {
          "org.nixos.bootspec.v1": {
            "init": "/nix/store/c-child/init",
            "initrd": "/nix/store/r-initrd/initrd",
            "initrdSecrets": "/nix/store/c-child/append-initrd-secrets",
            "kernel": "/nix/store/l-linux/bzImage",
            "kernelParams": [
              "debug"
            ],
            "label": "NixOS 21.11pre-git (Linux 5.10.81)",
            "system": "x86_64-linux",
            "toplevel": "/nix/store/c-child"
          },
          "org.nixos.specialisation.v1": {}
        }
      }
    }
    "#);
    assert_eq!(parse(&serde_json::from_str(&spec.render()).unwrap()).unwrap(), spec);
}

#[test]
fn what_an_old_toplevel_may_lack() {
    let mut tree = old_toplevel();
    for name in ["initrd", "append-initrd-secrets", "kernel-modules", "specialisation"] {
        tree.remove(&TreePath::literal(&format!("nix/store/s-system/{name}"))).unwrap();
    }
    put(&mut tree, "nix/store/s-system/kernel-params", Kind::File(Blob::inline(*b"\n")));
    let boot = of_toplevel(&tree).unwrap().boot;
    assert_eq!((boot.initrd, boot.initrd_secrets, boot.kernel_params.len()), (None, None, 0));
    assert_eq!(boot.label, "NixOS 21.11pre-git");
    for name in ["kernel", "init", "kernel-params", "nixos-version", "system"] {
        let mut tree = old_toplevel();
        tree.remove(&TreePath::literal(&format!("nix/store/s-system/{name}"))).unwrap();
        let error = of_toplevel(&tree).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("/nix/store/s-system has neither boot.json nor `{name}`: it is no NixOS system")
        );
    }
}

#[test]
fn an_old_toplevel_that_is_damaged() {
    let error = |name: &str, kind: Kind| {
        let mut tree = old_toplevel();
        put(&mut tree, &format!("nix/store/s-system/{name}"), kind);
        chain(&of_toplevel(&tree).unwrap_err())
    };
    let text = |text: &str| Kind::File(Blob::inline(text.as_bytes().to_vec()));
    let link = |target: &str| Kind::Symlink(target.as_bytes().into());
    insta::assert_snapshot!(error("kernel", link("/nix/store/gone")), @"/nix/store/s-system has neither boot.json nor `kernel`: it is no NixOS system");
    insta::assert_snapshot!(error("kernel", link("kernel")), @"`kernel` of /nix/store/s-system cannot be read: /nix/store/s-system/kernel: too many levels of symbolic links");
    insta::assert_snapshot!(error("nixos-version", text("a\nb")), @"`nixos-version` of /nix/store/s-system is not what it should be: it is empty or holds a control character");
    insta::assert_snapshot!(error("nixos-version", text("")), @"`nixos-version` of /nix/store/s-system is not what it should be: it is empty or holds a control character");
    insta::assert_snapshot!(error("kernel-params", text("a=\"b")), @r#"`kernel-params` of /nix/store/s-system is not what it should be: kernel parameters `a="b` hold a `"` without its partner"#);
    insta::assert_snapshot!(error("specialisation/more", link("/nix/store/gone")), @"/nix/store/s-system has neither boot.json nor `specialisation/more`: it is no NixOS system");
    insta::assert_snapshot!(error("specialisation/more", link("/nix/store/l-linux")), @"/nix/store/l-linux has neither boot.json nor `kernel`: it is no NixOS system");
    insta::assert_snapshot!(error("boot.json", text("{}")), @"boot.json has no `org.nixos.bootspec.v1`");
    insta::assert_snapshot!(error("boot.json", link("/nix/store")), @"`boot.json` of /nix/store/s-system cannot be read: /nix/store is a directory");
}

#[test]
fn a_toplevel_with_a_document() {
    let mut tree = old_toplevel();
    put(&mut tree, "nix/store/s-system/boot.json", Kind::File(Blob::inline(rfc().to_string().into_bytes())));
    assert_eq!(of_toplevel(&tree).unwrap(), parse(&rfc()).unwrap());
    // The oldest documents do not say for which processor they are; the toplevel does.
    let mut old = before_the_rfc();
    old["v1"].as_object_mut().unwrap().remove("system").unwrap();
    put(&mut tree, "nix/store/s-system/boot.json", Kind::File(Blob::inline(old.to_string().into_bytes())));
    assert_eq!(of_toplevel(&tree).unwrap().boot.system, "x86_64-linux");
}

#[test]
fn a_disk_that_fails_is_told_apart_from_a_bad_system() {
    struct Failing(BootPath);
    impl Toplevel for Failing {
        fn path(&self) -> &BootPath {
            &self.0
        }
        fn read(&self, _: &str) -> io::Result<Option<Vec<u8>>> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
        fn real_path(&self, _: &str) -> io::Result<Option<String>> {
            Ok(None)
        }
        fn names(&self, _: &str) -> io::Result<Vec<String>> {
            Ok(Vec::new())
        }
    }
    let failing = Failing("/nix/store/s-system".parse().unwrap());
    let error = Bootspec::of_toplevel(&failing, &Limits::default()).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"`boot.json` of /nix/store/s-system cannot be read: permission denied");
}

proptest! {
    #[test]
    fn no_byte_breaks_it(at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        let mut text = rfc().to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(spec) = Bootspec::parse(&text, &Limits::default()) {
            prop_assert_eq!(Bootspec::parse(spec.render().as_bytes(), &Limits::default()).unwrap(), spec);
        }
        text.truncate(cut.index(text.len()));
        let _ = Bootspec::parse(&text, &Limits::default());
    }
}
