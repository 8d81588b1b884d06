//! Wire format: each member is a header of 110 ASCII characters, its name with a NUL, padding to a multiple of four,
//! its data, padding. Every number is eight hexadecimal digits.

/// What every header begins with (the variant without checksums).
pub const MAGIC: &[u8; 6] = b"070701";
/// Bytes of a header, its magic included.
pub const HEADER: usize = 110;
/// The name that ends an archive.
pub const TRAILER: &[u8] = b"TRAILER!!!";
/// Everything stands at multiples of this.
pub const ALIGN: u64 = 4;

/// The fields of a header, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Inode number; with the device numbers it ties hard links together.
    pub ino: u32,
    /// File type and permissions as in `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names the inode has.
    pub nlink: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Length of the data.
    pub len: u32,
    /// Device the file was on.
    pub dev: (u32, u32),
    /// Device the file is.
    pub rdev: (u32, u32),
    /// Length of the name, its NUL included.
    pub name_len: u32,
}

impl Header {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let (dev, rdev) = (self.dev, self.rdev);
        for field in [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            self.len,
            dev.0,
            dev.1,
            rdev.0,
            rdev.1,
            self.name_len,
            0,
        ] {
            out.extend(format!("{field:08X}").into_bytes());
        }
        out
    }

    /// From its text; `None` unless it is [`HEADER`] bytes of the right form.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(MAGIC).filter(|digits| digits.len() == HEADER - MAGIC.len())?;
        let mut fields = [0; 13];
        for (field, digits) in fields.iter_mut().zip(digits.chunks_exact(8)) {
            for digit in digits {
                *field = *field << 4 | (*digit as char).to_digit(16)?;
            }
        }
        let [
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            len,
            dev_major,
            dev_minor,
            rdev_major,
            rdev_minor,
            name_len,
            _,
        ] = fields;
        let (dev, rdev) = ((dev_major, dev_minor), (rdev_major, rdev_minor));
        Some(Self { ino, mode, uid, gid, nlink, mtime, len, dev, rdev, name_len })
    }
}
