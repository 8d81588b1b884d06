//! `s3://BUCKET/PREFIX?region=…&endpoint=…&profile=…&scheme=…`, as Nix writes the place of a bucket (Nix manual, "S3
//! Binary Cache Store").

use crate::fetch::mirror::escaped;
use std::fmt;
use std::str::FromStr;

/// A bucket, and a folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    bucket: String,
    /// Without slashes at its ends; may be empty.
    prefix: String,
    region: String,
    profile: Option<String>,
    /// `http` or `https`, and a host with its port: somebody else's server.
    endpoint: Option<(String, String)>,
    scheme: Option<String>,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `http` or `https`.
    pub scheme: String,
    /// The `Host` header: with the port, where one is said.
    pub host: String,
    /// The path, escaped as it is sent and signed.
    pub path: String,
}

/// Not the address of a bucket.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is no bucket: {why}. Write s3://BUCKET/FOLDER?region=REGION, with `&endpoint=HOST` for a server that is not Amazon's"
)]
pub struct BadAddress {
    /// As written.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

/// Where Amazon's buckets are unless something else is said; Nix's default too.
const REGION: &str = "us-east-1";

/// S3 User Guide, "Bucket naming rules": 3 to 63 of these, a letter or digit at both ends.
fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = name.as_bytes();
    (3..=63).contains(&name.len())
        && ends.iter().all(|byte| plain(*byte) || b".-".contains(byte))
        && [ends.first(), ends.last()].iter().all(|end| end.is_some_and(|byte| plain(*byte)))
}

fn is_host(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(good)
}

fn is_word(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
}

impl Address {
    /// Whether `text` is meant as one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("s3:")
    }

    /// The profile whose keys to use, where the address names one.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The region to sign for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where the object `name` of the folder is. Servers other than Amazon's are asked by path
    /// (`https://HOST/BUCKET/NAME`), as Nix does; Amazon's by host, unless a dot in the bucket's name would not fit its
    /// certificate.
    #[must_use]
    pub fn url(&self, name: &str) -> Url {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        let key = escaped(&format!("{}{slash}{name}", self.prefix));
        let scheme = |other: &str| self.scheme.clone().unwrap_or_else(|| other.to_owned());
        let by_path =
            |scheme: String, host: String| Url { scheme, host, path: format!("/{}/{key}", self.bucket) };
        if let Some((own, host)) = &self.endpoint {
            return by_path(scheme(own), host.clone());
        }
        let end = if self.region.starts_with("cn-") { ".cn" } else { "" };
        let host = format!("s3.{}.amazonaws.com{end}", self.region);
        if self.bucket.contains('.') {
            return by_path(scheme("https"), host);
        }
        Url { scheme: scheme("https"), host: format!("{}.{host}", self.bucket), path: format!("/{key}") }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |why: String| {
            let text = text.chars().take(200).flat_map(char::escape_default).collect();
            BadAddress { text, why }
        };
        let rest =
            text.strip_prefix("s3://").ok_or_else(|| bad("it does not begin with s3://".to_owned()))?;
        let (place, settings) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if !is_bucket(bucket) {
            return Err(bad("its bucket is not 3 to 63 small letters, digits, dots and hyphens".to_owned()));
        }
        let prefix = prefix.trim_end_matches('/');
        let climbs = |name: &str| matches!(name, "" | "." | "..");
        let plain = prefix.bytes().all(|byte| byte.is_ascii_graphic() && !b"#%\\".contains(&byte));
        if !plain || prefix.len() > 500 || (!prefix.is_empty() && prefix.split('/').any(climbs)) {
            return Err(bad("its folder has a blank, `#`, `%`, `\\`, `//`, `.` or `..` in it".to_owned()));
        }
        let mut address = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            region: REGION.to_owned(),
            profile: None,
            endpoint: None,
            scheme: None,
        };
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            address.set(setting).map_err(bad)?;
        }
        Ok(address)
    }
}

impl Address {
    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        match key {
            "region" if is_word(value) => self.region = value.to_owned(),
            "profile" if is_word(value) => self.profile = Some(value.to_owned()),
            "scheme" if matches!(value, "http" | "https") => self.scheme = Some(value.to_owned()),
            "endpoint" => {
                let (scheme, host) = value.split_once("://").unwrap_or(("https", value));
                let host = host.trim_end_matches('/');
                if !matches!(scheme, "http" | "https") || !is_host(host) {
                    return Err("its `endpoint` is no host".to_owned());
                }
                self.endpoint = Some((scheme.to_owned(), host.to_owned()));
            }
            "region" | "profile" | "scheme" => return Err(format!("its `{key}` is none")),
            // Nix has more settings in the address of a cache (`compression`, `secret-key`); here they are options.
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(format!(
                    "`{other}` is not understood (known: region, endpoint, profile, scheme)"
                ));
            }
        }
        Ok(())
    }
}

/// Only the place: what people are told.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str, name: &str) -> String {
        text.parse::<Address>().unwrap().url(name).to_string()
    }

    #[test]
    fn buckets_are_found_where_nix_finds_them() {
        assert_eq!(url("s3://cache", "a"), "https://cache.s3.us-east-1.amazonaws.com/a");
        assert_eq!(
            url("s3://cache/x/y/?region=eu-west-3", "nar/a+b"),
            "https://cache.s3.eu-west-3.amazonaws.com/x/y/nar/a%2Bb"
        );
        assert_eq!(
            url("s3://a.b.c?region=cn-north-1", "x"),
            "https://s3.cn-north-1.amazonaws.com.cn/a.b.c/x"
        );
        assert_eq!(url("s3://cache?endpoint=s.example.org", "x"), "https://s.example.org/cache/x");
        assert_eq!(
            url("s3://cache?endpoint=localhost:9000&scheme=http", "x"),
            "http://localhost:9000/cache/x"
        );
        assert_eq!(url("s3://cache/p?endpoint=http://[::1]:9000/", "x"), "http://[::1]:9000/cache/p/x");
        let address: Address = "s3://cache/p?profile=ci&region=eu-north-1".parse().unwrap();
        assert_eq!((address.profile(), address.region()), (Some("ci"), "eu-north-1"));
        assert_eq!(address.to_string(), "s3://cache/p");
    }

    #[test]
    fn what_is_no_bucket_is_told_why() {
        let bad = |text: &str| text.parse::<Address>().unwrap_err().why;
        let bucket = "its bucket is not 3 to 63 small letters, digits, dots and hyphens";
        for text in [
            "s3://",
            "s3://ab",
            "s3://Cache",
            "s3://-cache",
            "s3://a b c",
            "s3://cache%2f..",
            "s3://user:pw@cache",
        ] {
            assert_eq!(bad(text), bucket, "{text}");
        }
        for text in ["s3://cache/a/../b", "s3://cache//a", "s3://cache/a b", "s3://cache/%2e"] {
            assert!(bad(text).starts_with("its folder"), "{text}");
        }
        insta::assert_snapshot!("s3://cache?secret-key=/k".parse::<Address>().unwrap_err(), @"`s3://cache?secret-key=/k` is no bucket: `secret-key` is not understood (known: region, endpoint, profile, scheme). Write s3://BUCKET/FOLDER?region=REGION, with `&endpoint=HOST` for a server that is not Amazon's");
        insta::assert_snapshot!("s3://cache?endpoint=ftp://x".parse::<Address>().unwrap_err(), @"`s3://cache?endpoint=ftp://x` is no bucket: its `endpoint` is no host. Write s3://BUCKET/FOLDER?region=REGION, with `&endpoint=HOST` for a server that is not Amazon's");
        insta::assert_snapshot!("s3://cache?region=".parse::<Address>().unwrap_err(), @"`s3://cache?region=` is no bucket: its `region` is none. Write s3://BUCKET/FOLDER?region=REGION, with `&endpoint=HOST` for a server that is not Amazon's");
        insta::assert_snapshot!("s3:cache".parse::<Address>().unwrap_err(), @"`s3:cache` is no bucket: it does not begin with s3://. Write s3://BUCKET/FOLDER?region=REGION, with `&endpoint=HOST` for a server that is not Amazon's");
    }
}
