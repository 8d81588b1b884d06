//! Signature Version 4 (IAM User Guide, "Signature Version 4 for API requests"; S3 API Reference, "Authenticating
//! Requests: Using the Authorization Header"): a request carries a MAC of itself, of the day and of where it goes.

use super::{Credentials, Url};
use crate::fetch::mirror::escaped;
use hmac::{Hmac, Mac as _};
use pintle_model::{Digest, rfc3339};
use sha2::Sha256;
use std::collections::BTreeMap;

/// What a request sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    Empty,
    /// Bytes with this digest: whoever takes them compares it.
    Sha256(Digest),
}

/// A request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// Names and values after the `?`, not escaped.
    pub query: &'a [(&'a str, &'a str)],
    /// Further headers that the signature is to cover, by names in small letters.
    pub headers: &'a [(&'a str, &'a str)],
    /// What it sends.
    pub payload: Payload,
    /// The region that is asked.
    pub region: &'a str,
    /// Seconds since 1970; servers refuse what is 15 minutes off.
    pub time: i64,
}

const SERVICE: &str = "s3";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn escaped_all(text: &str) -> String {
    escaped(text).replace('/', "%2F")
}

/// The query as it is signed and must be sent: names and values escaped, in order of names.
fn canonical_query(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> =
        query.iter().map(|(name, value)| (escaped_all(name), escaped_all(value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The headers to send with the request, the signature among them.
#[must_use]
pub fn authorization(request: &Signing<'_>, who: &Credentials) -> Vec<(&'static str, String)> {
    // `2015-08-30T12:36:00Z` without what is between the digits.
    let stamp = rfc3339(request.time).replace(['-', ':'], "");
    let day = stamp.split('T').next().unwrap_or_default();
    let payload = match request.payload {
        Payload::Empty => Digest::of(b""),
        Payload::Sha256(digest) => digest,
    }
    .hex();
    let mut sent = vec![("x-amz-content-sha256", payload.clone()), ("x-amz-date", stamp.clone())];
    sent.extend(who.token().map(|token| ("x-amz-security-token", token.to_owned())));

    let mut headers: BTreeMap<&str, &str> = request.headers.iter().copied().collect();
    headers.insert("host", &request.url.host);
    headers.extend(sent.iter().map(|(name, value)| (*name, value.as_str())));
    let lines = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim()));
    let (lines, names) = (lines.collect::<String>(), headers.keys().copied().collect::<Vec<_>>().join(";"));
    let (method, path, query) = (request.method, &request.url.path, canonical_query(request.query));
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");

    let scope = format!("{day}/{}/{SERVICE}/aws4_request", request.region);
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", Digest::of(canonical.as_bytes()).hex());
    let secret = zeroize::Zeroizing::new(format!("AWS4{}", who.secret()));
    let key = [request.region, SERVICE, "aws4_request"]
        .iter()
        .fold(hmac(secret.as_bytes(), day), |key, text| hmac(&key, text));
    let signature: String = hmac(&key, &to_sign).iter().map(|byte| format!("{byte:02x}")).collect();
    let id = who.id();
    let line = format!("{ALGORITHM} Credential={id}/{scope},SignedHeaders={names},Signature={signature}");
    sent.push(("authorization", line));
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the S3 API Reference, "Authenticating Requests: Using the Authorization Header".
    fn example(
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> String {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let who = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None).unwrap();
        let url = Url {
            scheme: "https".to_owned(),
            host: "examplebucket.s3.amazonaws.com".to_owned(),
            path: path.to_owned(),
        };
        let payload = if body.is_empty() { Payload::Empty } else { Payload::Sha256(Digest::of(body)) };
        // Fri, 24 May 2013 00:00:00 GMT
        let request =
            Signing { method, url: &url, query, headers, payload, region: "us-east-1", time: 1_369_353_600 };
        let headers = authorization(&request, &who);
        let line = &headers.iter().find(|(name, _)| *name == "authorization").unwrap().1;
        assert!(!line.contains(secret));
        line.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn the_published_examples_are_signed_as_published() {
        assert_eq!(
            example("GET", "/test.txt", &[], &[("range", "bytes=0-9")], b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let headers =
            [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        assert_eq!(
            example("PUT", &escaped("/test$file.text"), &[], &headers, b"Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            example("GET", "/", &[("lifecycle", "")], &[], b""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            example("GET", "/", &[("prefix", "J"), ("max-keys", "2")], &[], b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn a_token_is_sent_and_signed() {
        let who = Credentials::new("AKI", "secret", Some("tok")).unwrap();
        let url = Url { scheme: "http".to_owned(), host: "h:9000".to_owned(), path: "/b/k".to_owned() };
        let request = Signing {
            method: "PUT",
            url: &url,
            query: &[],
            headers: &[],
            payload: Payload::Empty,
            region: "r",
            time: 0,
        };
        let headers = authorization(&request, &who);
        assert!(headers.contains(&("x-amz-security-token", "tok".to_owned())));
        let line = &headers.last().unwrap().1;
        assert!(
            line.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token"),
            "{line}"
        );
    }
}
