use super::build::Build;
use super::needs::MODULES;
use super::{InitrdError, Root, literal, sealed, stateless, tpm};
use crate::generate::modules::{LISTS, Module, ModuleSet};
use crate::generate::place::children;
use pintle_model::TreePath;
use pintle_package::modinfo::normal_alias;

/// `usr/lib/modules/VERSION`.
pub(super) fn directory(version: &str) -> Result<TreePath, InitrdError> {
    Ok(literal("usr/lib/modules").join(version)?)
}

/// Copies the modules of the table, those the options ask for, and all they need, with their firmware and the lists
/// that the index is made from.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    let version = &build.options.kernel_version;
    let dir = directory(version)?;
    if build.system.get(&dir).is_none() {
        let known = children(build.system, &literal("usr/lib/modules"));
        let known =
            known.iter().filter_map(|path| path.name()).map(|n| String::from_utf8_lossy(n).into_owned());
        return Err(InitrdError::Kernel {
            version: version.clone(),
            known: known.collect(),
            arch: build.options.arch,
        });
    }
    let set = ModuleSet::read(build.system, build.contents, &dir).map_err(InitrdError::Modules)?;
    let more: &[_] = match build.options.root {
        Root::CommandLine { .. } => &[],
        Root::Stateless { .. } => &[stateless::MODULES, tpm::MODULES, sealed::MODULES].concat(),
    };
    let mut wanted: Vec<usize> = MODULES.iter().chain(more).filter_map(|(name, _)| set.find(name)).collect();
    for name in std::iter::once(build.options.root.file_system())
        .chain(build.options.modules.iter().map(String::as_str))
    {
        match set.find(name) {
            Some(at) => wanted.push(at),
            None if set.is_builtin(name) => {}
            None => return Err(InitrdError::Module { module: name.to_owned(), version: version.clone() }),
        }
    }
    for at in closure(&set, wanted) {
        copy_module(build, &dir, &set.modules()[at])?;
    }
    for list in LISTS {
        build.copy(&dir.join(list)?)?;
    }
    Ok(())
}

fn copy_module(build: &mut Build<'_>, dir: &TreePath, module: &Module) -> Result<(), InitrdError> {
    build.copy(&dir.join(&module.path)?)?;
    for name in module.info.values("firmware") {
        // Much of it is for hardware variants, and packaged apart: taken where it is there. The kernel looks for
        // compressed files too (CONFIG_FW_LOADER_COMPRESS).
        for suffix in [&b""[..], b".zst", b".xz"] {
            build.copy(&literal("usr/lib/firmware").join([name, suffix].concat())?)?;
        }
    }
    Ok(())
}

/// `wanted` and what they need, by symbols and by `softdep` lines (modprobe.d(5)), which may name aliases.
fn closure(set: &ModuleSet, wanted: Vec<usize>) -> Vec<usize> {
    let mut taken = vec![false; set.modules().len()];
    let mut todo = wanted;
    while let Some(at) = todo.pop() {
        if std::mem::replace(&mut taken[at], true) {
            continue;
        }
        let module = &set.modules()[at];
        todo.extend(&module.needs);
        for line in module.info.values("softdep") {
            let names =
                line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty() && !word.ends_with(b":"));
            todo.extend(names.flat_map(|name| named(set, name)));
        }
    }
    taken.iter().enumerate().filter(|(_, taken)| **taken).map(|(at, _)| at).collect()
}

/// The module called `name`, or else those that have it as an alias.
fn named(set: &ModuleSet, name: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(name);
    if let Some(at) = set.find(&text) {
        return vec![at];
    }
    if set.is_builtin(&text) {
        return Vec::new();
    }
    let name = normal_alias(name);
    let has = |module: &Module| module.info.values("alias").any(|alias| normal_alias(alias) == name);
    let modules = set.modules().iter().enumerate();
    modules.filter(|(_, module)| name.is_some() && has(module)).map(|(at, _)| at).collect()
}
