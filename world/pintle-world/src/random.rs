//! Random bytes of the kernel, for keys.

use rustix::rand::{GetRandomFlags, getrandom};
use std::io;

/// The kernel's generator, which was asked once and answers from now on.
#[derive(Debug)]
pub struct Random(());

impl Random {
    /// Waits until the kernel has gathered enough, which a machine does once, soon after it started.
    ///
    /// # Errors
    /// Where the kernel has no such generator.
    pub fn open() -> io::Result<Self> {
        let mut random = Self(());
        random.try_fill(&mut [0; 32])?;
        Ok(random)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.try_fill(bytes).expect("invariant: a kernel that gave random bytes once gives them again");
    }

    fn try_fill(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match getrandom(&mut *bytes, GetRandomFlags::empty()) {
                Ok(filled) => bytes = &mut bytes[filled..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_differ_each_time() {
        let mut random = Random::open().unwrap();
        let mut make = |len: usize| {
            let mut bytes = vec![0; len];
            random.fill(&mut bytes);
            bytes
        };
        assert_ne!(make(1000), make(1000));
        assert!(make(1000).chunks(32).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
        assert!(make(0).is_empty());
    }
}
