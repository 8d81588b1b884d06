use std::cmp::Ordering;
use std::fmt;

/// The version of systemd-boot that an EFI program says it is. Ordered as versions are: numbers by value, `~` before
/// the end (UAPI.10, Version Format Specification, as far as systemd's and Debian's versions use it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderVersion(String);

/// What stands around it in the program (systemd, `src/boot/boot.c`: `#### LoaderInfo: systemd-boot 257.9 ####`).
const BEFORE: &[u8] = b"#### LoaderInfo: systemd-boot ";
/// Behind it.
const BEHIND: &[u8] = b" ####";
/// Longest version that is believed.
const LEN_MAX: usize = 64;

impl LoaderVersion {
    /// The version of the systemd-boot that `program` is; `None`: it is another program, or says none.
    #[must_use]
    pub fn find(program: &[u8]) -> Option<Self> {
        let at = program.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
        let rest = &program[at..program.len().min(at + LEN_MAX + BEHIND.len())];
        let end = rest.windows(BEHIND.len()).position(|window| window == BEHIND)?;
        let text = std::str::from_utf8(&rest[..end]).ok()?;
        let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for LoaderVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A piece of a version; the order of the variants is theirs.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    /// `~`: before everything, the end included.
    Tilde,
    /// Nothing more.
    End,
    /// Anything else.
    Text(&'a str),
    /// Digits without leading zeros: more digits are a larger number.
    Number(usize, &'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let kind = |c: char| (c.is_ascii_digit(), c == '~');
        let len = if first == '~' { 1 } else { rest.find(|c| kind(c) != kind(first)).unwrap_or(rest.len()) };
        let (piece, behind) = rest.split_at(len);
        rest = behind;
        let digits = piece.trim_start_matches('0');
        Some(match first {
            '~' => Piece::Tilde,
            '0'..='9' => Piece::Number(digits.len(), digits),
            _ => Piece::Text(piece),
        })
    })
}

impl Ord for LoaderVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut ours, mut theirs) = (pieces(&self.0), pieces(&other.0));
        loop {
            let pair = (ours.next(), theirs.next());
            if let (None, None) = pair {
                return Ordering::Equal;
            }
            let order = pair.0.unwrap_or(Piece::End).cmp(&pair.1.unwrap_or(Piece::End));
            if order != Ordering::Equal {
                return order;
            }
        }
    }
}

impl PartialOrd for LoaderVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Option<LoaderVersion> {
        LoaderVersion::find(format!("\0code\0#### LoaderInfo: systemd-boot {text} ####\0data").as_bytes())
    }

    #[test]
    fn versions_are_found_and_ordered() {
        let order = ["257~rc1-1", "257", "257-1", "257.9-1~deb13u1", "257.9-1", "257.10-1", "258", "1000"]
            .map(version);
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}");
        assert_eq!(version("252.39-1~deb12u2").unwrap().to_string(), "252.39-1~deb12u2");
        assert_eq!(version("007").unwrap().cmp(&version("7").unwrap()), Ordering::Equal);
    }

    #[test]
    fn other_programs_have_none() {
        assert_eq!(LoaderVersion::find(b"MZ GRUB"), None);
        assert_eq!(LoaderVersion::find(b"#### LoaderInfo: systemd-boot 257"), None);
        assert_eq!(version(""), None);
        assert_eq!(version("2 5 7"), None);
        assert_eq!(version(&"7".repeat(100)), None);
    }
}
