//! Short names of licences in Debian's machine-readable copyright files, as SPDX identifiers. Only where one name means
//! one licence: `MIT` and `Artistic` are several in Debian, and stay references.

/// Names (in lower case) that are no version of a GNU licence, and their identifiers.
/// copyright-format 1.0, "License specification"; <https://spdx.org/licenses/>.
const NAMES: [(&str, &str); 61] = [
    ("0bsd", "0BSD"),
    ("apache-1.0", "Apache-1.0"),
    ("apache-1.1", "Apache-1.1"),
    ("apache-2", "Apache-2.0"),
    ("apache-2.0", "Apache-2.0"),
    ("artistic-2", "Artistic-2.0"),
    ("artistic-2.0", "Artistic-2.0"),
    ("beerware", "Beerware"),
    ("blessing", "blessing"),
    ("bsd-1-clause", "BSD-1-Clause"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-4-clause", "BSD-4-Clause"),
    ("bsd-4-clause-uc", "BSD-4-Clause-UC"),
    ("bsl-1.0", "BSL-1.0"),
    ("bzip2-1.0.6", "bzip2-1.0.6"),
    ("cc-by-3.0", "CC-BY-3.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("cc-by-sa-3.0", "CC-BY-SA-3.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("cc0", "CC0-1.0"),
    ("cc0-1.0", "CC0-1.0"),
    ("cddl-1.0", "CDDL-1.0"),
    ("cddl-1.1", "CDDL-1.1"),
    ("cpl-1.0", "CPL-1.0"),
    ("curl", "curl"),
    ("epl-1.0", "EPL-1.0"),
    ("epl-2.0", "EPL-2.0"),
    ("eupl-1.1", "EUPL-1.1"),
    ("eupl-1.2", "EUPL-1.2"),
    ("expat", "MIT"),
    ("fsfap", "FSFAP"),
    ("fsful", "FSFUL"),
    ("fsfullr", "FSFULLR"),
    ("fsfullrwd", "FSFULLRWD"),
    ("ftl", "FTL"),
    ("hpnd", "HPND"),
    ("icu", "ICU"),
    ("ijg", "IJG"),
    ("isc", "ISC"),
    ("libpng", "Libpng"),
    ("mit-0", "MIT-0"),
    ("mit-cmu", "MIT-CMU"),
    ("mpl-1.0", "MPL-1.0"),
    ("mpl-1.1", "MPL-1.1"),
    ("mpl-2.0", "MPL-2.0"),
    ("ntp", "NTP"),
    ("ofl-1.1", "OFL-1.1"),
    ("openldap-2.8", "OLDAP-2.8"),
    ("openssl", "OpenSSL"),
    ("psf-2.0", "PSF-2.0"),
    ("sleepycat", "Sleepycat"),
    ("tcl", "TCL"),
    ("unicode-3.0", "Unicode-3.0"),
    ("unicode-dfs-2016", "Unicode-DFS-2016"),
    ("unlicense", "Unlicense"),
    ("wtfpl-2", "WTFPL"),
    ("x11", "X11"),
    ("zlib", "Zlib"),
    ("zope-2.1", "ZPL-2.1"),
    ("zpl-2.1", "ZPL-2.1"),
];

/// GNU licences: prefix in Debian, prefix in SPDX (with what stands behind the version), versions that exist.
const GNU: [(&str, &str, &str, &[&str]); 5] = [
    ("lgpl-", "LGPL-", "", &["2.0", "2.1", "3.0"]),
    ("agpl-", "AGPL-", "", &["1.0", "3.0"]),
    ("gpl-", "GPL-", "", &["1.0", "2.0", "3.0"]),
    ("gfdl-niv-", "GFDL-", "-no-invariants", &["1.1", "1.2", "1.3"]),
    ("gfdl-", "GFDL-", "", &["1.1", "1.2", "1.3"]),
];

/// Exceptions (in lower case, without the word "exception") that mean one thing.
const EXCEPTIONS: [(&str, &str); 7] = [
    ("autoconf-2.0", "Autoconf-exception-2.0"),
    ("autoconf-3.0", "Autoconf-exception-3.0"),
    ("bison-2.2", "Bison-exception-2.2"),
    ("classpath-2.0", "Classpath-exception-2.0"),
    ("gcc-runtime-library-3.1", "GCC-exception-3.1"),
    ("libtool", "Libtool-exception"),
    ("linux-syscall-note", "Linux-syscall-note"),
];

/// The SPDX identifier of a licence's short name.
pub(super) fn identifier(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Ok(at) = NAMES.binary_search_by(|(known, _)| (*known).cmp(lower.as_str())) {
        return Some(NAMES[at].1.to_owned());
    }
    let (prefix, spdx, tail, versions) = GNU.iter().find(|(prefix, ..)| lower.starts_with(prefix))?;
    let version = &lower[prefix.len()..];
    let (version, which) = if let Some(version) = version.strip_suffix('+') {
        (version, "-or-later")
    } else if let Some(version) = version.strip_suffix("-or-later") {
        (version, "-or-later")
    } else {
        (version.strip_suffix("-only").unwrap_or(version), "-only")
    };
    let version = if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
    versions.contains(&version.as_str()).then(|| format!("{spdx}{version}{tail}{which}"))
}

/// The SPDX identifier of an exception.
pub(super) fn exception(phrase: &str) -> Option<&'static str> {
    let lower = phrase.to_ascii_lowercase();
    let name = lower.strip_suffix("exception").unwrap_or(&lower).trim().trim_end_matches('-');
    EXCEPTIONS.iter().find(|(known, _)| *known == name).map(|(_, spdx)| *spdx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn names_that_are_sure_and_names_that_are_not() {
        for (name, expected) in [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-2", "GPL-2.0-only"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
            ("GPL-3.0-only", "GPL-3.0-only"),
            ("Expat", "MIT"),
            ("BSD-3-clause", "BSD-3-Clause"),
        ] {
            assert_eq!(identifier(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["MIT", "Artistic", "GPL", "GPL-7", "GPL-2.1", "public-domain", "BSD", ""] {
            assert_eq!(identifier(name), None, "{name}");
        }
        assert_eq!(exception("Libtool exception"), Some("Libtool-exception"));
        assert_eq!(exception("OpenSSL exception"), None);
    }
}
