//! A `Packages` index with only the fields that [`super::index::PackageRecord`] has: a quarter of the size, read by
//! the same parser. Kept in a cache so that solving again need not read descriptions again.

use super::index::{MultiArch, PackageRecord, Priority};
use std::fmt::Write as _;

/// Writes `records` as an index that reads back as the same records.
#[must_use]
pub fn compact(records: &[PackageRecord<'_>]) -> String {
    let mut out = String::with_capacity(records.len() * 400);
    for record in records {
        stanza(&mut out, record).expect("invariant: a String takes every write");
    }
    out
}

fn stanza(out: &mut String, record: &PackageRecord<'_>) -> std::fmt::Result {
    writeln!(out, "Package: {}\nVersion: {}\nArchitecture: {}", record.name, record.version, record.arch)?;
    if record.essential {
        out.write_str("Essential: yes\n")?;
    }
    if record.protected {
        out.write_str("Protected: yes\n")?;
    }
    if record.priority != Priority::default() {
        writeln!(out, "Priority: {}", record.priority.name())?;
    }
    if record.multi_arch != MultiArch::default() {
        writeln!(out, "Multi-Arch: {}", record.multi_arch.name())?;
    }
    let relations = [
        ("Pre-Depends", record.pre_depends),
        ("Depends", record.depends),
        ("Recommends", record.recommends),
        ("Conflicts", record.conflicts),
        ("Breaks", record.breaks),
        ("Provides", record.provides),
    ];
    for (name, relations) in relations.into_iter().filter(|(_, relations)| !relations.is_empty()) {
        writeln!(out, "{name}: {}", relations.as_str())?;
    }
    writeln!(out, "Filename: {}\nSize: {}\nSHA256: {}\n", record.filename, record.size, record.sha256.hex())
}
