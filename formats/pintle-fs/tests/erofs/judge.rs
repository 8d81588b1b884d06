//! Programs that we did not write and that judge what we wrote, and the file they look at.

use pintle_fs::erofs::read::ReadAt;
use pintle_fs::erofs::{self, Options, Packed, Packing, Summary};
use pintle_model::{Bytes, Contents, Kind, Sink, SourceId, Timestamp, Tree};
use pintle_testkit::pack::Memory;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use uuid::Uuid;

pub(crate) use pintle_testkit::trees::Pattern;

/// Where tests keep what was compressed.
pub(crate) const PACK: SourceId = SourceId(77);

/// All bytes there are.
pub(crate) struct Everything<'a>(pub(crate) &'a Memory);

impl Contents for Everything<'_> {
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if source == PACK {
            self.0.read_exact_at(source, offset, out)
        } else {
            Pattern.read_exact_at(source, offset, out)
        }
    }
}

/// A sparse file; refuses calls that do not ascend.
struct FileSink<'a> {
    file: File,
    end: u64,
    contents: Everything<'a>,
}

impl FileSink<'_> {
    fn claim(&mut self, at: u64, len: u64) {
        assert!(at >= self.end, "the writer went back from {} to {at}", self.end);
        self.end = at + len;
    }
}

impl Sink for FileSink<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.claim(at, bytes.len() as u64);
        self.file.write_all_at(bytes, at)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        self.claim(at, len);
        match from {
            Bytes::Inline(bytes) => self.file.write_all_at(&bytes[skip as usize..(skip + len) as usize], at),
            Bytes::At { source, offset } => {
                let mut bytes = vec![0; len as usize];
                self.contents.read_exact_at(*source, offset + skip, &mut bytes)?;
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

impl ReadAt for Image {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        File::open(&self.path)?.read_exact_at(out, offset)
    }
}

/// Options that every test starts from.
pub(crate) fn options() -> Options {
    let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    Options::new(uuid, Timestamp::from_secs(1_700_000_000))
}

/// Compresses into memory.
pub(crate) fn packed(tree: &Tree, packing: &Packing) -> (Packed, Memory) {
    let mut pack = Memory::default();
    let packed = erofs::pack(tree, &Pattern, packing, &mut pack, PACK).unwrap();
    (packed, pack)
}

/// Writes an image.
pub(crate) fn written(tree: &Tree, options: &Options, packing: Option<&Packing>) -> Image {
    let (packed, pack) = packing.map(|packing| packed(tree, packing)).unzip();
    let pack = pack.unwrap_or_default();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    let file = File::create_new(&path).unwrap();
    let mut sink = FileSink { file, end: 0, contents: Everything(&pack) };
    let summary = erofs::write(tree, packed.as_ref(), options, &mut sink).unwrap();
    assert!(sink.end <= summary.size);
    sink.file.set_len(summary.size).unwrap();
    assert_eq!(
        erofs::layout(tree, packed.as_ref(), options).unwrap(),
        summary,
        "layout and write must agree"
    );
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

/// `dump.erofs` on the whole or on a path.
pub(crate) fn dump(image: &Image, arguments: &[&str]) -> String {
    let output = run("dump.erofs", arguments, &image.path);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "dump.erofs {arguments:?}: {text}");
    text
}

/// Writes an image, has it checked and taken apart, and compares every path with the tree.
pub(crate) fn checked(tree: &Tree, options: &Options, packing: Option<&Packing>) -> Image {
    let image = written(tree, options, packing);
    crate::reading::assert_same(tree, &image);
    let out = tempfile::tempdir().unwrap();
    let into = out.path().join("tree");
    let extract = format!("--extract={}", into.display());
    let output = run("fsck.erofs", &[&extract, "--preserve"], &image.path);
    let talk = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&talk);
    assert!(output.status.success() && !text.contains("<E>") && !text.contains("<W>"), "fsck.erofs: {text}");
    for entry in tree.walk() {
        let path = into.join(std::ffi::OsStr::from_bytes(entry.path.as_bytes()));
        let there =
            std::fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
        let inode = entry.inode;
        let (attrs, what) = (inode.attrs, &entry.path);
        match &inode.kind {
            Kind::Symlink(target) => {
                assert_eq!(std::fs::read_link(&path).unwrap().as_os_str().as_bytes(), &target[..], "{what}");
                continue;
            }
            // The judge of Debian 12 forgets holes when it extracts.
            Kind::File(blob)
                if blob.segments().iter().map(|segment| segment.len).sum::<u64>() < blob.len() => {}
            Kind::File(blob) => {
                assert!(std::fs::read(&path).unwrap() == blob.read(&Pattern, 1 << 30).unwrap(), "{what}");
            }
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                assert_eq!(there.rdev(), makedev(*major, *minor), "{what}");
            }
            Kind::Directory(_) | Kind::Fifo | Kind::Socket => {}
        }
        // It also sets owners after modes, which takes the set-id bits away.
        let modes = [there.mode(), u32::from(inode.kind.type_bits() | attrs.mode)].map(|mode| mode & !0o6000);
        assert_eq!(modes[0], modes[1], "{what}");
        assert_eq!((there.uid(), there.gid()), (attrs.uid, attrs.gid), "{what}");
    }
    image
}

/// As glibc packs device numbers.
fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (major & 0xFFFF_F000) << 32 | (major & 0xFFF) << 8 | (minor & 0xFFFF_FF00) << 12 | (minor & 0xFF)
}
