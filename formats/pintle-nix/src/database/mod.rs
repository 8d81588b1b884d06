//! The database of a Nix store, `/nix/var/nix/db/db.sqlite` (Nix: `src/libstore/schema.sql`, schema 10): which paths
//! are valid, and what is known of them. Nix inside of a system needs it; without, it would build everything anew.
//!
//! SQLite (<https://www.sqlite.org/fileformat2.html>) works on memory here; no file is opened.

mod read;
mod wal;
mod write;

pub use read::{Fault, Limits, ReadError, read};
pub use wal::{WalError, apply as apply_wal};
pub use write::{WriteError, write};

/// The content of the file `schema` beside the database, without line end, as Nix writes it.
pub const SCHEMA: &str = "10";
/// Where Nix expects the database, from the root of the system.
pub const PATH: &str = "nix/var/nix/db/db.sqlite";
/// Where Nix expects [`SCHEMA`].
pub const SCHEMA_PATH: &str = "nix/var/nix/db/schema";

/// Bytes before the first page's content.
const HEADER: usize = 100;
/// The first bytes of every database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Two bytes of the header: 1 for a database with a rollback journal, 2 for one with a write-ahead log.
const VERSIONS: std::ops::Range<usize> = 18..20;
const ROLLBACK_JOURNAL: [u8; 2] = [1, 1];

/// Bytes per page that a header gives (section 1.3.2): a power of two from 512, with 1 for 65536.
fn page_size(header: &[u8]) -> Option<usize> {
    let raw = u16::from_be_bytes(header.get(16..18)?.try_into().ok()?);
    let size = if raw == 1 { 65536 } else { usize::from(raw) };
    (size >= 512 && size.is_power_of_two()).then_some(size)
}
