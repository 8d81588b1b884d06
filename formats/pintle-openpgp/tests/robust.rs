//! Any bytes end in a verdict, never in a panic.

use pintle_openpgp::{KeyRing, debian_archive, verify_clearsigned};
use proptest::collection::vec;
use proptest::prelude::{any, prop, proptest};

/// A frame that is well-formed, around packets that need not be.
fn around(packets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut armor = String::new();
    for three in packets.chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            armor.push(if place > three.len() { '=' } else { char::from(digit) });
        }
    }
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\na: b\n\
         -----BEGIN PGP SIGNATURE-----\n\n{armor}\n-----END PGP SIGNATURE-----\n"
    )
}

/// A version 4 signature packet (RFC 9580, section 5.2.3) with arbitrary subpackets and numbers.
fn packet(kind: u8, algorithms: [u8; 2], subpackets: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut body = vec![4, kind, algorithms[0], algorithms[1]];
    body.extend_from_slice(&(subpackets.len() as u16).to_be_bytes());
    body.extend_from_slice(subpackets);
    body.extend_from_slice(rest);
    let mut out = vec![0xc2, 0xff];
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(&body);
    out
}

proptest! {
    #[test]
    fn any_document_is_judged(bytes in vec(any::<u8>(), 0..400)) {
        verify_clearsigned(&bytes, &KeyRing::new(), 1_780_000_000).unwrap_err();
    }

    #[test]
    fn any_packets_in_a_frame_are_judged(bytes in vec(any::<u8>(), 0..300)) {
        verify_clearsigned(around(&bytes).as_bytes(), &debian_archive(), 1_780_000_000).unwrap_err();
    }

    #[test]
    fn any_signature_packet_is_judged(
        kind in prop::sample::select(vec![0u8, 1, 0x10, 0x18, 0x1f, 0x20, 0x40]),
        algorithms in prop::sample::select(vec![[1u8, 8], [22, 10], [27, 10], [19, 9], [17, 2], [99, 99]]),
        subpackets in vec(any::<u8>(), 0..80),
        rest in vec(any::<u8>(), 0..120),
    ) {
        let packet = packet(kind, algorithms, &subpackets, &rest);
        verify_clearsigned(around(&packet).as_bytes(), &debian_archive(), 1_780_000_000).unwrap_err();
    }

    #[test]
    fn damaged_certificates_are_judged(at in 0usize..500, to in any::<u8>()) {
        let mut armored = include_bytes!("../../../keys/debian-archive-trixie-stable.asc").to_vec();
        let at = at % armored.len();
        armored[at] = to;
        // Damage in the armor may be harmless; what counts is that there is an answer.
        let _ = KeyRing::new().add(&armored, "a test");
    }

    #[test]
    fn any_bytes_as_certificates_are_judged(bytes in vec(any::<u8>(), 0..300)) {
        let _ = KeyRing::new().add(&bytes, "a test");
    }
}
