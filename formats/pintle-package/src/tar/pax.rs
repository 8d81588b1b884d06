//! Extended headers (POSIX.1-2017, `pax`, "pax Extended Header"): records `LENGTH KEY=VALUE\n`.

use super::sparse::Sparse;
use std::collections::BTreeMap;

/// What pax headers say of the members that follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) uname: Option<Vec<u8>>,
    pub(super) gname: Option<Vec<u8>>,
    /// Seconds and nanoseconds.
    pub(super) mtime: Option<(i64, u32)>,
    /// `SCHILY.xattr.*`: names and raw values.
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// GNU's sparse formats, which store another file than the header says.
    pub(super) sparse: Option<Sparse>,
}

/// The byte within the records where they stop making sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadPax(pub(super) usize);

impl Pax {
    /// Adds the records in `data`; later ones win.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), BadPax> {
        let mut at = 0;
        while at < data.len() {
            let bad = || BadPax(at);
            let (record, key_at) = record(&data[at..]).ok_or_else(bad)?;
            let equals = record[key_at..].iter().position(|b| *b == b'=').ok_or_else(bad)? + key_at;
            let value = &record[equals + 1..record.len() - 1];
            self.set(&record[key_at..equals], value).ok_or_else(bad)?;
            at += record.len();
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = || std::str::from_utf8(value).ok()?.parse().ok();
        // An empty value takes an earlier one (of a global header) back.
        let given = !value.is_empty();
        match key {
            b"path" => self.path = given.then(|| value.to_vec()),
            b"linkpath" => self.link = given.then(|| value.to_vec()),
            b"uname" => self.uname = given.then(|| value.to_vec()),
            b"gname" => self.gname = given.then(|| value.to_vec()),
            b"size" => self.size = if given { Some(number()?) } else { None },
            b"uid" => self.uid = if given { Some(number()?) } else { None },
            b"gid" => self.gid = if given { Some(number()?) } else { None },
            b"mtime" => self.mtime = if given { Some(time(value)?) } else { None },
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs.insert(name.to_vec(), value.to_vec());
                }
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.get_or_insert_default().set(key, value)?;
                }
            }
        }
        Some(())
    }
}

/// The first record, and where its key starts in it.
fn record(data: &[u8]) -> Option<(&[u8], usize)> {
    let space = data.iter().take(20).position(|b| *b == b' ')?;
    let len: usize = std::str::from_utf8(&data[..space]).ok()?.parse().ok()?;
    let record = data.get(..len)?;
    // At least `N k=\n`; values may hold newlines, so only the last byte counts.
    (len > space + 2 && record.ends_with(b"\n")).then_some((record, space + 1))
}

/// Decimal seconds with a fraction, rounded towards the past.
fn time(value: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let nanos: u32 = digits.parse().ok()?;
    let secs: i64 = whole.parse().ok()?;
    if text.starts_with('-') && nanos > 0 {
        return Some((secs.checked_sub(1)?, 1_000_000_000 - nanos));
    }
    Some((secs, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let record = |text: &[u8]| {
            let mut len = text.len() + 2;
            while len != text.len() + 2 + len.to_string().len() {
                len = text.len() + 2 + len.to_string().len();
            }
            [len.to_string().as_bytes(), b" ", text, b"\n"].concat()
        };
        let mut pax = Pax::default();
        let records: [&[u8]; 6] = [
            b"path=usr/x=y\nz",
            b"mtime=-1.25",
            b"SCHILY.xattr.security.capability=\0\n\0",
            b"uname=_apt",
            b"uid=8589934592",
            b"comment=nothing to us",
        ];
        pax.add(&records.map(record).concat()).unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"usr/x=y\nz"[..]));
        assert_eq!(pax.mtime, Some((-2, 750_000_000)));
        assert_eq!(pax.xattrs[&b"security.capability"[..]], b"\0\n\0");
        assert_eq!((pax.uid, pax.sparse.is_some()), (Some(1 << 33), false));
        pax.add(&record(b"path=")).unwrap();
        pax.add(&record(b"GNU.sparse.major=1")).unwrap();
        assert_eq!((pax.path, pax.sparse.is_some()), (None, true));
    }

    #[test]
    fn hostile_records_end_in_an_error() {
        for (bad, at) in [
            (&b"0 a=b\n"[..], 0),
            (b"99 a=b\n", 0),
            (b"6 a=b\n18446744073709551616 a=b\n", 6),
            (b"5 a=b\n", 0),
            (b"6 abc\n", 0),
            (b"3 \n", 0),
            (b"\xff\xff", 0),
            (b"10 size=x\n", 0),
        ] {
            assert_eq!(Pax::default().add(bad), Err(BadPax(at)), "{bad:?}");
        }
    }
}
