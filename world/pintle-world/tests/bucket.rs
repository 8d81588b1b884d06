//! Buckets whose servers are busy, cut connections, hang, or are elsewhere.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use pintle_model::Digest;
use pintle_world::bucket::{Body, Bucket, BucketError, Credentials};
use pintle_world::fetch::Settings;
use pintle_world::{Cache, Fetcher};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server does with a connection.
#[derive(Clone, Copy)]
enum Act {
    /// Answers so.
    Say(&'static str),
    /// Closes it in the middle of the body.
    Cut,
    /// Takes everything, and says nothing.
    Hang,
}

/// A server that does `acts` in turn, the last one for ever; heads and bodies of the requests come out.
fn server(acts: &[Act]) -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("s3://cache?endpoint=http://{}&region=eu-west-1", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    let acts = acts.to_vec();
    std::thread::spawn(move || {
        let open = Mutex::new(Vec::new());
        for (number, stream) in listener.incoming().enumerate() {
            let act = acts[number.min(acts.len() - 1)];
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let len = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; len.unwrap_or(0)];
            if let Act::Cut = act {
                let half = body.len() / 2;
                drop(stream.read_exact(&mut body[..half]));
                continue;
            }
            stream.read_exact(&mut body).unwrap();
            sender.send((head, body)).ok();
            match act {
                Act::Say(answer) => {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                _ => open.lock().unwrap().push(stream),
            }
        }
    });
    (place, receiver)
}

const GOOD: Act = Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
const BUSY: Act = Act::Say(
    "HTTP/1.1 503 Slow Down\r\nContent-Length: 56\r\nConnection: close\r\n\r\n\
     <Error><Code>SlowDown</Code><Message>X</Message></Error>",
);
const ELSEWHERE: Act = Act::Say(
    "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nx-amz-bucket-region: eu-north-1\r\n\
     Content-Length: 0\r\nConnection: close\r\n\r\n",
);
const MISSING: Act = Act::Say(
    "HTTP/1.1 404 Not Found\r\nContent-Length: 43\r\nConnection: close\r\n\r\n\
     <Error><Code>NoSuchKey</Code></Error>      ",
);
const DENIED: Act = Act::Say(
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 40\r\nConnection: close\r\n\r\n\
     <Error><Code>AccessDenied</Code></Error>",
);

fn bucket(place: &str) -> (Bucket, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path().join("cache")).unwrap();
    let settings = Settings {
        stall: Duration::from_millis(300),
        pause: Duration::from_millis(10),
        ..Settings::default()
    };
    let fetcher = Fetcher::new(&cache, settings, Arc::new(AtomicBool::new(false))).unwrap();
    let keys = Credentials::new("AKI", "secret", None).unwrap();
    (Bucket::open(place.parse().unwrap(), keys, &fetcher).unwrap(), dir)
}

#[test]
fn what_passes_is_tried_again_with_the_whole_body() {
    let (place, requests) = server(&[BUSY, Act::Cut, BUSY, GOOD]);
    let (bucket, dir) = bucket(&place);
    let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let path = dir.path().join("body");
    std::fs::write(&path, &bytes).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    bucket.put("nar/x", "application/x-nix-nar", Body::File(&file), Digest::of(&bytes)).unwrap();
    let taken: Vec<_> = requests.try_iter().collect();
    assert_eq!(taken.len(), 3);
    for (head, body) in taken {
        assert!(body == bytes);
        assert!(head.starts_with("put /cache/nar/x http/1.1"), "{head}");
        assert!(head.contains(&format!("x-amz-content-sha256: {}", Digest::of(&bytes))), "{head}");
        assert!(
            head.contains("content-type: application/x-nix-nar")
                && head.contains("authorization: aws4-hmac-sha256")
        );
        assert!(!head.contains("transfer-encoding") && !head.contains("secret"), "{head}");
    }
}

#[test]
fn patience_ends() {
    let (place, requests) = server(&[BUSY]);
    let error = bucket(&place).0.put("x", "text/plain", Body::Bytes(b"a"), Digest::of(b"a")).unwrap_err();
    insta::assert_snapshot!(error, @"s3://cache/x was refused with HTTP status 503 (SlowDown: X); try later");
    assert_eq!(requests.try_iter().count(), 4);

    let (place, _requests) = server(&[Act::Hang]);
    let start = Instant::now();
    let error = bucket(&place).0.read("x", 10).unwrap_err();
    insta::assert_snapshot!(error, @"s3://cache/x: no byte for 300ms; what was written stays: run the command again");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_signature_goes_nowhere_else() {
    let (place, requests) = server(&[ELSEWHERE]);
    let error = bucket(&place).0.read("x", 10).unwrap_err();
    insta::assert_snapshot!(error, @"s3://cache is in the region eu-north-1; write `?region=eu-north-1` behind it");
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn what_is_missing_is_no_error_even_where_only_the_owner_is_told_so() {
    for act in [MISSING, DENIED] {
        let (place, _requests) = server(&[act]);
        assert_eq!(bucket(&place).0.read("x", 10).unwrap(), None);
    }
    let (place, _requests) = server(&[DENIED]);
    let error = bucket(&place).0.put("x", "text/plain", Body::Bytes(b"a"), Digest::of(b"a")).unwrap_err();
    assert!(matches!(error, BucketError::Refused { status: 403, .. }), "{error}");
}

#[test]
fn an_answer_that_never_ends_is_no_answer() {
    let (place, _requests) =
        server(&[Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world")]);
    let (bucket, _dir) = bucket(&place);
    assert_eq!(bucket.read("x", 11).unwrap().unwrap(), b"hello world");
    insta::assert_snapshot!(bucket.read("x", 10).unwrap_err(), @"s3://cache/x has more than 10 bytes, which is more than there may be; publish to a folder, and copy it with the provider's tools");
}
