//! A thousand random trees, and the largest things that a file system can hold, before `e2fsck`.

use super::heavy;
use pintle_fs::ext4;
use pintle_model::{Bytes, Contents as _, Sink, Timestamp};
use pintle_testkit::trees::{Bounds, Pattern, tree_of};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

const TREES: u64 = 1000;
const BOUNDS: Bounds = Bounds { inodes: 30, file: 40_000 };

/// An image being written.
pub(super) struct Image<'a>(pub(super) &'a File);

impl Sink for Image<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        match from {
            Bytes::Inline(bytes) => self.write(at, &bytes[skip as usize..(skip + len) as usize]),
            Bytes::At { source, offset } => {
                let mut bytes = vec![0; len as usize];
                Pattern.read_exact_at(*source, offset + skip, &mut bytes)?;
                self.write(at, &bytes)
            }
        }
    }
}

/// The options of tree `number`: some room, some reserve, some with a journal.
pub(super) fn options(number: u64) -> ext4::Options {
    let id = Uuid::from_u128(u128::from(number) << 64 | 0x7011);
    let mut options =
        ext4::Options::new(id, Uuid::from_u128(u128::from(number)), Timestamp::from_secs(1_700_000_000));
    options.free = number % 7 * 100_000;
    options.reserved_percent = (number % 20) as u8;
    options.free_inodes = 16;
    options.journal = (number % 50 == 49).then_some(4 << 20);
    options
}

/// `e2fsck -fn` must say nothing and exit with 0.
pub(super) fn assert_clean(image: &Path, what: &str) {
    let output = Command::new("e2fsck").arg("-fn").arg(image).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("e2fsck: {error}; `cargo xtask test` installs it"));
    let text = String::from_utf8_lossy(&output.stdout);
    let talk = |line: &str| !line.starts_with("Pass ") && !line.contains(" files (");
    let start: String = text.chars().take(3000).collect();
    assert!(output.status.success() && !text.lines().any(talk), "{what}: e2fsck says\n{start}");
}

#[test]
fn a_thousand_random_trees_before_e2fsck() {
    let seed = std::env::var("PINTLE_SEED").map_or(1, |text| text.parse().unwrap());
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= TREES {
                return;
            }
            let tree = tree_of(seed + number, BOUNDS);
            let image = tempfile::NamedTempFile::new().unwrap();
            let summary = ext4::write(&tree, &options(number), &mut Image(image.as_file())).unwrap();
            image.as_file().set_len(summary.size).unwrap();
            assert_clean(image.path(), &format!("PINTLE_SEED={}", seed + number));
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn the_largest_things_before_e2fsck() {
    let folder = tempfile::tempdir().unwrap();
    heavy::write(&folder.path().join("heavy.raw"));
}
