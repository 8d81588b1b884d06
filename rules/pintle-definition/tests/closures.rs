//! A definition of a closure: nothing of Debian is added to it, and nothing that describes packages goes unheard.

use pintle_definition::{MemoryFiles, evaluate, evaluate_document};
use pintle_model::System;

fn evaluated(text: &str) -> Result<System, String> {
    let files = MemoryFiles::new().with("system.toml", format!("name = \"t\"\n{text}"));
    let evaluation = evaluate(&files, "system.toml").map_err(|problems| problems.to_string())?;
    Ok(evaluation.system().clone())
}

const CLOSURE: &str = "[source]\nnix = \"./result\"\n";

#[test]
fn a_closure_is_the_whole_system() {
    let system = evaluated(&format!("{CLOSURE}nix-caches = [\"./cache\"]\nnix-label = \"root\"\n")).or_fail();
    let nix =
        system.source.nix.as_ref().map(|nix| (nix.system.as_str(), nix.caches.len(), nix.label.as_deref()));
    assert_eq!(nix, Some(("./result", 1, Some("root"))));
    assert!(
        system.packages.is_empty()
            && system.files.is_empty()
            && !system.kernel.is_wanted()
            && system.starts()
    );
    assert!(!evaluated("").or_fail().packages.is_empty(), "without it the defaults are there");
}

/// What cannot be evaluated fails the test with its text.
trait OrFail {
    fn or_fail(self) -> System;
}

impl OrFail for Result<System, String> {
    fn or_fail(self) -> System {
        self.unwrap_or_else(|problems| panic!("{problems}"))
    }
}

#[test]
fn what_describes_packages_beside_it_is_wrong() {
    let wrong = |more: &str| evaluated(&format!("{CLOSURE}{more}")).err().unwrap_or_default();
    insta::assert_snapshot!(wrong("[ssh]\n"), @"
    error: `ssh` describes a system made of Debian packages, but `source.nix` names a closure
     --> system.toml:4:2
      |
    4 | [ssh]
      |  ^^^ set here
      = help: a closure is configured in Nix: say it in the NixOS configuration and build that anew, or take `source.nix` out
    ");
    insta::assert_snapshot!(wrong("[users.alice]\n"), @"
    error: `users` describes a system made of Debian packages, but `source.nix` names a closure
     --> system.toml:4:2
      |
    4 | [users.alice]
      |  ^^^^^ set here
      = help: a closure is configured in Nix: say it in the NixOS configuration and build that anew, or take `source.nix` out
    ");
    insta::assert_snapshot!(wrong("[base]\nhostname = \"a\"\n"), @"
    error: `base` describes a system made of Debian packages, but `source.nix` names a closure
     --> system.toml:4:2
      |
    4 | [base]
      |  ^^^^ set here
      = help: a closure is configured in Nix: say it in the NixOS configuration and build that anew, or take `source.nix` out
    ");
    let wrong = evaluated(&format!("packages = [\"curl\"]\n{CLOSURE}")).err().unwrap_or_default();
    insta::assert_snapshot!(wrong, @r#"
    error: `packages` describes a system made of Debian packages, but `source.nix` names a closure
     --> system.toml:2:1
      |
    2 | packages = ["curl"]
      | ^^^^^^^^ set here
      = help: a closure is configured in Nix: say it in the NixOS configuration and build that anew, or take `source.nix` out
    "#);
}

#[test]
fn a_document_is_held_to_the_same() {
    let document = |more: &str| {
        let nix = "\"nix\":{\"system\":\"/nix/store/x\"}";
        format!(
            "{{\"schema\":1,\"name\":\"t\",\"version\":\"1\",\"source\":{{\"debian\":{{\"suites\":[]}},{nix}}}{more}}}"
        )
    };
    assert!(evaluate_document("t.json", document("").as_bytes()).is_ok());
    let wrong = evaluate_document("t.json", document(",\"packages\":[\"curl\"]").as_bytes()).unwrap_err();
    insta::assert_snapshot!(wrong, @"t.json: at `packages`: `source.nix` names a closure, which is the whole system: this must be empty");
}
