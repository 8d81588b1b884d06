//! systemd-boot and the Boot Loader Specification (UAPI.1): `loader.conf`, type #1 entries, names with boot counters,
//! and where everything goes on the EFI system partition.

mod conf;
mod entry;
mod esp;
mod name;
mod version;

pub use conf::{Enrolment, LoaderConf, MenuEditor};
pub use entry::{Entry, EntryError};
pub use esp::{EspError, EspFiles, esp_tree, uki_path};
pub use name::{BadBootName, BootName, TRIES, Tries};
pub use version::LoaderVersion;
