use super::wal::{self, WalError};
use super::{HEADER, MAGIC, ROLLBACK_JOURNAL, VERSIONS};
use crate::content_address::BadContentAddress;
use crate::hash::BadHash;
use crate::{BadKey, BadStorePath, ContentAddress, PathInfo, Signature, StoreDir, StorePath, hash};
use pintle_model::Limit;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, Row};
use std::collections::BTreeMap;

/// What reading accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of database and log together, held in memory twice: a store of 100,000 paths has 100 MiB.
    pub size: Limit,
    /// Steps of SQLite's machine: a damaged or hostile database can keep it busy for ever. An honest
    /// row takes 50.
    pub steps: Limit,
    /// Bytes of one value: signatures and paths are under 4 KiB.
    pub value: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: Limit::new(1 << 30, "bytes in a store's database"),
            steps: Limit::new(200_000_000, "steps of SQLite's machine"),
            value: Limit::new(1 << 20, "bytes in one value of a store's database"),
        }
    }
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Over a limit.
    #[error("{value} is over the limit of {} {}", .limit.max, .limit.what)]
    Limit {
        /// The value.
        value: u64,
        /// The limit.
        limit: Limit,
    },
    /// Not a database, or its log is not its own.
    #[error("the store's database cannot be read")]
    Log(#[from] WalError),
    /// A table is not there, or is no table.
    #[error("the store's database has no table `{0}`: it is not Nix's, or of another schema than 10")]
    NoTable(&'static str),
    /// It takes longer than any honest database.
    #[error("the store's database is damaged: reading it takes more than {} {}", .0.max, .0.what)]
    Endless(Limit),
    /// Of SQLite: mostly damage.
    #[error("the store's database is damaged")]
    Sqlite(#[source] rusqlite::Error),
    /// A row that Nix would not have written.
    #[error("the store's database is damaged at {path}")]
    Row {
        /// The path, as the database has it.
        path: String,
        /// What is wrong.
        #[source]
        fault: Fault,
    },
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A path.
    #[error("`{column}` is no store path")]
    Path {
        /// Where.
        column: &'static str,
        /// Why.
        #[source]
        source: BadStorePath,
    },
    /// The archive's hash.
    #[error("`hash` is none")]
    Hash(#[source] BadHash),
    /// A size or time.
    #[error("`{0}` is missing or negative")]
    Number(&'static str),
    /// A signature.
    #[error("`sigs` holds something else than signatures")]
    Signature(#[source] BadKey),
    /// A content address.
    #[error("`ca` is no content address")]
    ContentAddress(#[source] BadContentAddress),
    /// A reference from or to nothing.
    #[error("a reference leads from or to a path that is not registered")]
    Reference,
    /// One path twice.
    #[error("it is registered twice")]
    Twice,
}

/// Reads a database (`db.sqlite`) and its write-ahead log (`db.sqlite-wal`; empty where there is none): what is
/// registered in `store`, in order of paths.
///
/// # Errors
/// [`ReadError`].
pub fn read(
    database: &[u8],
    log: &[u8],
    store: &StoreDir,
    limits: &Limits,
) -> Result<Vec<PathInfo>, ReadError> {
    let size = database.len() as u64 + log.len() as u64;
    if !limits.size.allows(size) {
        return Err(ReadError::Limit { value: size, limit: limits.size });
    }
    let mut whole = wal::apply(database, log)?;
    if whole.len() < HEADER || !whole.starts_with(MAGIC) {
        return Err(WalError::NotSqlite.into());
    }
    // All of the log is in it now; SQLite would look for it.
    whole[VERSIONS].copy_from_slice(&ROLLBACK_JOURNAL);
    let infos = infos(&whole, store, limits)?;
    match infos.windows(2).find(|pair| pair[0].path == pair[1].path) {
        Some(pair) => Err(ReadError::Row { path: pair[0].path.to_string(), fault: Fault::Twice }),
        None => Ok(infos),
    }
}

/// What is registered, in order of paths.
fn infos(database: &[u8], store: &StoreDir, limits: &Limits) -> Result<Vec<PathInfo>, ReadError> {
    let sqlite = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => ReadError::Endless(limits.steps),
        _ => ReadError::Sqlite(error),
    };
    let connection = open(database, limits).map_err(sqlite)?;
    for table in ["ValidPaths", "Refs"] {
        if !is_table(&connection, table).map_err(sqlite)? {
            return Err(ReadError::NoTable(table));
        }
    }
    let mut infos = BTreeMap::new();
    let mut statement = connection
        .prepare("select id, path, hash, registrationTime, deriver, narSize, sigs, ca from ValidPaths")
        .map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (id, raw) = Raw::of(row).map_err(sqlite)?;
        let path = raw.path.chars().take(300).collect();
        let info = raw.parse(store).map_err(|fault| ReadError::Row { path, fault })?;
        infos.insert(id, info);
    }
    let mut statement = connection.prepare("select referrer, reference from Refs").map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let (from, to): (i64, i64) = row.try_into().map_err(sqlite)?;
        refer(&mut infos, from, to)?;
    }
    let mut infos: Vec<PathInfo> = infos.into_values().collect();
    infos.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(infos)
}

fn refer(infos: &mut BTreeMap<i64, PathInfo>, from: i64, to: i64) -> Result<(), ReadError> {
    let reference = infos.get(&to).map(|info| info.path.clone());
    let row = |path: String| ReadError::Row { path, fault: Fault::Reference };
    match (infos.get_mut(&from), reference) {
        (Some(info), Some(reference)) => {
            info.references.insert(reference);
            Ok(())
        }
        (Some(info), None) => Err(row(info.path.to_string())),
        (None, _) => Err(row(format!("row {from}"))),
    }
}

/// A connection that trusts nothing in the database but its tables.
fn open(bytes: &[u8], limits: &Limits) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    let value = i32::try_from(limits.value.max).unwrap_or(i32::MAX);
    connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH, value)?;
    const STRIDE: u32 = 1000;
    let mut left = limits.steps.max / u64::from(STRIDE);
    let stop = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    connection.progress_handler(STRIDE as i32, Some(stop))?;
    connection.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Views and virtual tables have no page of their own; reading one would run what it says.
fn is_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let query = "select rootpage from sqlite_schema where type = 'table' and name = ?";
    let page: Option<i64> = connection.query_row(query, [name], |row| row.get(0)).optional()?;
    Ok(page.is_some_and(|page| page > 0))
}

/// A row of `ValidPaths`.
struct Raw {
    path: String,
    hash: String,
    time: Option<i64>,
    deriver: Option<String>,
    size: Option<i64>,
    signatures: Option<String>,
    content_address: Option<String>,
}

impl Raw {
    fn of(row: &Row<'_>) -> rusqlite::Result<(i64, Self)> {
        let raw = Self {
            path: row.get(1)?,
            hash: row.get(2)?,
            time: row.get(3)?,
            deriver: row.get(4)?,
            size: row.get(5)?,
            signatures: row.get(6)?,
            content_address: row.get(7)?,
        };
        Ok((row.get(0)?, raw))
    }

    fn parse(self, store: &StoreDir) -> Result<PathInfo, Fault> {
        let path = |column: &'static str, text: &str| -> Result<StorePath, Fault> {
            store.parse(text).map_err(|source| Fault::Path { column, source })
        };
        let number = |column: &'static str, value: Option<i64>| {
            value.and_then(|value| u64::try_from(value).ok()).ok_or(Fault::Number(column))
        };
        let size = number("narSize", self.size)?;
        let nar_hash = hash::parse(&self.hash).map_err(Fault::Hash)?;
        let mut info = PathInfo::new(path("path", &self.path)?, nar_hash, size);
        info.registration_time = Some(number("registrationTime", self.time)?);
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        info.deriver = filled(self.deriver).map(|text| path("deriver", &text)).transpose()?;
        for text in filled(self.signatures).iter().flat_map(|text| text.split_ascii_whitespace()) {
            info.signatures.insert(Signature::parse(text).map_err(Fault::Signature)?);
        }
        let address = filled(self.content_address).map(|text| ContentAddress::parse(&text)).transpose();
        info.content_address = address.map_err(Fault::ContentAddress)?;
        Ok(info)
    }
}
