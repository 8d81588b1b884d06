//! Every token is a string: 8 bytes of length (little endian), the bytes, zeros up to a multiple of 8.
//!
//! ```text
//! nar    = "nix-archive-1" object
//! object = "(" "type" ( "regular" [ "executable" "" ] "contents" BYTES
//!                     | "symlink" "target" BYTES
//!                     | "directory" { "entry" "(" "name" BYTES "node" object ")" } ) ")"
//! ```

/// First token of an archive.
pub(super) const MAGIC: &str = "nix-archive-1";
/// Strings are padded to a multiple of this.
pub(super) const ALIGN: u64 = 8;
/// Longest token of the grammar.
pub(super) const TOKEN_MAX: usize = MAGIC.len();

/// Bytes of padding behind a string of `len` bytes.
pub(super) const fn padding(len: u64) -> u64 {
    len.wrapping_neg() % ALIGN
}

/// Appends `text` as a string.
pub(super) fn push(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
    out.resize(out.len() + padding(text.len() as u64) as usize, 0);
}
