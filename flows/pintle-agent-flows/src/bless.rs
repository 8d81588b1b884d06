//! A good boot gets its tries back.

use crate::disk;
use crate::places::{CMDLINE, LOADER_BOOT_COUNT, SMALL};
use pintle_boot::grub::env::EnvError;
use pintle_boot::grub::slots::{BLOCKS, FOLDER};
use pintle_health::Bless;
use pintle_health::bless::environment;
use pintle_machine::{Esp, FileError, Machine};
use pintle_model::Slot;

/// Folder of the images that are counted by their names.
const IMAGES: &str = "EFI/Linux";

/// Why it stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum BlessError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// No partition of the boot loader.
    #[error("the disk of /usr has no EFI system partition, where the boot loader counts")]
    NoEsp,
    /// GRUB's block.
    #[error("GRUB's environment block cannot be written")]
    Block(#[from] EnvError),
}

/// Gives this boot, which is good, all tries again; says what was done.
///
/// # Errors
/// [`BlessError`]; the boot loader then counts on from where it is.
pub fn bless(machine: &Machine) -> Result<Bless, BlessError> {
    let cmdline = machine.text(CMDLINE, SMALL)?.unwrap_or_default();
    let step = Bless::of(machine.bytes(LOADER_BOOT_COUNT, SMALL)?.as_deref(), &cmdline);
    if step == Bless::Nothing {
        return Ok(step);
    }
    let device = disk::esp(machine)?.ok_or(BlessError::NoEsp)?;
    write(&Esp::mount(&device)?, &step)?;
    Ok(step)
}

fn write(esp: &Esp, step: &Bless) -> Result<(), BlessError> {
    match step {
        Bless::Nothing => {}
        Bless::Rename { from, to } => esp.rename(&format!("{IMAGES}/{from}"), &format!("{IMAGES}/{to}"))?,
        Bless::Environment(slot) => block(esp, *slot)?,
    }
    Ok(())
}

/// One block after the other: a power cut leaves one of them whole, and GRUB reads the one that is.
fn block(esp: &Esp, slot: Slot) -> Result<(), BlessError> {
    let paths = BLOCKS.map(|name| format!("{FOLDER}/{name}"));
    let mut blocks = Vec::new();
    for path in &paths {
        blocks.extend(esp.bytes(path, SMALL)?);
    }
    let block = environment(&blocks, slot)?;
    for path in &paths {
        esp.overwrite(path, &block)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn both_blocks_and_names_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let esp = Esp::folder(folder.path().to_owned());
        fs::create_dir_all(folder.path().join("EFI/Linux")).unwrap();
        fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
        fs::write(folder.path().join("EFI/Linux/web_1+2-1.efi"), "image").unwrap();
        let step = Bless::Rename { from: "web_1+2-1.efi".into(), to: "web_1+3-0.efi".into() };
        write(&esp, &step).unwrap();
        assert_eq!(fs::read(folder.path().join("EFI/Linux/web_1+3-0.efi")).unwrap(), b"image");
        assert!(matches!(write(&esp, &step), Err(BlessError::File(_))), "it is gone");
        let block = |name: &str| folder.path().join(FOLDER).join(name);
        fs::write(block(BLOCKS[0]), [0; 1024]).unwrap();
        fs::write(block(BLOCKS[1]), [0; 1024]).unwrap();
        write(&esp, &Bless::Environment(Slot::A)).unwrap();
        let first = pintle_boot::grub::slots::first_block().unwrap();
        assert!(BLOCKS.iter().all(|name| fs::read(block(name)).unwrap() == first));
        fs::write(block(BLOCKS[0]), [0; 512]).unwrap();
        let error = write(&esp, &Bless::Environment(Slot::A)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "grub/grubenv of the EFI system partition does not hold what it holds on every machine"
        );
    }
}
