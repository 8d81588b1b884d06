//! The real archive, through the mirror of this machine. Needs the network.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

use pintle_openpgp::{debian_archive, verify_clearsigned};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The mirror that this machine's apt uses, and its neighbour for security updates.
fn mirrors() -> (String, String) {
    let listing = Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]).output();
    let listing = listing.expect("apt-get is missing: the archive is found by it").stdout;
    let listing = String::from_utf8(listing).unwrap();
    let uris: Vec<_> = listing.lines().collect();
    let find = |security: bool| {
        let found = uris
            .iter()
            .find(|uri| uri.contains("security") == security)
            .expect("a mirror in the apt sources");
        found.trim_end_matches('/').to_owned()
    };
    (find(false), find(true))
}

fn download(url: &str) -> Vec<u8> {
    let output =
        Command::new("curl").args(["--fail", "--silent", "--show-error", "--location", url]).output();
    let output = output.expect("curl is missing: `cargo xtask test` installs what the tests need");
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn release_files_of_trixie_are_signed_by_the_built_in_keys() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap();
    let (main, security) = mirrors();
    let keys = debian_archive();
    for (mirror, suite) in [(&main, "trixie"), (&main, "trixie-updates"), (&security, "trixie-security")] {
        let mut document = download(&format!("{mirror}/dists/{suite}/InRelease"));
        let signed = verify_clearsigned(&document, &keys, now).unwrap();
        assert!(signed.text().starts_with("Origin: Debian\n"), "{suite}");
        assert!(keys.fingerprints().contains(&signed.fingerprint().to_owned()));
        let middle = document.len() / 2;
        document[middle] ^= 1;
        verify_clearsigned(&document, &keys, now).unwrap_err();
    }
}
