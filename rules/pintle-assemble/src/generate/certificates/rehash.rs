use super::{BUNDLE, BY, CertificatesError, read, subject_hash};
use crate::generate::place::put_link;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pintle_model::{Contents, Kind, Timestamp, Tree, TreePath};
use std::collections::BTreeMap;

/// A certificate that gets a link.
struct Known {
    file: Vec<u8>,
    certificate: Vec<u8>,
}

/// Links `HASH.0`, `HASH.1`, … to the certificates in `dir`, in the order of their names, as `openssl rehash` does:
/// files of more than one certificate are passed over, a second copy of a certificate gets no link.
pub(super) fn apply(
    tree: &mut Tree,
    contents: &dyn Contents,
    dir: &TreePath,
    epoch: Timestamp,
) -> Result<(), CertificatesError> {
    let names: Vec<Vec<u8>> = tree.children(dir).map(|(name, _)| name.to_vec()).collect();
    let mut by_hash: BTreeMap<u32, Vec<Known>> = BTreeMap::new();
    for file in names {
        let path = dir.join(&file)?;
        if is_hash(&file) && matches!(tree.get(&path).map(|inode| &inode.kind), Some(Kind::Symlink(_))) {
            continue;
        }
        if ![".pem", ".crt", ".cer"].iter().any(|end| file.ends_with(end.as_bytes()))
            || file == BUNDLE.as_bytes()
        {
            continue;
        }
        let Some(certificate) = only_certificate(&path, &read(tree, contents, &path)?)? else { continue };
        let malformed =
            || CertificatesError::Malformed { path: path.clone(), why: "its subject cannot be read" };
        let hash = subject_hash(&certificate).ok_or_else(malformed)?;
        let same = by_hash.entry(hash).or_default();
        if !same.iter().any(|there| there.certificate == certificate) {
            same.push(Known { file, certificate });
        }
    }
    for (hash, files) in by_hash {
        for (number, known) in files.iter().enumerate() {
            put_link(tree, &dir.join(format!("{hash:08x}.{number}"))?, &known.file, epoch, BY)?;
        }
    }
    Ok(())
}

/// `0123abcd.0`
fn is_hash(name: &[u8]) -> bool {
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    name.split_at_checked(8).is_some_and(|(hash, rest)| hash.iter().all(hex) && rest.starts_with(b"."))
}

/// The DER bytes of the one certificate in a PEM file (RFC 7468); `None` where there are several or none.
fn only_certificate(path: &TreePath, text: &[u8]) -> Result<Option<Vec<u8>>, CertificatesError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let text = String::from_utf8_lossy(text);
    let mut parts = text.split(BEGIN).skip(1);
    let (Some(part), None) = (parts.next(), parts.next()) else { return Ok(None) };
    let malformed = |why| CertificatesError::Malformed { path: path.clone(), why };
    let (body, _) =
        part.split_once("-----END CERTIFICATE-----").ok_or_else(|| malformed("its end is missing"))?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).map(Some).map_err(|_| malformed("its base64 is damaged"))
}
