//! Kinds of strings that an option can ask for, each with its check.

use std::net::IpAddr;

/// What a string must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    Any,
    Line,
    Word,
    Path,
    Source,
    Name,
    Hostname,
    /// A package as asked for, maybe with its version or suite.
    Package,
    /// Only the name of a package.
    PlainPackage,
    KernelRelease,
    KernelPattern,
    Unit,
    Mode,
    SshKey,
    Address,
    Cidr,
    Mac,
    Url,
    Image,
}

/// Name in `module.toml`, kind, phrase for "must be …".
const KINDS: [(&str, TextKind, &str); 19] = [
    ("string", TextKind::Any, "a string"),
    ("line", TextKind::Line, "one line of text"),
    ("word", TextKind::Word, "a word without spaces, quotes or control characters"),
    ("path", TextKind::Path, "an absolute path (`/srv/www`) without `..`"),
    ("source", TextKind::Source, "the path of a file or folder beside the definition (`site/index.html`)"),
    (
        "name",
        TextKind::Name,
        "a name of lower-case letters, digits, `-` and `_`, a letter or `_` first, at most 31 long",
    ),
    ("hostname", TextKind::Hostname, "a host name of letters, digits, `-` and `.`, at most 64 long"),
    (
        "package",
        TextKind::Package,
        "a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)",
    ),
    ("package-name", TextKind::PlainPackage, "a package name (lower-case letters, digits, `+`, `-`, `.`)"),
    ("kernel-release", TextKind::KernelRelease, "a kernel release, as `uname -r` says it (`6.18.3-mine`)"),
    (
        "kernel-pattern",
        TextKind::KernelPattern,
        "a kernel release, with `*` for any text (`6.12.*`, `*-cloud-amd64`)",
    ),
    ("unit", TextKind::Unit, "a unit with its suffix (`nginx.service`)"),
    ("mode", TextKind::Mode, "an octal mode as a string (`\"0644\"`)"),
    ("ssh-key", TextKind::SshKey, "a public SSH key on one line (`ssh-ed25519 AAAA… comment`)"),
    ("address", TextKind::Address, "an IP address (`192.0.2.1`, `2001:db8::1`)"),
    ("cidr", TextKind::Cidr, "an IP address with its prefix length (`192.0.2.10/24`)"),
    ("mac", TextKind::Mac, "a MAC address (`52:54:00:12:34:56`)"),
    ("url", TextKind::Url, "an http or https URL"),
    (
        "image-name",
        TextKind::Image,
        "a name of lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
    ),
];

impl TextKind {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        KINDS.iter().find(|(name, _, _)| *name == word).map(|(_, kind, _)| *kind)
    }

    pub(crate) fn words() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(name, _, _)| *name)
    }

    pub(crate) fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("string", |(name, _, _)| name)
    }

    pub(crate) fn phrase(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("a string", |(_, _, phrase)| phrase)
    }

    /// What stands for a key of this kind in the reference.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Self::Path => "\"/PATH\"",
            _ => "NAME",
        }
    }

    pub(crate) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Line => !text.chars().any(char::is_control),
            Self::Word => is_word(text),
            Self::Path => is_path(text),
            Self::Source => !text.is_empty() && !text.chars().any(char::is_control),
            Self::Name => is_name(text),
            Self::Hostname => is_hostname(text),
            Self::Package => is_package_spec(text),
            Self::PlainPackage => is_package(text),
            Self::KernelRelease => is_release(text),
            Self::KernelPattern => is_release(&text.replace('*', "0")),
            Self::Unit => is_unit(text),
            Self::Mode => is_mode(text),
            Self::SshKey => is_ssh_key(text),
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::Cidr => is_cidr(text),
            Self::Mac => is_mac(text),
            Self::Image => is_image_name(text),
            Self::Url => is_word(text) && (text.starts_with("http://") || text.starts_with("https://")),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '\\'))
}

/// A pattern of paths, as dpkg's configuration holds it: one line.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.starts_with(['/', '*']) && !text.chars().any(char::is_control)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.chars().any(char::is_control) && !text.split('/').any(|part| part == "..")
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        && text.len() <= 31
}

/// os-release(5), `IMAGE_ID=`; it also becomes a file name.
fn is_image_name(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_hostname(text: &str) -> bool {
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 64 && text.split('.').all(label)
}

/// Debian policy 5.6.1.
fn is_package(text: &str) -> bool {
    text.len() >= 2
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'))
}

/// apt's words: a name, `=` and a version, or `/` and a suite.
fn is_package_spec(text: &str) -> bool {
    let part = |text: &str, more: &str| {
        text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    match text.find(['=', '/']) {
        None => is_package(text),
        Some(at) => {
            let (name, rest) = (&text[..at], &text[at + 1..]);
            let more = if text.as_bytes()[at] == b'=' { ".+-~:" } else { ".+-_" };
            is_package(name) && part(rest, more)
        }
    }
}

/// It names files and boot entries.
fn is_release(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_' | b'~'))
}

/// systemd.unit(5).
fn is_unit(text: &str) -> bool {
    const SUFFIXES: [&str; 11] = [
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'\\' | b'@');
    text.len() <= 255
        && text.bytes().all(allowed)
        && text.rsplit_once('.').is_some_and(|(name, suffix)| !name.is_empty() && SUFFIXES.contains(&suffix))
}

fn is_mode(text: &str) -> bool {
    (3..=5).contains(&text.len())
        && u32::from_str_radix(text, 8).is_ok_and(|mode| mode <= 0o7777)
        && text.bytes().all(|b| b.is_ascii_digit())
}

/// sshd(8), AUTHORIZED_KEYS FILE FORMAT: optional options, key type, base64 key, comment.
fn is_ssh_key(text: &str) -> bool {
    const TYPES: [&str; 7] = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    let base64 = |word: &str| {
        word.len() >= 40 && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    };
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    !text.chars().any(char::is_control)
        && words
            .windows(2)
            .any(|pair| TYPES.contains(&pair[0]) && pair[1].starts_with("AAAA") && base64(pair[1]))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    let Ok(prefix) = prefix.parse::<u8>() else { return false };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => prefix <= 32,
        Ok(IpAddr::V6(_)) => prefix <= 128,
        Err(_) => false,
    }
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: TextKind, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(kind.accepts(text), "{kind:?} refuses {text:?}");
        }
        for text in bad {
            assert!(!kind.accepts(text), "{kind:?} accepts {text:?}");
        }
    }

    #[test]
    fn each_kind_of_text_is_told_from_its_near_misses() {
        check(TextKind::Line, &["", "a b"], &["a\nb", "a\0"]);
        check(TextKind::Word, &["a;b"], &["", "a b", "a\"", "a\\"]);
        check(TextKind::Path, &["/", "/srv/www.d"], &["srv", "/a/../b", "/a\n", ""]);
        check(TextKind::Name, &["www-data", "_apt", "a"], &["", "Www", "1a", "a.b", &"a".repeat(32)]);
        check(
            TextKind::Hostname,
            &["web", "a-1.example.net"],
            &["", "-a", "a-", "a..b", "a_b", &"a".repeat(65)],
        );
        let names = ["nginx", "libstdc++6", "0ad"];
        check(TextKind::PlainPackage, &names, &["n", "Nginx", "+a", "a_b", "a b", "ab=1", "ab/sid"]);
        check(TextKind::Package, &names, &["n", "ab=", "ab/", "ab=1/sid", "ab/-x", "ab=a b", "a/b"]);
        check(TextKind::Package, &["nginx=1:1.26.3-3~bpo13+1", "nginx/trixie-backports"], &[]);
        check(TextKind::KernelRelease, &["6.12.1+deb13-amd64", "6.18.0+"], &["", "../x", "*", "a b"]);
        check(TextKind::KernelPattern, &["*", "6.12.*", "*-cloud-amd64"], &["", "a/*", ".."]);
        check(
            TextKind::Unit,
            &["nginx.service", "getty@tty1.service"],
            &["nginx", ".service", "a b.service"],
        );
        check(
            TextKind::Mode,
            &["0644", "755", "4755", "01777"],
            &["644 ", "0888", "77777", "", "+644", "u+x"],
        );
        let key = format!("ssh-ed25519 AAAA{} me@host", "C3Nz".repeat(16));
        let options = format!("restrict,command=\"ls -l\" {key}");
        check(TextKind::SshKey, &[&key, &options], &["", "ssh-ed25519", "ssh-ed25519 AAAA me", "AAAA"]);
        check(
            TextKind::Cidr,
            &["192.0.2.1/24", "2001:db8::1/64"],
            &["192.0.2.1", "192.0.2.1/33", "x/8", "::1/129"],
        );
        check(
            TextKind::Mac,
            &["52:54:00:12:34:56"],
            &["52-54-00-12-34-56", "52:54:00:12:34", "g2:54:00:12:34:56"],
        );
        check(TextKind::Url, &["http://127.0.0.1:8080"], &["ftp://x", "http://a b", "http"]);
    }

    #[test]
    fn every_kind_is_known_by_its_word() {
        for word in TextKind::words() {
            assert_eq!(TextKind::from_word(word).map(TextKind::word), Some(word));
        }
    }
}
