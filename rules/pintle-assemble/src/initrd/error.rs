use crate::generate::PlaceError;
use crate::generate::modules::ModulesError;
use pintle_model::{Arch, BadPath, TreeError, TreePath};
use pintle_package::elf::ElfError;
use std::io;

/// Why no initrd can be made of a system.
#[derive(Debug, thiserror::Error)]
pub enum InitrdError {
    /// The system lacks a file the initrd is made of.
    #[error("{path} is missing, and the initrd needs it ({why}): add the package `{package}`")]
    Missing {
        /// The file.
        path: TreePath,
        /// What for.
        why: &'static str,
        /// Where Debian has it.
        package: &'static str,
    },
    /// A program of the initrd needs a library that the system lacks.
    #[error("{by} needs the library {library}, which is in none of the system's library directories")]
    Library {
        /// The program or library.
        by: TreePath,
        /// The name it asks for.
        library: String,
    },
    /// A unit runs a program that the system lacks.
    #[error("{unit} runs {program}, which is missing")]
    Program {
        /// The unit.
        unit: TreePath,
        /// As the unit writes it.
        program: String,
    },
    /// The kernel is not there.
    #[error(
        "no modules of kernel {version} in /usr/lib/modules (there: {}): add the package of a kernel, \
         such as `linux-image-{arch}`",
        if .known.is_empty() { "nothing".to_owned() } else { .known.join(", ") }
    )]
    Kernel {
        /// The version asked for.
        version: String,
        /// Versions that are there.
        known: Vec<String>,
        /// The architecture.
        arch: Arch,
    },
    /// A kernel module was asked for that the kernel does not have.
    #[error("kernel {version} has no module `{module}`, neither loadable nor built in")]
    Module {
        /// The module.
        module: String,
        /// The kernel.
        version: String,
    },
    /// A program is damaged.
    #[error("{path} is not a usable program or library")]
    Elf {
        /// The file.
        path: TreePath,
        /// What is wrong with it.
        #[source]
        source: ElfError,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: TreePath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel's modules cannot be used.
    #[error("the initrd's kernel modules")]
    Modules(#[source] ModulesError),
    /// A generated file has no room.
    #[error("the initrd's generated files")]
    Place(#[from] PlaceError),
    /// The tree refused.
    #[error("the initrd's files")]
    Tree(#[from] TreeError),
    /// A name cannot be a path.
    #[error("the initrd's files")]
    Path(#[from] BadPath),
}
