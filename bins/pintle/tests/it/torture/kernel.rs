//! A thousand random trees, and the largest things that a file system can hold, before `e2fsck` and the kernel: all of
//! them in one boot.

use super::heavy;
use crate::common::{Gate, pintle, web};
use pintle_fs::ext4;
use pintle_model::{
    Attrs, Bytes, Contents as _, Inode, InodeId, Kind, Origin, Sink, Timestamp, Tree, TreePath,
};
use pintle_testkit::trees::{Bounds, Pattern, tree_of};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

const TREES: u64 = 1000;
/// In one file system of those that the kernel mounts: each mount takes a tenth of a second there.
const TOGETHER: u64 = 50;
const BOUNDS: Bounds = Bounds { inodes: 30, file: 40_000 };
/// Alignment of images on the disk that holds them all.
const STEP: u64 = 1 << 16;

/// Part of a file, from `base` on.
pub(super) struct Part<'a> {
    pub(super) file: &'a File,
    pub(super) base: u64,
}

impl Sink for Part<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.base + at)
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

/// Where an image is on the disk.
type Place = (u64, u64);

/// Has every tree checked in a file system of its own.
fn check_each(seed: u64) {
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= TREES {
                return;
            }
            let tree = tree_of(seed + number, BOUNDS);
            let alone = tempfile::NamedTempFile::new().unwrap();
            let mut part = Part { file: alone.as_file(), base: 0 };
            let summary = ext4::write(&tree, &options(number), &mut part).unwrap();
            alone.as_file().set_len(summary.size).unwrap();
            assert_clean(alone.path(), &format!("tree {}, of PINTLE_SEED={seed}", seed + number));
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
}

/// The trees from `first` on, each in a folder named for its number.
fn together(seed: u64, first: u64) -> Tree {
    let mut all = Tree::new();
    let origin = all.origin(Origin::Nobody);
    for number in first..(first + TOGETHER).min(TREES) {
        let tree = tree_of(seed + number, BOUNDS);
        let folder = TreePath::literal(&number.to_string());
        all.ensure_directory(&folder, Attrs::root(0o755), origin).unwrap();
        let mut names: BTreeMap<InodeId, InodeId> = BTreeMap::new();
        for entry in tree.walk().filter(|entry| !entry.path.is_root()) {
            let path = folder.join(entry.path.as_bytes()).unwrap();
            if let Some(known) = names.get(&entry.id) {
                all.link(&path, *known).unwrap();
                continue;
            }
            let kind = match &entry.inode.kind {
                Kind::Directory(_) => Kind::Directory(BTreeMap::new()),
                kind => kind.clone(),
            };
            let id = all.insert(&path, Inode { kind, origin, ..entry.inode.clone() }).unwrap();
            names.insert(entry.id, id);
        }
    }
    all
}

/// Writes all trees into one file, in file systems of several each; the places of these.
fn write_all(seed: u64, disk: &File) -> Vec<Place> {
    let mut end = 0;
    let place = |first: u64| {
        let summary =
            ext4::write(&together(seed, first), &options(first), &mut Part { file: disk, base: end })
                .unwrap();
        let place = (end, summary.size);
        end += summary.size.next_multiple_of(STEP);
        place
    };
    let places = (0..TREES).step_by(TOGETHER as usize).map(place).collect();
    disk.set_len(end + STEP).unwrap();
    places
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

/// Run in the guest: mounts the file systems by the table on the second disk, and lists them. Records end in NUL, as
/// names may hold everything else.
const LIST: &str = r#"
export LC_ALL=C
modprobe loop
mkdir -p /run/trees && cd /run/trees
n=0
while read -r offset size; do
  mkdir $n
  mount -o ro,loop,offset=$offset,sizelimit=$size /dev/vdb $n || printf "Fmount %s failed\0" $n
  n=$((n + 1))
done < /dev/vdc
find . -mindepth 3 -printf "E%P|%y|%m|%U|%G|%n|%s|%T@|%l\0"
find . -mindepth 3 -type f -print0 | xargs -0 -r sha256sum -z | sed -z "s/^/H/"
find . -mindepth 3 \( -type b -o -type c \) -print0 | xargs -0 -r stat --printf "D%n|%Hr:%Lr\0"
printf X; getfattr -R -h -d -m - -e hex . ; printf "\0"
for n in *; do umount $n && rmdir $n; done
"#;

/// One entry as `find` prints it, without the number of the tree: kind, mode, owner, group, links, size, time, target.
fn expected(tree: &Tree, number: u64, seen: &mut BTreeMap<Vec<u8>, String>) {
    let links = tree.link_counts();
    for entry in tree.walk().filter(|entry| !entry.path.is_root()) {
        let inode = entry.inode;
        let name = [format!("{}/{number}/", number / TOGETHER).as_bytes(), entry.path.as_bytes()].concat();
        let (letter, size, target) = match &inode.kind {
            Kind::Directory(_) => ('d', None, &b""[..]),
            Kind::File(blob) => ('f', Some(blob.len()), &b""[..]),
            Kind::Symlink(target) => ('l', Some(target.len() as u64), &target[..]),
            Kind::CharDevice { .. } => ('c', Some(0), &b""[..]),
            Kind::BlockDevice { .. } => ('b', Some(0), &b""[..]),
            Kind::Fifo => ('p', Some(0), &b""[..]),
            Kind::Socket => ('s', Some(0), &b""[..]),
        };
        let attrs = inode.attrs;
        let mut line =
            format!("{letter}|{:o}|{}|{}|{}", attrs.mode, attrs.uid, attrs.gid, links[entry.id.index()]);
        line += &format!(
            "|{}|{}|{}",
            size.map_or("-".into(), |size| size.to_string()),
            time(attrs.mtime),
            target.escape_ascii()
        );
        match &inode.kind {
            Kind::File(blob) => {
                let bytes = blob.read(&Pattern, 1 << 30).unwrap();
                line += &format!(" {}", hex(&Sha256::digest(bytes)));
            }
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                line += &format!(" {major}:{minor}");
            }
            _ => {}
        }
        // On anything but files and folders the kernel denies that there are attributes of users (xattr(7)).
        let shown = |name: &[u8]| matches!(letter, 'd' | 'f') || !name.starts_with(b"user.");
        let attributes = inode.xattrs.iter().filter(|(name, _)| shown(name));
        let attributes = attributes.map(|(name, value)| format!(" {}={}", name.escape_ascii(), hex(value)));
        let mut attributes: Vec<String> = attributes.collect();
        attributes.sort();
        line += &attributes.concat();
        seen.insert(name, line);
    }
}

/// As `find -printf %T@` has it: seconds and nanoseconds as the kernel counts them, for which 0.5 s before 1970 is
/// -1.5.
fn time(time: Timestamp) -> String {
    format!("{}.{:09}0", time.secs, time.nanos)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the guest said, in the form of [`expected`].
fn parse(said: &[u8]) -> BTreeMap<Vec<u8>, String> {
    let mut seen: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for record in said.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let (kind, rest) = record.split_first().unwrap();
        match kind {
            b'E' => entry(rest, &mut seen),
            b'H' => {
                let (digest, name) = rest.split_at(64);
                *seen.get_mut(&name[4..]).unwrap() += &format!(" {}", String::from_utf8_lossy(digest));
            }
            b'D' => {
                let bar = rest.iter().rposition(|byte| *byte == b'|').unwrap();
                *seen.get_mut(&rest[2..bar]).unwrap() +=
                    &format!(" {}", String::from_utf8_lossy(&rest[bar + 1..]));
            }
            b'X' => xattrs(rest, &mut seen),
            _ => panic!("the guest says: {}", String::from_utf8_lossy(record)),
        }
    }
    seen
}

fn entry(rest: &[u8], seen: &mut BTreeMap<Vec<u8>, String>) {
    // Names and targets may hold the separator, numbers do not: the kind is one letter between two of them.
    let mut kinds = (0..rest.len()).filter(|at| {
        rest[*at..].first() == Some(&b'|')
            && rest.get(at + 2) == Some(&b'|')
            && b"dflcbps".contains(&rest[at + 1])
            && rest[at + 3..]
                .iter()
                .take_while(|byte| **byte != b'|')
                .all(|byte| (b'0'..=b'7').contains(byte))
    });
    let at = kinds.next_back().unwrap();
    let fields: Vec<&[u8]> = rest[at + 1..].splitn(8, |byte| *byte == b'|').collect();
    let text = |field: usize| String::from_utf8_lossy(fields[field]).into_owned();
    let size = if fields[0] == b"d" { "-".into() } else { text(5) };
    let line = format!(
        "{}|{}|{}|{}|{}|{size}|{}|{}",
        text(0),
        text(1),
        text(2),
        text(3),
        text(4),
        text(6),
        fields[7].escape_ascii()
    );
    seen.insert(rest[..at].to_vec(), line);
}

/// Blocks of `# file: NAME`, `KEY=0xVALUE` lines, an empty line; odd characters as `\ooo`.
fn xattrs(text: &[u8], seen: &mut BTreeMap<Vec<u8>, String>) {
    let (mut name, mut found) = (Vec::new(), Vec::new());
    for line in text.split(|byte| *byte == b'\n').chain([&b""[..]]) {
        if let Some(file) = line.strip_prefix(b"# file: ") {
            name = unescape(file);
        } else if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
            let key = unescape(&line[..equals]).escape_ascii().to_string();
            found.push(format!(" {key}={}", String::from_utf8_lossy(&line[equals + 1..]).replace("0x", "")));
        } else if !found.is_empty() {
            found.sort();
            // Of the images' roots nothing is asked.
            if let Some(entry) = seen.get_mut(&name) {
                *entry += &found.concat();
            }
            found.clear();
        }
    }
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *byte == b'\\').and_then(|d| std::str::from_utf8(d).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(value) => {
                out.push(value);
                rest = &after[3..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}

#[test]
fn a_thousand_random_trees_and_the_largest_things_before_the_kernel() {
    let seed = std::env::var("PINTLE_SEED").map_or(1, |text| text.parse().unwrap());
    check_each(seed);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(format!("{name}.raw"));
    let disk = File::create_new(file("trees")).unwrap();
    let places = write_all(seed, &disk);
    let mut table = File::create_new(file("table")).unwrap();
    for (base, size) in &places {
        writeln!(table, "{base} {size}").unwrap();
    }
    heavy::write(&file("heavy"));
    let _turn = Gate::enter();
    let mut run = pintle();
    run.args(["run", "--quiet", "--cpus", "1", "--memory", "768M", "--timeout", "1500", "--until", "ssh"]);
    for name in ["trees", "table", "heavy"] {
        run.arg("--drive").arg(file(name));
    }
    let script = format!("{LIST}\ncd /; {}", heavy::LOOK);
    run.arg(&web().image).args(["--exec", "sh", "-c"]).arg(format!("'{script}'"));
    let output = run.output().unwrap();
    let said = output.stdout;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mark = b"HEAVY\n";
    let at = said.windows(mark.len()).position(|window| window == mark).expect("the second part");
    let seen = parse(&said[..at]);
    let mut meant = BTreeMap::new();
    for number in 0..TREES {
        expected(&tree_of(seed + number, BOUNDS), number, &mut meant);
    }
    for (name, line) in &meant {
        let shown = name.escape_ascii();
        assert_eq!(seen.get(name), Some(line), "{shown} of PINTLE_SEED={seed}");
    }
    assert_eq!(seen.len(), meant.len(), "nothing else is there");
    heavy::check(&String::from_utf8_lossy(&said[at + mark.len()..]));
}
