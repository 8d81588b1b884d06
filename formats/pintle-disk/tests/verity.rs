//! Hash trees before veritysetup, which we did not write.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_disk::gpt::Discoverable;
use pintle_disk::verity::{
    HashSink, Hasher, Salt, Shape, Signature, Superblock, Tree, VerifyError, partition_uuids, verify,
};
use pintle_model::{Arch, Blob, Bytes, Contents, Digest, NoContents, Sink, SourceId, WriteAll};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use std::fs;
use std::io::{self, Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Output};
use uuid::{Uuid, uuid};

const HASHES: Uuid = uuid!("0b6f2e9c-52e1-4f0e-8a44-6d0f6d4c1a77");
const BLOCK: usize = 4096;

fn judge(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    let output = command.output();
    output
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs what the tests need"))
}

fn accepted(program: &str, arguments: &[&str]) -> String {
    let output = judge(program, arguments);
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {text}{errors}");
    text.into_owned()
}

/// Data of some blocks that all differ, but for runs of zeros.
fn data(blocks: usize) -> Vec<u8> {
    let mut out = vec![0; blocks * BLOCK];
    for (number, block) in out.chunks_exact_mut(BLOCK).enumerate().filter(|(number, _)| number % 700 < 500) {
        let mut state = number as u64 + 1;
        for word in block.chunks_exact_mut(8) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.copy_from_slice(&state.to_le_bytes());
        }
    }
    out
}

fn tree(data: &[u8], salt: &Salt, threads: usize) -> Tree {
    let mut hasher = Hasher::new(salt.clone(), threads).unwrap();
    hasher.write_all(data).unwrap();
    hasher.finish().unwrap()
}

fn bytes(tree: &Tree) -> Vec<u8> {
    let mut out = WriteAll::new(Vec::new(), &NoContents);
    tree.put(HASHES, &mut out).unwrap();
    let bytes = out.finish(tree.shape().len()).unwrap();
    assert_eq!(bytes.len() as u64, tree.shape().len());
    bytes
}

fn salt() -> Salt {
    "9d3cf1f0f33c0b2fbb8a20d2c4e3a5718d0a4e6b1f5c7799aabbccddeeff0011".parse().unwrap()
}

/// One level, two, three; each full, one block less, one more; salts of all kinds.
#[test]
fn every_tree_is_the_one_that_veritysetup_makes() {
    let folder = tempfile::tempdir().unwrap();
    let (image, theirs, ours) =
        (folder.path().join("data"), folder.path().join("theirs"), folder.path().join("ours"));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let salts = [salt(), Salt::none(), "00".parse().unwrap(), Salt::new(&[7; 256]).unwrap()];
    let sizes = [1, 2, 127, 128, 129, 128 * 128 - 1, 128 * 128, 128 * 128 + 1];
    for (blocks, salt) in sizes.iter().flat_map(|blocks| salts.iter().map(move |salt| (*blocks, salt))) {
        let data = data(blocks);
        fs::write(&image, &data).unwrap();
        drop(fs::remove_file(&theirs));
        let salt_text = format!("--salt={salt}");
        let uuid = format!("--uuid={HASHES}");
        let said = accepted("veritysetup", &["format", &path(&image), &path(&theirs), &salt_text, &uuid]);
        let tree = tree(&data, salt, 2);
        let root = said.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
        assert_eq!(tree.root().hex(), root, "{blocks} blocks, salt {salt}");
        let made = bytes(&tree);
        let read = fs::read(&theirs).unwrap();
        // Without levels, what fills the superblock's block up is not written by theirs.
        assert!(
            made.starts_with(&read) && made[read.len()..].iter().all(|byte| *byte == 0),
            "{blocks}, {salt}"
        );
        assert!(read.len() == made.len() || blocks == 1, "{blocks}: {} {}", read.len(), made.len());
        fs::write(&ours, &made).unwrap();
        accepted("veritysetup", &["verify", &path(&image), &path(&ours), root]);
        let superblock = verify(&mut Cursor::new(&data), &mut &*read, &tree.root(), 2).unwrap();
        assert_eq!(superblock, Superblock { uuid: HASHES, data_blocks: blocks as u64, salt: salt.clone() });
    }
}

#[test]
fn what_veritysetup_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (image, hashes) = (folder.path().join("data"), folder.path().join("hashes"));
    let data = data(300);
    let tree = tree(&data, &salt(), 1);
    let made = bytes(&tree);
    let check = |data: &[u8], hashed: &[u8], root: Digest| {
        fs::write(&image, data).unwrap();
        fs::write(&hashes, hashed).unwrap();
        let paths = [image.to_str().unwrap(), hashes.to_str().unwrap()];
        let theirs = judge("veritysetup", &["verify", paths[0], paths[1], &root.hex()]);
        assert!(!theirs.status.success(), "veritysetup accepts it");
        verify(&mut Cursor::new(data), &mut &*hashed, &root, 2).unwrap_err().to_string()
    };
    let changed = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 0x10;
        bytes
    };
    let root = tree.root();
    insta::assert_snapshot!(check(&changed(&data, 200 * BLOCK + 7), &made, root), @"1 of 300 data blocks are not what the tree says, the first is number 200 (at byte 819200)");
    insta::assert_snapshot!(check(&data, &changed(&made, BLOCK), root), @"the root hash is b5a551940cb42a30916e83bef95129bac83c28636b19c229bec05af2ae130b76, expected dc9135c2e30b761e14c849e2abd64add3c201c5dde6add97c85329a2f441b1a6: the tree is damaged, or it is another one");
    // The second of three blocks above the data; its last entries are above none.
    insta::assert_snapshot!(check(&data, &changed(&made, 3 * BLOCK + 5), root), @"hash block 3 (at byte 12288 of the hash device) is not what the block above it says");
    insta::assert_snapshot!(check(&data, &changed(&made, made.len() - 1), root), @"hash block 4 (at byte 16384 of the hash device) is not what the block above it says");
    insta::assert_snapshot!(check(&data, &made, Digest::of(b"another")), @"the root hash is dc9135c2e30b761e14c849e2abd64add3c201c5dde6add97c85329a2f441b1a6, expected ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5: the tree is damaged, or it is another one");
    insta::assert_snapshot!(check(&data[BLOCK..], &made, root), @"the dm-verity tree is over 1228800 bytes of data, and there are only 1224704");
    insta::assert_snapshot!(check(&data, &made[..made.len() - 1], root), @"the dm-verity tree ends before it is complete: 20480 bytes are needed");
    insta::assert_snapshot!(check(&data, &made[..700], root), @"the dm-verity tree ends before it is complete: 20480 bytes are needed");
    insta::assert_snapshot!(check(&data, &changed(&made, 0), root), @"there is no dm-verity superblock: it does not begin with `verity`");
    insta::assert_snapshot!(check(&data, &[], root), @"there is no dm-verity superblock: it does not begin with `verity`");
    insta::assert_snapshot!(check(&data, &changed(&made, 12), root), @"a dm-verity hash type of 17 is not known here, only 1");
    insta::assert_snapshot!(check(&data, &changed(&made, 32), root), @"a dm-verity hash algorithm of `cha256` is not known here, only sha256");
    insta::assert_snapshot!(check(&data, &changed(&made, 65), root), @"a dm-verity data block size of 0 is not known here, only 4096");
    insta::assert_snapshot!(check(&data, &changed(&made, 79), root), @"the dm-verity superblock says 1152921504606847276 data blocks; 1 to 2251799813685247 are possible");
    insta::assert_snapshot!(check(&data, &changed(&made, 81), root), @"the dm-verity superblock says 4128 bytes of salt; 0 to 256 are possible");
    insta::assert_snapshot!(check(&data, &changed(&made, 88), root), @"the root hash is 30f46b9fb1b88011ea1bdfd06b6fa78a52ecb1ca3f3e2a16dd9c9d7bd1c1a959, expected dc9135c2e30b761e14c849e2abd64add3c201c5dde6add97c85329a2f441b1a6: the tree is damaged, or it is another one");
}

#[test]
fn data_that_is_no_number_of_blocks_has_no_tree() {
    let refused = |len: usize| {
        let mut hasher = Hasher::new(Salt::none(), 1).unwrap();
        hasher.write_all(&vec![1; len]).unwrap();
        hasher.finish().unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(0), @"0 bytes are no whole number of dm-verity's blocks of 4096 bytes");
    insta::assert_snapshot!(refused(5000), @"5000 bytes are no whole number of dm-verity's blocks of 4096 bytes");
    assert_eq!((Shape::new(0), Shape::new(u64::MAX)), (None, None));
    let salt = |text: &str| text.parse::<Salt>().unwrap_err().to_string();
    insta::assert_snapshot!(salt("abc"), @"`abc` is no salt: an even number of hexadecimal digits, or `-` for none");
    insta::assert_snapshot!(salt(""), @"`` is no salt: an even number of hexadecimal digits, or `-` for none");
    insta::assert_snapshot!(salt(&"00".repeat(257)), @"a salt of 257 bytes; dm-verity takes 256 at most");
}

#[test]
fn the_bytes_are_pinned() {
    let tree = tree(&data(1000), &salt(), 3);
    insta::assert_snapshot!(tree.root(), @"3c983375ad75cae83015550a935fb2e4ad6d9b5c10a6c092dd26ed671ad35f44");
    insta::assert_snapshot!(Digest::of(&bytes(&tree)), @"01f23ef7f0215500ed166f938b34e67b87457154df9da2f97075653b3fce36b1");
}

/// A hole of 8 GiB is counted, not hashed; a levels' worth of equal blocks is hashed once.
#[test]
fn a_long_hole_has_the_tree_of_its_zeros() {
    let mut sink = HashSink::new(Hasher::new(salt(), 2).unwrap(), &NoContents);
    sink.write(4100, b"start").unwrap();
    sink.write((8 << 30) - 6, b"end").unwrap();
    let holed = sink.finish(8 << 30).unwrap();
    // The same from the hashes of its only three kinds of blocks.
    let hash = |at: usize, bytes: &[u8]| {
        let mut block = [0; BLOCK];
        block[at..at + bytes.len()].copy_from_slice(bytes);
        *Digest::of(&[salt().as_bytes(), &block].concat()).as_bytes()
    };
    let mut level = vec![hash(0, b""); 2 << 20];
    level[1] = hash(4, b"start");
    level[(2 << 20) - 1] = hash(BLOCK - 6, b"end");
    while level.len() > 1 {
        let above = |hashes: &[[u8; 32]]| {
            let mut block = hashes.concat();
            block.resize(BLOCK, 0);
            *Digest::of(&[salt().as_bytes(), &block].concat()).as_bytes()
        };
        level = level.chunks(128).map(above).collect();
    }
    assert_eq!(holed.root().as_bytes(), &level[0]);
}

/// The types that systemd knows by name.
#[test]
fn partition_types_are_those_of_systemd() {
    let known = accepted("systemd-id128", &["show"]);
    for (arch, name) in [(Arch::Amd64, "x86-64"), (Arch::Arm64, "arm64")] {
        for (kind, name) in Discoverable::ALL.into_iter().zip([
            format!("root-{name}"),
            format!("root-{name}-verity"),
            format!("root-{name}-verity-sig"),
            format!("usr-{name}"),
            format!("usr-{name}-verity"),
            format!("usr-{name}-verity-sig"),
        ]) {
            let line = known.lines().find(|line| line.split_whitespace().next() == Some(&*name)).unwrap();
            let theirs = line.split_whitespace().nth(1).unwrap();
            assert_eq!(kind.type_guid(arch).simple().to_string(), theirs, "{name}");
        }
    }
}

#[test]
fn partitions_are_named_by_the_root_hash() {
    let root = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".parse().unwrap();
    let (data, hashes) = partition_uuids(&root);
    assert_eq!(data, uuid!("00010203-0405-0607-0809-0a0b0c0d0e0f"));
    assert_eq!(hashes, uuid!("10111213-1415-1617-1819-1a1b1c1d1e1f"));
}

#[test]
fn a_signature_partition_is_read_as_it_was_written() {
    let signature = Signature {
        root: Digest::of(b"root"),
        certificate: Some(Digest::of(b"der")),
        pkcs7: vec![0x30; 3000],
    };
    let bytes = signature.partition();
    assert_eq!(bytes.len(), 2 * BLOCK);
    assert_eq!(Signature::parse(&bytes).unwrap(), signature);
    let plain = Signature { certificate: None, ..signature };
    assert_eq!(Signature::parse(&plain.partition()).unwrap(), plain);
    let error = |bytes: &[u8]| Signature::parse(bytes).unwrap_err().to_string();
    insta::assert_snapshot!(error(b""), @"the verity signature is no JSON document");
    insta::assert_snapshot!(error(b"{}"), @"the verity signature has no `signature` that is base64");
    insta::assert_snapshot!(error(br#"{"rootHash":"00","signature":"AAAA"}"#), @"the verity signature has no `rootHash` that is a SHA-256 digest");
    insta::assert_snapshot!(error(br#"{"rootHash":7,"signature":""}"#), @"the verity signature has no `signature` that is base64");
    insta::assert_snapshot!(error(b"{}\0\0x"), @"the verity signature's document is followed by other bytes than NULs");
    insta::assert_snapshot!(error(&vec![0; (4 << 20) + 1]), @"more than 4194304 bytes in a verity signature partition");
}

/// A source of bytes that are a function of their position.
struct Counting;

impl Contents for Counting {
    fn read_exact_at(&self, _: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        out.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = (at >> 3) as u8);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However an image comes (written, copied, left out), on any number of threads, and a plain stream of it: one tree,
    /// which verifies; with a changed byte it does not.
    #[test]
    fn every_way_of_feeding_gives_the_same_tree(
        calls in vec((0u64..700_000, 0usize..300_000, any::<u8>(), any::<bool>()), 0..6),
        threads in 1usize..5,
        tail in 1u64..3_000_000,
        flip in any::<u64>(),
    ) {
        let mut hashed = HashSink::new(Hasher::new(salt(), threads).unwrap(), &Counting);
        let mut plain = WriteAll::new(Vec::new(), &Counting);
        let mut at = 0;
        for (gap, len, byte, copied) in calls {
            at += gap;
            for sink in [&mut hashed as &mut dyn Sink, &mut plain] {
                match copied {
                    true => sink.copy(at, &Bytes::At { source: SourceId(0), offset: at }, 5, len as u64).unwrap(),
                    false => sink.blob(at, &Blob::inline(vec![byte; len])).unwrap(),
                }
            }
            at += len as u64;
        }
        let len = (at + tail).next_multiple_of(BLOCK as u64);
        let mut plain = plain.finish(len).unwrap();
        let hashed = hashed.finish(len).unwrap();
        prop_assert_eq!(&hashed, &tree(&plain, &salt(), 1));
        let tree = bytes(&hashed);
        verify(&mut Cursor::new(&plain), &mut &*tree, &hashed.root(), threads).unwrap();
        let flip = flip % len;
        plain[flip as usize] ^= 1;
        let error = verify(&mut Cursor::new(&plain), &mut &*tree, &hashed.root(), threads).unwrap_err();
        match error {
            VerifyError::Data { first, damaged: 1, .. } => prop_assert_eq!(first, flip / BLOCK as u64),
            VerifyError::Root { .. } => prop_assert_eq!(len, BLOCK as u64),
            error => panic!("{error:?}"),
        }
    }
}
