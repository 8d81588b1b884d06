//! SHA-256 in the spellings of Nix's texts; the value is a [`Digest`].

use crate::base32::{self, BadBase32};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pintle_model::Digest;

/// Why some text is no SHA-256.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadHash {
    /// Another algorithm, or none that is known.
    #[error("`{text}` is a hash of the kind `{kind}`, where only sha256 is understood")]
    Algorithm {
        /// The text.
        text: String,
        /// What stands before the `:` or `-`.
        kind: String,
    },
    /// None of the three lengths.
    #[error("`{0}` is no sha256: it has neither 64 digits (base 16) nor 52 (Nix's base 32) nor 44 (base 64)")]
    Length(String),
    /// A digit that is none.
    #[error("`{0}` is no sha256 in base 16")]
    Base16(String),
    /// A digit that is none.
    #[error("`{text}` is no sha256 in Nix's base 32")]
    Base32 {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: BadBase32,
    },
    /// A digit that is none, or another padding than the canonical one.
    #[error("`{0}` is no sha256 in base 64")]
    Base64(String),
}

const ALGORITHM: &str = "sha256";

/// Reads `sha256:` and base 16, 32 or 64; `sha256-` and base 64 (W3C "Subresource Integrity"); or the bare digits.
///
/// # Errors
/// [`BadHash`] holds the start of the text.
pub fn parse(text: &str) -> Result<Digest, BadHash> {
    let shown = || text.chars().take(120).collect::<String>();
    let prefixed = text.split_once(':').or_else(|| text.split_once('-'));
    let digits = match prefixed {
        Some((ALGORITHM, digits)) => digits,
        Some((kind, _)) => {
            return Err(BadHash::Algorithm { text: shown(), kind: kind.chars().take(20).collect() });
        }
        None => text,
    };
    let integrity = text.len() > ALGORITHM.len() && text.as_bytes()[ALGORITHM.len()] == b'-';
    match digits.len() {
        64 if !integrity => digits.parse().map_err(|_| BadHash::Base16(shown())),
        52 if !integrity => {
            let bytes = base32::decode(digits);
            bytes.map(Digest::from_bytes).map_err(|source| BadHash::Base32 { text: shown(), source })
        }
        44 => {
            let bytes = STANDARD.decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.map(Digest::from_bytes).ok_or_else(|| BadHash::Base64(shown()))
        }
        _ => Err(BadHash::Length(shown())),
    }
}

/// `sha256:` and 52 digits of base 32: as narinfo files and signatures have it.
#[must_use]
pub fn nix32(digest: &Digest) -> String {
    format!("{ALGORITHM}:{}", base32::encode(digest.as_bytes()))
}

/// `sha256:` and 64 digits of base 16: as the store's database has it.
#[must_use]
pub fn base16(digest: &Digest) -> String {
    format!("{ALGORITHM}:{digest}")
}

/// `sha256-` and base 64: as `nix path-info --json` has it.
#[must_use]
pub fn sri(digest: &Digest) -> String {
    format!("{ALGORITHM}-{}", STANDARD.encode(digest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_in_all_its_spellings() {
        let digest = Digest::of(b"");
        assert_eq!(sri(&digest), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        for text in [
            nix32(&digest),
            base16(&digest),
            sri(&digest),
            digest.hex(),
            sri(&digest).replace('-', ":"),
            nix32(&digest)["sha256:".len()..].to_owned(),
            sri(&digest)["sha256-".len()..].to_owned(),
        ] {
            assert_eq!(parse(&text).unwrap(), digest, "{text}");
        }
    }

    #[test]
    fn what_is_no_sha256_is_named() {
        let error = |text: &str| {
            let error = parse(text).unwrap_err();
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            format!("{error}{}", source.unwrap_or_default())
        };
        insta::assert_snapshot!(error("sha512:abc"), @"`sha512:abc` is a hash of the kind `sha512`, where only sha256 is understood");
        insta::assert_snapshot!(error("md5-abc"), @"`md5-abc` is a hash of the kind `md5`, where only sha256 is understood");
        insta::assert_snapshot!(error("sha256:"), @"`sha256:` is no sha256: it has neither 64 digits (base 16) nor 52 (Nix's base 32) nor 44 (base 64)");
        insta::assert_snapshot!(error(&"g".repeat(64)), @"`gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg` is no sha256 in base 16");
        insta::assert_snapshot!(error(&"z".repeat(52)), @"`zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz` is no sha256 in Nix's base 32: its first character holds bits beyond the value");
        insta::assert_snapshot!(error(&"=".repeat(44)), @"`============================================` is no sha256 in base 64");
        // The last digit before the padding holds bits beyond the value.
        insta::assert_snapshot!(error("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="), @"`sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=` is no sha256 in base 64");
        insta::assert_snapshot!(error(&format!("sha256-{}", "0".repeat(64))), @"`sha256-0000000000000000000000000000000000000000000000000000000000000000` is no sha256: it has neither 64 digits (base 16) nor 52 (Nix's base 32) nor 44 (base 64)");
    }
}
