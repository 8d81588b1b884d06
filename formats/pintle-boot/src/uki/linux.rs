use super::format::{
    BOOT_FLAG, BOOT_FLAG_AT, CMDLINE_MAX_AT, CMDLINE_MAX_OLD, HDRS_AT, HDRS_MAGIC, LOAD_FLAGS_AT,
    PROTOCOL_AT, SETUP_SECTORS_AT, VERSION_POINTER_AT,
};
use super::read::{get_u16, get_u32};

/// What the setup header of an x86 kernel (bzImage) says (Linux Documentation/arch/x86/boot.rst).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinuxHeader {
    /// Boot protocol, `0x020f` for 2.15.
    pub protocol: u16,
    /// `uname -r` of the kernel: the first word of its version text.
    pub release: String,
    /// Longest command line in bytes, without the NUL at its end.
    pub cmdline_max: u32,
    /// Loaded at 1 MiB, as every kernel since 1996.
    pub big: bool,
}

/// Why bytes are no Linux kernel for x86.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinuxHeaderError {
    /// No setup header.
    #[error("not a Linux kernel image for x86: {0}")]
    NotLinux(&'static str),
    /// The version text is missing or not plain text.
    #[error("the kernel image has no version text that can be read")]
    NoVersion,
}

/// Longest version text that is looked for.
const VERSION_MAX: usize = 512;

impl LinuxHeader {
    /// Reads the header from the first [`super::HEAD_LEN`] bytes (or all) of a kernel image.
    ///
    /// # Errors
    /// [`LinuxHeaderError`].
    pub fn parse(head: &[u8]) -> Result<Self, LinuxHeaderError> {
        if head.len() < CMDLINE_MAX_AT + 4 {
            return Err(LinuxHeaderError::NotLinux("it is shorter than a setup header"));
        }
        if get_u16(head, BOOT_FLAG_AT) != BOOT_FLAG || head[HDRS_AT..HDRS_AT + 4] != HDRS_MAGIC {
            return Err(LinuxHeaderError::NotLinux("its setup header has no signature"));
        }
        let protocol = get_u16(head, PROTOCOL_AT);
        if protocol < 0x0200 {
            return Err(LinuxHeaderError::NotLinux("its boot protocol is older than 2.00"));
        }
        // 0 stands for 4, for compatibility with the first kernels.
        let setup = match head[SETUP_SECTORS_AT] {
            0 => 4,
            sectors => usize::from(sectors),
        };
        let pointer = usize::from(get_u16(head, VERSION_POINTER_AT));
        if pointer == 0 || pointer >= setup * 512 {
            return Err(LinuxHeaderError::NoVersion);
        }
        let text = head.get(pointer + 0x200..).ok_or(LinuxHeaderError::NoVersion)?;
        let text = text.iter().take(VERSION_MAX).copied().take_while(|b| !matches!(b, 0 | b' '));
        let release = String::from_utf8(text.collect()).map_err(|_| LinuxHeaderError::NoVersion)?;
        if release.is_empty()
            || release.len() == VERSION_MAX
            || !release.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(LinuxHeaderError::NoVersion);
        }
        let cmdline_max = if protocol >= 0x0206 { get_u32(head, CMDLINE_MAX_AT) } else { CMDLINE_MAX_OLD };
        Ok(Self { protocol, release, cmdline_max, big: head[LOAD_FLAGS_AT] & 1 == 1 })
    }
}
