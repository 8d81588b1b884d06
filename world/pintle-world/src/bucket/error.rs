use super::Refusal;
use std::io;
use std::time::Duration;

/// A bucket did not do what it was asked. Every text says which object, and ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// A refusal.
    #[error("{name} was refused with HTTP status {status} ({refusal}); {}", advice(*.status, .refusal))]
    Refused {
        /// The object.
        name: String,
        /// The status.
        status: u16,
        /// What the server says.
        refusal: Refusal,
    },
    /// Another region has it.
    #[error("{bucket} is in the region {region}; write `?region={region}` behind it")]
    Elsewhere {
        /// The bucket.
        bucket: String,
        /// Its region.
        region: String,
    },
    /// The time of day is part of a signature.
    #[error(
        "{bucket} refuses requests of another time; this machine's clock is wrong: set it, and run the command again"
    )]
    Clock {
        /// The bucket.
        bucket: String,
    },
    /// Too long.
    #[error(
        "{name} has more than {max} bytes, which is more than there may be; publish to a folder, and copy it with the provider's tools"
    )]
    TooLarge {
        /// The object.
        name: String,
        /// The limit.
        max: u64,
    },
    /// Nothing came for too long.
    #[error("{name}: no byte for {waited:?}; what was written stays: run the command again")]
    Stalled {
        /// The object.
        name: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Connection refused, reset, cut half-way, host not found, TLS.
    #[error(
        "{name}: the connection failed {attempts} times; what was written stays: check the address, and run the command again"
    )]
    Network {
        /// The object.
        name: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        #[source]
        source: io::Error,
    },
    /// What was to be sent cannot be read.
    #[error("cannot read what is to be sent")]
    Spool(#[source] io::Error),
    /// The user wants to stop.
    #[error("stopped; what was written stays, and the next run continues")]
    Cancelled,
}

fn advice(status: u16, refusal: &Refusal) -> &'static str {
    match (status, refusal.code.as_deref()) {
        (_, Some("NoSuchBucket")) => "make the bucket first",
        (_, Some("SignatureDoesNotMatch" | "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken")) => {
            "check the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or ~/.aws/credentials)"
        }
        (401 | 403, _) => "the key needs the rights s3:GetObject and s3:PutObject on it",
        (408 | 425 | 429 | 500..=599, _) => "try later",
        _ => "check the address of the bucket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let name = || "s3://cache/a.narinfo".to_owned();
        let refused = |status, code: &str| BucketError::Refused {
            name: name(),
            status,
            refusal: Refusal { code: Some(code.to_owned()), ..Refusal::default() },
        };
        insta::assert_snapshot!(refused(404, "NoSuchBucket"), @"s3://cache/a.narinfo was refused with HTTP status 404 (NoSuchBucket); make the bucket first");
        insta::assert_snapshot!(refused(403, "AccessDenied"), @"s3://cache/a.narinfo was refused with HTTP status 403 (AccessDenied); the key needs the rights s3:GetObject and s3:PutObject on it");
        insta::assert_snapshot!(refused(403, "SignatureDoesNotMatch"), @"s3://cache/a.narinfo was refused with HTTP status 403 (SignatureDoesNotMatch); check the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or ~/.aws/credentials)");
        insta::assert_snapshot!(refused(503, "SlowDown"), @"s3://cache/a.narinfo was refused with HTTP status 503 (SlowDown); try later");
        insta::assert_snapshot!(BucketError::Elsewhere { bucket: "s3://cache".to_owned(), region: "eu-west-1".to_owned() }, @"s3://cache is in the region eu-west-1; write `?region=eu-west-1` behind it");
        insta::assert_snapshot!(BucketError::Clock { bucket: "s3://cache".to_owned() }, @"s3://cache refuses requests of another time; this machine's clock is wrong: set it, and run the command again");
        insta::assert_snapshot!(BucketError::TooLarge { name: name(), max: super::super::OBJECT_MAX }, @"s3://cache/a.narinfo has more than 5368709120 bytes, which is more than there may be; publish to a folder, and copy it with the provider's tools");
        insta::assert_snapshot!(BucketError::Stalled { name: name(), waited: Duration::from_secs(30) }, @"s3://cache/a.narinfo: no byte for 30s; what was written stays: run the command again");
        let source = io::ErrorKind::ConnectionRefused.into();
        insta::assert_snapshot!(BucketError::Network { name: name(), attempts: 4, source }, @"s3://cache/a.narinfo: the connection failed 4 times; what was written stays: check the address, and run the command again");
    }
}
