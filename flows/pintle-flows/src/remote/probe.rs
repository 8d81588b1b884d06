//! What a builder says of itself, and whether it will do.

use std::fmt;

/// Asks, takes the program, and becomes it.
pub(super) const SCRIPT: &str = include_str!("probe.sh");
/// The line before the answers: what a login prints before it is not for us.
pub(super) const BEGIN: &str = "pintle-probe 1";
/// The line after them.
pub(super) const END: &str = "probed";
/// The line after which the program speaks.
pub(super) const BECOMING: &str = "becoming";
/// Begins the line that says why there is no program.
pub(super) const FAILED: &str = "failed ";

/// Room beside the program without which no build can begin, in bytes; what it needs in all shows only on the way.
const ROOM: u64 = 64 << 20;

/// A version of the GNU C library.
pub(super) type Glibc = (u32, u32);

/// A machine, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Probe {
    /// `uname -m`.
    pub(super) machine: String,
    /// `uname -sr`.
    pub(super) kernel: String,
    /// The C library, in its own words.
    pub(super) libc: String,
    /// Where its cache is.
    pub(super) cache: String,
    /// Why that cannot be written.
    pub(super) closed: Option<String>,
    /// Bytes that are free there, where that can be told.
    pub(super) free: Option<u64>,
    /// It has our program.
    pub(super) has_program: bool,
    /// It can unpack gzip.
    pub(super) has_gzip: bool,
}

/// What the program needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// As `uname -m` says it.
    pub(super) machine: &'static str,
    /// Oldest C library it runs with; none: it needs none.
    pub(super) glibc: Option<Glibc>,
    /// Its length.
    pub(super) size: u64,
}

/// Why a machine will not do.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    /// Another processor.
    #[error("it is a machine of kind {theirs}, and this program is made for {ours}")]
    Machine {
        /// `uname -m` there.
        theirs: String,
        /// Ours.
        ours: &'static str,
    },
    /// Another system.
    #[error("it runs {0}, and this program is made for Linux")]
    Kernel(String),
    /// A C library that is too old, or another.
    #[error("its C library is `{theirs}`, and this program needs glibc {} or newer", version(.needed))]
    Libc {
        /// In its own words.
        theirs: String,
        /// The oldest that will do.
        needed: (u32, u32),
    },
    /// No place to write.
    #[error("its cache {cache} cannot be written: {reason}")]
    Closed {
        /// The folder.
        cache: String,
        /// What the shell there said.
        reason: String,
    },
    /// A full disk.
    #[error("it has {} free for its cache {cache}, and {} are needed to begin", pintle_model::Size(*.free), pintle_model::Size(*.needed))]
    Full {
        /// The folder.
        cache: String,
        /// Bytes.
        free: u64,
        /// Bytes.
        needed: u64,
    },
}

impl Unfit {
    /// What to do.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Machine { .. } => {
                "name a builder with the same processor as this machine, or start the build there"
            }
            Self::Kernel(_) => "name a builder that runs Linux",
            Self::Libc { .. } => {
                "name a builder with a newer release, or use a pintle that was built on one as old as the builder's"
            }
            Self::Closed { .. } => {
                "set PINTLE_CACHE_DIR on the builder to a folder that the user may write to"
            }
            Self::Full { .. } => {
                "free some space on the builder (its cache may be removed whole), or set PINTLE_CACHE_DIR there"
            }
        }
    }
}

fn version((major, minor): &Glibc) -> String {
    format!("{major}.{minor}")
}

impl Probe {
    /// Takes in one line of answers. What is not understood is no answer of ours.
    pub(super) fn line(&mut self, line: &str) {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let text = || value.trim().to_owned();
        match key {
            "machine" => self.machine = text(),
            "kernel" => self.kernel = text(),
            "libc" => self.libc = text(),
            "cache" => self.cache = text(),
            "closed" => self.closed = Some(text()),
            "free" => self.free = value.trim().parse::<u64>().ok().and_then(|kib| kib.checked_mul(1024)),
            "program" => self.has_program = true,
            "gzip" => self.has_gzip = true,
            _ => {}
        }
    }

    /// Whether the machine will do.
    pub(super) fn check(&self, needs: &Needs) -> Result<(), Unfit> {
        if !self.kernel.starts_with("Linux") {
            return Err(Unfit::Kernel(self.kernel.clone()));
        }
        if self.machine != needs.machine {
            return Err(Unfit::Machine { theirs: self.machine.clone(), ours: needs.machine });
        }
        if let Some(needed) = needs.glibc
            && glibc(&self.libc).is_none_or(|theirs| theirs < needed)
        {
            return Err(Unfit::Libc { theirs: self.libc.clone(), needed });
        }
        let cache = self.cache.clone();
        if let Some(reason) = &self.closed {
            return Err(Unfit::Closed { cache, reason: reason.clone() });
        }
        let needed = ROOM + if self.has_program { 0 } else { needs.size };
        match self.free {
            Some(free) if free < needed => Err(Unfit::Full { cache, free, needed }),
            _ => Ok(()),
        }
    }
}

/// For the report: `x86_64, Linux 6.12.57, glibc 2.41`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.machine, self.kernel, self.libc)
    }
}

/// `glibc 2.36` of getconf(1), `ldd (Debian GLIBC 2.36-9) 2.36`; none for other libraries.
fn glibc(text: &str) -> Option<Glibc> {
    let known = text.to_ascii_lowercase();
    let text = if known.contains("glibc") || known.contains("gnu libc") { text } else { return None };
    numbers(text.rsplit(' ').next()?)
}

/// The version that a symbol of glibc was introduced with: `GLIBC_2.34`.
pub(super) fn symbol_version(text: &[u8]) -> Option<Glibc> {
    numbers(std::str::from_utf8(text).ok()?.strip_prefix("GLIBC_")?)
}

fn numbers(text: &str) -> Option<Glibc> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs { machine: "x86_64", glibc: Some((2, 34)), size: 20 << 20 };

    fn probe(text: &str) -> Probe {
        let mut probe = Probe::default();
        text.lines().for_each(|line| probe.line(line));
        probe
    }

    const GOOD: &str = "machine x86_64\nkernel Linux 6.12.57\nlibc glibc 2.36\ncache /home/a b/.cache/pintle\n\
                        free 1000000\ngzip";

    fn said(lines: &str) -> String {
        let unfit = probe(&format!("{GOOD}\n{lines}")).check(&NEEDS).unwrap_err();
        format!("{unfit}\nnext: {}", unfit.next_step())
    }

    #[test]
    fn a_good_machine_will_do() {
        assert_eq!(probe(GOOD).check(&NEEDS), Ok(()));
        assert_eq!(probe(GOOD).to_string(), "x86_64, Linux 6.12.57, glibc 2.36");
        assert_eq!(
            probe(&format!("{GOOD}\nlibc ldd (Ubuntu GLIBC 2.35-0ubuntu3.8) 2.35")).check(&NEEDS),
            Ok(())
        );
        assert_eq!(probe(&format!("{GOOD}\nfree ")).check(&NEEDS), Ok(()), "df does not say");
        let alone = Needs { glibc: None, ..NEEDS };
        assert_eq!(probe(&format!("{GOOD}\nlibc musl libc (x86_64)")).check(&alone), Ok(()));
    }

    #[test]
    fn others_say_why_not_and_what_next() {
        insta::assert_snapshot!(said("machine aarch64"), @"
        it is a machine of kind aarch64, and this program is made for x86_64
        next: name a builder with the same processor as this machine, or start the build there
        ");
        insta::assert_snapshot!(said("kernel FreeBSD 14.1"), @"
        it runs FreeBSD 14.1, and this program is made for Linux
        next: name a builder that runs Linux
        ");
        insta::assert_snapshot!(said("libc glibc 2.31"), @"
        its C library is `glibc 2.31`, and this program needs glibc 2.34 or newer
        next: name a builder with a newer release, or use a pintle that was built on one as old as the builder's
        ");
        insta::assert_snapshot!(said("libc musl libc (x86_64)"), @"
        its C library is `musl libc (x86_64)`, and this program needs glibc 2.34 or newer
        next: name a builder with a newer release, or use a pintle that was built on one as old as the builder's
        ");
        insta::assert_snapshot!(said("closed mkdir: cannot create directory '/home/a b': Permission denied"), @"
        its cache /home/a b/.cache/pintle cannot be written: mkdir: cannot create directory '/home/a b': Permission denied
        next: set PINTLE_CACHE_DIR on the builder to a folder that the user may write to
        ");
        insta::assert_snapshot!(said("free 70000"), @"
        it has 68.4 MiB free for its cache /home/a b/.cache/pintle, and 84 MiB are needed to begin
        next: free some space on the builder (its cache may be removed whole), or set PINTLE_CACHE_DIR there
        ");
    }

    #[test]
    fn a_program_that_is_there_needs_no_room() {
        assert_eq!(probe(&format!("{GOOD}\nfree 70000\nprogram")).check(&NEEDS), Ok(()));
    }

    #[test]
    fn versions_of_symbols_are_numbers() {
        assert_eq!(symbol_version(b"GLIBC_2.34"), Some((2, 34)));
        assert_eq!(symbol_version(b"GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(symbol_version(b"GLIBC_PRIVATE"), None);
        assert_eq!(symbol_version(b"GCC_3.0"), None);
    }
}
