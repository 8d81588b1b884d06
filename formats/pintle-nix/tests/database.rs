//! The store's database: what is written can be read, also by SQLite; what is damaged or hostile is refused.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod toys;

use pintle_model::{Digest, Limit};
use pintle_nix::database::{Limits, apply_wal, read, write};
use pintle_nix::{ContentAddress, PathInfo, SecretKey, StoreDir};
use proptest::prelude::*;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;
use toys::{chain, path};

fn infos() -> Vec<PathInfo> {
    let digest = Digest::of(b"x");
    let mut libc = PathInfo::new(path('2', "libc"), digest, 120);
    libc.content_address = Some(ContentAddress::Nar(digest));
    let mut toy = PathInfo::new(path('1', "toy"), Digest::of(b"toy"), 4096);
    toy.references = BTreeSet::from([path('1', "toy"), path('2', "libc")]);
    toy.deriver = Some(path('3', "toy.drv"));
    for (name, seed) in [("a-1", 1), ("b-1", 2)] {
        let key = SecretKey::from_seed(name, &[seed; 32]).unwrap();
        toy.signatures.insert(key.sign(&toy.fingerprint()));
    }
    toy.registration_time = Some(1_700_000_000);
    vec![toy, libc]
}

fn read_all(database: &[u8], log: &[u8]) -> Result<Vec<PathInfo>, String> {
    read(database, log, &StoreDir::default(), &Limits::default()).map_err(|error| chain(&error))
}

#[test]
fn what_is_registered_comes_back() {
    let mut wanted = infos();
    let bytes = write(&wanted, 1).unwrap();
    wanted[1].registration_time = Some(1);
    assert_eq!(read_all(&bytes, b"").unwrap(), wanted);
    let reversed: Vec<_> = infos().into_iter().rev().collect();
    assert_eq!(write(&reversed, 1).unwrap(), bytes);
    assert_eq!(read_all(&write(&[], 1).unwrap(), b"").unwrap(), []);
}

/// A changed layout is no fault, but must be noticed: images that were built before are then rebuilt with other bytes.
#[test]
fn the_bytes_are_pinned() {
    insta::assert_snapshot!(Digest::of(&write(&infos(), 1).unwrap()), @"456b03808f8efaaf30d5cff2fcbd67f55db90b1d87348e4abf499e78bbebd392");
}

#[test]
fn many_paths_come_back() {
    let name = |number: u32| StoreDir::default().path(&format!("{:0>32}-p", number)).unwrap();
    let all: Vec<PathInfo> = (0..3000)
        .map(|number| {
            let mut info = PathInfo::new(name(number), Digest::of(&number.to_le_bytes()), 8);
            info.references = (number.saturating_sub(5)..=number).map(name).collect();
            info.registration_time = Some(7);
            info
        })
        .collect();
    assert_eq!(read_all(&write(&all, 1).unwrap(), b"").unwrap(), all);
}

#[test]
fn what_cannot_be_registered() {
    let error = |infos: &[PathInfo]| chain(&write(infos, 1).unwrap_err());
    insta::assert_snapshot!(error(&infos()[..1]), @"/nix/store/11111111111111111111111111111111-toy refers to /nix/store/22222222222222222222222222222222-libc, which is not to be registered");
    insta::assert_snapshot!(error(&[infos(), infos()].concat()), @"/nix/store/11111111111111111111111111111111-toy is to be registered twice");
    let huge = PathInfo::new(path('2', "libc"), Digest::of(b"x"), u64::MAX);
    insta::assert_snapshot!(error(&[huge]), @"/nix/store/22222222222222222222222222222222-libc has a size or time that is over 2^63");
}

/// A database that SQLite made in a file, with its log while it is open.
fn by_sqlite(folder: &Path, statements: &str) -> (Connection, Vec<u8>, Vec<u8>) {
    let file = folder.join("db.sqlite");
    std::fs::write(&file, write(&infos(), 1).unwrap()).unwrap();
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    connection.execute_batch(statements).unwrap();
    let log = std::fs::read(folder.join("db.sqlite-wal")).unwrap_or_default();
    (connection, std::fs::read(&file).unwrap(), log)
}

#[test]
fn a_log_that_was_not_merged_yet_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, database, log) = by_sqlite(
        folder.path(),
        "delete from Refs; delete from ValidPaths where path like '%libc';
         update ValidPaths set narSize = 5; update ValidPaths set narSize = 6;",
    );
    assert!(log.len() > 4096);
    assert_eq!(read_all(&database, b"").unwrap().len(), 2, "without the log it is as before");
    let found = read_all(&database, &log).unwrap();
    assert_eq!((found.len(), found[0].nar_size, found[0].references.len()), (1, 6, 0));
    // The last transaction was being written when the power went.
    let found = read_all(&database, &log[..log.len() - 1]).unwrap();
    assert_eq!(found[0].nar_size, 5);
    let mut torn = log.clone();
    let end = torn.len();
    torn[end - 10] ^= 1;
    assert_eq!(read_all(&database, &torn).unwrap()[0].nar_size, 5);
    assert_eq!(read_all(&database, &log[..20]).unwrap().len(), 2, "not even its header was written");
    // SQLite comes to the same bytes.
    connection.pragma_update(None, "wal_checkpoint", "truncate").unwrap();
    drop(connection);
    assert_eq!(apply_wal(&database, &log).unwrap(), std::fs::read(folder.path().join("db.sqlite")).unwrap());
}

#[test]
fn a_log_begun_anew_over_an_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, _, _) =
        by_sqlite(folder.path(), "update ValidPaths set narSize = 5; update ValidPaths set sigs = '';");
    // All of it is merged; the next transaction starts at the log's beginning, with other salts.
    connection.execute_batch("pragma wal_checkpoint(restart); update ValidPaths set narSize = 9;").unwrap();
    let database = std::fs::read(folder.path().join("db.sqlite")).unwrap();
    let log = std::fs::read(folder.path().join("db.sqlite-wal")).unwrap();
    assert_eq!(read_all(&database, &log).unwrap()[0].nar_size, 9);
    drop(connection);
}

#[test]
fn logs_of_something_else() {
    let database = write(&infos(), 1).unwrap();
    insta::assert_snapshot!(read_all(&database, &[7; 100]).unwrap_err(), @"the store's database cannot be read: the database's write-ahead log is damaged or of an unknown version");
    let folder = tempfile::tempdir().unwrap();
    let (_open, _, log) = by_sqlite(folder.path(), "update ValidPaths set narSize = 5;");
    let mut other = log.clone();
    other[8..12].copy_from_slice(&512u32.to_be_bytes());
    insta::assert_snapshot!(read_all(&database, &other).unwrap_err(), @"the store's database cannot be read: the write-ahead log has pages of 512 bytes, the database of 4096");
    let mut other = log;
    other[12] ^= 1;
    insta::assert_snapshot!(read_all(&database, &other).unwrap_err(), @"the store's database cannot be read: the database's write-ahead log is damaged or of an unknown version");
}

#[test]
fn databases_that_are_none() {
    insta::assert_snapshot!(read_all(b"", b"").unwrap_err(), @"the store's database cannot be read: the database is none (no `SQLite format 3` at its start)");
    insta::assert_snapshot!(read_all(&[b'x'; 200], b"").unwrap_err(), @"the store's database cannot be read: the database is none (no `SQLite format 3` at its start)");
    let good = write(&infos(), 1).unwrap();
    insta::assert_snapshot!(read_all(&good[..5000], b"").unwrap_err(), @"the store's database is damaged: database disk image is malformed: Error code 11: database disk image is malformed");
    let limits = Limits { size: Limit::new(1000, "bytes in a store's database"), ..Limits::default() };
    let error = read(&good, b"", &StoreDir::default(), &limits).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"53248 is over the limit of 1000 bytes in a store's database");
}

/// A database with the tables as they should be and some statement run on it, or without any tables.
fn with(statements: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db.sqlite");
    std::fs::write(&file, write(&infos(), 1).unwrap()).unwrap();
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch(&format!("pragma foreign_keys = off; {statements}")).unwrap();
    drop(connection);
    std::fs::read(&file).unwrap()
}

#[test]
fn rows_that_nix_would_not_write() {
    let error = |statement: &str| read_all(&with(statement), b"").unwrap_err();
    insta::assert_snapshot!(error("update ValidPaths set path = '/etc/passwd' where id = 1"), @"the store's database is damaged at /etc/passwd: `path` is no store path: `/etc/passwd` is not in the store /nix/store");
    insta::assert_snapshot!(error("update ValidPaths set hash = 'sha256:abc' where id = 1"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `hash` is none: `sha256:abc` is no sha256: it has neither 64 digits (base 16) nor 52 (Nix's base 32) nor 44 (base 64)");
    insta::assert_snapshot!(error("update ValidPaths set narSize = null"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `narSize` is missing or negative");
    insta::assert_snapshot!(error("update ValidPaths set narSize = -5"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `narSize` is missing or negative");
    insta::assert_snapshot!(error("update ValidPaths set registrationTime = -5"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `registrationTime` is missing or negative");
    insta::assert_snapshot!(error("update ValidPaths set narSize = 'many'"), @"the store's database is damaged: Invalid column type Text at index: 5, name: narSize");
    insta::assert_snapshot!(error("update ValidPaths set deriver = 'x'"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `deriver` is no store path: `x` is not in the store /nix/store");
    insta::assert_snapshot!(error("update ValidPaths set sigs = 'x'"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `sigs` holds something else than signatures: a signature must be a name, a colon, and base 64");
    insta::assert_snapshot!(error("update ValidPaths set ca = 'x'"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: `ca` is no content address: `x` is no content address (`text:…` or `fixed:…`)");
    insta::assert_snapshot!(error("insert into Refs values (1, 99)"), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: a reference leads from or to a path that is not registered");
    insta::assert_snapshot!(error("insert into Refs values (99, 1)"), @"the store's database is damaged at row 99: a reference leads from or to a path that is not registered");
    insta::assert_snapshot!(error("update ValidPaths set path = cast(x'ff' as text) where id = 1"), @"the store's database is damaged: invalid utf-8 sequence of 1 bytes from index 0 at index 1: invalid utf-8 sequence of 1 bytes from index 0");
    let empty = with("update ValidPaths set deriver = '', sigs = '', ca = ''");
    assert!(read_all(&empty, b"").unwrap()[0].signatures.is_empty());
    insta::assert_snapshot!(error("drop table ValidPaths"), @"the store's database has no table `ValidPaths`: it is not Nix's, or of another schema than 10");
    insta::assert_snapshot!(error("drop table Refs; create view Refs as select id as referrer, id as reference from ValidPaths"), @"the store's database has no table `Refs`: it is not Nix's, or of another schema than 10");
    insta::assert_snapshot!(error("drop table ValidPaths; create table ValidPaths (id, path)"), @"the store's database is damaged: no such column: hash in select id, path, hash, registrationTime, deriver, narSize, sigs, ca from ValidPaths at offset 17: Error code 1: SQL logic error");
    insta::assert_snapshot!(error(
        "create table New as select * from ValidPaths; insert into New select * from ValidPaths where id = 1;
         update New set id = rowid; drop table ValidPaths; alter table New rename to ValidPaths"
    ), @"the store's database is damaged at /nix/store/11111111111111111111111111111111-toy: it is registered twice");
}

#[test]
fn a_database_that_never_ends() {
    // A column that is computed, at some length, for each row.
    let endless = with(
        "drop table Refs; create table Refs (referrer integer, reference as (
         0 * length(replace(hex(zeroblob(100)), '0', referrer || hex(zeroblob(100)))) + 1));
         insert into Refs with recursive n(x) as (select 1 union all select x + 1 from n limit 5000) select 1 from n;",
    );
    let limits = Limits { steps: Limit::new(10_000, "steps of SQLite's machine"), ..Limits::default() };
    let error = read(&endless, b"", &StoreDir::default(), &limits).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"the store's database is damaged: reading it takes more than 10000 steps of SQLite's machine");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damage_never_breaks_it(at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        let mut bytes = write(&infos(), 1).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_all(&bytes, b"");
        bytes.truncate(cut.index(bytes.len()));
        let _ = read_all(&bytes, &bytes);
    }
}
