//! A cache that was damaged heals itself: whatever is in its files, the image is right.

use super::{files, forget, image, next_build_is_right};
use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flipped,
    Cut,
    Emptied,
    Zeroed,
    Lengthened,
}

fn damage(path: &Path, how: Damage) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    match how {
        Damage::Flipped if bytes.is_empty() => {}
        Damage::Flipped => bytes[middle] ^= 0x40,
        Damage::Cut => bytes.truncate(middle),
        Damage::Emptied => bytes.clear(),
        Damage::Zeroed => bytes.fill(0),
        Damage::Lengthened => bytes.push(7),
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_cache_heals_itself() {
    let (toy, right) = super::built();
    // From a server, downloads are in the cache, too.
    let _server = toy.serve(&["app", "tool"]);
    forget(&toy);
    next_build_is_right(&toy, &right, "moving to a server");
    let cached = files(&toy.cache());
    let kinds = ["blobs/", "packs/", "indices/"];
    assert!(kinds.iter().all(|kind| cached.iter().any(|path| path.display().to_string().contains(kind))));
    use Damage::{Cut, Emptied, Flipped, Lengthened, Zeroed};
    for how in [Flipped, Cut, Emptied, Zeroed, Lengthened] {
        // What a package was unpacked to is asked first; its download only where that is no good.
        for part in ["packs", ""] {
            files(&toy.cache().join(part)).iter().for_each(|path| damage(path, how));
            drop(fs::remove_file(toy.lock()));
            next_build_is_right(&toy, &right, &format!("{how:?} in cache/{part}"));
        }
    }
    // One by one: the files beside a damaged one are sound.
    for path in files(&toy.cache()) {
        damage(&path, Flipped);
        drop(fs::remove_file(toy.out().join("toy.raw")));
        assert!(image(&toy).is_none());
        next_build_is_right(&toy, &right, &format!("{} flipped", path.display()));
    }
}

/// Damage below the file system leaves no trace in times and lengths: after a power cut everything is compared anew.
#[test]
fn after_a_restart_of_the_machine_nothing_is_taken_on_trust() {
    let (toy, right) = super::built();
    let pack = files(&toy.cache().join("packs"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "pack"));
    let pack = pack.unwrap();
    let modified = fs::metadata(&pack).unwrap().modified().unwrap();
    damage(&pack, Damage::Zeroed);
    fs::File::options().write(true).open(&pack).unwrap().set_modified(modified).unwrap();
    // The notes of another boot are not those of this one.
    fs::remove_file(toy.cache().join("vouched")).unwrap();
    next_build_is_right(&toy, &right, "a power cut");
    assert!(toy.cache().join("vouched").exists(), "what was compared is noted");
}
