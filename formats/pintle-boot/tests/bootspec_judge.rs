//! Documents and toplevels of a system that Nix built.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

use pintle_boot::bootspec::{Bootspec, Limits, TreeToplevel};
use pintle_model::{NoContents, Tree, TreePath};
use pintle_testkit::nix::{fixture, tree_at};
use serde_json::Value;
use std::collections::BTreeMap;

/// The fixture's whole store.
fn store() -> Tree {
    tree_at(&fixture().root.join("nix/store"), "nix/store")
}

fn of(tree: &Tree, toplevel: &str) -> Bootspec {
    let path = toplevel.parse().unwrap();
    Bootspec::of_toplevel(&TreeToplevel { tree, contents: &NoContents, path }, &Limits::default()).unwrap()
}

#[test]
fn documents_of_both_generations() {
    let (fixture, tree) = (fixture(), store());
    for (toplevel, variants) in [(&fixture.gen1, 0), (&fixture.gen2, 1)] {
        let spec = of(&tree, toplevel);
        assert_eq!(spec.boot.toplevel.as_str(), toplevel);
        assert_eq!(spec.specialisations.len(), variants);
        assert_eq!(spec.systemd_boot().unwrap().unwrap().sort_key.as_deref(), Some("nixos"));
        let everyone = std::iter::once(&spec).chain(spec.specialisations.values());
        for boot in everyone.map(|spec| &spec.boot) {
            for path in [Some(&boot.kernel), Some(&boot.init), boot.initrd.as_ref()].into_iter().flatten() {
                assert!(tree.get(&path.tree_path()).is_some(), "{path}");
            }
            let line = boot.command_line().unwrap().to_string();
            assert!(line.ends_with(&format!(" init={}/init", boot.toplevel)), "{line}");
        }
        let document = tree.get(&spec.boot.toplevel.join("boot.json").unwrap().tree_path()).unwrap();
        let pintle_model::Kind::File(blob) = &document.kind else { panic!("boot.json is a file") };
        let theirs: Value = serde_json::from_slice(&blob.read(&NoContents, 1 << 20).unwrap()).unwrap();
        let ours: Value = serde_json::from_str(&spec.render()).unwrap();
        for key in ["org.nixos.bootspec.v1", "org.nixos.systemd-boot"] {
            assert_eq!(ours[key], theirs[key]);
        }
    }
}

/// What the files of a toplevel say is what its document says.
#[test]
fn a_toplevel_whose_document_is_gone() {
    let (fixture, mut tree) = (fixture(), store());
    let documented = of(&tree, &fixture.gen2);
    let everyone: Vec<_> = std::iter::once(&documented).chain(documented.specialisations.values()).collect();
    for spec in everyone {
        tree.remove(&spec.boot.toplevel.join("boot.json").unwrap().tree_path()).unwrap();
    }
    let found = of(&tree, &fixture.gen2);
    let facts = |spec: &Bootspec| {
        let mut boot = spec.boot.clone();
        // The toy calls itself otherwise than NixOS does.
        boot.label.clear();
        boot
    };
    assert_eq!(facts(&found), facts(&documented));
    let variants = |spec: &Bootspec| {
        spec.specialisations
            .iter()
            .map(|(name, spec)| (name.clone(), facts(spec)))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(variants(&found), variants(&documented));
    assert!(found.boot.label.starts_with("NixOS 26.05.2 (Linux "), "{}", found.boot.label);
    assert!(tree.get(&TreePath::literal("nix/store")).is_some());
}
