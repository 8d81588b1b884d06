//! Clear-signing with fixed test keys. Nobody else may trust them: their secret halves are in this folder.

use pgp::composed::{ArmorOptions, CleartextSignedMessage, Deserializable as _, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails as _, Password, Timestamp};

/// Who signs an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Signer {
    /// The toy archive's own key; its certificate is [`Signer::certificate`].
    #[default]
    Archive,
    /// A key that nobody was told to trust.
    Stranger,
}

impl Signer {
    fn secret(self) -> &'static str {
        match self {
            Self::Archive => include_str!("archive-key.asc"),
            Self::Stranger => include_str!("stranger-key.asc"),
        }
    }

    /// The armored OpenPGP certificate.
    #[must_use]
    pub fn certificate(self) -> &'static str {
        match self {
            Self::Archive => include_str!("archive-cert.asc"),
            Self::Stranger => include_str!("stranger-cert.asc"),
        }
    }

    /// `text`, clear-signed at `time` (seconds since 1970, before 2106).
    ///
    /// # Panics
    /// When the key of the folder cannot sign, which no input causes.
    #[must_use]
    pub fn sign(self, text: &str, time: i64) -> String {
        let (key, _) = SignedSecretKey::from_string(self.secret()).expect("the test key is well-formed");
        let mut config =
            SignatureConfig::v4(SignatureType::Text, key.primary_key.algorithm(), HashAlgorithm::Sha256);
        let time = Timestamp::from_secs(u32::try_from(time).expect("a time between 1970 and 2106"));
        config.hashed_subpackets = [
            SubpacketData::SignatureCreationTime(time),
            SubpacketData::IssuerFingerprint(key.primary_key.fingerprint()),
            // apt goes by the key id that gpgv reads from this one.
            SubpacketData::IssuerKeyId(key.primary_key.legacy_key_id()),
        ]
        .into_iter()
        .map(|data| Subpacket::regular(data).expect("a well-formed subpacket"))
        .collect();
        let message = CleartextSignedMessage::new(text, config, &key.primary_key, &Password::empty());
        let armored = message.and_then(|message| message.to_armored_string(ArmorOptions::default()));
        armored.expect("the test key signs")
    }
}
