//! Image layouts: what is accepted, and what is said of those that are not what their digest says.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::{Arch, Attrs, Blob, Digest, Kind, NoContents, Origin, Tree, TreePath};
use pintle_package::oci::{LayoutFiles, verify};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A layout by path.
type Files = BTreeMap<String, Vec<u8>>;

fn blob(files: &mut Files, bytes: &[u8]) -> String {
    let digest = Digest::of(bytes);
    files.insert(format!("blobs/sha256/{}", digest.hex()), bytes.to_vec());
    format!("\"digest\": \"sha256:{}\", \"size\": {}", digest.hex(), bytes.len())
}

fn image(files: &mut Files, arch: &str) -> String {
    let config = blob(files, format!("{{\"architecture\": \"{arch}\", \"os\": \"linux\"}}").as_bytes());
    let layer = blob(files, &vec![b'l'; 2_000_000]);
    let manifest = format!("{{\"config\": {{{config}}}, \"layers\": [{{{layer}}}]}}");
    blob(files, manifest.as_bytes())
}

fn layout(manifests: &[String]) -> Files {
    let manifests: Vec<String> = manifests.iter().map(|manifest| format!("{{{manifest}}}")).collect();
    let index = format!("{{\"schemaVersion\": 2, \"manifests\": [{}]}}", manifests.join(","));
    Files::from([
        ("oci-layout".to_owned(), b"{\"imageLayoutVersion\": \"1.0.0\"}".to_vec()),
        ("index.json".to_owned(), index.into_bytes()),
    ])
}

fn plain() -> (Files, Digest) {
    let mut blobs = Files::new();
    let descriptor = image(&mut blobs, "amd64");
    let digest = named(&descriptor);
    blobs.extend(layout(&[descriptor]));
    (blobs, digest)
}

fn named(descriptor: &str) -> Digest {
    descriptor.split('"').nth(3).unwrap().strip_prefix("sha256:").unwrap().parse().unwrap()
}

fn tree(files: &Files) -> Tree {
    let mut tree = Tree::new();
    let by = tree.origin(Origin::Host("test".into()));
    for (path, bytes) in files {
        let path = TreePath::new(path).unwrap();
        tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), by).unwrap();
        tree.add(&path, Kind::File(Blob::inline(bytes.clone())), Attrs::root(0o644), by).unwrap();
    }
    tree
}

fn said(files: &Files, expected: Digest) -> String {
    let layout = LayoutFiles::of_folder(&tree(files), &NoContents).unwrap();
    match verify(&layout, expected, Arch::Amd64) {
        Ok(image) => format!("good: {} layers, {} bytes", image.layers, image.size),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_folder_is_compared_to_the_last_layer() {
    let (mut files, digest) = plain();
    insta::assert_snapshot!(said(&files, digest), @"good: 1 layers, 2000040 bytes");
    let layer = files.iter().find(|(_, bytes)| bytes.len() == 2_000_000).unwrap().0.clone();
    files.get_mut(&layer).unwrap()[1_999_999] ^= 1;
    assert!(said(&files, digest).ends_with("and 2000000 bytes: it is damaged"));
    files.remove(&layer);
    assert!(said(&files, digest).ends_with("is missing"));
}

/// Made by the tar of this machine, as archives of images are.
#[test]
fn an_archive_is_a_folder_in_a_tar() {
    let (files, digest) = plain();
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in &files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let tar = std::process::Command::new("tar").arg("-C").arg(folder.path()).args(["-c", "."]).output();
    let archive = tar.expect("tar, which `cargo xtask test` installs").stdout;
    let layout = LayoutFiles::of_archive(archive.as_slice()).unwrap();
    assert_eq!(verify(&layout, digest, Arch::Amd64).unwrap().manifest, digest);
    assert!(LayoutFiles::of_archive(&archive[..archive.len() / 2]).is_err());
}

#[test]
fn an_index_leads_to_the_image_of_the_machine() {
    let mut blobs = Files::new();
    let (ours, theirs) = (image(&mut blobs, "amd64"), image(&mut blobs, "arm64"));
    let platform = |arch: &str| format!("\"platform\": {{\"architecture\": \"{arch}\", \"os\": \"linux\"}}");
    let index = format!(
        "{{\"manifests\": [{{{theirs}, {}}}, {{{ours}, {}}}]}}",
        platform("arm64"),
        platform("amd64")
    );
    let index = blob(&mut blobs, index.as_bytes());
    let media = "\"mediaType\": \"application/vnd.oci.image.index.v1+json\"";
    blobs.extend(layout(&[format!("{index}, {media}")]));
    blobs.remove(&format!("blobs/sha256/{}", named(&theirs).hex())).unwrap();
    assert_eq!(said(&blobs, named(&index)), "good: 1 layers, 2000040 bytes");
    assert_eq!(said(&blobs, named(&ours)), "good: 1 layers, 2000040 bytes");
    assert!(said(&blobs, named(&theirs)).starts_with("it holds sha256:"));
}

#[test]
fn other_images_are_refused() {
    let (files, digest) = plain();
    let other = Digest::of(b"other");
    assert!(said(&files, other).ends_with(&format!("not the image sha256:{}", other.hex())));
    let without = |name: &str| {
        files.iter().filter(|(path, _)| *path != name).map(|(p, b)| (p.clone(), b.clone())).collect()
    };
    insta::assert_snapshot!(said(&without("oci-layout"), digest), @"it has no `oci-layout`: it is no OCI image layout");
    insta::assert_snapshot!(said(&without("index.json"), digest), @"it has no `index.json`: it is no OCI image layout");
    assert!(said(&layout(&[]), digest).starts_with("it holds no image, not the image sha256:"));
    let mut blobs = Files::new();
    let foreign = image(&mut blobs, "arm64");
    blobs.extend(layout(std::slice::from_ref(&foreign)));
    insta::assert_snapshot!(said(&blobs, named(&foreign)), @"the image is for linux/arm64, the system is linux/amd64");
    let two = layout(&[foreign.clone(), foreign]);
    assert!(said(&two, digest).starts_with("it holds several images"));
    let md5 = layout(&["\"digest\": \"md5:1\", \"size\": 1".to_owned()]);
    insta::assert_snapshot!(said(&md5, digest), @"`md5:1` is not a digest like sha256:…");
}

proptest! {
    #[test]
    fn any_bytes_are_answered(index in proptest::collection::vec(any::<u8>(), 0..200), tar in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut files = layout(&[]);
        files.insert("index.json".to_owned(), index);
        said(&files, Digest::of(b""));
        if let Ok(layout) = LayoutFiles::of_archive(tar.as_slice()) {
            drop(verify(&layout, Digest::of(b""), Arch::Amd64));
        }
    }
}
