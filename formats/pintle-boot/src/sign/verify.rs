use super::cms::{INDIRECT_DATA, MESSAGE_DIGEST, RSA, SHA256, SIGNED_DATA};
use super::error::BadSignature;
use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Any, Decode, Encode as _, SliceReader};
use pintle_model::Digest;
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{self, VerifyingKey};
use rsa::pkcs8::DecodePublicKey as _;
use rsa::signature::Verifier as _;
use sha2::Sha256;
use x509_cert::Certificate;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// A signature of an EFI program.
#[derive(Debug)]
pub struct Signature {
    /// Whose it says it is: the subject of the certificate, and the SHA-256 of the certificate.
    pub signer: Option<(String, Digest)>,
    /// Whether it is theirs, and about this program.
    pub checked: Result<(), BadSignature>,
}

impl Signature {
    /// From PKCS #7 in DER, about an image with this digest.
    pub(super) fn read(der: &[u8], digest: &Digest) -> Self {
        match parse(der) {
            Err(error) => Self { signer: None, checked: Err(error) },
            Ok((data, certificate)) => {
                let encoded = certificate.to_der().map(|der| Digest::of(&der));
                let subject = certificate.tbs_certificate.subject.to_string();
                Self {
                    signer: encoded.ok().map(|digest| (subject, digest)),
                    checked: check(&data, &certificate, digest),
                }
            }
        }
    }
}

/// Decodes what stands at the beginning of `bytes`; what fills them up stays.
fn first<'a, T: Decode<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), der::Error> {
    let mut reader = SliceReader::new(bytes)?;
    let value = T::decode(&mut reader)?;
    let rest = usize::try_from(der::Reader::remaining_len(&reader)).unwrap_or(0);
    Ok((value, &bytes[bytes.len() - rest..]))
}

/// The SignedData, and the certificate of its one signer.
fn parse(der: &[u8]) -> Result<(SignedData, Certificate), BadSignature> {
    let (info, _) = first::<ContentInfo>(der)?;
    if info.content_type != SIGNED_DATA {
        return Err(BadSignature::Form(None));
    }
    let data: SignedData = info.content.decode_as()?;
    let SignerIdentifier::IssuerAndSerialNumber(id) = &signer(&data)?.sid else {
        return Err(BadSignature::Form(None));
    };
    let all = data.certificates.iter().flat_map(|set| set.0.iter());
    let mut certificates = all.filter_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate),
        CertificateChoices::Other(_) => None,
    });
    let theirs = certificates.find(|certificate| {
        let body = &certificate.tbs_certificate;
        (&body.issuer, &body.serial_number) == (&id.issuer, &id.serial_number)
    });
    let theirs = theirs.cloned().ok_or(BadSignature::NoCertificate)?;
    Ok((data, theirs))
}

fn signer(data: &SignedData) -> Result<&SignerInfo, BadSignature> {
    data.signer_infos.0.iter().next().ok_or(BadSignature::Form(None))
}

fn check(data: &SignedData, certificate: &Certificate, digest: &Digest) -> Result<(), BadSignature> {
    let other = || BadSignature::Form(None);
    let content = data.encap_content_info.econtent.as_ref().ok_or_else(other)?;
    if data.encap_content_info.econtent_type != INDIRECT_DATA || about(content.value())? != digest.as_bytes()
    {
        return Err(BadSignature::OtherBytes);
    }
    let signer = signer(data)?;
    if signer.digest_alg.oid != SHA256 || ![RSA, SHA256_WITH_RSA].contains(&signer.signature_algorithm.oid) {
        return Err(other());
    }
    // What is signed is a list of attributes; one of them is the digest of the content, its value alone.
    let attributes = signer.signed_attrs.as_ref().ok_or_else(other)?;
    let said = attributes.iter().find(|attribute| attribute.oid == MESSAGE_DIGEST).ok_or_else(other)?;
    let said: OctetString = said.values.iter().next().ok_or_else(other)?.decode_as()?;
    if said.as_bytes() != Digest::of(content.value()).as_bytes() {
        return Err(BadSignature::OtherBytes);
    }
    let public = certificate.tbs_certificate.subject_public_key_info.to_der()?;
    let public = RsaPublicKey::from_public_key_der(&public).map_err(|_| other())?;
    let signature = pkcs1v15::Signature::try_from(signer.signature.as_bytes()).map_err(|_| other())?;
    let verified = VerifyingKey::<Sha256>::new(public).verify(&attributes.to_der()?, &signature);
    verified.map_err(|_| BadSignature::OtherKey)
}

/// `sha256WithRSAEncryption`, which some tools write where others write `rsaEncryption`.
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// The digest in the value of an `SpcIndirectDataContent`: behind what it is of, a `DigestInfo`.
fn about(content: &[u8]) -> Result<Vec<u8>, BadSignature> {
    let (_, rest) = first::<Any>(content)?;
    let (info, _) = first::<Any>(rest)?;
    let (algorithm, rest) = first::<AlgorithmIdentifierOwned>(info.value())?;
    let (digest, _) = first::<OctetString>(rest)?;
    if algorithm.oid != SHA256 {
        return Err(BadSignature::Form(None));
    }
    Ok(digest.into_bytes())
}
