//! Keys for Secure Boot, PCR policies and updates; and the lists that enrol them in firmware.

use pintle_boot::measure::{PolicyKey, PolicyKeyError};
use pintle_boot::secureboot::{SignatureList, Update, UpdateError, Variable};
use pintle_boot::sign::{
    GenerateError, KeyError, Random, SignError, Signer, Subject, certificate_der, signing_key, signing_pair,
    update_key,
};
pub use pintle_image::Signing;
use pintle_model::Digest;
use pintle_world::private_folder::{self, PrivateFolderError};
use serde::Serialize;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Folder with what systemd-boot enrols, in the folder of keys; its content belongs into `loader/keys/auto`.
pub const ENROL: &str = "enrol";
/// The pairs of Secure Boot by their file names, in the order in which each is changed by the one before.
pub const PAIRS: [&str; 3] = ["PK", "KEK", "db"];

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct NewKeys<'a> {
    /// Folder to make.
    pub folder: &'a Path,
    /// What the names in the certificates begin with.
    pub name: &'a str,
    /// Now, seconds since 1970.
    pub now: i64,
    /// Days the certificates are valid.
    pub days: u32,
    /// Certificates of others that db is to hold too, by their names.
    pub also: &'a [(String, Vec<u8>)],
}

/// What was made.
#[derive(Clone, Debug, Serialize)]
pub struct MadeKeys {
    /// The folder.
    pub folder: PathBuf,
    /// Names of the files in it.
    pub files: Vec<String>,
    /// SHA-256 of the certificates of PK, KEK and db in DER, as firmware's menus show them.
    pub fingerprints: Vec<Digest>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Making a key.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A pair that does not work.
    #[error("the key or the certificate of {0} cannot be used")]
    Pair(&'static str, #[source] KeyError),
    /// The key of PCR policies.
    #[error("the key of PCR policies cannot be used")]
    Policy(#[source] PolicyKeyError),
    /// A certificate of others.
    #[error("the certificate in {0} cannot be used")]
    Also(String, #[source] KeyError),
    /// Encoding.
    #[error("the certificate of {0} cannot be encoded")]
    Encode(&'static str, #[source] SignError),
    /// Signing.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// Writing.
    #[error(transparent)]
    Folder(#[from] PrivateFolderError),
}

/// The keys of PK, KEK and db.
#[derive(Debug)]
pub struct Owners {
    signers: [Signer; 3],
}

impl Owners {
    /// From keys and certificates of PK, KEK and db in PEM.
    ///
    /// # Errors
    /// [`KeysError::Pair`].
    pub fn new(pairs: [(&str, &str); 3]) -> Result<Self, KeysError> {
        let signer = |index: usize| {
            let (key, certificate) = pairs[index];
            Signer::new(key, certificate).map_err(|error| KeysError::Pair(PAIRS[index], error))
        };
        Ok(Self { signers: [signer(0)?, signer(1)?, signer(2)?] })
    }

    fn certificate(&self, index: usize) -> Result<Vec<u8>, KeysError> {
        self.signers[index].certificate().map_err(|error| KeysError::Encode(PAIRS[index], error))
    }

    fn fingerprints(&self) -> Result<Vec<Digest>, KeysError> {
        (0..PAIRS.len()).map(|index| Ok(Digest::of(&self.certificate(index)?))).collect()
    }

    /// Updates of PK, KEK and db by file name, as of `now`; db gets the certificates `also`.
    fn updates(&self, now: i64, also: &[(String, Vec<u8>)]) -> Result<Vec<(String, Vec<u8>)>, KeysError> {
        // Owner of all entries: it only tells them apart from those of others.
        let owner = Uuid::new_v5(&NAMESPACE, &self.certificate(0)?);
        let variables = [Variable::Pk, Variable::Kek, Variable::Db];
        let mut updates = Vec::new();
        for (index, variable) in variables.into_iter().enumerate() {
            let mut lists = vec![SignatureList::certificate(owner, &self.certificate(index)?)];
            if variable == Variable::Db {
                for (name, bytes) in also {
                    let der = certificate_der(bytes).map_err(|error| KeysError::Also(name.clone(), error))?;
                    lists.push(SignatureList::certificate(owner, &der));
                }
            }
            let by = variables.iter().position(|other| *other == variable.changed_by());
            let by = by.expect("invariant: PK and KEK are among them");
            let update = Update::sign(variable, lists, now, &self.signers[by])?;
            updates.push((format!("{}.auth", variable.name()), update.bytes()));
        }
        Ok(updates)
    }
}

/// Owners of entries are made below this, from the certificate of PK.
const NAMESPACE: Uuid = uuid::uuid!("0d7f5c0e-42c8-5c55-a3a9-4f4be3c3b6f5");

/// The keys of a boot chain from a folder, as text.
#[derive(Debug)]
pub struct ChainKeys<'a> {
    /// Key and certificate of db.
    pub db: (&'a str, &'a str),
    /// The key of PCR policies.
    pub pcr: Option<&'a str>,
    /// Signed updates of firmware variables, by file name.
    pub enrolment: Vec<(String, Vec<u8>)>,
}

/// What a build signs with.
///
/// # Errors
/// [`KeysError::Pair`], [`KeysError::Policy`].
pub fn signing(keys: ChainKeys<'_>) -> Result<Signing, KeysError> {
    let (key, certificate) = keys.db;
    let images = Signer::new(key, certificate).map_err(|error| KeysError::Pair(PAIRS[2], error))?;
    let policies = keys.pcr.map(PolicyKey::new).transpose().map_err(KeysError::Policy)?;
    Ok(Signing { images, policies, enrolment: keys.enrolment })
}

/// Makes all keys, and what enrols them; the folder appears when it is whole.
///
/// # Errors
/// [`KeysError`].
pub fn new(request: &NewKeys<'_>, random: Random<'_>) -> Result<MadeKeys, KeysError> {
    // Before the work.
    if pintle_world::files::is_there(request.folder).unwrap_or(false) {
        return Err(PrivateFolderError::Exists(request.folder.to_owned()).into());
    }
    let until = request.now + i64::from(request.days) * 86400;
    let mut pair = |name: &str| {
        let name = format!("{} {name}", request.name);
        signing_pair(random, &Subject { name: &name, from: request.now, until })
    };
    let pairs = [pair(PAIRS[0])?, pair(PAIRS[1])?, pair(PAIRS[2])?];
    let (pcr, update) = (signing_key(random)?, update_key(random)?);
    let owners = Owners::new([0, 1, 2].map(|index: usize| (&**pairs[index].private, &*pairs[index].public)))?;
    let updates = owners.updates(request.now, request.also)?;

    let mut files: Vec<(String, &[u8])> = Vec::new();
    let certified = PAIRS.iter().zip(&pairs).map(|(name, pair)| (*name, pair, "crt"));
    for (name, pair, extension) in certified.chain([("pcr", &pcr, "pub"), ("update", &update, "pub")]) {
        files.push((format!("{name}.key"), pair.private.as_bytes()));
        files.push((format!("{name}.{extension}"), pair.public.as_bytes()));
    }
    files.extend(updates.iter().map(|(name, bytes)| (format!("{ENROL}/{name}"), &**bytes)));
    let named: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (&**name, *bytes)).collect();
    private_folder::write(request.folder, &named)?;
    let files = files.into_iter().map(|(name, _)| name).collect();
    Ok(MadeKeys { folder: request.folder.to_owned(), files, fingerprints: owners.fingerprints()? })
}

/// Writes what enrols keys that are there, as of `now`, into a new folder.
///
/// # Errors
/// [`KeysError`].
pub fn enrol(
    owners: &Owners,
    now: i64,
    also: &[(String, Vec<u8>)],
    folder: &Path,
) -> Result<MadeKeys, KeysError> {
    let updates = owners.updates(now, also)?;
    let named: Vec<(&str, &[u8])> = updates.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    private_folder::write(folder, &named)?;
    let files = updates.into_iter().map(|(name, _)| name).collect();
    Ok(MadeKeys { folder: folder.to_owned(), files, fingerprints: owners.fingerprints()? })
}
