use super::index::Index;
use super::{Module, ModuleSet, ModulesError};
use pintle_package::modinfo::{module_name, normal_alias};
use std::collections::BTreeMap;

/// The eleven files of the index, by name.
pub(super) fn files(set: &ModuleSet) -> Result<Vec<(&'static str, Vec<u8>)>, ModulesError> {
    let symbols = symbol_owners(set);
    Ok(vec![
        ("modules.dep", dependencies(set)),
        ("modules.dep.bin", dependency_index(set)?),
        ("modules.alias", aliases(set)),
        ("modules.alias.bin", alias_index(set)?),
        (
            "modules.softdep",
            values(set, "softdep", "# Soft dependencies extracted from modules themselves.\n"),
        ),
        (
            "modules.weakdep",
            values(set, "weakdep", "# Weak dependencies extracted from modules themselves.\n"),
        ),
        ("modules.symbols", symbol_aliases(set, &symbols)),
        ("modules.symbols.bin", symbol_index(set, &symbols)?),
        ("modules.builtin.bin", builtin_index(set)?),
        ("modules.builtin.alias.bin", builtin_alias_index(set)?),
        ("modules.devname", device_names(set)),
    ])
}

/// Checks what the index format can hold.
fn insert(
    index: &mut Index,
    module: &[u8],
    (key, value): (&[u8], &[u8]),
    at: usize,
) -> Result<(), ModulesError> {
    for text in [key, value] {
        if !text.is_ascii() {
            let [module, text] = [module, text].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            return Err(ModulesError::NotAscii { module, text });
        }
    }
    index.insert(key, value, at as u32);
    Ok(())
}

/// `PATH: PATH PATH…`
fn dependency_line(set: &ModuleSet, module: &Module) -> Vec<u8> {
    let mut line = module.path.clone();
    line.push(b':');
    for need in &module.needs {
        line.push(b' ');
        line.extend_from_slice(&set.modules()[*need].path);
    }
    line
}

fn dependencies(set: &ModuleSet) -> Vec<u8> {
    let mut text = Vec::new();
    for module in set.modules() {
        text.extend(dependency_line(set, module));
        text.push(b'\n');
    }
    text
}

fn dependency_index(set: &ModuleSet) -> Result<Vec<u8>, ModulesError> {
    let mut index = Index::default();
    for (at, module) in set.modules().iter().enumerate() {
        insert(&mut index, &module.name, (&module.name, &dependency_line(set, module)), at)?;
    }
    Ok(index.into_bytes())
}

fn aliases(set: &ModuleSet) -> Vec<u8> {
    let mut text = b"# Aliases extracted from modules themselves.\n".to_vec();
    for module in set.modules() {
        for alias in module.info.values("alias") {
            text.extend([b"alias ", alias, b" ", &module.name, b"\n"].concat());
        }
    }
    text
}

fn alias_index(set: &ModuleSet) -> Result<Vec<u8>, ModulesError> {
    let mut index = Index::default();
    for (at, module) in set.modules().iter().enumerate() {
        // As depmod: an alias with unpaired brackets stays in the text only.
        for alias in module.info.values("alias").filter_map(normal_alias) {
            insert(&mut index, &module.name, (&alias, &module.name), at)?;
        }
    }
    Ok(index.into_bytes())
}

fn values(set: &ModuleSet, key: &str, heading: &str) -> Vec<u8> {
    let mut text = heading.as_bytes().to_vec();
    for module in set.modules() {
        for value in module.info.values(key) {
            text.extend([key.as_bytes(), b" ", &module.name, b" ", value, b"\n"].concat());
        }
    }
    text
}

/// Exported symbols and the module that counts as their exporter: the last.
fn symbol_owners(set: &ModuleSet) -> BTreeMap<&[u8], usize> {
    let exports = set.modules().iter().enumerate();
    exports.flat_map(|(at, module)| module.exports.iter().map(move |name| (name.as_slice(), at))).collect()
}

fn symbol_aliases(set: &ModuleSet, symbols: &BTreeMap<&[u8], usize>) -> Vec<u8> {
    let mut text = b"# Aliases for symbols, used by symbol_request().\n".to_vec();
    for (symbol, at) in symbols {
        text.extend([b"alias symbol:", *symbol, b" ", &set.modules()[*at].name, b"\n"].concat());
    }
    text
}

fn symbol_index(set: &ModuleSet, symbols: &BTreeMap<&[u8], usize>) -> Result<Vec<u8>, ModulesError> {
    let mut index = Index::default();
    for (symbol, at) in symbols {
        let name = &set.modules()[*at].name;
        insert(&mut index, name, (&[b"symbol:", *symbol].concat(), name), *at)?;
    }
    Ok(index.into_bytes())
}

/// Empty, not an empty index, where the kernel lists no built-in modules.
fn builtin_index(set: &ModuleSet) -> Result<Vec<u8>, ModulesError> {
    let Some(paths) = &set.builtin_paths else { return Ok(Vec::new()) };
    let mut index = Index::default();
    for path in paths.iter().filter(|path| path.first().is_some_and(u8::is_ascii_alphabetic)) {
        let name = module_name(path);
        insert(&mut index, &name, (&name, b""), 0)?;
    }
    Ok(index.into_bytes())
}

/// From strings `MODULE.alias=ALIAS`.
fn builtin_alias_index(set: &ModuleSet) -> Result<Vec<u8>, ModulesError> {
    let Some(info) = &set.builtin_info else { return Ok(Vec::new()) };
    let mut index = Index::default();
    for (key, alias) in info.entries() {
        let Some(module) = key.strip_suffix(b".alias").filter(|name| !name.is_empty()) else { continue };
        if let Some(alias) = normal_alias(alias).filter(|alias| !alias.is_empty()) {
            insert(&mut index, module, (&alias, module), 0)?;
        }
    }
    Ok(index.into_bytes())
}

/// `MODULE NODE cMAJOR:MINOR`: device nodes whose opening loads the module.
fn device_names(set: &ModuleSet) -> Vec<u8> {
    let mut text = Vec::new();
    for module in set.modules() {
        let (mut node, mut number) = (None, None);
        for alias in module.info.values("alias") {
            node = alias.strip_prefix(b"devname:").or(node);
            number = device_number(alias).or(number);
            if node.is_some() && number.is_some() {
                break;
            }
        }
        if let (Some(node), Some((kind, major, minor))) = (node, number) {
            if text.is_empty() {
                text.extend_from_slice(b"# Device nodes to trigger on-demand module loading.\n");
            }
            text.extend([&module.name, b" ".as_slice(), node].concat());
            text.extend(format!(" {kind}{major}:{minor}\n").bytes());
        }
    }
    text
}

/// `char-major-10-235`, `block-major-7-0`; nothing for patterns such as `char-major-10-*`.
fn device_number(alias: &[u8]) -> Option<(char, u32, u32)> {
    let (kind, numbers) = match alias {
        [b'c', b'h', b'a', b'r', rest @ ..] => ('c', rest.strip_prefix(b"-major-")?),
        [b'b', b'l', b'o', b'c', b'k', rest @ ..] => ('b', rest.strip_prefix(b"-major-")?),
        _ => return None,
    };
    let (major, minor) = std::str::from_utf8(numbers).ok()?.split_once('-')?;
    let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some((kind, major.parse().ok()?, minor[..digits].parse().ok()?))
}
