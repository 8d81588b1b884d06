use super::{HEADER, ROLLBACK_JOURNAL, VERSIONS};
use crate::{PathInfo, StorePath, hash};
use rusqlite::{Connection, MAIN_DB, params};
use std::collections::BTreeMap;

/// Tables, indices and the trigger as Nix's own statements expect them. Types and constraints are those of schema 10.
const TABLES: &str = "
    create table ValidPaths (
        id integer primary key autoincrement not null,
        path text unique not null,
        hash text not null,
        registrationTime integer not null,
        deriver text,
        narSize integer,
        ultimate integer,
        sigs text,
        ca text
    );
    create table Refs (
        referrer integer not null,
        reference integer not null,
        primary key (referrer, reference),
        foreign key (referrer) references ValidPaths(id) on delete cascade,
        foreign key (reference) references ValidPaths(id) on delete restrict
    );
    create index IndexReferrer on Refs(referrer);
    create index IndexReference on Refs(reference);
    create trigger DeleteSelfRefs before delete on ValidPaths begin
        delete from Refs where referrer = old.id and reference = old.id;
    end;
    create table DerivationOutputs (
        drv integer not null,
        id text not null,
        path text not null,
        primary key (drv, id),
        foreign key (drv) references ValidPaths(id) on delete cascade
    );
    create index IndexDerivationOutputs on DerivationOutputs(path);
    create table SchemaMigrations (migration text primary key not null);
";

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// One path twice.
    #[error("{0} is to be registered twice")]
    Twice(StorePath),
    /// The paths are no closure: Nix would take the referring path for broken.
    #[error("{path} refers to {reference}, which is not to be registered")]
    Open {
        /// The path.
        path: StorePath,
        /// What it refers to.
        reference: StorePath,
    },
    /// A number that the database cannot hold.
    #[error("{0} has a size or time that is over 2^63")]
    Number(StorePath),
    /// Of SQLite.
    #[error("the store's database cannot be written")]
    Sqlite(#[from] rusqlite::Error),
}

/// The database's file with `infos` registered, which must be a closure. Those without a time of their own were
/// registered at `time` (seconds since 1970). The same paths give the same bytes, in whatever order they come.
///
/// Outputs of derivations are not registered: a system's closure holds no derivations unless asked for, and Nix finds
/// them again when it needs them.
///
/// # Errors
/// [`WriteError`].
pub fn write(infos: &[PathInfo], time: u64) -> Result<Vec<u8>, WriteError> {
    let mut sorted = BTreeMap::new();
    for info in infos {
        if let Some(before) = sorted.insert(&info.path, info) {
            return Err(WriteError::Twice(before.path.clone()));
        }
    }
    let mut connection = Connection::open_in_memory()?;
    connection.execute_batch(TABLES)?;
    let transaction = connection.transaction()?;
    fill(&transaction, &sorted, time)?;
    transaction.commit()?;
    let mut bytes = connection.serialize(MAIN_DB)?.to_vec();
    plain_header(&mut bytes);
    Ok(bytes)
}

fn fill(
    connection: &Connection,
    sorted: &BTreeMap<&StorePath, &PathInfo>,
    time: u64,
) -> Result<(), WriteError> {
    let mut valid = connection.prepare(
        "insert into ValidPaths (id, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca) \
         values (?, ?, ?, ?, ?, ?, null, ?, ?)",
    )?;
    let mut refs = connection.prepare("insert into Refs (referrer, reference) values (?, ?)")?;
    let mut ids: BTreeMap<&StorePath, i64> = BTreeMap::new();
    for (path, id) in sorted.keys().copied().zip(1..) {
        ids.insert(path, id);
    }
    for (path, info) in sorted {
        let number = |value: u64| i64::try_from(value).map_err(|_| WriteError::Number((*path).clone()));
        let signatures: Vec<String> = info.signatures.iter().map(ToString::to_string).collect();
        valid.execute(params![
            ids[path],
            path.to_string(),
            hash::base16(&info.nar_hash),
            number(info.registration_time.unwrap_or(time))?,
            info.deriver.as_ref().map(ToString::to_string),
            number(info.nar_size)?,
            (!signatures.is_empty()).then(|| signatures.join(" ")),
            info.content_address.as_ref().map(ToString::to_string),
        ])?;
    }
    for (path, info) in sorted {
        for reference in &info.references {
            let open = || WriteError::Open { path: (*path).clone(), reference: reference.clone() };
            let id = ids.get(reference).ok_or_else(open)?;
            refs.execute([ids[path], *id])?;
        }
    }
    Ok(())
}

/// Takes out of the header (SQLite file format, section 1.3) what would tell one release of SQLite from another, and
/// makes it a database with a rollback journal: Nix switches to the journal it wants when it opens it.
fn plain_header(bytes: &mut [u8]) {
    if bytes.len() < HEADER {
        return;
    }
    bytes[VERSIONS].copy_from_slice(&ROLLBACK_JOURNAL);
    // Change counter, and the change that the version below is of: equal, so that the page count is believed.
    bytes[24..28].copy_from_slice(&1u32.to_be_bytes());
    bytes[92..96].copy_from_slice(&1u32.to_be_bytes());
    // The SQLite that wrote it last: 3.40.1, that of Debian 12.
    bytes[96..100].copy_from_slice(&3_040_001u32.to_be_bytes());
}
