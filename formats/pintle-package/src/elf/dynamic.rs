use super::format::{
    DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, PT_DYNAMIC, c_string, number,
};
use super::{Elf, ElfError};

/// What the dynamic section (gABI chapter 5) says about libraries.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Dynamic {
    /// `DT_NEEDED`: names of libraries, in order.
    pub needed: Vec<Vec<u8>>,
    /// `DT_SONAME`: the name others need this library by.
    pub soname: Option<Vec<u8>>,
    /// `DT_RPATH`, split at `:`.
    pub rpath: Vec<Vec<u8>>,
    /// `DT_RUNPATH`, split at `:`. Overrides `rpath` and holds for direct needs only.
    pub runpath: Vec<Vec<u8>>,
}

impl Elf<'_> {
    /// The dynamic section; `None` for statically linked programs and object files.
    ///
    /// # Errors
    /// [`ElfError`] for tables outside the file and names outside the string table.
    pub fn dynamic(&self) -> Result<Option<Dynamic>, ElfError> {
        const WHAT: &str = "the dynamic section";
        let at = self.class().layout();
        let segments = self.segments()?;
        let Some(segment) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else {
            return Ok(None);
        };
        let bytes = self.segment_bytes(WHAT, segment)?;
        let entries: Vec<(u64, u64)> = bytes
            .chunks_exact(at.dyn_len)
            .map(|entry| (number(entry, 0, at.word), number(entry, at.word, at.word)))
            .take_while(|(tag, _)| *tag != DT_NULL)
            .collect();
        let value = |wanted: u64| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let strings = match (value(DT_STRTAB), value(DT_STRSZ)) {
            (Some(address), Some(len)) => self.loaded(&segments, "the dynamic strings", address, len)?,
            _ => Vec::new(),
        };
        let text = |offset: u64| {
            let string = usize::try_from(offset).ok().and_then(|offset| c_string(&strings, offset));
            let string =
                string.ok_or(ElfError::Malformed { what: WHAT, why: "a name lies outside its strings" })?;
            self.within(self.limits.string, string.len() as u64)?;
            Ok(string.to_vec())
        };
        let paths = |offset: u64| -> Result<Vec<Vec<u8>>, ElfError> {
            Ok(text(offset)?.split(|byte| *byte == b':').map(<[u8]>::to_vec).collect())
        };
        let mut dynamic = Dynamic::default();
        for (tag, offset) in &entries {
            match *tag {
                DT_NEEDED => dynamic.needed.push(text(*offset)?),
                DT_SONAME => dynamic.soname = Some(text(*offset)?),
                DT_RPATH => dynamic.rpath = paths(*offset)?,
                DT_RUNPATH => dynamic.runpath = paths(*offset)?,
                _ => {}
            }
        }
        Ok(Some(dynamic))
    }
}
