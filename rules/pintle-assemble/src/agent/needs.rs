//! Whether a program that was built elsewhere runs in a tree: its loader, its libraries, and of these the versions of
//! symbols that it was linked with.

use crate::error::AssembleError;
use pintle_model::{Arch, Blob, Contents, Kind, Tree, TreePath};
use pintle_package::elf::{BlobSource, Class, Elf, ElfError, Limits};
use std::collections::{BTreeMap, BTreeSet};

/// A program of every system with systemd: what runs beside it is for the same machine.
const NEIGHBOUR: &str = "usr/lib/systemd/systemd";

/// Finds the first need of `program` that `tree` does not meet.
///
/// # Errors
/// [`AssembleError::Agent`], saying what.
pub(super) fn lacking(
    tree: &Tree,
    program: &Blob,
    contents: &dyn Contents,
    arch: Arch,
) -> Result<(), AssembleError> {
    let place = Place { tree, contents, arch };
    place.check(program).map_err(|problem| match problem {
        Problem::Elf(what, source) => AssembleError::AgentElf { what, source },
        Problem::Lacks(problem) => AssembleError::Agent { problem },
    })
}

enum Problem {
    Elf(String, ElfError),
    Lacks(String),
}

struct Place<'a> {
    tree: &'a Tree,
    contents: &'a dyn Contents,
    arch: Arch,
}

impl Place<'_> {
    fn check(&self, program: &Blob) -> Result<(), Problem> {
        let broken = |source| Problem::Elf("the agent".to_owned(), source);
        let source = BlobSource { blob: program, contents: self.contents };
        let elf = Elf::open(&source, Limits::default()).map_err(broken)?;
        let machine = (elf.class(), elf.machine());
        if let Some(neighbour) = self.file(&TreePath::literal(NEIGHBOUR))
            && self.machine(&neighbour).is_some_and(|other| other != machine)
        {
            let arch = self.arch;
            return Err(Problem::Lacks(format!(
                "it was built for another machine than the system's, {arch}"
            )));
        }
        if let Some(loader) = elf.interpreter().map_err(broken)? {
            let path = TreePath::new(loader.clone()).ok();
            if path.and_then(|path| self.file(&path)).is_none() {
                let loader = String::from_utf8_lossy(&loader);
                return Err(Problem::Lacks(format!("the system has no {loader}, which loads it")));
            }
        }
        let mut versions: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for library in elf.dynamic().map_err(broken)?.map(|dynamic| dynamic.needed).unwrap_or_default() {
            versions.entry(library).or_default();
        }
        for import in elf.imports().map_err(broken)? {
            versions.entry(import.library).or_default().insert(import.version);
        }
        versions.iter().try_for_each(|(library, wanted)| self.library(library, wanted, machine))
    }

    /// A library is there, for the machine, and has the versions that are wanted of it.
    fn library(&self, name: &[u8], wanted: &BTreeSet<Vec<u8>>, machine: (Class, u16)) -> Result<(), Problem> {
        let text = String::from_utf8_lossy(name).into_owned();
        let multiarch = self.arch.multiarch();
        let folders = [&format!("usr/lib/{multiarch}"), "usr/lib64", "usr/lib"]
            .map(|folder| format!("{folder}/{text}"));
        let found = folders.iter().filter_map(|path| self.file(&TreePath::new(path.as_bytes()).ok()?));
        let Some(blob) = found.into_iter().find(|blob| self.machine(blob) == Some(machine)) else {
            return Err(Problem::Lacks(format!("the system has no {text}, which it is linked with")));
        };
        let broken = |source| Problem::Elf(text.clone(), source);
        let source = BlobSource { blob: &blob, contents: self.contents };
        let elf = Elf::open(&source, Limits::default()).map_err(broken)?;
        // Names of the versions that a library defines are among its dynamic strings (LSB Core 5.0, 10.7.1).
        let sections = elf.sections().map_err(broken)?;
        let strings = sections.iter().find(|section| section.name == b".dynstr");
        let strings = strings.map(|strings| elf.bytes_of(strings)).transpose().map_err(broken)?;
        let strings = strings.unwrap_or_default();
        let defined: BTreeSet<&[u8]> = strings.split(|byte| *byte == 0).collect();
        match wanted.iter().find(|version| !defined.contains(version.as_slice())) {
            None => Ok(()),
            Some(version) => {
                let version = String::from_utf8_lossy(version);
                Err(Problem::Lacks(format!(
                    "it was linked with {version} of {text}, and the system's is older: build it on a machine that is no \
                     newer than the system"
                )))
            }
        }
    }

    fn file(&self, path: &TreePath) -> Option<Blob> {
        let path = self.tree.resolve(path).ok()?;
        match self.tree.get(&path).map(|inode| &inode.kind) {
            Some(Kind::File(blob)) => Some(blob.clone()),
            _ => None,
        }
    }

    fn machine(&self, blob: &Blob) -> Option<(Class, u16)> {
        let source = BlobSource { blob, contents: self.contents };
        Elf::open(&source, Limits::default()).ok().map(|elf| (elf.class(), elf.machine()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Attrs, NoContents, Origin};

    /// A tree with the files of this machine at `paths`, under their own names.
    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Nobody);
        for (path, from) in files {
            let path = TreePath::new(path.trim_start_matches('/')).unwrap();
            tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
            let blob = Blob::inline(std::fs::read(from).unwrap());
            tree.add(&path, Kind::File(blob), Attrs::root(0o755), by).unwrap();
        }
        tree
    }

    fn said(tree: &Tree, program: Vec<u8>) -> String {
        match lacking(tree, &Blob::inline(program), &NoContents, Arch::Amd64) {
            Ok(()) => "runs".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// This test is a program that was built as the agent is.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn what_a_program_needs_must_be_there() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let loader = "/lib64/ld-linux-x86-64.so.2";
        let lib = |name: &str| format!("/usr/lib/x86_64-linux-gnu/{name}");
        let (libc, gcc, libm) = (lib("libc.so.6"), lib("libgcc_s.so.1"), lib("libm.so.6"));
        // Debian's libc6 has the loader there too, and programs that take a part of it from it name it.
        let also = lib("ld-linux-x86-64.so.2");
        let all = [(loader, loader), (&*libc, &*libc), (&gcc, &gcc), (&libm, &libm), (&also, &also)];
        assert_eq!(said(&tree(&all), own.clone()), "runs");
        insta::assert_snapshot!(said(&tree(&all[1..]), own.clone()), @"the agent cannot run in this system: the system has no /lib64/ld-linux-x86-64.so.2, which loads it");
        insta::assert_snapshot!(said(&tree(&[all[0], all[2], all[3], all[4]]), own.clone()), @"the agent cannot run in this system: the system has no libc.so.6, which it is linked with");
        // A library of the right name that defines nothing of what is wanted of it.
        insta::assert_snapshot!(said(&tree(&[all[0], (&libc, &gcc), all[2], all[3], all[4]]), own).split('_').next().unwrap(), @"the agent cannot run in this system: it was linked with GLIBC");
        insta::assert_snapshot!(said(&tree(&all), b"#!/bin/sh\n".to_vec()), @"the agent cannot run in this system: the agent is no program of it");
    }
}
