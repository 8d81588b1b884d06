//! Packs that are whole or absent, and images written from them.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

use pintle_model::{Blob, Bytes, Contents as _, Digest, Segment, Sink as _, SourceId, WriteAll};
use pintle_world::{Cache, FileSink, Pack, Store};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const FORMAT: u32 = 1;

fn store(folder: &Path) -> Store {
    Store::open(&Cache::open(folder).unwrap())
}

fn write_pack(store: &Store, name: &[u8], files: &[&[u8]]) -> (Pack, Vec<u64>) {
    let mut writer = store.create_pack(&Digest::of(name), FORMAT).unwrap();
    let mut offsets = Vec::new();
    for file in files {
        offsets.push(writer.begin().unwrap());
        for piece in file.chunks(1000) {
            writer.append(piece).unwrap();
        }
    }
    (writer.finish(b"the index".to_vec()).unwrap(), offsets)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

#[test]
fn a_pack_is_found_again_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let files: [&[u8]; 3] = [&[1; 5000], &[2; 4096], b"three"];
    let (_, offsets) = write_pack(&store(folder.path()), b"a", &files);
    assert_eq!(offsets, [0, 8192, 12288]);
    let again = store(folder.path());
    let pack = again.open_pack(&Digest::of(b"a"), FORMAT).unwrap().unwrap();
    assert_eq!(pack.index, b"the index");
    for (offset, file) in offsets.iter().zip(files) {
        let blob = Blob::at(pack.source, *offset, file.len() as u64);
        assert_eq!(blob.read(&again, 10_000).unwrap(), file);
    }
    assert_eq!(again.open_pack(&Digest::of(b"a"), FORMAT + 1).unwrap(), None);
    assert_eq!(again.open_pack(&Digest::of(b"b"), FORMAT).unwrap(), None);
    let past_the_end = again.read_exact_at(pack.source, 12288, &mut [0; 6]).unwrap_err();
    assert_eq!(past_the_end.kind(), io::ErrorKind::UnexpectedEof);
    let unknown = again.read_exact_at(SourceId(99), 0, &mut [0]).unwrap_err();
    assert_eq!(unknown.to_string(), "no content source 99");
}

#[test]
fn the_bytes_of_a_pack_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    write_pack(&store(folder.path()), b"a", &[&[1; 5000], b"two"]);
    let files = files_below(&folder.path().join("packs"));
    let digests: Vec<_> = files.iter().map(|file| Digest::of(&fs::read(file).unwrap()).hex()).collect();
    // Index, pack. Raise the magic of the index when this changes.
    assert_eq!(
        digests,
        [
            "4ab5a15252143c63e19ecabf78a342fedfb2c7268c10468166a424c91388cd7d",
            "39fd842b5d50803352982958820c3c14138a4ca13b5226c79b7c23913009a3cf"
        ]
    );
}

#[test]
fn an_abandoned_pack_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut writer = store.create_pack(&Digest::of(b"a"), FORMAT).unwrap();
    writer.append(&[1; 1 << 20]).unwrap();
    drop(writer);
    assert_eq!(files_below(folder.path()), [folder.path().join("CACHEDIR.TAG")]);
}

#[test]
fn leftovers_of_a_killed_process_are_swept_and_work_under_way_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join("partial");
    let first = store(folder.path());
    let mut writer = first.create_pack(&Digest::of(b"a"), FORMAT).unwrap();
    writer.append(b"bytes").unwrap();
    fs::write(partial.join(".tmpdead.pack"), b"left").unwrap();
    fs::write(partial.join("download"), b"to be resumed").unwrap();
    let forgotten = fs::File::create(partial.join("forgotten")).unwrap();
    forgotten.set_modified(SystemTime::now() - Duration::from_secs(15 * 24 * 3600)).unwrap();
    store(folder.path());
    assert_eq!(files_below(&partial).len(), 2);
    assert!(partial.join("download").exists());
    writer.finish(Vec::new()).unwrap();
    assert!(store(folder.path()).open_pack(&Digest::of(b"a"), FORMAT).unwrap().is_some());
}

#[test]
fn a_pack_is_vouched_for_until_it_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let store = store(folder.path());
        let pack = store.open_pack(&Digest::of(b"a"), FORMAT).unwrap().unwrap();
        (pack.vouched, store)
    };
    write_pack(&store(folder.path()), b"a", &[&[1; 5000]]);
    assert!(open().0, "whoever wrote it knows it");
    let pack = files_below(&folder.path().join("packs")).remove(1);
    let bytes = fs::read(&pack).unwrap();
    fs::write(&pack, &bytes).unwrap();
    let (vouched, store) = open();
    assert!(!vouched, "something wrote to it");
    store.vouch(&Digest::of(b"a"), FORMAT);
    drop(store);
    assert!(open().0, "it was compared");
    fs::copy(&pack, folder.path().join("copy")).unwrap();
    fs::rename(folder.path().join("copy"), &pack).unwrap();
    assert!(!open().0, "it was replaced");
    let (_, store) = open();
    store.vouch(&Digest::of(b"a"), FORMAT);
    drop(store);
    // The notes begin with the kernel's name of this boot.
    let mut notes = fs::read(folder.path().join("vouched")).unwrap();
    notes[0] ^= 1;
    fs::write(folder.path().join("vouched"), notes).unwrap();
    assert!(!open().0, "the notes are damaged");
}

#[test]
fn damaged_packs_count_as_absent_and_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    write_pack(&store(folder.path()), b"a", &[&[1; 5000]]);
    let files = files_below(&folder.path().join("packs"));
    let [index, pack] = [&files[0], &files[1]];
    let (good_index, good_pack) = (fs::read(index).unwrap(), fs::read(pack).unwrap());
    let open = || store(folder.path()).open_pack(&Digest::of(b"a"), FORMAT).unwrap();
    for at in 0..good_index.len() {
        let mut bad = good_index.clone();
        bad[at] ^= 1;
        fs::write(index, bad).unwrap();
        assert_eq!(open(), None, "byte {at} of the index");
        fs::write(index, &good_index[..at]).unwrap();
        assert_eq!(open(), None, "index of {at} bytes");
    }
    fs::write(index, &good_index).unwrap();
    for bad in [&good_pack[..0], &good_pack[..4096]] {
        fs::write(pack, bad).unwrap();
        assert_eq!(open(), None);
    }
    fs::remove_file(pack).unwrap();
    assert_eq!(open(), None);
    let (whole, _) = write_pack(&store(folder.path()), b"a", &[&[1; 5000]]);
    assert_eq!(open().map(|pack| pack.index), Some(whole.index));
}

#[test]
fn thousands_of_sources_need_few_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let paths: Vec<_> = (0..1500u32).map(|n| folder.path().join(n.to_string())).collect();
    let sources: Vec<_> = (0u32..)
        .zip(&paths)
        .map(|(n, path)| {
            fs::write(path, n.to_le_bytes()).unwrap();
            store.add_file(path).unwrap()
        })
        .collect();
    for _ in 0..2 {
        for (n, source) in (0u32..).zip(&sources) {
            let mut bytes = [0; 4];
            store.read_exact_at(*source, 0, &mut bytes).unwrap();
            assert_eq!(u32::from_le_bytes(bytes), n);
        }
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 400, "{open} descriptors");
}

#[test]
fn only_regular_files_become_sources() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let shown = |path: &Path| {
        store.add_file(path).unwrap_err().to_string().replace(&folder.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(shown(folder.path()), @"cannot read DIR");
    insta::assert_snapshot!(shown(&folder.path().join("none")), @"cannot read DIR/none");
}

#[test]
fn holes_stay_holes_and_small_writes_are_gathered() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let big: Vec<u8> = (0..200_000u32).map(|n| n as u8 | 1).collect();
    let (pack, offsets) = write_pack(&store, b"a", &[&big, b"small"]);
    let path = folder.path().join("image");
    let file = fs::File::create_new(&path).unwrap();
    let mut sink = FileSink::new(&file, &store);
    sink.write(0, b"start").unwrap();
    sink.blob(4096, &Blob::at(pack.source, offsets[1], 5)).unwrap();
    sink.blob(64 << 20, &Blob::at(pack.source, offsets[0], 200_000)).unwrap();
    let error = sink.write(100, b"back").unwrap_err();
    insta::assert_snapshot!(error, @"image writer went back from 67308864 to 100");
    sink.finish(128 << 20).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 128 << 20);
    assert_eq!(&bytes[..5], b"start");
    assert_eq!(&bytes[4096..4101], b"small");
    assert_eq!(&bytes[64 << 20..][..200_000], big);
    assert_eq!(bytes.iter().filter(|b| **b != 0).count(), 200_010);
    let stored = fs::metadata(&path).unwrap().blocks() * 512;
    assert!(stored < 1 << 20, "{stored} bytes on disk");

    let mut sink = FileSink::new(&file, &store);
    sink.write(0, &[0; 10]).unwrap();
    insta::assert_snapshot!(sink.finish(5).unwrap_err(), @"image writer wrote up to 10, past the image's end 5");
}

#[test]
fn what_fails_beside_fails_the_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let host = folder.path().join("host");
    fs::write(&host, vec![7; 1 << 20]).unwrap();
    let source = store.add_file(&host).unwrap();
    let file = fs::File::create_new(folder.path().join("image")).unwrap();
    // More than is there, and then so much that the thread's end shows while it goes on.
    for further in [0, 500] {
        let end = std::thread::scope(|scope| {
            let mut sink = FileSink::beside(scope, &file, &store, 2);
            sink.blob(0, &Blob::at(source, 0, 2 << 20))?;
            for number in 1..=further {
                sink.blob(number * (4 << 20), &Blob::at(source, 0, 1 << 20))?;
            }
            sink.finish(4 << 30)
        });
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[derive(Clone, Debug)]
enum Call {
    Write(usize),
    Copy(usize, usize),
}

fn calls() -> impl Strategy<Value = Vec<(usize, Call)>> {
    let length = || prop_oneof![0usize..200, 4000usize..4200, Just(65_536), 60_000usize..140_000];
    let gap = prop_oneof![Just(0usize), 0usize..200, 4000usize..9000];
    let call = prop_oneof![
        length().prop_map(Call::Write),
        (0usize..100_000, length()).prop_map(|(offset, len)| Call::Copy(offset, len)),
    ];
    vec((gap, call), 1..30)
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    #[test]
    fn the_file_is_what_a_stream_would_be(calls in calls(), seed in any::<u8>(), beside in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let data: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect();
        let (pack, offsets) = write_pack(&store, b"a", &[&data]);
        let file = fs::File::create_new(folder.path().join("image")).unwrap();
        let expected = std::thread::scope(|scope| {
            let mut sink =
                if beside { FileSink::beside(scope, &file, &store, 2) } else { FileSink::new(&file, &store) };
            let mut stream = WriteAll::new(Vec::new(), &store);
            let mut at = 0u64;
            for (gap, call) in calls {
                at += gap as u64;
                match call {
                    Call::Write(len) => {
                        sink.write(at, &data[..len]).unwrap();
                        stream.write(at, &data[..len]).unwrap();
                        at += len as u64;
                    }
                    Call::Copy(offset, len) if len > 0 => {
                        let from = Bytes::At { source: pack.source, offset: offsets[0] + offset as u64 };
                        let segment = Segment { at: 7, len: len as u64, bytes: from };
                        let blob = Blob::sparse(len as u64 + 7, vec![segment]).unwrap();
                        sink.blob(at, &blob).unwrap();
                        stream.blob(at, &blob).unwrap();
                        at += len as u64 + 7;
                    }
                    Call::Copy(..) => {}
                }
            }
            sink.finish(at + 5).unwrap();
            stream.finish(at + 5).unwrap()
        });
        assert!(fs::read(folder.path().join("image")).unwrap() == expected);
    }
}
