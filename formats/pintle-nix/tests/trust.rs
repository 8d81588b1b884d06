//! Which paths are believed, and what of their archives.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod toys;

use pintle_model::{Digest, TreePath};
use pintle_nix::content_address::{flat_path, source_path, text_path};
use pintle_nix::nar;
use pintle_nix::references::SelfHasher;
use pintle_nix::{ContentAddress, Ground, PathInfo, References, SecretKey, StoreDir, Trusted, TrustedKeys};
use std::collections::BTreeSet;
use toys::{arrive, chain, file, path, put};

fn key(name: &str, seed: u8) -> SecretKey {
    SecretKey::from_seed(name, &[seed; 32]).unwrap()
}

/// The archive of one plain file.
fn archive(text: &[u8]) -> Vec<u8> {
    let mut tree = pintle_model::Tree::new();
    put(&mut tree, "x", file(text), 0o444);
    let mut out = Vec::new();
    nar::write_to(&tree, &TreePath::literal("x"), &pintle_model::NoContents, &mut out).unwrap();
    out
}

fn info(archive: &[u8]) -> PathInfo {
    let mut info = PathInfo::new(path('1', "toy"), Digest::of(archive), archive.len() as u64);
    info.references = BTreeSet::from([path('1', "toy"), path('2', "libc")]);
    info
}

fn signed(mut info: PathInfo, key: &SecretKey) -> PathInfo {
    info.signatures.insert(key.sign(&info.fingerprint()));
    info
}

fn unpack(trusted: &Trusted<PathInfo>, archive: &[u8]) -> Result<(), String> {
    arrive(trusted.get(), archive).map_err(|error| chain(&error))
}

#[test]
fn a_signature_of_a_trusted_key_is_enough() {
    let nar = archive(b"x");
    let (ours, theirs) = (key("ours-1", 1), key("theirs-1", 2));
    let info = signed(signed(info(&nar), &theirs), &ours);
    let trusted = TrustedKeys::new(vec![ours.public()]).verify(info, &path('1', "toy")).unwrap();
    assert_eq!(*trusted.ground(), Ground::Key("ours-1".into()));
    unpack(&trusted, &nar).unwrap();
}

#[test]
fn without_one_the_error_names_everyone() {
    let nar = archive(b"x");
    let wanted = path('1', "toy");
    let keys = TrustedKeys::new(vec![key("ours-1", 1).public(), key("ours-2", 2).public()]);
    let error = |info: PathInfo| keys.verify(info, &wanted).unwrap_err().to_string();
    insta::assert_snapshot!(error(info(&nar)), @r"
    /nix/store/11111111111111111111111111111111-toy is not signed by a trusted key:
      it has no signature
    trusted are:
      ours-1:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
      ours-2:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=
    ");
    let impostor = key("ours-1", 9);
    insta::assert_snapshot!(error(signed(signed(info(&nar), &impostor), &key("theirs-1", 3))), @r"
    /nix/store/11111111111111111111111111111111-toy is not signed by a trusted key:
      by ours-1: the signature is not of this key and path
      by theirs-1: this key is not trusted
    trusted are:
      ours-1:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
      ours-2:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=
    ");
    let nobody = TrustedKeys::default();
    insta::assert_snapshot!(nobody.verify(signed(info(&nar), &impostor), &wanted).unwrap_err(), @r"
    /nix/store/11111111111111111111111111111111-toy is not signed by a trusted key:
      by ours-1: this key is not trusted
    trusted are:
      nobody
    ");
    let mut claims = info(&nar);
    claims.content_address = Some(ContentAddress::Nar(claims.nar_hash));
    insta::assert_snapshot!(error(claims), @r"
    /nix/store/11111111111111111111111111111111-toy is not signed by a trusted key:
      it has no signature
      its content address fixed:r:sha256:0rsv7kag23nvdpy4500mv2m0b4sm4c8fkgqrfsrmv1kgk77bi81c gives another path
    trusted are:
      ours-1:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
      ours-2:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=
    ");
}

#[test]
fn every_signed_fact_counts() {
    let nar = archive(b"x");
    let ours = key("ours-1", 1);
    let keys = TrustedKeys::new(vec![ours.public()]);
    let good = signed(info(&nar), &ours);
    let changes: [fn(&mut PathInfo); 4] = [
        |info| info.nar_hash = Digest::of(b"other"),
        |info| info.nar_size += 8,
        |info| info.references.extend([path('3', "more")]),
        |info| info.references.clear(),
    ];
    for change in changes {
        let mut changed = good.clone();
        change(&mut changed);
        keys.verify(changed, &path('1', "toy")).unwrap_err();
    }
}

#[test]
fn an_answer_about_another_path() {
    let nar = archive(b"x");
    let ours = key("ours-1", 1);
    let keys = TrustedKeys::new(vec![ours.public()]);
    let old = signed(info(&nar), &ours);
    insta::assert_snapshot!(keys.verify(old, &path('1', "toy-2")).unwrap_err(), @"asked for /nix/store/11111111111111111111111111111111-toy-2, the answer is about /nix/store/11111111111111111111111111111111-toy");
}

#[test]
fn an_archive_that_is_not_what_was_signed() {
    let nar = archive(b"some text");
    let ours = key("ours-1", 1);
    let keys = TrustedKeys::new(vec![ours.public()]);
    let trusted = keys.verify(signed(info(&nar), &ours), &path('1', "toy")).unwrap();
    insta::assert_snapshot!(unpack(&trusted, &archive(b"some teXt")).unwrap_err(), @"the archive of /nix/store/11111111111111111111111111111111-toy is not what was promised: sha256 is 0d536a21c306c38775359b4962bcf50ef150eebc83986547429c1110d1219d33, expected 20fb0d405f1c8cfec06a3a356d7fc1f671c241a581c5b40de6350d8ea3ede64c (128 bytes read)");
    insta::assert_snapshot!(unpack(&trusted, &archive(b"text")).unwrap_err(), @"the archive of /nix/store/11111111111111111111111111111111-toy has 120 bytes, where 128 were promised");
    insta::assert_snapshot!(unpack(&trusted, &archive(&[b'x'; 9999])).unwrap_err(), @"the archive of /nix/store/11111111111111111111111111111111-toy is damaged: / at byte 96: 10095 is over the limit of 128 bytes that the archive should have");
    insta::assert_snapshot!(unpack(&trusted, &nar[..50]).unwrap_err(), @"the archive of /nix/store/11111111111111111111111111111111-toy is damaged: /: the archive ends at byte 50, within it");
}

/// The facts of a content-addressed path.
fn addressed(nar: &[u8], address: ContentAddress, references: References) -> PathInfo {
    let store = StoreDir::default();
    let path = address.path(&store, "toy", &references).unwrap().unwrap();
    let mut info = PathInfo::new(path.clone(), Digest::of(nar), nar.len() as u64);
    info.references = references.others;
    if references.itself {
        info.references.insert(path);
    }
    info.content_address = Some(address);
    info
}

#[test]
fn a_name_made_from_the_content_needs_no_key() {
    let nobody = TrustedKeys::default();
    let text = b"some text";
    let nar = archive(text);
    let libc = References { others: BTreeSet::from([path('2', "libc")]), itself: false };
    let all = [
        addressed(&nar, ContentAddress::Nar(Digest::of(&nar)), libc.clone()),
        addressed(&nar, ContentAddress::Text(Digest::of(text)), libc),
        addressed(&nar, ContentAddress::Flat(Digest::of(text)), References::default()),
    ];
    for info in all {
        let (wanted, address) = (info.path.clone(), info.content_address.clone().unwrap());
        let trusted = nobody.verify(info.clone(), &wanted).unwrap();
        assert_eq!(*trusted.ground(), Ground::Content(address));
        unpack(&trusted, &nar).unwrap();
        // Whoever lies about the archive cannot lie about the content.
        let other = archive(b"some teXt");
        let lie = PathInfo { nar_hash: Digest::of(&other), ..info.clone() };
        let error = unpack(&nobody.verify(lie, &wanted).unwrap(), &other).unwrap_err();
        assert!(error.contains("is not what its name is made from"), "{error}");
        // Nor about what it mentions, for that is in the name as well.
        let mut lie = info;
        lie.references.insert(path('3', "more"));
        nobody.verify(lie, &wanted).unwrap_err();
    }
    let store = StoreDir::default();
    let paths = [
        source_path(&store, "toy", Digest::of(text), &References::default()).unwrap(),
        text_path(&store, "toy", Digest::of(text), &BTreeSet::new()).unwrap(),
        flat_path(&store, "toy", Digest::of(text)).unwrap(),
    ];
    assert_eq!(BTreeSet::from(paths).len(), 3, "one content has another name for each kind");
}

#[test]
fn a_program_is_no_text_file() {
    let text = b"some text";
    let mut tree = pintle_model::Tree::new();
    put(&mut tree, "x", file(text), 0o555);
    let mut program = Vec::new();
    nar::write_to(&tree, &TreePath::literal("x"), &pintle_model::NoContents, &mut program).unwrap();
    let info = addressed(&program, ContentAddress::Text(Digest::of(text)), References::default());
    let wanted = info.path.clone();
    let trusted = TrustedKeys::default().verify(info, &wanted).unwrap();
    insta::assert_snapshot!(unpack(&trusted, &program).unwrap_err(), @"the content of /nix/store/g14dn2z6kzwhw0k7983550sk17v7r7vy-toy is not what its name is made from: text:sha256:1lmf0mnpfmbbh8dhaqk7krkdlanm2165hvw2mbzsbqvrbh96ykxr, not no plain file");
}

#[test]
fn content_that_mentions_its_own_name() {
    // The name is made from the content with zeros in place of the name.
    let zeros = format!("my name is {}", "\0".repeat(32));
    let itself = References { others: BTreeSet::new(), itself: true };
    let zeroed = Digest::of(&archive(zeros.as_bytes()));
    let own = source_path(&StoreDir::default(), "toy", zeroed, &itself).unwrap();
    let nar = archive(zeros.replace(&"\0".repeat(32), own.hash_part()).as_bytes());
    let mut hasher = SelfHasher::new(&own);
    hasher.update(&nar);
    assert_eq!(hasher.finish().digest(), zeroed);
    let info = addressed(&nar, ContentAddress::Nar(zeroed), itself);
    assert_eq!(info.path, own);
    let trusted = TrustedKeys::default().verify(info, &own).unwrap();
    unpack(&trusted, &nar).unwrap();
}
