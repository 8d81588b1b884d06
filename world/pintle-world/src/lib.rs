//! Effects behind small types named for the thing: files, the cache, HTTP. Decides nothing.

pub mod atomic;
pub mod blob_files;
pub mod bucket;
pub mod cache;
pub mod clock;
pub mod esp;
pub mod fetch;
pub mod files;
pub mod host_tree;
pub mod initrd_secrets;
pub mod kept;
pub mod namespace;
pub mod private_folder;
pub mod probe;
pub mod program;
pub mod qemu;
pub mod random;
pub mod remote_shell;
pub mod rooted;
pub mod scratch;
pub mod sparse;
pub mod spool;
pub mod ssh;
pub mod store;
pub mod together;
pub mod tree_folder;

pub use bucket::Bucket;
pub use cache::Cache;
pub use fetch::{Expected, FetchError, Fetcher, Mirror, Progress};
pub use store::{FileSink, Pack, PackWriter, Store};
