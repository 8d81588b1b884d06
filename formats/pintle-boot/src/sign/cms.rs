//! PKCS #7 SignedData (RFC 5652, in the form of its version 1 that Authenticode is made of): about Microsoft's description of
//! an image, or detached, about any bytes.

use super::error::SignError;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode as _, Encode as _, Tag};
use pintle_model::Digest;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(super) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `SPC_INDIRECT_DATA_OBJID`.
pub(super) const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// The value of an `SpcIndirectDataContent` up to the digest: `SPC_PE_IMAGE_DATAOBJ` with no flags and an empty file
/// name, then a `DigestInfo` of SHA-256. Nothing of it depends on the image.
const BEFORE_DIGEST: [u8; 44] = [
    0x30, 0x17, // SpcAttributeTypeAndOptionalValue
    0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f, // 1.3.6.1.4.1.311.2.1.15
    0x30, 0x09, 0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00, // SpcPeImageData
    0x30, 0x31, // DigestInfo
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, // SHA-256
    0x04, 0x20,
];

fn null(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) }
}

fn attribute(oid: ObjectIdentifier, value: &impl der::EncodeValue, tag: Tag) -> Result<Attribute, SignError> {
    let mut bytes = Vec::new();
    value.encode_value(&mut bytes)?;
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![Any::new(tag, bytes)?])? })
}

/// A SignedData about an image with this digest, in its ContentInfo, in DER; `sign` signs bytes with the key of `certificate`.
pub(super) fn signed_data(
    digest: &Digest,
    certificate: &Certificate,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, SignError>,
) -> Result<Vec<u8>, SignError> {
    let content = [&BEFORE_DIGEST[..], digest.as_bytes()].concat();
    // Of the value alone, without tag and length (RFC 2315, 9.3).
    let content_digest = OctetString::new(Digest::of(&content).as_bytes().as_slice())?;
    let attributes = vec![
        attribute(CONTENT_TYPE, &INDIRECT_DATA, Tag::ObjectIdentifier)?,
        attribute(MESSAGE_DIGEST, &content_digest, Tag::OctetString)?,
    ];
    let attributes = SetOfVec::try_from(attributes)?;
    let signature = OctetString::new(sign(&attributes.to_der()?)?)?;
    let content = EncapsulatedContentInfo {
        econtent_type: INDIRECT_DATA,
        econtent: Some(Any::new(Tag::Sequence, content)?),
    };
    wrapped(&assemble(content, Some(attributes), signature, certificate)?.to_der()?)
}

/// A SignedData about `content`, which is not in it, in DER, without a ContentInfo around it. Without signed attributes, as
/// UEFI 2.10, 8.2.2, and the kernel's dm-verity want it: the signature is about `content` itself.
pub(super) fn detached(
    content: &[u8],
    certificate: &Certificate,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, SignError>,
) -> Result<Vec<u8>, SignError> {
    let signature = OctetString::new(sign(content)?)?;
    let content = EncapsulatedContentInfo { econtent_type: DATA, econtent: None };
    Ok(assemble(content, None, signature, certificate)?.to_der()?)
}

/// A SignedData in its ContentInfo.
pub(super) fn wrapped(signed_data: &[u8]) -> Result<Vec<u8>, SignError> {
    let info = ContentInfo { content_type: SIGNED_DATA, content: Any::from_der(signed_data)? };
    Ok(info.to_der()?)
}

/// A SignedData of one signer, whose certificate is in it.
fn assemble(
    content: EncapsulatedContentInfo,
    attributes: Option<SetOfVec<Attribute>>,
    signature: OctetString,
    certificate: &Certificate,
) -> Result<SignedData, SignError> {
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: certificate.tbs_certificate.issuer.clone(),
            serial_number: certificate.tbs_certificate.serial_number.clone(),
        }),
        digest_alg: null(SHA256),
        signed_attrs: attributes,
        signature_algorithm: null(RSA),
        signature,
        unsigned_attrs: None,
    };
    Ok(SignedData {
        // Version 1 whatever RFC 5652 counts for other content types: firmware compares it.
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![null(SHA256)])?,
        encap_content_info: content,
        certificates: Some(CertificateSet(SetOfVec::try_from(vec![CertificateChoices::Certificate(
            certificate.clone(),
        )])?)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
    })
}
