use super::format::{Config, Descriptor, Index, Manifest, is_index};
use super::read::{Fact, LayoutFiles};
use pintle_model::{Arch, Digest};
use serde::de::DeserializeOwned;

/// An index in an index in an index has no use.
const DEPTH_MAX: u32 = 4;

/// An image that is what its digest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciImage {
    /// Digest of the manifest for the machine's platform.
    pub manifest: Digest,
    /// Bytes of its configuration and layers.
    pub size: u64,
    /// Its layers.
    pub layers: usize,
}

/// An image that is not what it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OciError {
    /// No layout.
    #[error("it has no `{0}`: it is no OCI image layout")]
    NoLayout(&'static str),
    /// A document that is none.
    #[error("`{0}` is not a document of an OCI image: {1}")]
    Document(String, String),
    /// Another image.
    #[error("it holds {found}, not the image sha256:{expected}")]
    Other {
        /// As the definition says.
        expected: Digest,
        /// Digests that are there.
        found: String,
    },
    /// Several images: which of them runs?
    #[error("it holds several images ({0}): keep one")]
    Several(String),
    /// A digest of another kind.
    #[error("`{0}` is not a digest like sha256:…")]
    Digest(String),
    /// A blob that is missing.
    #[error("the blob {0} is missing")]
    Missing(String),
    /// A blob with other bytes than promised.
    #[error("the blob {name} has the digest sha256:{found} and {size} bytes: it is damaged")]
    Damaged {
        /// Its name.
        name: String,
        /// What it has.
        found: Digest,
        /// Its length.
        size: u64,
    },
    /// Not for this machine.
    #[error("the image is for {found}, the system is linux/{arch}")]
    Platform {
        /// What there is.
        found: String,
        /// The system's.
        arch: Arch,
    },
    /// Too many levels.
    #[error("indices in indices, more than {DEPTH_MAX} deep")]
    Deep,
}

/// Compares the image in `layout` with `expected`, the digest of its manifest or of its index, down to the last layer
/// of the image for `arch`. Images of other platforms may be missing.
///
/// # Errors
/// [`OciError`].
pub fn verify(layout: &LayoutFiles, expected: Digest, arch: Arch) -> Result<OciImage, OciError> {
    if !layout.files.contains_key(&b"oci-layout"[..]) {
        return Err(OciError::NoLayout("oci-layout"));
    }
    let index = layout.files.get(&b"index.json"[..]).ok_or(OciError::NoLayout("index.json"))?;
    let index: Index = parse("index.json", index)?;
    let names = || {
        let all: Vec<&str> = index.manifests.iter().map(|descriptor| descriptor.digest.as_str()).collect();
        if all.is_empty() { "no image".to_owned() } else { all.join(", ") }
    };
    match index.manifests.as_slice() {
        [only] if digest(only)? == expected => Image { layout, arch }.descend(only, 0),
        // An archive may list the image of an index under the manifest's own name.
        [only] if is_index(&only.media_type) => {
            let image = Image { layout, arch }.descend(only, 0)?;
            let other = || OciError::Other { expected, found: names() };
            if image.manifest == expected { Ok(image) } else { Err(other()) }
        }
        [] | [_] => Err(OciError::Other { expected, found: names() }),
        _ => Err(OciError::Several(names())),
    }
}

struct Image<'a> {
    layout: &'a LayoutFiles,
    arch: Arch,
}

impl Image<'_> {
    fn descend(&self, descriptor: &Descriptor, depth: u32) -> Result<OciImage, OciError> {
        if depth > DEPTH_MAX {
            return Err(OciError::Deep);
        }
        let fact = self.blob(descriptor)?;
        if !is_index(&descriptor.media_type) {
            return self.manifest(descriptor, fact);
        }
        let index: Index = parse(&descriptor.digest, fact)?;
        let fits = |descriptor: &&Descriptor| match &descriptor.platform {
            Some(platform) => platform.os == "linux" && platform.architecture == self.arch.debian(),
            None => true,
        };
        match index.manifests.iter().find(fits) {
            Some(descriptor) => self.descend(descriptor, depth + 1),
            None => {
                let platforms = index.manifests.iter().filter_map(|descriptor| descriptor.platform.as_ref());
                let found = platforms.map(|platform| format!("{}/{}", platform.os, platform.architecture));
                let found = found.collect::<Vec<_>>().join(", ");
                Err(OciError::Platform { found, arch: self.arch })
            }
        }
    }

    fn manifest(&self, descriptor: &Descriptor, fact: &Fact) -> Result<OciImage, OciError> {
        let manifest: Manifest = parse(&descriptor.digest, fact)?;
        let config = self.blob(&manifest.config)?;
        let mut size = config.size;
        let platform: Config = parse(&manifest.config.digest, config)?;
        if platform.os != "linux" || platform.architecture != self.arch.debian() {
            let found = format!("{}/{}", platform.os, platform.architecture);
            return Err(OciError::Platform { found, arch: self.arch });
        }
        for layer in &manifest.layers {
            size = size.saturating_add(self.blob(layer)?.size);
        }
        Ok(OciImage { manifest: fact.digest, size, layers: manifest.layers.len() })
    }

    /// The blob that a descriptor points to, with the bytes it promises.
    fn blob(&self, descriptor: &Descriptor) -> Result<&Fact, OciError> {
        let wanted = digest(descriptor)?;
        let name = format!("blobs/sha256/{}", wanted.hex());
        let missing = || OciError::Missing(name.clone());
        let fact = self.layout.files.get(name.as_bytes()).ok_or_else(missing)?;
        if fact.digest == wanted && fact.size == descriptor.size {
            return Ok(fact);
        }
        Err(OciError::Damaged { name, found: fact.digest, size: fact.size })
    }
}

fn digest(descriptor: &Descriptor) -> Result<Digest, OciError> {
    let bad = || OciError::Digest(descriptor.digest.chars().take(80).collect());
    descriptor.digest.strip_prefix("sha256:").and_then(|hex| hex.parse().ok()).ok_or_else(bad)
}

fn parse<T: DeserializeOwned>(name: &str, fact: &Fact) -> Result<T, OciError> {
    let name: String = name.chars().take(90).collect();
    let Some(text) = &fact.text else { return Err(OciError::Document(name, "it is too large".to_owned())) };
    serde_json::from_slice(text).map_err(|error| OciError::Document(name, error.to_string()))
}
