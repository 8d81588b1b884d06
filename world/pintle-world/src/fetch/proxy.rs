/// Which proxy to use for what, as the usual environment variables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For `http://` URLs.
    pub http: Option<String>,
    /// For `https://` URLs.
    pub https: Option<String>,
    /// Hosts reached directly: `host`, `.domain`, `domain` (with everything below it), `*`.
    pub direct: Vec<String>,
}

impl ProxySettings {
    /// Reads `http_proxy` (lower case only, as curl does: `HTTP_PROXY` can be set by a request in CGI),
    /// `https_proxy`, `all_proxy` and `no_proxy` through `variable` ([`std::env::var`]).
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |names: &[&str]| names.iter().find_map(|n| variable(n).filter(|v| !v.trim().is_empty()));
        let all = get(&["all_proxy", "ALL_PROXY"]);
        let direct = get(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        Self {
            http: get(&["http_proxy"]).or_else(|| all.clone()),
            https: get(&["https_proxy", "HTTPS_PROXY"]).or(all),
            direct: direct.split([',', ' ']).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// True when `url`'s host is to be reached without a proxy.
    pub(super) fn is_direct(&self, url: &str) -> bool {
        let host = host_of(url).to_ascii_lowercase();
        self.direct.iter().any(|entry| {
            let entry = entry.to_ascii_lowercase();
            let entry = entry.strip_prefix("*.").unwrap_or(&entry).trim_start_matches('.');
            let below = host.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            entry == "*" || (!entry.is_empty() && below)
        })
    }
}

/// The host of a URL, without port, user and brackets.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_as_curl_does() {
        let read = |set: &[(&str, &str)]| {
            ProxySettings::from_environment(|name| {
                set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[("HTTP_PROXY", "http://evil")]).http, None);
        let all = read(&[("all_proxy", "http://p:1"), ("http_proxy", "http://q:2"), ("no_proxy", "a, .b")]);
        assert_eq!((all.http.as_deref(), all.https.as_deref()), (Some("http://q:2"), Some("http://p:1")));
        assert_eq!(all.direct, ["a", ".b"]);
    }

    #[test]
    fn direct_hosts_match_whole_labels() {
        let direct = |entries: &[&str], url| {
            let direct = entries.iter().map(|&e| e.to_owned()).collect();
            ProxySettings { direct, ..ProxySettings::default() }.is_direct(url)
        };
        assert!(direct(&["m.test"], "http://m.test:8080/x"));
        assert!(direct(&["m.test"], "http://deb.M.test/x"));
        assert!(direct(&[".test"], "http://u:p@deb.m.test/x") && direct(&["*.test"], "http://m.test"));
        assert!(!direct(&["m.test"], "http://evilm.test/") && !direct(&[""], "http://m.test/"));
        assert!(direct(&["*"], "http://m.test") && direct(&["::1"], "http://[::1]:80/"));
    }
}
