//! Caches that lie, lack what they promise, or hang: refused by name, and soon.

use crate::common::{finish, succeed};
use crate::nix::{build_with, built, cache_of_downloads, digest, image_of, pintle};
use pintle_model::{Attrs, Blob, Digest, Kind, NoContents, Origin, Tree, TreePath};
use pintle_nix::compress::Compression;
use pintle_nix::{ContentAddress, NarInfo, PathInfo, References, SecretKey, StoreDir, nar};
use pintle_testkit::mirror::{Fault, Server};
use pintle_testkit::nix::{Fixture, fixture};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A copy of the fixture's cache, to be damaged.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        succeed(Command::new("cp").arg("-r").arg(&fixture().cache).arg(folder.path().join("cache")));
        Self(folder)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("cache")
    }

    /// Changes what the cache says of the toplevel, and signs it anew: whoever has the key may lie.
    fn lie(&self, change: impl FnOnce(&mut NarInfo)) {
        self.lie_of(&fixture().gen2, change);
    }

    /// What it says of a path.
    fn info(&self, path: &str) -> NarInfo {
        let store = StoreDir::default();
        NarInfo::parse(&fs::read(self.narinfo(path)).unwrap(), &store).unwrap()
    }

    fn narinfo(&self, path: &str) -> PathBuf {
        let path = StoreDir::default().parse(path).unwrap();
        self.folder().join(format!("{}.narinfo", path.hash_part()))
    }

    fn lie_of(&self, path: &str, change: impl FnOnce(&mut NarInfo)) {
        let file = self.narinfo(path);
        let mut info = self.info(path);
        change(&mut info);
        let key = SecretKey::parse(&fixture().secret_key).unwrap();
        info.info.signatures = [key.sign(&info.info.fingerprint())].into();
        fs::write(file, info.render()).unwrap();
    }

    /// What is said when generation 2 is to be built from it.
    fn refused(&self) -> String {
        self.refused_from(&self.folder().display().to_string())
    }

    /// The same, where it is served at `place`.
    fn refused_from(&self, place: &str) -> String {
        let output = build_from(place);
        assert!(!output.status.success());
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = serde_json::to_string_pretty(&report["error"]).unwrap();
        let text = text
            .replace(place, "CACHE")
            .replace(&fixture().gen2, "GEN2")
            .replace(&fixture().public_key, "KEY");
        // Digests and names follow Debian's point releases.
        format!("exit {}\n{}", output.status.code().unwrap_or(-1), digits(&text))
    }
}

/// Builds generation 2 from a cache, and nothing else.
fn build_from(place: &str) -> Output {
    let Fixture { gen2, public_key, .. } = fixture();
    let nowhere = "/nonexistent";
    build_with(&[
        "--nix",
        gen2,
        "--nix-store",
        nowhere,
        "--nix-cache",
        place,
        "--nix-trusted-key",
        public_key,
    ])
}

/// Hashes and sizes made the same for every release of the fixture's packages.
fn digits(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let (body, end) = word.split_at(word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len());
        let long = body.len() >= 32 && body.bytes().all(|b| b.is_ascii_alphanumeric());
        let number = body.len() > 2 && body.bytes().all(|b| b.is_ascii_digit());
        out += if long {
            "HASH"
        } else if number {
            "N"
        } else {
            body
        };
        out += end;
    }
    out
}

#[test]
fn caches_that_lie_are_refused() {
    let cache = Cache::new();
    cache.lie(|info| info.info.nar_size += 8);
    insta::assert_snapshot!(cache.refused(), @r#"
    exit 4
    {
      "details": null,
      "hints": [],
      "kind": "refused",
      "messages": [
        "CACHE gave something else than was promised",
        "the archive of GEN2 has N bytes, where N were promised"
      ]
    }
    "#);
    let cache = Cache::new();
    cache.lie(|info| info.info.nar_hash = Digest::of(b"something else"));
    insta::assert_snapshot!(cache.refused(), @r#"
    exit 4
    {
      "details": null,
      "hints": [],
      "kind": "refused",
      "messages": [
        "CACHE gave something else than was promised",
        "the archive of GEN2 is not what was promised",
        "sha256 is HASH, expected HASH (N bytes read)"
      ]
    }
    "#);
    let cache = Cache::new();
    cache.lie(|info| info.file_size = info.file_size.map(|size| size + 1));
    insta::assert_snapshot!(cache.refused(), @r#"
    exit 4
    {
      "details": null,
      "hints": [],
      "kind": "refused",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/nar/HASH.nar.zst has N bytes where N were expected; the mirror may be mid-update: try later, or set another mirror"
      ]
    }
    "#);
    let cache = Cache::new();
    let nobody = StoreDir::default().path(&format!("{}-nobody-has-it", "0".repeat(32))).unwrap();
    cache.lie(|info| info.info.references.extend([nobody]));
    insta::assert_snapshot!(cache.refused(), @r#"
    exit 1
    {
      "details": null,
      "hints": [
        "build or copy it (`nix build`, `nix copy`), or name a cache that has it (`source.nix-caches`)"
      ],
      "kind": "failed",
      "messages": [
        "/nix/store/HASH-nobody-has-it is not to be had, and GEN2 refers to it; looked for in:\n  the store in /nonexistent\n  CACHE"
      ]
    }
    "#);
    // The same, and nobody vouches for it.
    let cache = Cache::new();
    cache.lie(|info| info.info.nar_size += 8);
    let file = fs::read_dir(cache.folder()).unwrap().map(|entry| entry.unwrap().path());
    for path in file.filter(|path| path.extension().is_some_and(|extension| extension == "narinfo")) {
        let text = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            text.lines()
                .filter(|line| !line.starts_with("Sig:"))
                .fold(String::new(), |all, line| all + line + "\n"),
        )
        .unwrap();
    }
    insta::assert_snapshot!(cache.refused(), @r#"
    exit 4
    {
      "details": null,
      "hints": [],
      "kind": "refused",
      "messages": [
        "CACHE is not believed; add the key to `source.nix-trusted-keys` if you trust whoever has it",
        "GEN2 is not signed by a trusted key:\n  it has no signature\ntrusted are:\n  KEY"
      ]
    }
    "#);
}

#[test]
fn a_cache_that_is_cut_short_is_refused_and_goes_on_once_it_is_whole() {
    let cache = Cache::new();
    let nars = cache.folder().join("nar");
    let one = fs::read_dir(&nars).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&one).unwrap();
    fs::write(&one, &whole[..whole.len() / 2]).unwrap();
    assert!(cache.refused().contains("exit 4"));
    fs::write(&one, &whole).unwrap();
    let output = build_from(&cache.folder().display().to_string());
    assert_eq!(image_of(&output), digest(&built().manifest));
}

/// A cache behind a web server that goes wrong.
struct Served {
    cache: Cache,
    server: Server,
}

impl Served {
    fn new() -> Self {
        let cache = Cache::new();
        let server = Server::new(cache.folder());
        Self { cache, server }
    }

    /// Where the cache has the archive of generation 2.
    fn archive(&self) -> String {
        self.cache.info(&fixture().gen2).url.to_string()
    }

    /// What is said where requests for `part` go wrong; and it is said soon.
    fn refused(&self, part: &str, fault: Fault) -> String {
        self.server.fault(part, fault);
        let start = Instant::now();
        let said = self.cache.refused_from(&self.server.url());
        assert!(start.elapsed() < Duration::from_secs(60), "{fault:?} took {:?}", start.elapsed());
        self.server.heal();
        said
    }
}

#[test]
fn caches_that_lack_an_archive_are_told_apart_from_those_that_know_nothing() {
    let served = Served::new();
    insta::assert_snapshot!(served.refused(&served.archive(), Fault::Missing), @r#"
    exit 1
    {
      "details": null,
      "hints": [
        "the cache knows the path but has lost its archive: name another cache that has it (`source.nix-caches`)"
      ],
      "kind": "failed",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/nar/HASH.nar.zst is not there"
      ]
    }
    "#);
    let narinfo = served.cache.narinfo(&fixture().gen2);
    let narinfo = narinfo.file_name().unwrap().to_str().unwrap();
    insta::assert_snapshot!(served.refused(narinfo, Fault::Missing), @r#"
    exit 1
    {
      "details": null,
      "hints": [
        "build or copy it (`nix build`, `nix copy`), or name a cache that has it (`source.nix-caches`)"
      ],
      "kind": "failed",
      "messages": [
        "GEN2 is not to be had; looked for in:\n  the store in /nonexistent\n  CACHE"
      ]
    }
    "#);
    insta::assert_snapshot!(served.refused(&served.archive(), Fault::Forbidden), @r#"
    exit 1
    {
      "details": null,
      "hints": [],
      "kind": "failed",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/nar/HASH.nar.zst answered with HTTP status N; try later or set another mirror"
      ]
    }
    "#);
    insta::assert_snapshot!(served.refused(&served.archive(), Fault::Garble), @r#"
    exit 4
    {
      "details": null,
      "hints": [],
      "kind": "refused",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/nar/HASH.nar.zst is not the file that was signed; what was downloaded is thrown away: try another mirror",
        "sha256 is HASH, expected HASH (N bytes read)"
      ]
    }
    "#);
    insta::assert_snapshot!(served.refused(narinfo, Fault::Page), @r#"
    exit 1
    {
      "details": null,
      "hints": [],
      "kind": "failed",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/HASH.narinfo: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror"
      ]
    }
    "#);
    // Nothing of it was kept as good.
    assert_eq!(image_of(&build_from(&served.server.url())), digest(&built().manifest));
}

#[test]
fn caches_that_hang_are_given_up_soon() {
    let served = Served::new();
    // In the middle of an archive, again and again.
    insta::assert_snapshot!(served.refused(&served.archive(), Fault::Stop(100)), @r#"
    exit 1
    {
      "details": null,
      "hints": [],
      "kind": "failed",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/nar/HASH.nar.zst: no byte for 1s; what has arrived is kept: run the command again, or set another mirror"
      ]
    }
    "#);
    let narinfo = served.cache.narinfo(&fixture().gen2);
    insta::assert_snapshot!(served.refused(narinfo.file_name().unwrap().to_str().unwrap(), Fault::Hang), @r#"
    exit 1
    {
      "details": null,
      "hints": [],
      "kind": "failed",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/HASH.narinfo: no byte for 1s; what has arrived is kept: run the command again, or set another mirror"
      ]
    }
    "#);
    insta::assert_snapshot!(served.refused("nix-cache-info", Fault::Stop(5)), @r#"
    exit 1
    {
      "details": null,
      "hints": [],
      "kind": "failed",
      "messages": [
        "cannot fetch GEN2",
        "CACHE/nix-cache-info: no byte for 1s; what has arrived is kept: run the command again, or set another mirror"
      ]
    }
    "#);
    // One that only stumbles is no trouble.
    served.server.fault(&served.archive(), Fault::NoRanges(50));
    served.server.fault("nix-cache-info", Fault::BusyFor(2));
    assert_eq!(image_of(&build_from(&served.server.url())), digest(&built().manifest));
}

#[test]
fn paths_that_refer_to_each_other_in_a_circle_are_refused() {
    let cache = Cache::new();
    let toplevel = cache.info(&fixture().gen2).info;
    let needed = toplevel.references.iter().find(|path| path.name().ends_with("etc")).unwrap().to_string();
    cache.lie_of(&needed, |info| info.info.references.extend([toplevel.path.clone()]));
    insta::assert_snapshot!(cache.refused(), @r#"
    exit 3
    {
      "details": null,
      "hints": [],
      "kind": "bad-input",
      "messages": [
        "store paths refer to each other in a circle:\n  GEN2\n  /nix/store/HASH-etc\n  GEN2"
      ]
    }
    "#);
}

#[test]
fn a_closure_larger_than_the_disk_is_told_whose_files_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let Fixture { root, gen2, .. } = fixture();
    let text = format!(
        "name = \"toy\"\nversion = \"26.05.2\"\n[source]\nnix = \"{gen2}\"\nnix-store = \"{}\"\n[image]\nsize = \"20M\"\n",
        root.display()
    );
    fs::write(folder.path().join("system.toml"), text).unwrap();
    let output = finish(pintle(folder.path()).args(["build", "--quiet"]));
    let said = String::from_utf8_lossy(&output.stderr);
    let mut plain = String::new();
    for c in digits(&said).chars() {
        // Sizes follow Debian's point releases too.
        match c.is_ascii_digit() {
            true if plain.ends_with('N') => {}
            true => plain.push('N'),
            false => plain.push(c),
        }
    }
    insta::assert_snapshot!(format!("exit {}\n{plain}", output.status.code().unwrap_or(-1)), @"
    exit 3
    error: the image cannot be laid out:
      `image.size` is N MiB, the image needs N MiB at least (N bytes); most of it are the files of store path /nix/store/HASH-linux-cloud-amdN (N.N MiB), store path /nix/store/HASH-linux-cloud-amdN-modules (N.N MiB), store path /nix/store/HASH-glibc-N.N (N.N MiB)
    ");
    assert!(!folder.path().join("out/toy.raw").exists());
}

/// What was compared once is compared again when anything of it changed.
#[test]
fn a_store_that_was_changed_behind_our_back_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (store, folder) = (fixture().store_copy(), tempfile::tempdir().unwrap());
    // What it needs beside the store is there.
    built();
    let ours = cache_of_downloads(folder.path());
    let build = || {
        let mut build = pintle(folder.path());
        build.env("PINTLE_CACHE_DIR", &ours).args([
            "build",
            "--no-report",
            "--sbom",
            "none",
            "--nix",
            &fixture().gen2,
            "--nix-store",
        ]);
        finish(build.arg(&store.root))
    };
    let good = build();
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let file = store.root.join(fixture().gen2.trim_start_matches('/')).join("boot.json");
    let (bytes, time) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let other = text.replacen("toy", "yot", 1);
    assert_ne!(text, other);
    fs::write(&file, other).unwrap();
    fs::File::open(&file).unwrap().set_modified(time).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let bad = build();
    let said = String::from_utf8_lossy(&bad.stderr).replace(&store.root.display().to_string(), "ROOT");
    let said = digits(&said.replace(&fixture().gen2, "GEN2"));
    insta::assert_snapshot!(format!("exit {}\n{said}", bad.status.code().unwrap_or(-1)), @"
    exit 4
    made the lock: 14 store paths, and 2 packages to start them; keep it with the definition
    error: the store in ROOT gave something else than was promised
      because: the archive of GEN2 is not what was promised
      because: sha256 is HASH, expected HASH (N bytes read)
    ");
}

/// A cache that nobody signed, of one text file whose name is made from `named`, with `bytes` in it.
fn unsigned_text(named: &[u8], bytes: &[u8]) -> (tempfile::TempDir, String) {
    let (store, root) = (StoreDir::default(), TreePath::literal("x"));
    let address = ContentAddress::Text(Digest::of(named));
    let path = address.path(&store, "note", &References::default()).unwrap().unwrap();
    let mut tree = Tree::new();
    let by = tree.origin(Origin::Nobody);
    tree.add(&root, Kind::File(Blob::inline(bytes)), Attrs::root(0o444), by).unwrap();
    let mut archive = Vec::new();
    nar::write_to(&tree, &root, &NoContents, &mut archive).unwrap();
    let mut info = PathInfo::new(path.clone(), Digest::of(&archive), archive.len() as u64);
    info.content_address = Some(address);
    let url = "nar/note.nar".parse().unwrap();
    let (file_hash, file_size) = (Some(info.nar_hash), Some(info.nar_size));
    let info = NarInfo { info, url, compression: Compression::None, file_hash, file_size };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("nar")).unwrap();
    fs::write(folder.path().join("nar/note.nar"), archive).unwrap();
    fs::write(folder.path().join(info.file_name()), info.render()).unwrap();
    (folder, path.to_string())
}

#[test]
fn a_name_made_from_the_content_is_compared_with_it() {
    let refused = |named: &[u8], bytes: &[u8]| {
        let (cache, path) = unsigned_text(named, bytes);
        let place = cache.path().display().to_string();
        let nowhere = "/nonexistent";
        let output = build_with(&["--nix", &path, "--nix-store", nowhere, "--nix-cache", &place]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let messages = report["error"]["messages"].as_array().unwrap();
        let said: Vec<&str> = messages.iter().filter_map(|message| message.as_str()).collect();
        format!(
            "exit {}\n{}",
            output.status.code().unwrap_or(-1),
            digits(&said.join("\n").replace(&place, "CACHE"))
        )
    };
    // Nobody has to vouch for it: it is had, and only then found to be no system.
    insta::assert_snapshot!(refused(b"hello", b"hello"), @"
    exit 3
    /nix/store/HASH-note does not say how it starts
    `boot.json` of /nix/store/HASH-note cannot be read
    /nix/store/HASH-note/boot.json: /nix/store/HASH-note is a file from store path /nix/store/HASH-note, not a directory
    ");
    // Whoever offers it wrote the digest of the archive, which therefore says nothing.
    insta::assert_snapshot!(refused(b"hello", b"hullo"), @"
    exit 4
    CACHE gave something else than was promised
    the content of /nix/store/HASH-note is not what its name is made from: text:sha256:HASH, not sha256:HASH
    ");
}
