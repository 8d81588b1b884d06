use pintle_model::{Lock, LockedClosure, PackageRole};
use std::fmt::Write as _;

const HEADER: &str = "\
# The exact packages of this system, as `pintle lock` found them. Keep this file with the definition.
# Do not edit it: `pintle lock` writes it anew.
";

/// Writes a lock. [`super::parse()`] reads it back as the same lock, and the text of a lock it accepts is this text.
#[must_use]
pub fn print(lock: &Lock) -> String {
    let mut out = String::with_capacity(1000 + lock.packages.len() * 420);
    write(&mut out, lock).expect("invariant: a String takes every write");
    out
}

fn write(out: &mut String, lock: &Lock) -> std::fmt::Result {
    out.push_str(HEADER);
    writeln!(out, "version = {}", lock.version)?;
    writeln!(out, "request = \"{}\"", lock.request)?;
    writeln!(out, "arch = \"{}\"", lock.arch)?;
    for suite in &lock.suites {
        out.push_str("\n[[suite]]\n");
        writeln!(out, "name = {}", quoted(&suite.name))?;
        let components: Vec<String> = suite.components.iter().map(|c| quoted(c)).collect();
        writeln!(out, "components = [{}]", components.join(", "))?;
        writeln!(out, "snapshot = {}", quoted(&suite.snapshot))?;
        writeln!(out, "inrelease = \"{}\"", suite.inrelease)?;
        writeln!(out, "signed_by = {}", quoted(&suite.signed_by))?;
    }
    for package in &lock.packages {
        out.push_str("\n[[package]]\n");
        writeln!(out, "name = {}", quoted(&package.name))?;
        writeln!(out, "version = {}", quoted(&package.version))?;
        writeln!(out, "arch = {}", quoted(&package.arch))?;
        writeln!(out, "suite = {}", quoted(&package.suite))?;
        writeln!(out, "path = {}", quoted(&package.path))?;
        writeln!(out, "size = {}", package.size)?;
        writeln!(out, "sha256 = \"{}\"", package.sha256)?;
        match package.role {
            PackageRole::System => {}
            PackageRole::Boot => out.push_str("role = \"boot\"\n"),
        }
        if let Some(snapshot) = &package.snapshot {
            writeln!(out, "snapshot = {}", quoted(snapshot))?;
        }
    }
    for user in &lock.users {
        write!(out, "\n[[user]]\nname = {}\nuid = {}\n", quoted(&user.name), user.uid)?;
    }
    for group in &lock.groups {
        write!(out, "\n[[group]]\nname = {}\ngid = {}\n", quoted(&group.name), group.gid)?;
    }
    match &lock.closure {
        Some(closure) => write_closure(out, closure),
        None => Ok(()),
    }
}

fn write_closure(out: &mut String, closure: &LockedClosure) -> std::fmt::Result {
    write!(out, "\n[closure]\nsystem = {}\n", quoted(&closure.system))?;
    if let Some(digest) = &closure.boot_files {
        writeln!(out, "boot_files = \"{digest}\"")?;
    }
    for path in &closure.paths {
        write!(out, "\n[[closure.path]]\npath = {}\n", quoted(&path.path))?;
        write!(out, "nar = \"{}\"\nsize = {}\n", path.nar, path.size)?;
        let references: Vec<String> = path.references.iter().map(|name| quoted(name)).collect();
        if !references.is_empty() {
            writeln!(out, "references = [{}]", references.join(", "))?;
        }
        if let Some(ca) = &path.ca {
            writeln!(out, "ca = {}", quoted(ca))?;
        }
    }
    Ok(())
}

/// A TOML basic string (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                write!(out, "\\u{:04X}", u32::from(c)).expect("invariant: a String takes every write");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
