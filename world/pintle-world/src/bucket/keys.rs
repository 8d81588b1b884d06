//! Who asks: the environment, or a file of profiles, as Amazon's own tools look for it.

use super::{Address, BadCredentials, Credentials, profile};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// There are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Nowhere.
    #[error(
        "no keys for {0}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write a profile into ~/.aws/credentials"
    )]
    Nowhere(String),
    /// In the environment, and not good.
    #[error("the keys in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN cannot be used")]
    Environment(#[source] BadCredentials),
    /// In the file, and not good.
    #[error("{} gives no keys", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BadCredentials,
    },
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The keys for `address`: those of its profile; else those of the environment; else those of the profile
/// `$AWS_PROFILE`, or `default`. Profiles are in `$AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`. `variable`
/// reads the environment ([`std::env::var_os`]).
///
/// # Errors
/// [`KeysError`].
pub fn keys(
    address: &Address,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Credentials, KeysError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
    if address.profile().is_none()
        && let (Some(id), Some(secret)) = (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY"))
    {
        let token = text("AWS_SESSION_TOKEN");
        return Credentials::new(&id, &secret, token.as_deref()).map_err(KeysError::Environment);
    }
    let named = address.profile().map(str::to_owned).or_else(|| text("AWS_PROFILE"));
    let nowhere = || KeysError::Nowhere(address.to_string());
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
    let path = set("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from).or_else(home).ok_or_else(nowhere)?;
    let bytes = crate::files::read(&path)
        .map_err(|source| KeysError::Read { path: path.clone(), source })?
        .ok_or_else(nowhere)?;
    profile(&bytes, named.as_deref().unwrap_or("default"))
        .map_err(|source| KeysError::File { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_looked_for_where_amazons_tools_do() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".aws")).unwrap();
        let file = dir.path().join(".aws/credentials");
        let text = ["default", "ci"]
            .map(|name| format!("[{name}]\naws_access_key_id = FILE-{name}\naws_secret_access_key = x\n"));
        std::fs::write(&file, text.concat()).unwrap();
        let find = |address: &str, set: &[(&str, &str)]| {
            let home = dir.path().to_owned();
            keys(&address.parse().unwrap(), |name| {
                let found = set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
                found.or_else(|| (name == "HOME").then(|| home.clone().into_os_string()))
            })
            .map(|keys| keys.id().to_owned())
            .map_err(|error| error.to_string().replace(&dir.path().display().to_string(), "HOME"))
        };
        let both = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "y")];
        assert_eq!(find("s3://cache", &both).unwrap(), "ENV");
        assert_eq!(find("s3://cache?profile=ci", &both).unwrap(), "FILE-ci");
        assert_eq!(find("s3://cache", &[]).unwrap(), "FILE-default");
        assert_eq!(find("s3://cache", &[("AWS_PROFILE", "ci")]).unwrap(), "FILE-ci");
        insta::assert_snapshot!(find("s3://cache?profile=no", &[]).unwrap_err(), @"HOME/.aws/credentials gives no keys");
        insta::assert_snapshot!(find("s3://cache", &[("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")]).unwrap_err(), @"no keys for s3://cache: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write a profile into ~/.aws/credentials");
        let bad = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "y\nz")];
        insta::assert_snapshot!(find("s3://cache", &bad).unwrap_err(), @"the keys in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN cannot be used");
    }
}
