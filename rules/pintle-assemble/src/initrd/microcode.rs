//! Microcode that the kernel gives to processors before it starts anything: an archive of its own, not compressed, before the
//! initrd (Linux, `Documentation/arch/x86/microcode.rst`).

use super::InitrdError;
use crate::generate::place::attrs;
use pintle_model::{Blob, Contents, Kind, Origin, Timestamp, Tree, TreePath};

/// A vendor's file in the archive, where its packages have parts of it, and how those are called.
type Vendor = (&'static str, &'static str, fn(&str) -> bool);

const VENDORS: [Vendor; 2] = [
    ("kernel/x86/microcode/GenuineIntel.bin", "usr/lib/firmware/intel-ucode", is_intels),
    ("kernel/x86/microcode/AuthenticAMD.bin", "usr/lib/firmware/amd-ucode", is_amds),
];

/// Intel's are named by family, model and stepping: `06-55-04`. Some are for early loading alone.
fn is_intels(name: &str) -> bool {
    let name = name.strip_suffix(".initramfs").unwrap_or(name);
    let mut parts = name.split('-');
    let all =
        parts.by_ref().take(3).all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    all && name.len() == 8 && parts.next().is_none()
}

fn is_amds(name: &str) -> bool {
    name.starts_with("microcode_amd") && name.ends_with(".bin")
}

/// All of a file; the largest has 2 MB.
const PART_MAX: u64 = 64 << 20;

/// The archive for what the packages of `system` have; none where they have nothing.
///
/// # Errors
/// [`InitrdError`].
pub fn microcode(
    system: &Tree,
    contents: &dyn Contents,
    epoch: Timestamp,
) -> Result<Option<Tree>, InitrdError> {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Generated("initrd".to_owned()));
    let mut found = false;
    for (path, folder, is_part) in VENDORS {
        let mut bytes = Vec::new();
        for entry in system.walk_from(&TreePath::literal(folder)) {
            let Kind::File(blob) = &entry.inode.kind else { continue };
            let name = entry.path.components().next_back().map(String::from_utf8_lossy).unwrap_or_default();
            if is_part(&name) {
                let part = blob.read(contents, PART_MAX);
                bytes.extend(part.map_err(|source| InitrdError::Read { path: entry.path.clone(), source })?);
            }
        }
        if bytes.is_empty() {
            continue;
        }
        found = true;
        let path = TreePath::literal(path);
        if let Some(folder) = path.parent() {
            tree.ensure_directory(&folder, attrs(0o755, epoch), origin)?;
        }
        tree.add(&path, Kind::File(Blob::inline(bytes)), attrs(0o644, epoch), origin)?;
    }
    Ok(found.then_some(tree))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Attrs, NoContents};

    #[test]
    fn parts_are_put_together_in_the_order_of_their_names() {
        let mut system = Tree::new();
        let origin = system.origin(Origin::Nobody);
        assert!(microcode(&system, &NoContents, Timestamp::from_secs(0)).unwrap().is_none());
        for (path, text) in [
            ("usr/lib/firmware/intel-ucode/06-55-04", "b"),
            ("usr/lib/firmware/intel-ucode/06-4f-01.initramfs", "a"),
            ("usr/lib/firmware/intel-ucode/06-55-04.orig", "no"),
            ("usr/lib/firmware/intel-ucode/README", "no"),
            ("usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin", "z"),
            ("usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin.asc", "no"),
        ] {
            let path = TreePath::literal(path);
            system.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), origin).unwrap();
            system.add(&path, Kind::File(Blob::inline(text.as_bytes())), Attrs::root(0o644), origin).unwrap();
        }
        let tree = microcode(&system, &NoContents, Timestamp::from_secs(7)).unwrap().unwrap();
        let text = |path: &str| match &tree.find(path).unwrap().kind {
            Kind::File(blob) => String::from_utf8(blob.read(&NoContents, 9).unwrap()).unwrap(),
            _ => String::new(),
        };
        assert_eq!(text("kernel/x86/microcode/GenuineIntel.bin"), "ab");
        assert_eq!(text("kernel/x86/microcode/AuthenticAMD.bin"), "z");
    }
}
