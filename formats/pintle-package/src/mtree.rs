//! A tree as an mtree(5) listing: every entry with type, owner, mode, time and digest. It keeps what a folder of an
//! ordinary user cannot, and libarchive's `bsdtar` makes an archive from both.

use pintle_model::{Blob, Contents, Digest, Hasher, InodeId, Kind, Sink as _, Tree, WriteAll};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

/// The listing. Digests that the tree does not know are computed.
///
/// # Errors
/// Of reading file contents.
pub fn listing(tree: &Tree, contents: &dyn Contents) -> io::Result<String> {
    let mut out = String::from("#mtree\n");
    let mut digests: BTreeMap<InodeId, Digest> = BTreeMap::new();
    let links = tree.link_counts();
    let mut numbers: BTreeMap<InodeId, usize> = BTreeMap::new();
    for entry in tree.walk() {
        let path = entry.path.as_bytes();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let name = if path.is_empty() { ".".to_owned() } else { format!("./{}", escaped(path)) };
        let attrs = entry.inode.attrs;
        let kind = match &entry.inode.kind {
            Kind::Directory(_) => "dir".to_owned(),
            Kind::File(blob) => {
                let digest = match digests.get(&entry.id) {
                    Some(digest) => *digest,
                    None => digest(blob, contents)?,
                };
                digests.insert(entry.id, digest);
                format!("file size={} sha256digest={digest}", blob.len())
            }
            Kind::Symlink(target) => format!("link link={}", escaped(target)),
            Kind::CharDevice { major, minor } => format!("char device=linux,{major},{minor}"),
            Kind::BlockDevice { major, minor } => format!("block device=linux,{major},{minor}"),
            Kind::Fifo => "fifo".to_owned(),
            Kind::Socket => "socket".to_owned(),
        };
        let (mode, uid, gid, time) = (attrs.mode, attrs.uid, attrs.gid, attrs.mtime);
        let (secs, nanos) = (time.secs, time.nanos);
        if matches!(entry.inode.kind, Kind::Socket) {
            // mtree(5) has the word, and libarchive takes such a line for a file.
            out.push_str("# ");
        }
        write!(out, "{name} mode={mode:04o} uid={uid} gid={gid} time={secs}.{nanos} type={kind}")
            .expect("invariant: a String takes every write");
        let names = links[entry.id.index()];
        if names > 1 && !matches!(entry.inode.kind, Kind::Directory(_)) {
            // Names of one file have one number, in the order in which the first of them comes.
            let next = numbers.len() + 1;
            let number = *numbers.entry(entry.id).or_insert(next);
            write!(out, " nlink={names} inode={number}").expect("invariant: a String takes every write");
        }
        out.push('\n');
        for (key, value) in &entry.inode.xattrs {
            // There is no keyword for them; readers skip comments.
            writeln!(out, "# xattr {name} {}={}", escaped(key), escaped(value))
                .expect("invariant: a String takes every write");
        }
    }
    Ok(out)
}

fn digest(blob: &Blob, contents: &dyn Contents) -> io::Result<Digest> {
    if let Some(digest) = blob.digest() {
        return Ok(digest);
    }
    struct Into(Hasher);
    impl io::Write for Into {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut stream = WriteAll::new(Into(Hasher::new()), contents);
    stream.blob(0, blob)?;
    Ok(stream.finish(blob.len())?.0.finish().digest())
}

/// As vis(3) with octal escapes: graphic characters except `\`, `#` and `=` as they are.
fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' | b'#' | b'=' => write!(out, "\\{byte:03o}"),
            0x21..=0x7e => write!(out, "{}", char::from(*byte)),
            _ => write!(out, "\\{byte:03o}"),
        }
        .expect("invariant: a String takes every write");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Attrs, NoContents, Origin, TreePath};

    #[test]
    fn everything_is_listed() {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Nobody);
        let ping = Kind::File(Blob::inline(*b"x"));
        tree.ensure_directory(&TreePath::literal("bin"), Attrs::root(0o755), by).unwrap();
        let attrs = Attrs { uid: 5, ..Attrs::root(0o4755) };
        let id = tree.add(&TreePath::literal("bin/pi ng"), ping, attrs, by).unwrap();
        tree.inode_mut(id).xattrs.insert((*b"user.a").into(), (*b"\x01b").into());
        tree.add(&TreePath::literal("sh"), Kind::Symlink((*b"bin/sh").into()), Attrs::root(0o777), by)
            .unwrap();
        tree.link(&TreePath::literal("xping"), id).unwrap();
        tree.add(&TreePath::literal("log"), Kind::Socket, Attrs::root(0o600), by).unwrap();
        insta::assert_snapshot!(listing(&tree, &NoContents).unwrap(), @r"
        #mtree
        . mode=0755 uid=0 gid=0 time=0.0 type=dir
        ./bin mode=0755 uid=0 gid=0 time=0.0 type=dir
        ./bin/pi\040ng mode=4755 uid=5 gid=0 time=0.0 type=file size=1 sha256digest=2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 nlink=2 inode=1
        # xattr ./bin/pi\040ng user.a=\001b
        # ./log mode=0600 uid=0 gid=0 time=0.0 type=socket
        ./sh mode=0777 uid=0 gid=0 time=0.0 type=link link=bin/sh
        ./xping mode=4755 uid=5 gid=0 time=0.0 type=file size=1 sha256digest=2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 nlink=2 inode=1
        # xattr ./xping user.a=\001b
        ");
    }
}
