use super::format::{
    COMPRESSED_SIZE_AT, CORE_END_MAX, DECOMPRESSOR_ADDRESS, KERNEL_LINK_ADDRESS, LZMA_LC, LZMA_LP, LZMA_PB,
    MODULE_HEADER_LEN, MODULE_INFO_LEN, MODULE_MAGIC, OBJ_CONFIG, OBJ_ELF, OBJ_MEMDISK, OBJ_PREFIX,
    OBJECT_ALIGN, REDUNDANCY_AT, SECTOR, UNCOMPRESSED_SIZE_AT,
};
use super::modules::Dependencies;
use super::{GrubError, kernel};
use lzma_rust2::{LzmaOptions, LzmaWriter};
use pintle_model::Limit;
use std::io::Write as _;

/// Gives a file below `i386-pc/` by name (`kernel.img`, `normal.mod`); `None` when the package has none.
pub type Files<'a> = dyn Fn(&str) -> Option<Vec<u8>> + 'a;

/// Bounds on GRUB's files.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One file.
    pub file: Limit,
    /// Kernel, modules and all objects together, before compression.
    pub payload: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The largest module of GRUB 2.12 has 0.6 MB.
            file: Limit::new(4 << 20, "bytes in one of GRUB's files"),
            // All modules of GRUB 2.12 together have 3 MB; what compresses into the 430 KiB that can be loaded is less.
            payload: Limit::new(16 << 20, "bytes in GRUB's core image before compression"),
        }
    }
}

/// What goes into a core image.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoreSpec<'a> {
    /// Modules by name; what they need is added.
    pub modules: &'a [&'a str],
    /// Directory of `grub.cfg`. `(,gpt3)/boot/grub`: on the third partition of the disk that was booted.
    pub prefix: &'a str,
    /// Commands run before `grub.cfg` is looked for.
    pub early_config: Option<&'a str>,
    /// A file system image that GRUB sees as `(memdisk)`.
    pub memdisk: Option<&'a [u8]>,
    /// Bounds.
    pub limits: Limits,
}

/// Makes a core image: `diskboot.img`, the decompressor, and the LZMA-compressed kernel with modules.
/// What the disk must know (block list) is filled in by [`super::embed`].
///
/// # Errors
/// [`GrubError`]: missing or malformed files, unknown modules, an image too big for low memory.
pub fn core_image(files: &Files<'_>, spec: &CoreSpec<'_>) -> Result<Vec<u8>, GrubError> {
    let files = Checked { files, limit: spec.limits.file };
    let payload = payload(&files, spec)?;
    let mut core = files.get("diskboot.img")?;
    if core.len() != SECTOR {
        return Err(GrubError::malformed("diskboot.img", "it is not 512 bytes long"));
    }
    let mut decompressor = files.get("lzma_decompress.img")?;
    let room = (KERNEL_LINK_ADDRESS - DECOMPRESSOR_ADDRESS) as usize;
    if decompressor.len() < REDUNDANCY_AT + 4 || decompressor.len() > room {
        return Err(GrubError::malformed("lzma_decompress.img", "its length is not that of a decompressor"));
    }
    let packed = compress(&payload)?;
    let end = u64::from(KERNEL_LINK_ADDRESS) + (decompressor.len() + packed.len()) as u64;
    if end > CORE_END_MAX {
        return Err(GrubError::CoreTooBig { what: "the compressed image", end, max: CORE_END_MAX });
    }
    let mut set = |at: usize, value: usize| {
        // Both numbers are bounded above far below 4 GiB.
        decompressor[at..at + 4].copy_from_slice(&(value as u32).to_le_bytes());
    };
    set(COMPRESSED_SIZE_AT, packed.len());
    set(UNCOMPRESSED_SIZE_AT, payload.len());
    // Redundancy repairs sectors that other programs scribbled over in the gap after an MBR; a partition of
    // its own is not scribbled over.
    set(REDUNDANCY_AT, 0);
    core.extend_from_slice(&decompressor);
    core.extend_from_slice(&packed);
    Ok(core)
}

/// Kernel, `grub_module_info32`, and the objects: what the decompressor puts back into memory.
fn payload(files: &Checked<'_>, spec: &CoreSpec<'_>) -> Result<Vec<u8>, GrubError> {
    let mut out = kernel::flatten(&files.get("kernel.img")?)?;
    let start = out.len();
    let dependencies = files.get("moddep.lst")?;
    let dependencies = Dependencies::parse(&dependencies)?;
    out.extend_from_slice(&MODULE_MAGIC.to_le_bytes());
    out.extend_from_slice(&(MODULE_INFO_LEN as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let mut objects = Objects { out, limit: spec.limits.payload };
    for module in dependencies.closure(spec.modules)? {
        objects.push(OBJ_ELF, &files.get(&format!("{module}.mod"))?, OBJECT_ALIGN)?;
    }
    if let Some(memdisk) = spec.memdisk {
        objects.push(OBJ_MEMDISK, memdisk, SECTOR)?;
    }
    if let Some(config) = spec.early_config {
        objects.push(OBJ_CONFIG, &terminated(config, "early configuration")?, OBJECT_ALIGN)?;
    }
    objects.push(OBJ_PREFIX, &terminated(spec.prefix, "prefix")?, OBJECT_ALIGN)?;
    let mut out = objects.out;
    let size = (out.len() - start) as u32;
    out[start + 8..start + 12].copy_from_slice(&size.to_le_bytes());
    Ok(out)
}

struct Objects {
    out: Vec<u8>,
    limit: Limit,
}

impl Objects {
    fn push(&mut self, kind: u32, bytes: &[u8], align: usize) -> Result<(), GrubError> {
        let padded = bytes.len().next_multiple_of(align);
        let end = (self.out.len() + MODULE_HEADER_LEN + padded) as u64;
        if !self.limit.allows(end) {
            return Err(GrubError::CoreTooBig { what: "the uncompressed image", end, max: self.limit.max });
        }
        self.out.extend_from_slice(&kind.to_le_bytes());
        self.out.extend_from_slice(&((MODULE_HEADER_LEN + padded) as u32).to_le_bytes());
        self.out.extend_from_slice(bytes);
        self.out.resize(end as usize, 0);
        Ok(())
    }
}

fn terminated(text: &str, what: &'static str) -> Result<Vec<u8>, GrubError> {
    if text.contains('\0') {
        return Err(GrubError::Nul(what));
    }
    Ok([text.as_bytes(), &[0]].concat())
}

/// A raw LZMA stream without header and end marker: the decompressor knows properties and length. It decodes straight
/// into the target, so the dictionary may be as large as the payload. Preset 6 takes four times as long, a tenth of a
/// second of every build, for 6 % less of a partition that has room.
fn compress(payload: &[u8]) -> Result<Vec<u8>, GrubError> {
    let failed = |error: std::io::Error| GrubError::Compress(error.to_string());
    let mut options = LzmaOptions::with_preset(3);
    (options.lc, options.lp, options.pb) = (LZMA_LC, LZMA_LP, LZMA_PB);
    options.dict_size = u32::try_from(payload.len().next_power_of_two().max(4096)).unwrap_or(u32::MAX);
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false).map_err(failed)?;
    writer.write_all(payload).map_err(failed)?;
    writer.finish().map_err(failed)
}

struct Checked<'a> {
    files: &'a Files<'a>,
    limit: Limit,
}

impl Checked<'_> {
    fn get(&self, name: &str) -> Result<Vec<u8>, GrubError> {
        let bytes = (self.files)(name).ok_or_else(|| GrubError::Missing(name.to_owned()))?;
        let len = bytes.len() as u64;
        if !self.limit.allows(len) {
            return Err(GrubError::TooLarge { file: name.to_owned(), len, max: self.limit.max });
        }
        Ok(bytes)
    }
}
