//! Programs that we did not write and that judge what we wrote, and the file they look at.

use pintle_fs::ext4::{self, Options, Summary};
use pintle_model::{Bytes, Contents as _, Sink, Timestamp, Tree};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use uuid::Uuid;

pub(crate) use pintle_testkit::trees::Pattern;

/// A sparse file; refuses calls that do not ascend.
struct FileSink {
    file: File,
    end: u64,
    data: Data,
}

/// Whether files get their bytes; gigabytes of them only cost time where none looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Put,
    LeftOut,
}

impl FileSink {
    fn claim(&mut self, at: u64, len: u64) {
        assert!(at >= self.end, "the writer went back from {} to {at}", self.end);
        self.end = at + len;
    }
}

impl Sink for FileSink {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.claim(at, bytes.len() as u64);
        self.file.write_all_at(bytes, at)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        self.claim(at, len);
        match from {
            _ if self.data == Data::LeftOut => Ok(()),
            Bytes::Inline(bytes) => self.file.write_all_at(&bytes[skip as usize..(skip + len) as usize], at),
            Bytes::At { source, offset } => {
                let mut bytes = vec![0; len as usize];
                Pattern.read_exact_at(*source, offset + skip, &mut bytes)?;
                self.file.write_all_at(&bytes, at)
            }
        }
    }
}

/// An image file in a directory of its own.
pub(crate) struct Image {
    pub(crate) path: PathBuf,
    pub(crate) summary: Summary,
    _dir: tempfile::TempDir,
}

/// Options that every test starts from.
pub(crate) fn options() -> Options {
    let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    Options::new(uuid, Uuid::from_u128(42), Timestamp::from_secs(1_700_000_000))
}

/// Writes an image and has it checked.
pub(crate) fn checked(tree: &Tree, options: &Options) -> Image {
    checked_with(tree, options, Data::Put)
}

/// The same, with or without the data of files.
pub(crate) fn checked_with(tree: &Tree, options: &Options, data: Data) -> Image {
    let image = written_with(tree, options, data);
    assert_clean(&image.path);
    assert_eq!(ext4::layout(tree, options).unwrap(), image.summary, "layout and write must agree");
    image
}

/// Writes an image.
pub(crate) fn written(tree: &Tree, options: &Options) -> Image {
    written_with(tree, options, Data::Put)
}

fn written_with(tree: &Tree, options: &Options, data: Data) -> Image {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    let file = File::create_new(&path).unwrap();
    let mut sink = FileSink { file, end: 0, data };
    let summary = ext4::write(tree, options, &mut sink).unwrap();
    assert!(sink.end <= summary.size);
    sink.file.set_len(summary.size).unwrap();
    Image { path, summary, _dir: dir }
}

/// Runs a judge to its end.
pub(crate) fn run(program: &str, arguments: &[&str], image: &Path) -> Output {
    let output =
        Command::new(program).args(arguments).arg(image).env("LC_ALL", "C").env("TZ", "UTC").output();
    output.unwrap_or_else(|error| {
        panic!(
            "cannot run {program}: {error}. `cargo xtask test` installs the programs that judge our output."
        )
    })
}

/// `e2fsck -fn` must say nothing and exit with 0.
pub(crate) fn assert_clean(image: &Path) {
    let output = run("e2fsck", &["-fn"], image);
    let text = String::from_utf8_lossy(&output.stdout);
    let talk: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("Pass ") && !line.contains(" files (")).collect();
    assert!(
        output.status.success() && talk.is_empty(),
        "e2fsck complains ({}):\n{}",
        output.status,
        text.chars().take(5000).collect::<String>()
    );
}

/// What `debugfs` prints on one request.
pub(crate) fn debugfs(image: &Image, request: &str) -> Vec<u8> {
    let output = run("debugfs", &["-R", request], &image.path);
    assert!(output.status.success(), "debugfs {request}");
    output.stdout
}

/// The same as text.
pub(crate) fn debugfs_text(image: &Image, request: &str) -> String {
    String::from_utf8_lossy(&debugfs(image, request)).into_owned()
}
