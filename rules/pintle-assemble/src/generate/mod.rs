//! What a Debian system generates by running tools when packages are installed, made natively: files computed from
//! the files of the tree.

pub mod catalog;
pub mod certificates;
mod derived;
mod drop_in;
pub mod hwdb;
pub mod ldcache;
pub mod modules;
pub(crate) mod place;
mod strings;

pub use drop_in::DropInError;
pub use place::PlaceError;

use pintle_model::{Contents, Timestamp, Tree};

/// Why something could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The kernel module index.
    #[error("cannot make the kernel module index")]
    Modules(#[from] modules::ModulesError),
    /// The library cache.
    #[error("cannot make /etc/ld.so.cache")]
    LdCache(#[from] ldcache::LdCacheError),
    /// The certificate authorities.
    #[error("cannot set up /etc/ssl/certs")]
    Certificates(#[from] certificates::CertificatesError),
    /// The hardware database.
    #[error("cannot make the hardware database")]
    Hwdb(#[from] hwdb::HwdbError),
    /// The journal's message catalog.
    #[error("cannot make the journal's message catalog")]
    Catalog(#[from] catalog::CatalogError),
}

/// Generates everything that the files of `tree` call for, replacing what is there. Each generator does nothing where
/// its inputs are absent.
///
/// # Errors
/// The first generator that fails; the tree then holds the results of those before it.
pub fn apply(tree: &mut Tree, contents: &dyn Contents, epoch: Timestamp) -> Result<(), GenerateError> {
    // The two that take longest, of files that none of the others makes.
    let (modules, hwdb) = std::thread::scope(|scope| {
        let tree = &*tree;
        let hwdb = scope.spawn(move || hwdb::make(tree, contents));
        let modules = modules::make(tree, contents);
        (modules, hwdb.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    modules::put_all(tree, modules?, epoch)?;
    ldcache::apply(tree, contents, epoch)?;
    certificates::apply(tree, contents, epoch)?;
    hwdb::put(tree, hwdb?, epoch)?;
    catalog::apply(tree, contents, epoch)?;
    Ok(())
}
