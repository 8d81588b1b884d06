//! Signatures made by GnuPG, good and bad; `gpgv` is asked too where it has the same rules.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod gpg;

use gpg::{Gpg, NOW, YEAR};
use pintle_openpgp::{KeyRing, Reason, Signed, VerifyError, debian_archive, verify_clearsigned};

const TEXT: &str = "Origin: Toy\n\n- dash\n-----dashes\nblank \t\nSuite: stable\n";
const CANONICAL: &str = "Origin: Toy\n\n- dash\n-----dashes\nblank\nSuite: stable\n";

fn ring(keys: &[Vec<u8>]) -> KeyRing {
    let mut ring = KeyRing::new();
    for key in keys {
        ring.add(key, "test key").unwrap();
    }
    ring
}

fn verify(document: &[u8], keys: &[Vec<u8>]) -> Result<Signed, VerifyError> {
    verify_clearsigned(document, &ring(keys), NOW)
}

/// The reasons of a refusal.
fn reasons(result: Result<Signed, VerifyError>) -> Vec<Reason> {
    match result {
        Err(VerifyError::Refused { refusals, .. }) => refusals.into_iter().map(|r| r.reason).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_signature_of_a_subkey_or_primary_key_counts() {
    for usage in ["sign", "cert"] {
        let gpg = Gpg::new();
        let key = gpg.key("ed25519", usage, NOW - YEAR, "5y");
        if usage == "cert" {
            gpg.subkey(&key, "rsa2048", "sign", NOW - YEAR, "5y");
        }
        let document = gpg.clearsign(TEXT, NOW - 60, &[]);
        let public = gpg.export();
        let signed = verify(&document, std::slice::from_ref(&public)).unwrap();
        assert_eq!(signed.text(), CANONICAL);
        assert_eq!(signed.fingerprint(), key);
        assert_eq!(signed.signed_at(), NOW - 60);
        assert!(gpg.gpgv_accepts(&document, &public));
        // Line ends and trailing blanks on the way do not matter.
        let windows = String::from_utf8(document).unwrap().replace('\n', "\r\n").replace("Toy", "Toy ");
        assert_eq!(verify(windows.as_bytes(), &[public]).unwrap().text(), CANONICAL);
    }
}

#[test]
fn a_changed_text_or_signature_is_refused() {
    let gpg = Gpg::new();
    gpg.key("ed25519", "sign", NOW - YEAR, "5y");
    let public = [gpg.export()];
    let document = String::from_utf8(gpg.clearsign(TEXT, NOW - 60, &[])).unwrap();
    for (from, to) in [
        ("Origin: Toy", "Origin: Boy"),
        ("Origin: Toy\n", ""),
        ("Suite: stable\n", "Suite: stable\nx: y\n"),
        ("Suite: stable\n", "Suite: stable\n\n"),
        ("- - dash", "- dash"),
    ] {
        let changed = document.replacen(from, to, 1);
        assert_ne!(changed, document);
        assert_eq!(reasons(verify(changed.as_bytes(), &public)), [Reason::BadSignature], "{from} -> {to}");
        assert!(!gpg.gpgv_accepts(changed.as_bytes(), &public[0]));
    }
    for end in 1..document.len() - 1 {
        verify(&document.as_bytes()[..end], &public).unwrap_err();
    }
    let twice = format!("{document}{document}");
    assert!(matches!(verify(twice.as_bytes(), &public), Err(VerifyError::Frame(_))));
}

#[test]
fn every_changed_byte_is_noticed() {
    let gpg = Gpg::new();
    gpg.key("ed25519", "sign", NOW - YEAR, "5y");
    let public = [gpg.export()];
    let document = gpg.clearsign("a: b\n", NOW - 60, &[]);
    let ring = ring(&public);
    for at in 0..document.len() {
        for bit in [1, 4, 0x20] {
            let mut changed = document.clone();
            changed[at] ^= bit;
            // Blanks at line ends and details of the armor are not signed; the text always is.
            if let Ok(signed) = verify_clearsigned(&changed, &ring, NOW) {
                assert_eq!(signed.text(), "a: b\n", "byte {at} bit {bit}");
            }
        }
    }
}

#[test]
fn times_of_keys_and_signatures_are_looked_at() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", NOW - 3 * YEAR, "5y");
    let then = gpg.clearsign(TEXT, NOW - 2 * YEAR, &[]);
    let late = gpg.clearsign(TEXT, NOW - YEAR / 2, &[]);
    gpg.run_at(NOW - 3 * YEAR + 60, &["--quick-set-expire", &key, "2y"]);
    let public = [gpg.export()];
    assert_eq!(reasons(verify(&then, &public)), [Reason::KeyExpired]);
    verify_clearsigned(&then, &ring(&public), NOW - 2 * YEAR + 60).unwrap();
    assert_eq!(reasons(verify(&late, &public)), [Reason::KeyWasExpired]);
    let before = verify_clearsigned(&then, &ring(&public), NOW - 2 * YEAR - 3600);
    assert_eq!(reasons(before), [Reason::Future]);

    let gpg = Gpg::new();
    gpg.key("ed25519", "sign", NOW - YEAR, "5y");
    let public = [gpg.export()];
    let short = gpg.clearsign(TEXT, NOW - 7200, &["--default-sig-expire", "seconds=3600"]);
    assert_eq!(reasons(verify(&short, &public)), [Reason::SignatureExpired]);
    verify_clearsigned(&short, &ring(&public), NOW - 7000).unwrap();
}

#[test]
fn an_extended_key_counts_again() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", NOW - 3 * YEAR, "1y");
    gpg.run_at(NOW - YEAR, &["--quick-set-expire", &key, "5y"]);
    let document = gpg.clearsign(TEXT, NOW - 60, &[]);
    verify(&document, &[gpg.export()]).unwrap();
}

#[test]
fn revoked_keys_are_refused() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", NOW - YEAR, "5y");
    let document = gpg.clearsign(TEXT, NOW - 60, &[]);
    verify(&document, &[gpg.export()]).unwrap();
    gpg.revoke(&key);
    let public = gpg.export();
    assert_eq!(reasons(verify(&document, std::slice::from_ref(&public))), [Reason::Revoked]);

    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "cert", NOW - YEAR, "5y");
    gpg.subkey(&key, "ed25519", "sign", NOW - YEAR, "5y");
    let document = gpg.clearsign(TEXT, NOW - 60, &[]);
    verify(&document, &[gpg.export()]).unwrap();
    gpg.revoke_subkey(&key);
    assert_eq!(reasons(verify(&document, &[gpg.export()])), [Reason::Revoked]);
}

#[test]
fn weak_hashes_and_keys_are_refused() {
    let gpg = Gpg::new();
    gpg.key("rsa2048", "sign", NOW - YEAR, "5y");
    let public = [gpg.export()];
    let weak = ["--digest-algo", "SHA1", "--allow-weak-digest-algos"];
    let document = gpg.clearsign(TEXT, NOW - 60, &weak);
    assert_eq!(reasons(verify(&document, &public)), [Reason::Hash("SHA1".into())]);
    let document = gpg.clearsign(TEXT, NOW - 60, &["--digest-algo", "SHA512"]);
    verify(&document, &public).unwrap();

    let gpg = Gpg::new();
    gpg.key("rsa1024", "sign", NOW - YEAR, "5y");
    let document = gpg.clearsign(TEXT, NOW - 60, &[]);
    assert_eq!(reasons(verify(&document, &[gpg.export()])), [Reason::Algorithm("RSA of 1024 bits".into())]);
}

#[test]
fn strangers_are_named_and_one_friend_is_enough() {
    let (ours, theirs) = (Gpg::new(), Gpg::new());
    let our_key = ours.key("ed25519", "sign", NOW - YEAR, "5y");
    theirs.key("ed25519", "sign", NOW - YEAR, "5y");
    let document = theirs.clearsign(TEXT, NOW - 60, &[]);
    assert_eq!(reasons(verify(&document, &[ours.export()])), [Reason::UnknownKey]);

    theirs.import(&ours.export_secret());
    let both = theirs.clearsign_by_all(TEXT, NOW - 60);
    let signed = verify(&both, &[ours.export()]).unwrap();
    assert_eq!(signed.fingerprint(), our_key);
}

#[test]
fn refusals_read_well() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", NOW - 3 * YEAR, "1y");
    let document = gpg.clearsign(TEXT, NOW - 5 * YEAR / 2, &[]);
    let shown =
        |result: Result<Signed, VerifyError>| result.unwrap_err().to_string().replace(&key, "OUR-KEY");
    insta::assert_snapshot!(shown(verify(&document, &[gpg.export()])), @r"
    no signature of the document counts:
      by OUR-KEY: its key has expired
    trusted are:
      OUR-KEY Toy <toy@toy.test>
    ");
    insta::assert_snapshot!(shown(verify(&document, &[])), @r"
    no signature of the document counts:
      by OUR-KEY: this key is not trusted
    trusted are:
      nobody
    ");
    insta::assert_snapshot!(shown(verify_clearsigned(&document, &debian_archive(), NOW)), @r"
    no signature of the document counts:
      by OUR-KEY: this key is not trusted
    trusted are:
      04B54C3CDCA79751B16BC6B5225629DF75B188BD Debian Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
      5E04A1E3223A19A20706E20F9904613D4CCE68C6 Debian Security Archive Automatic Signing Key (13/trixie) <ftpmaster@debian.org>
      41587F7DB8C774BCCF131416762F67A0B2C39DE4 Debian Stable Release Key (13/trixie) <debian-release@lists.debian.org>
      B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8 Debian Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
      05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0 Debian Security Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>
      4D64FEC119C2029067D6E791F8D2585B8783D481 Debian Stable Release Key (12/bookworm) <debian-release@lists.debian.org>
    ");
    insta::assert_snapshot!(shown(verify(b"<html>", &[])), @"the document cannot be checked");
}

#[test]
fn a_signing_subkey_of_someone_else_cannot_be_adopted() {
    let (victim, thief) = (Gpg::new(), Gpg::new());
    let key = victim.key("ed25519", "cert", NOW - YEAR, "5y");
    victim.subkey(&key, "ed25519", "sign", NOW - YEAR, "5y");
    thief.key("ed25519", "cert", NOW - YEAR, "5y");
    let document = victim.clearsign(TEXT, NOW - 60, &[]);
    let adopted = gpg::adopt(&thief.export_secret(), &victim.export());
    assert_eq!(reasons(verify(&document, &[adopted])), [Reason::NotBound]);
}

#[test]
fn keys_for_other_uses_do_not_sign() {
    let gpg = Gpg::new();
    let key = gpg.key("rsa2048", "sign", NOW - YEAR, "5y");
    let document = gpg.clearsign(TEXT, NOW - 60, &[]);
    // The same key, re-certified as one that only certifies.
    gpg.change_usage(&key);
    assert_eq!(reasons(verify(&document, &[gpg.export()])), [Reason::NotForSigning]);
}
