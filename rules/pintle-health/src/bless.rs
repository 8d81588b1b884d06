//! What makes of a good boot one that is counted anew: after it a release has all its tries again, so that one which was
//! good for months and then is not is left behind like a new one.

use crate::counting::{is_rescue, loaded};
use crate::status::parameter;
use pintle_boot::grub::env::{Env, EnvError};
use pintle_boot::loader::TRIES;
use pintle_model::Slot;

/// What has to be written onto the EFI system partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bless {
    /// Names below `EFI/Linux`: the boot loader keeps its counter there.
    Rename {
        /// The name now.
        from: String,
        /// The name with all tries.
        to: String,
    },
    /// GRUB's environment block.
    Environment(Slot),
    /// Nobody counts.
    Nothing,
}

impl Bless {
    /// From the EFI variable `LoaderBootCountPath` and the kernel's command line.
    #[must_use]
    pub fn of(loader: Option<&[u8]>, cmdline: &str) -> Self {
        if is_rescue(cmdline) {
            return Self::Nothing;
        }
        if let Some(name) = loader.and_then(loaded)
            && name.tries().is_some()
        {
            return Self::Rename { from: name.to_string(), to: name.with_tries(TRIES).to_string() };
        }
        let slot = parameter(cmdline, "pintle.slot").and_then(Slot::of_letter);
        slot.map_or(Self::Nothing, Self::Environment)
    }
}

/// The environment block after a good boot of `slot`, from the blocks there are; damaged ones are passed over.
///
/// # Errors
/// [`EnvError::Full`]: somebody has put more into the block.
pub fn environment(blocks: &[Vec<u8>], slot: Slot) -> Result<Vec<u8>, EnvError> {
    let found =
        blocks.iter().find_map(|block| Env::parse(block).ok().filter(|env| env.get("first").is_some()));
    let mut env = found.unwrap_or_default();
    for (name, value) in [("first", slot.letter()), ("good", slot.letter())] {
        env.set(name, value)?;
    }
    for each in Slot::ALL {
        let name = format!("left_{each}");
        if each == slot {
            env.set(&name, &TRIES.to_string())?;
        } else if env.get(&name).is_none() {
            // What is there, if anything, has not been good as far as anybody remembers.
            env.set(&name, "0")?;
        }
    }
    env.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(path: &str) -> Vec<u8> {
        [6, 0, 0, 0].into_iter().chain(path.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    }

    #[test]
    fn a_good_boot_gets_its_tries_back() {
        let of = |path: &str, cmdline: &str| Bless::of(Some(&variable(path)), cmdline);
        let renamed = Bless::Rename { from: "web_1+1-2.efi".into(), to: "web_1+3-0.efi".into() };
        assert_eq!(of("\\EFI\\Linux\\web_1+1-2.efi", "quiet"), renamed);
        assert_eq!(of("\\EFI\\Linux\\web_1.efi", "quiet"), Bless::Nothing);
        assert_eq!(of("\\EFI\\Linux\\web_1+1-2.efi", "pintle.rescue panic=0"), Bless::Nothing);
        assert_eq!(Bless::of(None, "pintle.slot=b pintle.left=2"), Bless::Environment(Slot::B));
        assert_eq!(Bless::of(None, "pintle.slot=c"), Bless::Nothing);
        assert_eq!(Bless::of(None, ""), Bless::Nothing);
    }

    #[test]
    fn the_block_says_what_was_good() {
        let block = |text: &[(&str, &str)]| {
            let mut env = Env::default();
            text.iter().for_each(|(name, value)| env.set(name, value).unwrap());
            env.render().unwrap()
        };
        let before = block(&[("first", "a"), ("good", "a"), ("left_a", "0"), ("left_b", "1"), ("own", "x")]);
        let after = block(&[("first", "b"), ("good", "b"), ("left_a", "0"), ("left_b", "3"), ("own", "x")]);
        assert_eq!(environment(&[before.clone(), Vec::new()], Slot::B).unwrap(), after);
        assert_eq!(environment(&[vec![0; 1024], before], Slot::B).unwrap(), after);
        let lost = block(&[("first", "a"), ("good", "a"), ("left_a", "3"), ("left_b", "0")]);
        assert_eq!(environment(&[vec![0; 1024], Vec::new()], Slot::A).unwrap(), lost);
        assert_eq!(lost, pintle_boot::grub::slots::first_block().unwrap());
    }
}
