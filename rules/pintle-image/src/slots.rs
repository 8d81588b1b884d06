//! BIOS for the layout `verified`: GRUB starts what is in the unified kernel image, counts tries, and falls back.

use crate::efi::Placed;
use crate::{Inputs, PlanError};
use pintle_boot::cmdline::Cmdline;
use pintle_boot::grub::slots::{BLOCKS, FOLDER, Placed as Slotted, Run, SECTOR, first_block, script};
use pintle_boot::uki::{HEAD_LEN, Pe, PeLimits};
use pintle_model::{Blob, Contents, Hasher, Slot};
use std::io;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// GRUB's files on the EFI system partition, by path.
pub(crate) fn files(
    inputs: &Inputs<'_>,
    placed: &Placed,
    cmdline: &Cmdline,
    timeout: u32,
) -> Result<Vec<(String, Vec<u8>)>, PlanError> {
    let runs = runs(&placed.image, inputs.contents)?;
    let slotted = Slotted {
        title: format!("{} {}", inputs.system.name, inputs.system.version),
        stem: placed.name.stem().to_owned(),
        kernel: runs[0],
        initrd: runs[1],
        cmdline: cmdline.clone(),
    };
    let block = first_block().expect("invariant: four short variables fit");
    let mut all = vec![("grub.cfg".to_owned(), script(timeout).into_bytes())];
    all.extend(BLOCKS.iter().map(|name| ((*name).to_owned(), block.clone())));
    let of_slot = slotted.files(Slot::A).map_err(PlanError::Menu)?;
    all.extend(of_slot.into_iter().map(|(name, text)| (name, text.into_bytes())));
    Ok(all.into_iter().map(|(name, bytes)| (format!("{FOLDER}/{name}"), bytes)).collect())
}

/// Where kernel and initrd are in a unified kernel image.
fn runs(image: &Blob, contents: &dyn Contents) -> Result<[Run; 2], PlanError> {
    let failed = |source| PlanError::Read { what: "the unified kernel image", source };
    let mut head = vec![0; HEAD_LEN.min(image.len()) as usize];
    image.read_at(contents, 0, &mut head).map_err(failed)?;
    let pe = Pe::parse(&head, image.len(), &PeLimits::default());
    let pe = pe.map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let run = |name: &'static str| {
        let section = pe.section(name).ok_or(PlanError::NoSection(name))?;
        let (from, len) = (u64::from(section.raw_at), u64::from(section.data_len()));
        let count = len.div_ceil(SECTOR);
        if !from.is_multiple_of(SECTOR) || count * SECTOR > u64::from(section.raw_len) {
            return Err(PlanError::Unaligned(name));
        }
        let mut hasher = Hasher::new();
        let (mut at, end) = (from, from + count * SECTOR);
        let mut buffer = vec![0; CHUNK];
        while at < end {
            let piece = &mut buffer[..(end - at).min(CHUNK as u64) as usize];
            image.read_at(contents, at, piece).map_err(failed)?;
            hasher.update(piece);
            at += piece.len() as u64;
        }
        Ok(Run { first: from / SECTOR, count, digest: hasher.finish().digest() })
    };
    Ok([run(".linux")?, run(".initrd")?])
}
