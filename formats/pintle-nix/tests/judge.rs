//! Nix itself as the judge: what it writes is read as it means it, what is written here it takes for its own.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod toys;

use pintle_model::{Digest, NoContents, Tree, TreePath};
use pintle_nix::cache_info::{self, CacheInfo};
use pintle_nix::compress::{Compression, Packing};
use pintle_nix::content_address::{flat_path, source_path, text_path};
use pintle_nix::listing::Listing;
use pintle_nix::nar::{self};
use pintle_nix::references::ReferenceScanner;
use pintle_nix::{
    ContentAddress, Ground, NarInfo, PathInfo, PublicKey, References, SecretKey, StoreDir, StorePath,
    Trusted, TrustedKeys, database, hash, registration,
};
use pintle_testkit::nix::{Fixture, fixture, output, tree_at};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use toys::{FILE, directory, nar as nar_of};

fn store() -> StoreDir {
    StoreDir::default()
}

fn text(command: Command) -> String {
    String::from_utf8(output(command, b"")).unwrap().trim_end().to_owned()
}

fn with<const N: usize>(mut command: Command, arguments: [&str; N]) -> Command {
    command.args(arguments);
    command
}

/// What Nix has registered.
fn registered(fixture: &Fixture) -> Vec<PathInfo> {
    let infos = registration::parse(fixture.registration.as_bytes(), &store()).unwrap();
    assert!(infos.len() >= 15);
    infos
}

/// The archive of a path, as we write it.
fn archive(root: &Path, path: &StorePath) -> Vec<u8> {
    let at = TreePath::literal("x");
    let tree = tree_at(&root.join(path.to_string().trim_start_matches('/')), "x");
    let mut out = Vec::new();
    nar::write_to(&tree, &at, &NoContents, &mut out).unwrap();
    out
}

#[test]
fn archives_are_those_of_nix() {
    let fixture = fixture();
    for info in registered(fixture) {
        let ours = archive(&fixture.root, &info.path);
        let host = fixture.root.join(info.path.to_string().trim_start_matches('/'));
        let theirs = output(with(fixture.nix("nix-store"), ["--dump", host.to_str().unwrap()]), b"");
        assert!(ours == theirs, "{}", info.path);
        assert_eq!((Digest::of(&ours), ours.len() as u64), (info.nar_hash, info.nar_size));
    }
}

#[test]
fn what_is_unpacked_is_what_nix_unpacks() {
    let folder = tempfile::tempdir().unwrap();
    let (mut tree, root) = (Tree::new(), TreePath::literal("x"));
    toys::put(&mut tree, "x/bin/program", toys::file(b"#!/bin/sh\n"), 0o755);
    toys::put(&mut tree, "x/a b/empty", toys::empty(), 0o700);
    toys::put(&mut tree, "x/a-b", toys::file(b""), 0o600);
    toys::put(&mut tree, "x/link", toys::link("../nowhere"), 0o777);
    let mut ours = Vec::new();
    nar::write_to(&tree, &root, &NoContents, &mut ours).unwrap();
    let host = folder.path().join("x");
    output(with(fixture().nix("nix-store"), ["--restore", host.to_str().unwrap()]), &ours);
    let restored = tree_at(&host, "x");
    assert_eq!(nar::hash(&restored, &root, &NoContents).unwrap().digest(), Digest::of(&ours));
}

/// We are no stricter than Nix, but for what may follow an archive: Nix reads several from one stream.
#[test]
fn what_is_refused_nix_refuses_too() {
    let good = directory(&[("name", FILE)]);
    let data = good.windows(5).position(|window| window == b"hello").unwrap();
    let mut padded = good.clone();
    padded[data + 5] = 1;
    let with = |tokens: &[&[u8]]| nar_of(&[&[&b"nix-archive-1"[..]], tokens].concat());
    let hostile = [
        ("another magic", nar_of(&[b"nix-archive-2"])),
        ("out of order", directory(&[("b", FILE), ("a", FILE)])),
        ("twice", directory(&[("a", FILE), ("a", FILE)])),
        ("empty name", directory(&[("", FILE)])),
        ("dot", directory(&[(".", FILE)])),
        ("climbing", directory(&[("..", FILE)])),
        ("slash", directory(&[("a/b", FILE)])),
        ("nul", directory(&[("a\0b", FILE)])),
        ("padding", padded),
        ("cut", good[..good.len() - 8].to_vec()),
        ("no content", with(&[b"(", b"type", b"regular", b")"])),
        ("device", with(&[b"(", b"type", b"device", b")"])),
        ("half a program", with(&[b"(", b"type", b"regular", b"executable", b"yes", b"contents", b"", b")"])),
        ("no target", with(&[b"(", b"type", b"symlink", b"target", b"", b")"])),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (number, (name, bytes)) in hostile.iter().enumerate() {
        assert!(toys::unpacked(bytes).is_err(), "{name}");
        let host = folder.path().join(number.to_string());
        let archive = host.with_extension("nar");
        fs::write(&archive, bytes).unwrap();
        let mut restore = fixture().nix("nix-store");
        restore.arg("--restore").arg(&host).stdin(fs::File::open(&archive).unwrap());
        assert!(!restore.output().unwrap().status.success(), "{name}");
    }
}

#[test]
fn registrations_and_hashes_are_understood() {
    let fixture = fixture();
    let json: BTreeMap<String, Value> = serde_json::from_str(&fixture.path_info).unwrap();
    let infos = registered(fixture);
    assert_eq!(json.len(), infos.len());
    for info in &infos {
        let facts = &json[&info.path.to_string()];
        assert_eq!(facts["narHash"], hash::sri(&info.nar_hash));
        assert_eq!(facts["narSize"], info.nar_size);
        let references: BTreeSet<String> = info.references.iter().map(StorePath::to_string).collect();
        let theirs: Vec<String> = serde_json::from_value(facts["references"].clone()).unwrap();
        assert_eq!(references, BTreeSet::from_iter(theirs));
        let spelled = |form: &str| {
            text(with(fixture.nix("nix-hash"), ["--type", "sha256", form, &info.nar_hash.hex()]))
        };
        assert_eq!(hash::parse(&spelled("--to-base32")).unwrap(), info.nar_hash);
        assert_eq!(hash::nix32(&info.nar_hash), format!("sha256:{}", spelled("--to-base32")));
        assert_eq!(spelled("--to-sri"), hash::sri(&info.nar_hash));
    }
    let folder = tempfile::tempdir().unwrap();
    let ours = registration::render(&infos);
    output(with(fixture.nix_on(folder.path(), "nix-store"), ["--load-db"]), ours.as_bytes());
    let theirs = output(with(fixture.nix_on(folder.path(), "nix-store"), ["--dump-db"]), b"");
    assert_eq!(registration::parse(&theirs, &store()).unwrap(), infos);
}

#[test]
fn references_are_those_that_nix_found() {
    let fixture = fixture();
    let infos = registered(fixture);
    let candidates: Vec<StorePath> = infos.iter().map(|info| info.path.clone()).collect();
    for info in &infos {
        let mut scanner = ReferenceScanner::new(candidates.clone());
        scanner.write_all(&archive(&fixture.root, &info.path)).unwrap();
        assert_eq!(scanner.finish(), info.references, "{}", info.path);
    }
}

/// Every narinfo file of a cache.
fn narinfos(cache: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "narinfo"));
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect()
}

/// Reads a whole cache as a client would, trusting `keys`.
fn consume(cache: &Path, keys: &TrustedKeys) -> Vec<Trusted<NarInfo>> {
    CacheInfo::parse(&fs::read(cache.join(cache_info::FILE_NAME)).unwrap(), &store()).unwrap();
    let mut all = Vec::new();
    for (name, bytes) in narinfos(cache) {
        let info = NarInfo::parse(&bytes, &store()).unwrap();
        assert_eq!(info.render().as_bytes(), bytes, "{name}");
        assert_eq!(info.file_name(), name);
        let path = info.info.path.clone();
        let trusted = keys.verify(info, &path).unwrap();
        let info = trusted.get();
        let file = fs::read(cache.join(info.url.as_str())).unwrap();
        assert_eq!((info.file_hash, info.file_size), (Some(Digest::of(&file)), Some(file.len() as u64)));
        let plain = info.compression.reader(&file[..], info.info.nar_size).unwrap();
        toys::arrive(&info.info, plain).unwrap();
        all.push(trusted);
    }
    all
}

#[test]
fn caches_of_nix_are_trusted_by_their_key_alone() {
    let fixture = fixture();
    let key = PublicKey::parse(&fixture.public_key).unwrap();
    let secret = SecretKey::parse(&fixture.secret_key).unwrap();
    assert_eq!(secret.public(), key);
    for cache in [&fixture.cache, &fixture.cache_xz] {
        for trusted in consume(cache, &TrustedKeys::new(vec![key.clone()])) {
            assert_eq!(*trusted.ground(), Ground::Key("fixture-1".into()));
            let info = &trusted.get().info;
            // Ed25519 leaves nothing to chance: we sign as Nix did.
            assert_eq!(BTreeSet::from([secret.sign(&info.fingerprint())]), info.signatures);
        }
    }
    let stranger = SecretKey::from_seed("fixture-1", &[1; 32]).unwrap().public();
    for bytes in narinfos(&fixture.cache).values() {
        let info = NarInfo::parse(bytes, &store()).unwrap();
        let path = info.info.path.clone();
        TrustedKeys::new(vec![stranger.clone()]).verify(info, &path).unwrap_err();
    }
}

#[test]
fn keys_are_those_of_nix() {
    let ours = SecretKey::from_seed("toy-1", &[5; 32]).unwrap();
    let convert = with(fixture().nix("nix"), ["key", "convert-secret-to-public"]);
    let public = output(convert, ours.reveal().as_bytes());
    assert_eq!(String::from_utf8(public).unwrap().trim_end(), ours.public().to_string());
    let theirs = text(with(fixture().nix("nix"), ["key", "generate-secret", "--key-name", "toy-2"]));
    assert_eq!(*SecretKey::parse(&theirs).unwrap().reveal(), theirs);
}

#[test]
fn listings_are_those_of_nix() {
    let fixture = fixture();
    for info in registered(fixture) {
        let tree = tree_at(&fixture.root.join(info.path.to_string().trim_start_matches('/')), "x");
        let ours = Listing::of(&tree, &TreePath::literal("x")).unwrap();
        let theirs = fs::read_to_string(fixture.cache.join(format!("{}.ls", info.path.hash_part()))).unwrap();
        assert_eq!(ours.render(), theirs, "{}", info.path);
        assert_eq!(Listing::parse(theirs.as_bytes()).unwrap(), ours);
    }
}

/// Publishes the fixture's store as a cache.
fn publish(fixture: &Fixture, cache: &Path, packing: Packing, key: &SecretKey) {
    fs::create_dir_all(cache.join("nar")).unwrap();
    let info = CacheInfo { store: store(), want_mass_query: true, priority: Some(30) };
    fs::write(cache.join(cache_info::FILE_NAME), info.render()).unwrap();
    for mut info in registered(fixture) {
        let mut packer = packing.writer(Vec::new()).unwrap();
        packer.write_all(&archive(&fixture.root, &info.path)).unwrap();
        let file = packer.finish().unwrap();
        let compression = packing.compression();
        let digest = Digest::of(&file);
        let url = format!("nar/{}.nar{}", &hash::nix32(&digest)["sha256:".len()..], compression.extension());
        fs::write(cache.join(&url), &file).unwrap();
        info.signatures.insert(key.sign(&info.fingerprint()));
        let url = url.parse().unwrap();
        let size = file.len() as u64;
        let info = NarInfo { info, url, compression, file_hash: Some(digest), file_size: Some(size) };
        fs::write(cache.join(info.file_name()), info.render()).unwrap();
    }
}

#[test]
fn nix_takes_caches_of_ours() {
    let fixture = fixture();
    let key = SecretKey::from_seed("ours-1", &[6; 32]).unwrap();
    let trusted = key.public().to_string();
    for packing in [Packing::None, Packing::Xz, Packing::Zstd] {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        publish(fixture, &cache, packing, &key);
        consume(&cache, &TrustedKeys::new(vec![key.public()]));
        let url = format!("file://{}", cache.display());
        let root = folder.path().join("store");
        let verify = ["store", "verify", "--store", &url, "--recursive", "--sigs-needed", "1"];
        let keys = ["--option", "trusted-public-keys", &trusted];
        let mut command = with(fixture.nix_on(&root, "nix"), verify);
        output(
            with(
                {
                    command.args(keys);
                    command
                },
                [&fixture.gen1, &fixture.gen2],
            ),
            b"",
        );
        let mut command = with(fixture.nix_on(&root, "nix"), ["copy", "--from", &url]);
        output(
            with(
                {
                    command.args(keys);
                    command
                },
                [&fixture.gen1, &fixture.gen2],
            ),
            b"",
        );
        output(with(fixture.nix_on(&root, "nix-store"), ["--verify", "--check-contents"]), b"");
        writable(&root);
    }
}

#[test]
fn nix_refuses_a_cache_of_a_stranger() {
    let fixture = fixture();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    publish(fixture, &cache, Packing::None, &SecretKey::from_seed("ours-1", &[6; 32]).unwrap());
    let stranger = SecretKey::from_seed("ours-1", &[7; 32]).unwrap().public().to_string();
    let root = folder.path().join("store");
    let url = format!("file://{}", cache.display());
    let arguments = ["copy", "--from", &url, "--option", "trusted-public-keys", &stranger, &fixture.gen1];
    let refused = with(fixture.nix_on(&root, "nix"), arguments).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("signature"));
    writable(&root);
}

/// Stores are read-only, which stops the removal of a temporary folder.
fn writable(root: &Path) {
    if root.exists() {
        output(with(Command::new("chmod"), ["-R", "u+w", root.to_str().unwrap()]), b"");
    }
}

#[test]
fn every_compression_that_nix_writes_is_read() {
    let fixture = fixture();
    let key = PublicKey::parse(&fixture.public_key).unwrap();
    let small = registered(fixture).into_iter().find(|info| info.path.name() == "sv-keep").unwrap();
    for kind in ["none", "xz", "zstd", "bzip2", "br", "gzip"] {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("key");
        fs::write(&secret, &fixture.secret_key).unwrap();
        let cache = folder.path().join("cache");
        let url = format!("file://{}?compression={kind}&secret-key={}", cache.display(), secret.display());
        output(with(fixture.nix("nix"), ["copy", "--to", &url, &small.path.to_string()]), b"");
        let all = consume(&cache, &TrustedKeys::new(vec![key.clone()]));
        assert_eq!(all.len(), 2, "{kind}: the service and its shell");
        assert!(all.iter().all(|trusted| trusted.get().compression == kind.parse::<Compression>().unwrap()));
    }
}

#[test]
fn content_addressed_paths_are_those_of_nix() {
    let fixture = fixture();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let (file, tree) = (folder.path().join("hello"), folder.path().join("tree"));
    fs::write(&file, "hello\n").unwrap();
    fs::create_dir_all(tree.join("sub")).unwrap();
    fs::write(tree.join("sub/file"), "x").unwrap();
    let none = References::default();
    let add = |arguments: &[&str]| {
        let mut command = fixture.nix_on(&root, "nix-store");
        command.args(arguments);
        store().parse(&text(command)).unwrap()
    };
    let digest_of =
        |host: &Path| nar::hash(&tree_at(host, "x"), &TreePath::literal("x"), &NoContents).unwrap().digest();
    for host in [&file, &tree] {
        let name = host.file_name().unwrap().to_str().unwrap();
        let ours = source_path(&store(), name, digest_of(host), &none).unwrap();
        assert_eq!(add(&["--add", host.to_str().unwrap()]), ours);
        assert_eq!(add(&["--add-fixed", "--recursive", "sha256", host.to_str().unwrap()]), ours);
    }
    let flat = flat_path(&store(), "hello", Digest::of(b"hello\n")).unwrap();
    assert_eq!(add(&["--add-fixed", "sha256", file.to_str().unwrap()]), flat);
    // Texts, also with references.
    let evaluate = |expression: &str| {
        let arguments = ["eval", "--raw", "--expr", expression];
        store().parse(&text(with(fixture.nix_on(&root, "nix"), arguments))).unwrap()
    };
    let hello = evaluate(r#"builtins.toFile "hello" "hello\n""#);
    assert_eq!(hello, text_path(&store(), "hello", Digest::of(b"hello\n"), &BTreeSet::new()).unwrap());
    let more = evaluate(r#"builtins.toFile "more" "see ${builtins.toFile "hello" "hello\n"}""#);
    let digest = Digest::of(format!("see {hello}").as_bytes());
    assert_eq!(more, text_path(&store(), "more", digest, &BTreeSet::from([hello])).unwrap());
    writable(&root);
}

/// Nix rewrites a closure so that every path is named for its content; ours is to find that so, without any key.
#[test]
fn a_content_addressed_closure_needs_no_key() {
    let fixture = fixture();
    let copy = fixture.store_copy();
    let rewrite = ["store", "make-content-addressed", "--json", &fixture.gen1];
    let rewritten: Value =
        serde_json::from_str(&text(with(fixture.nix_on(&copy.root, "nix"), rewrite))).unwrap();
    let toplevel = rewritten["rewrites"][&fixture.gen1].as_str().unwrap();
    let cache = copy.root.join("ca");
    let url = format!("file://{}", cache.display());
    output(with(fixture.nix_on(&copy.root, "nix"), ["copy", "--to", &url, toplevel]), b"");
    let all = consume(&cache, &TrustedKeys::default());
    assert!(all.len() > 10);
    let mut own = 0;
    for trusted in &all {
        assert!(matches!(trusted.ground(), Ground::Content(ContentAddress::Nar(_))));
        own += usize::from(trusted.get().info.split_references().itself);
    }
    assert!(own > 0, "some path mentions itself");
}

#[test]
fn nix_takes_a_database_of_ours() {
    let fixture = fixture();
    let copy = fixture.store_copy();
    let database = copy.root.join(database::PATH);
    let theirs = database::read(&fs::read(&database).unwrap(), b"", &store(), &Default::default()).unwrap();
    let mut infos = registered(fixture);
    let key = SecretKey::from_seed("ours-1", &[6; 32]).unwrap();
    for (info, read) in infos.iter_mut().zip(&theirs) {
        assert!(read.registration_time.unwrap() > 1_600_000_000);
        assert_eq!(PathInfo { registration_time: None, ..read.clone() }, *info);
        info.signatures.insert(key.sign(&info.fingerprint()));
    }
    for left in ["db.sqlite-wal", "db.sqlite-shm"] {
        let _ = fs::remove_file(database.with_file_name(left));
    }
    fs::write(&database, database::write(&infos, 1).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(copy.root.join(database::SCHEMA_PATH)).unwrap(), database::SCHEMA);
    let nix = |program| fixture.nix_on(&copy.root, program);
    output(with(nix("nix-store"), ["--verify", "--check-contents"]), b"");
    let dump = output(with(nix("nix-store"), ["--dump-db"]), b"");
    let mut dumped = registration::parse(&dump, &store()).unwrap();
    for (info, dumped) in infos.iter().zip(&mut dumped) {
        dumped.signatures = info.signatures.clone();
        assert_eq!(dumped, info);
    }
    let public = key.public().to_string();
    let verify =
        ["store", "verify", "--sigs-needed", "1", "--recursive", "--option", "trusted-public-keys", &public];
    output(with(with(nix("nix"), verify), [&fixture.gen1, &fixture.gen2]), b"");
    // It is Nix's to change: what it then has, log included, is read again.
    let hello = copy.root.join("hello");
    fs::write(&hello, "hello\n").unwrap();
    let added = store().parse(&text(with(nix("nix-store"), ["--add", hello.to_str().unwrap()]))).unwrap();
    let log = fs::read(database.with_file_name("db.sqlite-wal")).unwrap_or_default();
    let after = database::read(&fs::read(&database).unwrap(), &log, &store(), &Default::default()).unwrap();
    assert_eq!(after.len(), infos.len() + 1);
    let added = after.iter().find(|info| info.path == added).unwrap();
    assert!(matches!(added.content_address, Some(ContentAddress::Nar(_))));
    assert_eq!(
        after.iter().filter(|info| info.path != added.path).map(|info| info.registration_time).max(),
        Some(Some(1))
    );
    // Garbage collection works by its references.
    fs::remove_file(copy.root.join("nix/var/nix/profiles/system")).unwrap();
    output(with(nix("nix-store"), ["--gc"]), b"");
    let mut system = String::new();
    fs::File::open(copy.root.join(fixture.gen1.trim_start_matches('/')).join("nixos-version"))
        .unwrap()
        .read_to_string(&mut system)
        .unwrap();
    assert!(
        !copy.root.join(fixture.gen2.trim_start_matches('/')).exists(),
        "only generation 1 has a profile"
    );
}
