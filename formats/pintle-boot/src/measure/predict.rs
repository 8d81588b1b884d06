use super::{Bank, PHASES, Register};
use crate::uki::{HEAD_LEN, Pe, PeError, PeLimits, PeSection};
use pintle_model::{Blob, Contents};
use std::io;

/// Sections in the order in which the stub measures them, wherever they stand in the image (systemd 257's
/// `src/fundamental/uki.h`). `.pcrsig` is none of them: it is about the result.
const MEASURED: [&str; 10] =
    [".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey"];
/// What is chosen on the machine: whether it is measured cannot be known.
const CHOSEN: [&str; 4] = [".profile", ".dtbauto", ".hwids", ".efifw"];
/// Bytes hashed at once.
const CHUNK: usize = 1 << 20;

/// What PCR 11 is expected to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Of which bank.
    pub bank: Bank,
    /// Sections that are measured, in their order, and their digests.
    pub sections: Vec<(String, Vec<u8>)>,
    /// After each phase: the words so far, with colons between, and the value.
    pub phases: Vec<(String, Vec<u8>)>,
}

/// Why nothing can be expected.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// No PE image.
    #[error("it is no PE image")]
    Pe(#[from] PeError),
    /// No unified kernel image.
    #[error("it is no unified kernel image: it has no section `.linux`")]
    NoKernel,
    /// A choice of the machine.
    #[error("what is measured of it depends on the machine: it has a section `{0}`")]
    Chosen(&'static str),
    /// A section of which the stub takes the first.
    #[error("it has more than one section `{0}`")]
    Twice(&'static str),
    /// A section that is longer in memory than in the file, which no tool makes of those that are measured.
    #[error("its section `{0}` has {1} bytes in memory, and {2} in the file")]
    Longer(&'static str, u32, u32),
    /// Reading.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
}

/// What PCR 11 holds after each of [`PHASES`] on a machine that started `image`, signed or not: a signature does not change
/// it. Stubs of systemd 254 and later measure so; older ones measure fewer sections.
///
/// Later, systemd measures `shutdown` and `final` too.
///
/// # Errors
/// [`MeasureError`].
pub fn pcr11(image: &Blob, contents: &dyn Contents, banks: &[Bank]) -> Result<Vec<Expected>, MeasureError> {
    let mut head = vec![0; HEAD_LEN.min(image.len()) as usize];
    image.read_at(contents, 0, &mut head)?;
    let pe = Pe::parse(&head, image.len(), &PeLimits::default())?;
    if pe.section(".linux").is_none() {
        return Err(MeasureError::NoKernel);
    }
    if let Some(chosen) = CHOSEN.into_iter().find(|name| pe.section(name).is_some()) {
        return Err(MeasureError::Chosen(chosen));
    }
    let mut measured: Vec<Measured> = banks.iter().map(|bank| (Register::new(*bank), Vec::new())).collect();
    for name in MEASURED {
        let mut found = pe.sections.iter().filter(|section| section.name == name);
        let Some(section) = found.next() else { continue };
        if found.next().is_some() {
            return Err(MeasureError::Twice(name));
        }
        if section.virtual_len > section.raw_len {
            return Err(MeasureError::Longer(name, section.virtual_len, section.raw_len));
        }
        // Empty ones are as if they were not there.
        if section.virtual_len > 0 {
            measure(image, contents, section, &mut measured)?;
        }
    }
    Ok(measured.into_iter().map(phases).collect())
}

/// A register, and what it was extended by.
type Measured = (Register, Vec<(String, Vec<u8>)>);

/// The name with the NUL behind it, then what is in memory.
fn measure(
    image: &Blob,
    contents: &dyn Contents,
    section: &PeSection,
    measured: &mut [Measured],
) -> io::Result<()> {
    let mut hashers: Vec<_> = measured.iter().map(|(register, _)| register.bank.hasher()).collect();
    let mut add = |bytes: &[u8]| hashers.iter_mut().for_each(|hasher| hasher.update(bytes));
    let (from, len) = (u64::from(section.raw_at), u64::from(section.virtual_len));
    let mut buffer = vec![0; CHUNK.min(len as usize)];
    let mut at = 0;
    while at < len {
        let piece = &mut buffer[..(len - at).min(CHUNK as u64) as usize];
        image.read_at(contents, from + at, piece)?;
        add(piece);
        at += piece.len() as u64;
    }
    for ((register, sections), hasher) in measured.iter_mut().zip(hashers) {
        let name = register.bank.hash(format!("{}\0", section.name).as_bytes());
        register.extend(&name);
        let digest = hasher.finalize();
        register.extend(&digest);
        sections.push((section.name.clone(), digest.into_vec()));
    }
    Ok(())
}

fn phases((mut register, sections): Measured) -> Expected {
    let (mut path, mut phases) = (String::new(), Vec::new());
    for word in PHASES {
        if !path.is_empty() {
            path.push(':');
        }
        path.push_str(word);
        let digest = register.bank.hash(word.as_bytes());
        register.extend(&digest);
        phases.push((path.clone(), register.value.to_vec()));
    }
    Expected { bank: register.bank, sections, phases }
}
