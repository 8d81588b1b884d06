//! Digest of the code whose results are kept between builds: with another code, another key.

use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let readers = "../../formats/pintle-package/src";
    let mut files = Vec::new();
    for folder in ["src/generate".into(), format!("{readers}/elf"), format!("{readers}/modinfo")] {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(&folder), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for path in files {
        hasher.update(path.to_string_lossy().as_bytes());
        hasher.update(fs::read(&path)?);
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=PINTLE_GENERATE_CODE={hex}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
