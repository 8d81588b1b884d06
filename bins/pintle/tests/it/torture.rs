//! What a build must survive: a full disk at every write, a kill at any moment, damage in its cache.

mod damaged;
mod full_disk;
mod heavy;
mod kernel;
mod killed;

use crate::common::finish;
use crate::toy::{Toy, base, noise};
use std::fs;
use std::path::{Path, PathBuf};

/// An archive whose packages have several files, one of them large, in a world where it was built once.
fn built() -> (Toy, Vec<u8>) {
    let mut archive = base().package("app 1").file("/usr/lib/app.bin", 0o644, noise(1 << 20));
    for n in 0..20 {
        archive = archive.file(&format!("/usr/share/app/{n}"), 0o644, noise(n * 1000));
    }
    let archive = archive.package("tool 2").file("/usr/bin/tool", 0o755, noise(50_000));
    let toy = Toy::new(&archive, &["app", "tool"]);
    toy.builds();
    let image = image(&toy).unwrap();
    (toy, image)
}

/// The image, if there is one.
fn image(toy: &Toy) -> Option<Vec<u8>> {
    fs::read(toy.out().join("toy.raw")).ok()
}

/// Takes away what a build made: all of it, so that the next makes all of it again.
fn forget(toy: &Toy) {
    for folder in [toy.out(), toy.cache()] {
        drop(fs::remove_dir_all(folder));
    }
    drop(fs::remove_file(toy.lock()));
}

/// The next build must give the right bytes, and clean up after those before it.
fn next_build_is_right(toy: &Toy, right: &[u8], after: &str) {
    let output = finish(&mut toy.build());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "after {after}: {said}");
    assert!(image(toy).is_some_and(|image| image == right), "after {after}: other bytes");
    assert_eq!(leftovers(toy), [""; 0], "after {after}");
}

/// What is begun and not complete, anywhere.
fn leftovers(toy: &Toy) -> Vec<String> {
    let incomplete = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "partial")
            || path.parent() == Some(&toy.cache().join("partial"))
    };
    let all = [toy.out(), toy.cache(), toy.definition()].into_iter().flat_map(|folder| files(&folder));
    all.filter(incomplete).map(|path| path.display().to_string()).collect()
}

/// Every file below `folder`, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { todo.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The tests' chance: xorshift, from a seed that a failure names.
struct Chance(u64);

impl Chance {
    /// From `PINTLE_SEED`, so that a failure can be had again; else the seed of the test.
    fn new(seed: u64) -> Self {
        let given = std::env::var("PINTLE_SEED").ok().map(|text| text.parse().unwrap());
        Self(given.unwrap_or(seed).max(1))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
