//! Who asks: a key's name and its secret, from the environment or from a file of profiles (AWS CLI, "Configuration and
//! credential file settings").

use pintle_model::Limit;
use std::fmt;
use zeroize::Zeroizing;

/// What reading a file of profiles accepts: hundreds of profiles have some 50 KiB.
pub const PROFILES_SIZE: Limit = Limit::new(1 << 20, "bytes in a file of profiles");

/// A key, its secret and, for keys that end, a token. The secrets are in no message, and overwritten when they go.
#[derive(Clone)]
pub struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

/// Why there are none.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadCredentials {
    /// Over the limit.
    #[error("it has more than {} {}", PROFILES_SIZE.max, PROFILES_SIZE.what)]
    Size,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Text,
    /// No such section.
    #[error("it has no profile `{0}`")]
    NoProfile(String),
    /// A section without a key.
    #[error("its profile `{profile}` has no `{key}`")]
    Missing {
        /// The profile.
        profile: String,
        /// What it lacks.
        key: &'static str,
    },
    /// Something that no request can carry.
    #[error("the {0} is empty, or has blanks or control characters in it")]
    Characters(&'static str),
}

impl Credentials {
    /// A key called `id`.
    ///
    /// # Errors
    /// [`BadCredentials::Characters`], without the value.
    pub fn new(id: &str, secret: &str, token: Option<&str>) -> Result<Self, BadCredentials> {
        for (what, text) in [("key", Some(id)), ("secret", Some(secret)), ("token", token)] {
            let good = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !text.is_none_or(good) {
                return Err(BadCredentials::Characters(what));
            }
        }
        let keep = |text: &str| Zeroizing::new(text.to_owned());
        Ok(Self { id: id.to_owned(), secret: keep(secret), token: token.map(keep) })
    }

    /// Its name, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// The token to send beside a signature.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.as_str())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.id)
    }
}

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKEN: &str = "aws_session_token";

/// The keys of profile `name` in a file of sections: `[name]`, then lines of `key = value`. Comments begin with `#` or
/// `;`; keys that are not understood are passed over, a profile that is there twice adds to the first.
///
/// # Errors
/// [`BadCredentials`].
pub fn profile(bytes: &[u8], name: &str) -> Result<Credentials, BadCredentials> {
    if !PROFILES_SIZE.allows(bytes.len() as u64) {
        return Err(BadCredentials::Size);
    }
    let text = str::from_utf8(bytes).map_err(|_| BadCredentials::Text)?;
    let (mut inside, mut there) = (false, false);
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            inside = section.0.trim() == name;
            there |= inside;
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((key, value)) = line.split_once('=')
        {
            match key.trim() {
                ID => id = Some(value.trim()),
                SECRET => secret = Some(value.trim()),
                TOKEN => token = Some(value.trim()),
                _ => {}
            }
        }
    }
    if !there {
        return Err(BadCredentials::NoProfile(name.to_owned()));
    }
    let missing = |key| BadCredentials::Missing { profile: name.to_owned(), key };
    Credentials::new(id.ok_or_else(|| missing(ID))?, secret.ok_or_else(|| missing(SECRET))?, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[default]\naws_access_key_id = AKIDEFAULT\naws_secret_access_key=abc/d+e=f\nregion = x\n\n\
        [ci]\n; of the build\naws_access_key_id=AKICI\n  aws_secret_access_key =  s3cret  \naws_session_token = tok\n[half]\naws_access_key_id=x\n";

    #[test]
    fn profiles_are_told_apart_and_secrets_shown_to_nobody() {
        let default = profile(FILE.as_bytes(), "default").unwrap();
        assert_eq!((default.id(), default.secret(), default.token()), ("AKIDEFAULT", "abc/d+e=f", None));
        let ci = profile(FILE.as_bytes(), "ci").unwrap();
        assert_eq!((ci.id(), ci.secret(), ci.token()), ("AKICI", "s3cret", Some("tok")));
        assert_eq!(format!("{ci:?}"), "Credentials(AKICI)");
        let bad = |text: &[u8], name| profile(text, name).unwrap_err().to_string();
        insta::assert_snapshot!(bad(FILE.as_bytes(), "nobody"), @"it has no profile `nobody`");
        insta::assert_snapshot!(bad(FILE.as_bytes(), "half"), @"its profile `half` has no `aws_secret_access_key`");
        insta::assert_snapshot!(bad(b"[a]\naws_access_key_id=x\naws_secret_access_key=s p\n", "a"), @"the secret is empty, or has blanks or control characters in it");
        insta::assert_snapshot!(bad(b"[a]\n\xff", "a"), @"it is not UTF-8");
    }
}
