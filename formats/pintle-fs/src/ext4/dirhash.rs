//! The name hash of directory indexes: MD4 cut to three rounds of eight steps, over 32-byte pieces of the name
//! (`fs/ext4/hash.c`, "half MD4"). Names are read as unsigned bytes; the superblock says so.

use uuid::Uuid;

/// The key of the hash: four words of the superblock's `s_hash_seed`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashSeed([u32; 4]);

impl HashSeed {
    /// From the superblock's bytes; all zero stands for MD4's own start values.
    pub(crate) fn new(seed: &Uuid) -> Self {
        if seed.is_nil() {
            return Self([0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]);
        }
        let (words, _) = seed.as_bytes().as_chunks::<4>();
        Self(std::array::from_fn(|i| u32::from_le_bytes(words[i])))
    }

    /// The hash of `name`, which orders the index, and the minor hash, which orders names of equal hash.
    pub(crate) fn hash(self, name: &[u8]) -> (u32, u32) {
        let mut state = self.0;
        for start in (0..name.len()).step_by(32) {
            half_md4(&mut state, &words(&name[start..]));
        }
        // The lowest bit marks a run of equal hashes that goes on in the next block; the highest value is the end.
        let hash = state[1] & !1;
        (if hash == 0xFFFF_FFFE { 0xFFFF_FFFC } else { hash }, state[2])
    }
}

/// Eight words of the next 32 bytes, big-endian, padded with the length of what is left.
fn words(rest: &[u8]) -> [u32; 8] {
    let pad = u32::from_le_bytes([rest.len() as u8; 4]);
    let mut words = [pad; 8];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        *word = bytes.iter().fold(pad, |value, byte| (value << 8).wrapping_add(u32::from(*byte)));
    }
    words
}

type Mix = fn(u32, u32, u32) -> u32;

/// Mixing function, constant, order of the words and shifts of each round.
const ROUNDS: [(Mix, u32, [usize; 8], [u32; 4]); 3] = [
    (|x, y, z| z ^ (x & (y ^ z)), 0, [0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19]),
    (|x, y, z| (x & y).wrapping_add((x ^ y) & z), 0x5A82_7999, [1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13]),
    (|x, y, z| x ^ y ^ z, 0x6ED9_EBA1, [3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15]),
];

fn half_md4(state: &mut [u32; 4], words: &[u32; 8]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for (mix, constant, order, shifts) in ROUNDS {
        for (step, word) in order.iter().enumerate() {
            let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(words[*word]).wrapping_add(constant);
            (a, d, c, b) = (d, c, b, sum.rotate_left(shifts[step % 4]));
        }
    }
    for (word, mixed) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(mixed);
    }
}
