//! Files of an image that no package brought.

use crate::facts::Facts;
use pintle_model::{Blob, Contents, Digest, InodeId, Kind, Origin};
use sha1::Digest as _;
use std::collections::BTreeSet;
use std::io;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// A file that Pintle or the definition put there.
pub(crate) struct Made {
    /// Absolute path; bytes that are no UTF-8 are replaced.
    pub(crate) path: String,
    pub(crate) len: u64,
    pub(crate) by: String,
    pub(crate) sha256: Digest,
    /// SPDX 2.3, 8.4 asks for it. It protects nothing here.
    pub(crate) sha1: String,
}

/// All of them, in path order; further names of one file are left out.
pub(crate) fn files(facts: &Facts<'_>) -> io::Result<Vec<Made>> {
    let mut seen: BTreeSet<InodeId> = BTreeSet::new();
    let mut out = Vec::new();
    for entry in facts.root.walk() {
        let origin = facts.root.origin_of(entry.inode.origin);
        let Kind::File(blob) = &entry.inode.kind else { continue };
        if matches!(origin, Origin::Package { .. } | Origin::StorePath(_)) || !seen.insert(entry.id) {
            continue;
        }
        let (sha256, sha1) = digests(blob, facts.contents)?;
        out.push(Made {
            path: entry.path.to_string(),
            len: blob.len(),
            by: origin.to_string(),
            sha256,
            sha1,
        });
    }
    Ok(out)
}

fn digests(blob: &Blob, contents: &dyn Contents) -> io::Result<(Digest, String)> {
    let mut both = (pintle_model::Hasher::new(), sha1::Sha1::new());
    let mut chunk = vec![0; CHUNK.min(usize::try_from(blob.len()).unwrap_or(CHUNK))];
    let mut at = 0;
    while at < blob.len() {
        let part = &mut chunk[..CHUNK.min((blob.len() - at) as usize)];
        blob.read_at(contents, at, part)?;
        both.0.update(part);
        both.1.update(&*part);
        at += part.len() as u64;
    }
    Ok((both.0.finish().digest(), hex(&both.1.finalize())))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
