//! GRUB's environment block: what a boot loader without a place of its own remembers from one start to the next.
//!
//! Source: GNU GRUB 2.12, `grub-core/lib/envblk.c` and manual, "The GRUB environment block". The file keeps its length for
//! ever: GRUB writes into its sectors and knows nothing of file systems then.

use pintle_model::Limit;
use std::collections::BTreeMap;

/// Length of the file, in bytes: GRUB's own `DEFAULT_ENVBLK_SIZE`, two sectors.
pub const LEN: usize = 1024;
/// Begins every block.
const SIGNATURE: &[u8] = b"# GRUB Environment Block\n";
/// Nobody has more; GRUB itself takes any length.
const LEN_MAX: Limit = Limit::new(64 << 10, "bytes in a GRUB environment block");

/// The variables of a block, by name. Comments are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Env(BTreeMap<String, String>);

/// Why bytes are no environment block, or variables do not make one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvError {
    /// Over the limit.
    #[error("GRUB's environment block has {len} bytes, over the limit of {max}")]
    TooLong {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// Another file, or a damaged one.
    #[error("it is no GRUB environment block: it does not begin with `# GRUB Environment Block`")]
    NotEnv,
    /// A line without `=`, or cut off.
    #[error("GRUB's environment block is damaged: line {0} is no `name=value`")]
    Line(usize),
    /// A variable that GRUB could not have.
    #[error("`{0}` cannot name a variable of GRUB (letters, digits and `_` only)")]
    Name(String),
    /// The variables need more room than the block has.
    #[error("the variables need {needed} bytes, GRUB's environment block has {LEN}")]
    Full {
        /// What they need.
        needed: usize,
    },
}

impl Env {
    /// Reads a block. The last of two lines with one name counts, as in GRUB.
    ///
    /// # Errors
    /// [`EnvError`]; nothing of a damaged block is believed.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvError> {
        let len = bytes.len() as u64;
        if !LEN_MAX.allows(len) {
            return Err(EnvError::TooLong { len, max: LEN_MAX.max });
        }
        let mut rest = bytes.strip_prefix(SIGNATURE).ok_or(EnvError::NotEnv)?;
        let (mut all, mut number) = (BTreeMap::new(), 1);
        while !rest.is_empty() {
            number += 1;
            let end = line_end(rest);
            let (line, behind) = (&rest[..end], rest.get(end + 1..));
            // What fills the block up is one comment without an end.
            if !line.starts_with(b"#") && !line.is_empty() {
                let (name, value) = variable(line).ok_or(EnvError::Line(number))?;
                behind.ok_or(EnvError::Line(number))?;
                all.insert(name, value);
            }
            rest = behind.unwrap_or_default();
        }
        Ok(Self(all))
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// [`EnvError::Name`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), EnvError> {
        if !is_name(name.as_bytes()) {
            return Err(EnvError::Name(name.escape_debug().to_string()));
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The block, [`LEN`] bytes.
    ///
    /// # Errors
    /// [`EnvError::Full`].
    pub fn render(&self) -> Result<Vec<u8>, EnvError> {
        let mut block = SIGNATURE.to_vec();
        for (name, value) in &self.0 {
            block.extend_from_slice(name.as_bytes());
            block.push(b'=');
            for byte in value.bytes() {
                if matches!(byte, b'\\' | b'\n') {
                    block.push(b'\\');
                }
                block.push(byte);
            }
            block.push(b'\n');
        }
        if block.len() > LEN {
            return Err(EnvError::Full { needed: block.len() });
        }
        block.resize(LEN, b'#');
        Ok(block)
    }
}

/// Where the line at the beginning of `bytes` ends: at its newline, unless that is escaped.
fn line_end(bytes: &[u8]) -> usize {
    // A comment knows no escapes.
    let comment = bytes.starts_with(b"#");
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if !escaped || comment => return at,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    bytes.len()
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// `name=value`, with `\` before each newline and `\` of the value.
fn variable(line: &[u8]) -> Option<(String, String)> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (&line[..at], &line[at + 1..]);
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        plain.push(if *byte == b'\\' { *bytes.next()? } else { *byte });
    }
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
    is_name(name).then_some(())?;
    Some((text(name.to_vec())?, text(plain)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(text: &str) -> Result<Env, EnvError> {
        Env::parse(format!("# GRUB Environment Block\n{text}").as_bytes())
    }

    #[test]
    fn the_block_is_as_grub_writes_it() {
        let mut env = Env::default();
        env.set("left_a", "3").unwrap();
        env.set("first", "a\\b\nc").unwrap();
        let bytes = env.render().unwrap();
        assert_eq!(bytes.len(), 1024);
        assert!(bytes.starts_with(b"# GRUB Environment Block\nfirst=a\\\\b\\\nc\nleft_a=3\n###"));
        assert_eq!(Env::parse(&bytes).unwrap(), env);
    }

    #[test]
    fn comments_and_repeated_lines_are_read_as_grub_does() {
        let env = block("# WARNING: do not\\\na=1\n\nb=\na=2\n#####").unwrap();
        assert_eq!((env.get("a"), env.get("b"), env.get("c")), (Some("2"), Some(""), None));
    }

    #[test]
    fn damage_is_told() {
        let error = |text: &str| block(text).unwrap_err().to_string();
        insta::assert_snapshot!(error("a=1\nnothing\n"), @"GRUB's environment block is damaged: line 3 is no `name=value`");
        insta::assert_snapshot!(error("a=1"), @"GRUB's environment block is damaged: line 2 is no `name=value`");
        insta::assert_snapshot!(Env::parse(b"").unwrap_err(), @"it is no GRUB environment block: it does not begin with `# GRUB Environment Block`");
        insta::assert_snapshot!(Env::parse(&[0; 70_000]).unwrap_err(), @"GRUB's environment block has 70000 bytes, over the limit of 65536");
        let mut env = Env::default();
        insta::assert_snapshot!(env.set("a b", "").unwrap_err(), @"`a b` cannot name a variable of GRUB (letters, digits and `_` only)");
        env.set("a", &"x".repeat(1000)).unwrap();
        insta::assert_snapshot!(env.render().unwrap_err(), @"the variables need 1028 bytes, GRUB's environment block has 1024");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in proptest::collection::btree_map("[a-z_]{1,8}", "[ -~\n\\\\ü]{0,20}", 0..8)) {
            let mut env = Env::default();
            for (name, value) in &all {
                env.set(name, value).unwrap();
            }
            prop_assert_eq!(Env::parse(&env.render().unwrap()).unwrap(), env);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Env::parse(&[SIGNATURE, &bytes].concat());
        }
    }
}
