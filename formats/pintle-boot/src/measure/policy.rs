use super::{Bank, Expected, PCR};
use crate::sign::{KeyError, private_key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pintle_model::Digest;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::fmt;

/// `TPM_CC_PolicyPCR` (TPM 2.0 Library, part 2, table 12).
const POLICY_PCR: u32 = 0x0000_017f;

/// The digest of a policy "PCR 11 of this bank has this value", in a session of SHA-256 (TPM 2.0 Library, part 3, 23.7,
/// `TPM2_PolicyPCR`).
#[must_use]
pub fn policy(bank: Bank, value: &[u8]) -> Digest {
    let mut selection = [0_u8; 3];
    selection[usize::from(PCR / 8)] = 1 << (PCR % 8);
    let mut bytes = vec![0; 32];
    bytes.extend_from_slice(&POLICY_PCR.to_be_bytes());
    // TPML_PCR_SELECTION: one bank, three bytes of selected PCRs.
    bytes.extend_from_slice(&1_u32.to_be_bytes());
    bytes.extend_from_slice(&bank.algorithm().to_be_bytes());
    bytes.push(selection.len() as u8);
    bytes.extend_from_slice(&selection);
    // Of all selected PCRs, one here, with the session's hash.
    bytes.extend_from_slice(Digest::of(value).as_bytes());
    Digest::of(&bytes)
}

/// A key that signs such policies. It is overwritten when this value goes.
pub struct PolicyKey {
    key: SigningKey<Sha256>,
    public: RsaPublicKey,
}

/// Nothing: a key is in no log.
impl fmt::Debug for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyKey")
    }
}

/// Why there is no signature of a policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyKeyError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its public half.
    #[error("the public key cannot be encoded")]
    Public(#[source] rsa::pkcs8::spki::Error),
    /// The same, for its fingerprint.
    #[error("the public key cannot be encoded")]
    Fingerprint(#[source] rsa::pkcs1::Error),
    /// Signing.
    #[error("the key does not sign")]
    Sign(#[source] rsa::signature::Error),
}

impl PolicyKey {
    /// A key in PEM (PKCS #8 or PKCS #1): RSA, of 2048 bits for every TPM.
    ///
    /// # Errors
    /// [`PolicyKeyError::Key`], which never shows the key.
    pub fn new(key: &str) -> Result<Self, PolicyKeyError> {
        let key: RsaPrivateKey = private_key(key)?;
        let public = RsaPublicKey::from(&key);
        Ok(Self { key: SigningKey::new(key), public })
    }

    /// The public half in PEM: what stands in `.pcrpkey`.
    ///
    /// # Errors
    /// [`PolicyKeyError::Public`].
    pub fn public(&self) -> Result<String, PolicyKeyError> {
        self.public.to_public_key_pem(LineEnding::LF).map_err(PolicyKeyError::Public)
    }

    /// What stands in `.pcrsig`: signatures of the policies of all phases, as `systemd-measure sign` writes them.
    ///
    /// Off-spec: all are by SHA-256. systemd-measure signs those of another bank by that bank's hash, which systemd's own
    /// `tpm2_unseal` then checks by SHA-256 and refuses (`src/shared/tpm2-util.c`, 252 to 257).
    ///
    /// # Errors
    /// [`PolicyKeyError`].
    pub fn sign(&self, expected: &[Expected]) -> Result<String, PolicyKeyError> {
        let der = self.public.to_pkcs1_der().map_err(PolicyKeyError::Fingerprint)?;
        let fingerprint = Digest::of(der.as_bytes()).hex();
        let mut banks = Map::new();
        for Expected { bank, phases, .. } in expected {
            let mut signatures = Vec::new();
            for (_, value) in phases {
                let policy = policy(*bank, value);
                let signature = self.key.try_sign(policy.as_bytes()).map_err(PolicyKeyError::Sign)?;
                let signature = STANDARD.encode(signature.to_vec());
                let (pol, pkfp) = (policy.hex(), &fingerprint);
                signatures.push(json!({"pcrs": [PCR], "pkfp": pkfp, "pol": pol, "sig": signature}));
            }
            banks.insert(bank.name().to_owned(), Value::Array(signatures));
        }
        Ok(Value::Object(banks).to_string())
    }
}
