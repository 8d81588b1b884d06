//! Examples as an author would write them: tables with headers, the rest on one line.

use crate::raw::{Data, Raw, RawTable, bare};

/// `value` as the TOML that sets `path` to it.
pub(super) fn block(path: &str, value: &Raw) -> String {
    if let Some((list, key)) = path.rsplit_once("[N].") {
        return format!("[[{}]]\n{key} = {}", list.replace("[N]", ""), value.to_toml());
    }
    match &value.data {
        Data::Table(table) if !table.is_empty() => tables(path, table),
        _ => match path.rsplit_once('.') {
            Some((table, key)) => format!("[{table}]\n{key} = {}", value.to_toml()),
            None => format!("{path} = {}", value.to_toml()),
        },
    }
}

fn tables(path: &str, table: &RawTable) -> String {
    let is_table = |raw: &Raw| raw.as_table().is_some_and(|table| !table.is_empty());
    let plain: Vec<String> = table
        .iter()
        .filter(|(_, entry)| !is_table(&entry.value))
        .map(|(key, entry)| format!("{} = {}", bare(key), entry.value.to_toml()))
        .collect();
    let mut blocks = Vec::new();
    if !plain.is_empty() {
        blocks.push(format!("[{path}]\n{}", plain.join("\n")));
    }
    for (key, entry) in table {
        if let Some(inner) = entry.value.as_table().filter(|inner| !inner.is_empty()) {
            blocks.push(tables(&format!("{path}.{}", bare(key)), inner));
        }
    }
    blocks.join("\n\n")
}
