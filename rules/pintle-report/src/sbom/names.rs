//! Names that bills of materials give to packages.

/// Percent-encoding of package URLs (purl-spec, "Character encoding"): everything but letters, digits and `.-_~`.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// What a package URL names.
pub(crate) struct Purl<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// `amd64`, `all`, `source`.
    pub(crate) arch: &'a str,
    /// The base suite.
    pub(crate) distro: &'a str,
    /// Name and version of the source package, for scanners that know vulnerabilities by it.
    pub(crate) source: Option<(&'a str, &'a str)>,
}

impl Purl<'_> {
    /// `pkg:deb/debian/NAME@VERSION?arch=…&distro=…` (purl-spec, type `deb`); qualifiers in alphabetical order.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "pkg:deb/debian/{}@{}?arch={}&distro={}",
            encode(self.name),
            encode(self.version),
            encode(self.arch),
            encode(self.distro)
        );
        if let Some((name, version)) =
            self.source.filter(|(name, version)| (*name, *version) != (self.name, self.version))
        {
            text += &format!("&upstream={}", encode(&format!("{name}@{version}")));
        }
        text
    }
}

/// Name and address of `Name <address>`.
pub(crate) fn person(text: &str) -> (&str, Option<&str>) {
    match text.split_once('<') {
        Some((name, rest)) => (name.trim().trim_matches('"'), Some(rest.trim_end_matches('>').trim())),
        None => (text.trim(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_encoded() {
        let purl = Purl {
            name: "libstdc++6",
            version: "1:14.2.0-19~x+b1",
            arch: "amd64",
            distro: "trixie",
            source: Some(("gcc-14", "14.2.0-19")),
        };
        assert_eq!(
            purl.text(),
            "pkg:deb/debian/libstdc%2B%2B6@1%3A14.2.0-19~x%2Bb1?arch=amd64&distro=trixie&upstream=gcc-14%4014.2.0-19"
        );
        assert_eq!(person("A Team <a@b>"), ("A Team", Some("a@b")));
        assert_eq!(person("A"), ("A", None));
    }
}
