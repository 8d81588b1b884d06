//! Nix's own base 32 (Nix manual, store path specification): no `e`, `o`, `u`, `t`, and the last character holds the
//! lowest five bits of the first byte.

/// The digits, by value.
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// Why some text is no base 32 of Nix.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBase32 {
    /// Too short or too long for what it should hold.
    #[error("it has {len} characters, not {expected}")]
    Length {
        /// Its length in bytes.
        len: usize,
        /// The only right one.
        expected: usize,
    },
    /// Not one of the 32.
    #[error("character {at} is not a digit of Nix's base 32")]
    Character {
        /// Which, counted from 1.
        at: usize,
    },
    /// The bits that pad the first character up to five must be zero: otherwise one value had several texts.
    #[error("its first character holds bits beyond the value")]
    LeftoverBits,
}

/// Number of characters that `bytes` bytes become.
#[must_use]
pub const fn encoded_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// True for the bytes that [`encode`] writes.
#[must_use]
pub const fn is_digit(byte: u8) -> bool {
    VALUES[byte as usize] < 32
}

/// Value of each byte as a digit; 32: none.
static VALUES: [u8; 256] = {
    let mut values = [32; 256];
    let mut value = 0;
    while value < 32 {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// `bytes` as text of [`encoded_len`] characters.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let digit = |at: usize| {
        let (byte, bit) = (at * 5 / 8, at * 5 % 8);
        let low = u16::from(bytes[byte]);
        let high = bytes.get(byte + 1).map_or(0, |next| u16::from(*next));
        let value = (low | high << 8) >> bit & 31;
        char::from(ALPHABET[usize::from(value)])
    };
    (0..encoded_len(bytes.len())).rev().map(digit).collect()
}

/// The `N` bytes that `text` stands for. Each value has exactly one text.
///
/// # Errors
/// [`BadBase32`].
pub fn decode<const N: usize>(text: &str) -> Result<[u8; N], BadBase32> {
    let expected = encoded_len(N);
    if text.len() != expected {
        return Err(BadBase32::Length { len: text.len(), expected });
    }
    let mut out = [0; N];
    for (at, byte) in text.bytes().rev().enumerate() {
        let value = VALUES[usize::from(byte)];
        if value == 32 {
            return Err(BadBase32::Character { at: expected - at });
        }
        let (byte, bit) = (at * 5 / 8, at * 5 % 8);
        let wide = u16::from(value) << bit;
        out[byte] |= (wide & 0xff) as u8;
        match (out.get_mut(byte + 1), (wide >> 8) as u8) {
            (Some(next), high) => *next |= high,
            (None, 0) => {}
            (None, _) => return Err(BadBase32::LeftoverBits),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(encode(&[0; 20]), "0".repeat(32));
        assert_eq!(encode(&[0xff; 20]), "z".repeat(32));
        assert_eq!(encode(&[1, 0]), "0001");
        // `nix-hash --type sha256 --base32` of an empty file.
        let empty = pintle_model::Digest::of(b"");
        assert_eq!(encode(empty.as_bytes()), "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73");
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let error = |text: &str| decode::<2>(text).unwrap_err().to_string();
        insta::assert_snapshot!(error("001"), @"it has 3 characters, not 4");
        insta::assert_snapshot!(error("00001"), @"it has 5 characters, not 4");
        insta::assert_snapshot!(error("0e01"), @"character 2 is not a digit of Nix's base 32");
        insta::assert_snapshot!(error("000A"), @"character 4 is not a digit of Nix's base 32");
        insta::assert_snapshot!(error("2001"), @"its first character holds bits beyond the value");
        assert_eq!(decode::<2>("1zzz").unwrap(), [0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn every_value_comes_back(bytes: [u8; 32], short: [u8; 20], odd: [u8; 7]) {
            prop_assert_eq!(decode::<32>(&encode(&bytes)).unwrap(), bytes);
            prop_assert_eq!(decode::<20>(&encode(&short)).unwrap(), short);
            prop_assert_eq!(decode::<7>(&encode(&odd)).unwrap(), odd);
        }

        #[test]
        fn every_text_comes_back(text in "[0-9a-z]{32}", any in ".{0,60}") {
            if let Ok(bytes) = decode::<20>(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
            let _ = decode::<32>(&any);
        }
    }
}
