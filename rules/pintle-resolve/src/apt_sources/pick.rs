use super::AptSource;
use std::collections::BTreeMap;

/// Debian's suites, by name and by codename; a host of any of them points to the archive that serves all of them. Other
/// distributions and single vendors have other names.
const DEBIAN: [&str; 13] = [
    "stable",
    "testing",
    "unstable",
    "oldstable",
    "oldoldstable",
    "sid",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "experimental",
];

/// No source of the machine serves a suite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine's apt sources name no Debian {} for suite `{suite}`: set `source.mirror` in the definition to the URL \
     or folder of a mirror", if *.security { "security archive" } else { "archive" }
)]
pub struct NoMirror {
    /// The suite.
    pub suite: String,
    /// It is one of the security archive.
    pub security: bool,
}

/// For each wanted suite the base URI that serves it. Suites that end in `-security` come from where the machine has
/// its security updates from, all others from its main archive, whatever release it runs itself. Sources that name
/// exactly the wanted suite come first; backports last.
///
/// # Errors
/// [`NoMirror`] names the first suite that nothing serves.
pub fn pick_mirrors(sources: &[AptSource], wanted: &[&str]) -> Result<Vec<String>, NoMirror> {
    wanted.iter().map(|suite| pick(sources, suite)).collect()
}

fn pick(sources: &[AptSource], wanted: &str) -> Result<String, NoMirror> {
    let security = is_security(wanted);
    let mut best: Option<(u8, &str)> = None;
    let usable = sources.iter().filter(|s| s.enabled && s.components.iter().any(|c| c.ends_with("main")));
    for source in usable {
        let Some(uri) = source.uris.iter().find(|uri| is_served(uri)) else { continue };
        for suite in source.suites.iter().filter(|suite| is_debian(suite) && is_security(suite) == security) {
            let rank = match suite.as_str() {
                suite if suite == wanted => 0,
                suite if suite.contains("backports") => 2,
                _ => 1,
            };
            if best.is_none_or(|(other, _)| rank < other) {
                best = Some((rank, uri));
            }
        }
    }
    best.map(|(_, uri)| local_path(uri).trim_end_matches('/').to_owned())
        .ok_or_else(|| NoMirror { suite: wanted.to_owned(), security })
}

fn is_security(suite: &str) -> bool {
    suite.ends_with("-security") || suite.ends_with("/updates")
}

fn is_debian(suite: &str) -> bool {
    let base = suite.split(['-', '/']).next().unwrap_or_default();
    DEBIAN.contains(&base)
}

/// What we can fetch from; not `cdrom:`, `tor+http:`, `mirror:`, ….
fn is_served(uri: &str) -> bool {
    ["http://", "https://", "file:", "copy:", "/"].iter().any(|scheme| uri.starts_with(scheme))
}

/// `file:/srv/mirror` and `file:///srv/mirror` are folders.
fn local_path(uri: &str) -> &str {
    match uri.strip_prefix("file:").or_else(|| uri.strip_prefix("copy:")) {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None => uri,
    }
}

const MIRROR_FILE: &str = "mirror+file:";

/// Files that list mirrors (`mirror+file:/etc/apt/mirrors/debian.list`, apt-transport-mirror(1)): to be read for
/// [`expand_mirror_lists`].
#[must_use]
pub fn mirror_lists(sources: &[AptSource]) -> Vec<String> {
    let uris = sources.iter().filter(|source| source.enabled).flat_map(|source| &source.uris);
    let mut paths: Vec<String> = uris.filter_map(|uri| mirror_file(uri)).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn mirror_file(uri: &str) -> Option<&str> {
    let path = uri.strip_prefix(MIRROR_FILE)?;
    Some(path.strip_prefix("//").unwrap_or(path))
}

/// Puts the mirrors that such files list (`texts`: path to content) in the place of their names. A line is a URI,
/// optionally followed by a tab and metadata.
#[must_use]
pub fn expand_mirror_lists(sources: &[AptSource], texts: &BTreeMap<String, String>) -> Vec<AptSource> {
    let expand = |uri: &String| -> Vec<String> {
        match mirror_file(uri) {
            None => vec![uri.clone()],
            Some(path) => {
                let lines = texts.get(path).map(String::as_str).unwrap_or_default().lines();
                let uris = lines.map(|line| line.split(['\t', '#']).next().unwrap_or_default().trim());
                uris.filter(|uri| !uri.is_empty()).map(str::to_owned).collect()
            }
        }
    };
    let with_uris = |s: &AptSource| AptSource { uris: s.uris.iter().flat_map(expand).collect(), ..s.clone() };
    sources.iter().map(with_uris).collect()
}
