//! A cache in a bucket, before a server that checks every signature with Amazon's own library (moto with botocore).

use crate::common::{finish, pintle, succeed};
use crate::publish::{NixStore, key};
use crate::toy::{Toy, base, noise};
use pintle_testkit::nix::{Fixture, fixture};
use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Python with the server, installed once into a folder of the tests.
fn server_programs() -> &'static Path {
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bucket-server-1");
        let done = folder.join("ready");
        if !done.exists() {
            drop(fs::remove_dir_all(&folder));
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
            succeed(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "moto[server]==5.2.5"]));
            fs::write(&done, "").unwrap();
        }
        folder.join("bin")
    })
}

/// Makes the bucket `cache` in eu-west-1, which everybody may read, and a user who may read and write its objects and nothing else; prints its
/// key. From then on every request is checked: who signed it, whether the signature is good, what the user may do.
const SETUP: &str = r#"
import boto3, json, sys, urllib.request
url = sys.argv[1]
def client(kind):
    keys = {"aws_access_key_id": "setup", "aws_secret_access_key": "setup"}
    return boto3.client(kind, endpoint_url=url, region_name="eu-west-1", **keys)
client("s3").create_bucket(Bucket="cache", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
# For Amazon, HEAD is GetObject; for moto it is an action of its own.
actions = ["s3:GetObject", "s3:HeadObject"]
public = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": "arn:aws:s3:::cache/*"}
document = json.dumps({"Version": "2012-10-17", "Statement": [public]})
client("s3").put_bucket_policy(Bucket="cache", Policy=document)
iam = client("iam")
iam.create_user(UserName="pusher")
rights = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::cache/*"}
document = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
iam.put_user_policy(UserName="pusher", PolicyName="push", PolicyDocument=document)
key = iam.create_access_key(UserName="pusher")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#;

/// How many requests pass unchecked.
const CHECK: &str = r#"
import sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/moto-api/reset-auth", sys.argv[2].encode(), {"Content-Type": "text/plain"})
urllib.request.urlopen(request).read()
"#;

/// A running server with a bucket.
struct BucketServer {
    child: Child,
    url: String,
    id: String,
    secret: String,
    folder: tempfile::TempDir,
}

impl Drop for BucketServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl BucketServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A port that is free now; the server takes no socket from us.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut server = Command::new(server_programs().join("moto_server"));
        server.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
        let child = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { child, url, id: String::new(), secret: String::new(), folder };
        let until = Instant::now() + Duration::from_secs(120);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until && server.child.try_wait().unwrap().is_none(), "{}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        let keys = server.python(SETUP, &[]);
        let (id, secret) = keys.trim().split_once(' ').unwrap();
        (server.id, server.secret) = (id.to_owned(), secret.to_owned());
        server.check(true);
        server
    }

    fn python(&self, script: &str, more: &[&str]) -> String {
        let mut python = Command::new(server_programs().join("python"));
        succeed(python.args(["-c", script, &self.url]).args(more).env("no_proxy", "*"))
    }

    /// Whether requests are checked.
    fn check(&self, check: bool) {
        self.python(CHECK, &[if check { "0" } else { "inf" }]);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Method, path and status of requests so far that asked for `part`.
    fn requests(&self, part: &str) -> Vec<(String, String, String)> {
        let log = self.log();
        let lines = log.lines().filter_map(|line| {
            let (_, rest) = line.split_once('"')?;
            let (request, status) = rest.split_once("\" ")?;
            let mut words = request.split(' ');
            let (method, path) = (words.next()?, words.next()?);
            Some((method.to_owned(), path.to_owned(), status.split(' ').next()?.to_owned()))
        });
        lines.filter(|(_, path, _)| path.contains(part)).collect()
    }

    /// As Nix writes it.
    fn place(&self, rest: &str) -> String {
        format!("s3://cache/{rest}?endpoint={}&region=eu-west-1", self.url)
    }

    /// `command`, with the server's key in its environment.
    fn keyed(&self, mut command: Command) -> Command {
        command.env("AWS_ACCESS_KEY_ID", &self.id).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command.env("no_proxy", "*").env("PINTLE_STALL_SECONDS", "20").current_dir(self.folder.path());
        command
    }

    fn push(&self, place: &str, more: &[&str]) -> Command {
        let mut push = self.keyed(pintle());
        push.args(["cache", "push", place, "--nix", &fixture().gen1, "--nix-store"]);
        push.arg(&fixture().root).args(more);
        push
    }

    /// What is said, without what differs from run to run. The secret is in none of it.
    fn plain(&self, output: &Output) -> String {
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!said.contains(&self.secret), "the secret was told: {said}");
        let said = said.replace(&self.url, "URL").replace(&self.folder.path().display().to_string(), "DIR");
        format!("exit {}\n{}", output.status.code().unwrap_or(-1), said.trim_end())
    }
}

#[test]
fn a_bucket_takes_what_is_signed_and_nix_takes_it_from_there() {
    let server = BucketServer::start();
    let Fixture { gen1, public_key, .. } = fixture();
    let key = key(server.folder.path()).display().to_string();
    let first = server.plain(&finish(&mut server.push(&server.place("some/folder"), &["--key", &key])));
    assert!(
        first.starts_with("exit 0") && first.contains("11 store paths written to s3://cache/some/folder"),
        "{first}"
    );
    let again = server.plain(&finish(&mut server.push(&server.place("some/folder/"), &["--key", &key])));
    assert!(again.contains("0 store paths written") && again.contains("11 were there"), "{again}");
    announced_in_order(&server);

    // Without Amazon's library in it, as Debian's is, Nix reads a bucket over plain HTTP.
    server.check(false);
    let store = NixStore::new();
    store.must_take(&format!("{}/cache/some/folder", server.url), gen1, public_key);
    let verify = finish(store.nix("nix-store").args(["--verify", "--check-contents"]));
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
}

/// A path is announced after its archive, and after all that it refers to.
fn announced_in_order(server: &BucketServer) {
    let puts: Vec<String> = server
        .requests("/cache/some/folder/")
        .into_iter()
        .filter(|(method, _, status)| method == "PUT" && status == "200")
        .map(|(_, path, _)| path.trim_start_matches("/cache/some/folder/").to_owned())
        .collect();
    let when: BTreeMap<&str, usize> = puts.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
    assert_eq!(puts.len(), when.len(), "nothing is written twice: {puts:?}");
    assert_eq!(puts.len(), 1 + 2 * 11, "{puts:?}");
    assert_eq!(puts[0], "nix-cache-info");
    server.check(false);
    let mut seen = 0;
    for name in puts.iter().filter(|name| name.ends_with(".narinfo")) {
        let mut curl = Command::new("curl");
        let url = format!("{}/cache/some/folder/{name}", server.url);
        let text = succeed(curl.args(["--silent", "--fail", "--noproxy", "*", &url]));
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        assert!(when[value("URL: ")] < when[name.as_str()], "{name} was there before its archive");
        for reference in value("References: ").split(' ').filter(|name| !name.is_empty()) {
            let reference = format!("{}.narinfo", reference.split('-').next().unwrap());
            assert!(when[reference.as_str()] <= when[name.as_str()], "{name} was there before {reference}");
            seen += 1;
        }
    }
    assert!(seen > 11, "the closure has references");
    server.check(true);
}

#[test]
fn a_system_of_packages_goes_into_a_bucket_by_a_profile() {
    let server = BucketServer::start();
    let archive = base().package("data 1").file("/usr/lib/data.bin", 0o644, noise(3 << 20));
    let toy = Toy::new(&archive, &["data"]);
    let credentials = toy.folder().join("credentials");
    let text =
        format!("[ci]\naws_access_key_id = {}\naws_secret_access_key = {}\n", server.id, server.secret);
    fs::write(&credentials, text).unwrap();
    let place = format!("{}&profile=ci", server.place(""));
    let mut push = toy.pintle();
    push.env("AWS_SHARED_CREDENTIALS_FILE", &credentials).env("AWS_ACCESS_KEY_ID", "another");
    push.env("AWS_SECRET_ACCESS_KEY", "not used").env("PINTLE_STALL_SECONDS", "20");
    let said = succeed(push.args(["cache", "push", &place, "definition/toy.json"]));
    let listing = said.lines().nth(1).unwrap();
    assert!(said.contains("2 store paths written to s3://cache"), "{said}");
    server.check(false);
    let store = NixStore::new();
    store.must_take(&format!("{}/cache", server.url), listing, "");
    let tree = store.physical(said.lines().next().unwrap());
    assert_eq!(fs::read(tree.join("usr/lib/data.bin")).unwrap(), noise(3 << 20));
    // Nothing that was to be sent is left in the cache.
    assert_eq!(toy.partial(), 0);
}

#[test]
fn what_a_bucket_refuses_is_told_without_the_secret() {
    let server = BucketServer::start();
    let refused = |mut push: Command| server.plain(&finish(&mut push));
    let mut wrong = server.push(&server.place("x"), &[]);
    wrong.env("AWS_SECRET_ACCESS_KEY", "of/somebody+else");
    insta::assert_snapshot!(refused(wrong), @"
    exit 1
    error: s3://cache/x/nix-cache-info was refused with HTTP status 403 (SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method); check the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or ~/.aws/credentials)
    ");
    let mut unknown = server.push(&server.place("x"), &[]);
    unknown.env("AWS_ACCESS_KEY_ID", "AKIANOBODY");
    insta::assert_snapshot!(refused(unknown), @"
    exit 1
    error: s3://cache/x/nix-cache-info was refused with HTTP status 403 (InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records); check the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or ~/.aws/credentials)
    ");
    let other = server.place("x").replace("s3://cache", "s3://other-cache");
    insta::assert_snapshot!(refused(server.push(&other, &[])), @"
    exit 1
    error: s3://other-cache/x/nix-cache-info was refused with HTTP status 403 (AccessDenied: Access Denied); the key needs the rights s3:GetObject and s3:PutObject on it
    ");
    let mut none = server.push(&server.place("x"), &[]);
    none.env_remove("AWS_ACCESS_KEY_ID").env("HOME", server.folder.path()).env_remove("AWS_PROFILE");
    insta::assert_snapshot!(refused(none), @"
    exit 1
    error: no keys for s3://cache/x: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write a profile into ~/.aws/credentials
    ");
    insta::assert_snapshot!(refused(server.push("s3://cache?endpoint=", &[])), @"
    exit 2
    error: `s3://cache?endpoint=` is no bucket: its `endpoint` is no host. Write s3://BUCKET/FOLDER?region=REGION, with `&endpoint=HOST` for a server that is not Amazon's
    ");
    let mut nobody = server.push("s3://cache?endpoint=http://127.0.0.1:1", &[]);
    nobody.env("PINTLE_STALL_SECONDS", "0.1");
    insta::assert_snapshot!(refused(nobody), @"
    exit 1
    error: s3://cache/nix-cache-info: the connection failed 4 times; what was written stays: check the address, and run the command again
      because: Connection refused (os error 111)
    ");
}
