//! `pintle verity`: hash trees by themselves, judged by veritysetup.

use crate::cli::{fails, folder, within};
use crate::common::succeed;
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::process::Command;

const UUID: &str = "8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d";

fn veritysetup(dir: &std::path::Path, arguments: &[&str]) -> String {
    let mut command = Command::new("veritysetup");
    succeed(command.args(arguments).current_dir(dir).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
}

/// What systemd reads from a signature partition, given to openssl.
#[test]
fn root_hashes_are_signed() {
    let dir = folder();
    fs::write(dir.path().join("usr.img"), crate::toy::noise(40960)).unwrap();
    succeed(within(dir.path()).args(["keys", "new", "keys"]));
    let format =
        ["verity", "format", "usr.img", "usr.verity", "--signature", "usr.sig", "--key", "keys/db.key"];
    let root = succeed(within(dir.path()).args(format).args(["--certificate", "keys/db.crt"]));
    let partition = fs::read(dir.path().join("usr.sig")).unwrap();
    assert_eq!(partition.len() % 4096, 0);
    let text = partition.split(|byte| *byte == 0).next().unwrap();
    let signature: Value = serde_json::from_slice(text).unwrap();
    assert_eq!(signature["rootHash"], root.trim());
    fs::write(dir.path().join("hash"), root.trim()).unwrap();
    fs::write(dir.path().join("base64"), signature["signature"].as_str().unwrap()).unwrap();
    let openssl =
        |arguments: &[&str]| succeed(Command::new("openssl").args(arguments).current_dir(dir.path()));
    openssl(&["base64", "-d", "-A", "-in", "base64", "-out", "p7s"]);
    let verify = [
        "smime", "-verify", "-binary", "-inform", "DER", "-in", "p7s", "-content", "hash", "-purpose", "any",
    ];
    assert_eq!(openssl(&[&verify[..], &["-CAfile", "keys/db.crt"]].concat()), root.trim());
    let fingerprint = openssl(&["x509", "-in", "keys/db.crt", "-noout", "-fingerprint", "-sha256"]);
    let fingerprint = fingerprint.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(signature["certificateFingerprint"], Value::String(fingerprint));
    // An expired certificate still signs, and is told of.
    openssl(&["req", "-new", "-key", "keys/db.key", "-subj", "/CN=old/", "-out", "request"]);
    let sign =
        ["x509", "-req", "-in", "request", "-signkey", "keys/db.key", "-days", "-1", "-out", "old.crt"];
    openssl(&sign);
    let output = crate::common::finish(within(dir.path()).args(format).args(["--certificate", "old.crt"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let told =
        said.contains("warning: old.crt is valid from") && said.contains("firmware does not look at that");
    assert!(output.status.success() && told, "{said}");
    assert_snapshot!(fails(within(dir.path()).args(format)), @"
    exit 2
    error: the following required arguments were not provided:
      --certificate <FILE>

    Usage: pintle verity format --certificate <FILE> --signature <FILE> --key <FILE> <DATA> <HASH>

    For more information, try '--help'.
    ");
}

#[test]
fn trees_are_written_and_compared() {
    let dir = folder();
    // Data, a hole of 200 MiB, data.
    let image = fs::File::create(dir.path().join("usr.img")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&image, &crate::toy::noise(300_000), 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&image, b"end", (200 << 20) - 3).unwrap();
    let root = succeed(within(dir.path()).args(["verity", "format", "usr.img", "usr.verity"]));
    let root = root.trim();
    veritysetup(dir.path(), &["verify", "usr.img", "usr.verity", root]);
    let theirs =
        veritysetup(dir.path(), &["format", "usr.img", "theirs", "--salt=a1b2", &format!("--uuid={UUID}")]);
    let format = ["--json", "verity", "format", "usr.img", "ours", "--salt", "a1b2", "--uuid", UUID];
    let report: Value = serde_json::from_str(&succeed(within(dir.path()).args(format))).unwrap();
    assert!(theirs.contains(report["root_hash"].as_str().unwrap()), "{theirs}\n{report}");
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert!(read("ours") == read("theirs"), "every byte");
    assert_snapshot!(format!("{report:#}"), @r#"
    {
      "data_blocks": 51200,
      "data_partition_uuid": "1336e7b2-143b-d7a1-1d5b-a5e98e8569ad",
      "hash_partition_uuid": "40c2948e-5de5-0f77-e0ae-022245ded9c3",
      "root_hash": "1336e7b2143bd7a11d5ba5e98e8569ad40c2948e5de50f77e0ae022245ded9c3",
      "salt": "a1b2",
      "uuid": "8d2f2a0a-0b2e-4d39-9a58-8f4f0f3f4f6d"
    }
    "#);

    assert_snapshot!(succeed(within(dir.path()).args(["verity", "verify", "usr.img", "usr.verity", root])), @"51200 blocks are what cbac410dbdb0438604fd2f846c2962e24928f9eab82c031f87522d44bb7f104f stands for");
    std::os::unix::fs::FileExt::write_all_at(&image, b"!", 5000).unwrap();
    assert_snapshot!(fails(within(dir.path()).args(["verity", "verify", "usr.img", "usr.verity", root])), @"
    exit 4
    error: usr.img is not what cbac410dbdb0438604fd2f846c2962e24928f9eab82c031f87522d44bb7f104f stands for
      because: 1 of 51200 data blocks are not what the tree says, the first is number 1 (at byte 4096)
    ");
    image.set_len(5000).unwrap();
    assert_snapshot!(fails(within(dir.path()).args(["verity", "format", "usr.img", "other"])), @"
    exit 3
    error: usr.img cannot have a hash tree
      because: 5000 bytes are no whole number of dm-verity's blocks of 4096 bytes
    ");
    assert!(!dir.path().join("other").exists());
    assert_snapshot!(fails(within(dir.path()).args(["verity", "format", "absent.img", "other"])), @"
    exit 1
    error: cannot read absent.img
      because: No such file or directory (os error 2)
    ");
    assert_snapshot!(fails(within(dir.path()).args(["verity", "format", "usr.img", "other", "--salt", "xy"])), @"
    exit 2
    error: invalid value 'xy' for '--salt <HEX>': `xy` is no salt: an even number of hexadecimal digits, or `-` for none

    For more information, try '--help'.
    ");
    assert_snapshot!(fails(within(dir.path()).args(["verity", "verify", "usr.img", "usr.verity", "12"])), @"
    exit 2
    error: invalid value '12' for '<ROOTHASH>': `12` is not a SHA-256 digest (64 hexadecimal digits)

    For more information, try '--help'.
    ");
}
