//! Downloads from servers that misbehave.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod server;

use pintle_model::{Digest, Verified};
use pintle_world::fetch::{FetchError, Job, Place, ProxySettings, Settings, Silent};
use pintle_world::{Cache, Expected, Fetcher, Mirror, Progress};
use server::{Answer, Server, Then};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// 300,000 bytes that no two places share.
fn data() -> Vec<u8> {
    (0..75_000u32).flat_map(u32::to_le_bytes).collect()
}

fn expected(bytes: &[u8]) -> Expected {
    Expected { sha256: Digest::of(bytes), size: bytes.len() as u64 }
}

fn settings() -> Settings {
    Settings {
        connect: Duration::from_secs(5),
        stall: Duration::from_millis(400),
        attempts: 3,
        pause: Duration::from_millis(5),
        proxy: ProxySettings::default(),
        offline: false,
    }
}

/// A cache of its own and a fetcher into it.
struct Setting {
    folder: tempfile::TempDir,
    fetcher: Fetcher,
    cancel: Arc<AtomicBool>,
}

impl Setting {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cancel = Arc::new(AtomicBool::new(false));
        let cache = Cache::open(folder.path()).unwrap();
        let fetcher = Fetcher::new(&cache, settings, Arc::clone(&cancel)).unwrap();
        Self { folder, fetcher, cancel }
    }

    fn fetch(&self, server: &Server, bytes: &[u8]) -> Result<Verified<PathBuf>, FetchError> {
        self.fetcher.fetch(&mirror(server), "pool/a.deb", expected(bytes), &Silent)
    }

    fn partial(&self, bytes: &[u8]) -> PathBuf {
        self.folder.path().join("partial").join(Digest::of(bytes).hex())
    }

    fn blob(&self, bytes: &[u8]) -> PathBuf {
        let hex = Digest::of(bytes).hex();
        self.folder.path().join("blobs").join(&hex[..2]).join(hex)
    }
}

fn mirror(server: &Server) -> Mirror {
    server.url().parse().unwrap()
}

fn read(file: Result<Verified<PathBuf>, FetchError>) -> Vec<u8> {
    std::fs::read(file.unwrap().get()).unwrap()
}

fn shown(server: &Server, error: &FetchError) -> String {
    error.to_string().replace(&server.url(), "http://mirror.test")
}

/// Counts what it is told.
#[derive(Default)]
struct Told {
    bytes: AtomicI64,
    notes: Mutex<Vec<String>>,
}

impl Progress for Told {
    fn started(&self, _name: &str, _bytes: u64) {}
    fn advanced(&self, _name: &str, bytes: u64) {
        self.bytes.fetch_add(bytes.cast_signed(), Ordering::SeqCst);
    }
    fn lost(&self, _name: &str, bytes: u64) {
        self.bytes.fetch_sub(bytes.cast_signed(), Ordering::SeqCst);
    }
    fn finished(&self, _name: &str) {}
    fn note(&self, name: &str, text: &str) {
        self.notes.lock().unwrap().push(format!("{name}: {text}"));
    }
}

#[test]
fn a_download_is_kept_and_not_made_twice() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, _| Answer::ranged(&body, request));
    for _ in 0..2 {
        assert_eq!(read(setting.fetch(&server, &data)), data);
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].target, "/pool/a.deb");
    assert!(!setting.partial(&data).exists() && setting.blob(&data).exists());
}

#[test]
fn offline_only_what_is_there_is_used() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, _| Answer::ranged(&body, request));
    read(setting.fetch(&server, &data));
    let cache = Cache::open(setting.folder.path()).unwrap();
    let offline = Fetcher::new(&cache, Settings { offline: true, ..settings() }, Arc::default()).unwrap();
    let fetch = |expected| offline.fetch(&mirror(&server), "pool/a.deb", expected, &Silent);
    assert_eq!(read(fetch(expected(&data))), data);
    let error = fetch(expected(b"other")).unwrap_err();
    insta::assert_snapshot!(shown(&server, &error), @"http://mirror.test/pool/a.deb was not downloaded before, and the network is not to be used; run it once without `--offline`");
    assert!(matches!(offline.get(&mirror(&server), "InRelease", 1000), Err(FetchError::Offline(_))));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_damaged_cache_heals() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, _| Answer::ranged(&body, request));
    read(setting.fetch(&server, &data));
    std::fs::write(setting.blob(&data), b"rot").unwrap();
    assert_eq!(read(setting.fetch(&server, &data)), data);
}

#[test]
fn what_was_cut_off_is_resumed() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, number| {
        let whole = Answer::ranged(&body, request);
        if number < 2 { whole.cut(100_000, Then::Close) } else { whole }
    });
    let told = Told::default();
    let file = setting.fetcher.fetch(&mirror(&server), "pool/a.deb", expected(&data), &told);
    assert_eq!(read(file), data);
    let from: Vec<_> = server.requests().iter().map(|request| request.from).collect();
    assert_eq!(from, [None, Some(100_000), Some(200_000)]);
    assert_eq!(told.bytes.into_inner(), 300_000);
    assert_eq!(
        *told.notes.lock().unwrap(),
        ["a.deb: trying again from byte 100000", "a.deb: trying again from byte 200000"]
    );
}

#[test]
fn a_mirror_that_hangs_is_left_and_the_next_run_goes_on() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, _| Answer::ranged(&body, request).cut(50_000, Then::Hang));
    let error = setting.fetch(&server, &data).unwrap_err();
    assert!(matches!(error, FetchError::Stalled { .. }), "{error:?}");
    let text = shown(&server, &error);
    insta::assert_snapshot!(text, @"http://mirror.test/pool/a.deb: no byte for 400ms; what has arrived is kept: run the command again, or set another mirror");
    let had = std::fs::metadata(setting.partial(&data)).unwrap().len();
    assert_eq!(had, 150_000);

    let body = data.clone();
    let healthy = Server::start(move |request, _| Answer::ranged(&body, request));
    assert_eq!(read(setting.fetch(&healthy, &data)), data);
    assert_eq!(healthy.requests()[0].from, Some(had));
}

#[test]
fn a_slow_mirror_is_waited_for() {
    let (setting, data) = (Setting::new(), vec![7; 20_000]);
    let body = data.clone();
    let server = Server::start(move |request, _| Answer {
        slow: Duration::from_millis(50),
        ..Answer::ranged(&body, request)
    });
    let started = Instant::now();
    assert_eq!(read(setting.fetch(&server, &data)), data);
    assert!(started.elapsed() > settings().stall * 2);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn other_bytes_are_refused_and_thrown_away() {
    let (setting, data) = (Setting::new(), data());
    let mut body = data.clone();
    body[150_000] ^= 1;
    let server = Server::start(move |request, _| Answer::ranged(&body, request));
    let error = setting.fetch(&server, &data).unwrap_err();
    assert!(matches!(error, FetchError::Mismatch { .. }), "{error:?}");
    insta::assert_snapshot!(shown(&server, &error), @"http://mirror.test/pool/a.deb is not the file that was signed; what was downloaded is thrown away: try another mirror");
    assert!(!setting.partial(&data).exists() && !setting.blob(&data).exists());
}

#[test]
fn a_remainder_of_something_else_is_started_over() {
    for leftover in [vec![9; 100_000], vec![9; 300_000], vec![9; 400_000]] {
        let (setting, data) = (Setting::new(), data());
        std::fs::write(setting.partial(&data), &leftover).unwrap();
        let body = data.clone();
        let server = Server::start(move |request, _| Answer::ranged(&body, request));
        let told = Told::default();
        let file = setting.fetcher.fetch(&mirror(&server), "pool/a.deb", expected(&data), &told);
        assert_eq!(read(file), data);
        assert_eq!(told.bytes.into_inner(), 300_000);
    }
}

#[test]
fn servers_without_ranges_are_asked_for_the_whole() {
    for status in [200, 416] {
        let (setting, data) = (Setting::new(), data());
        std::fs::write(setting.partial(&data), &data[..120_000]).unwrap();
        let body = data.clone();
        let server = Server::start(move |request, _| match (request.from, status) {
            (Some(_), 416) => Answer::status(416),
            _ => Answer::ok(&body),
        });
        assert_eq!(read(setting.fetch(&server, &data)), data);
    }
}

#[test]
fn a_longer_file_is_stopped_at_once() {
    let (setting, data) = (Setting::new(), data());
    let body = [data.clone(), vec![0; 50 << 20]].concat();
    for announced in [true, false] {
        let body = body.clone();
        let server = Server::start(move |_, _| {
            let whole = Answer::ok(&body);
            let announced = whole.announced.filter(|_| announced);
            Answer { announced, then: Then::Close, ..whole }
        });
        let error = setting.fetch(&server, &data).unwrap_err();
        assert!(matches!(error, FetchError::Size { actual, .. } if actual > 300_000), "{error:?}");
        assert!(std::fs::metadata(setting.partial(&data)).unwrap().len() <= 300_000);
        assert_eq!(server.requests().len(), 1);
    }
    let short = Server::start(|_, _| Answer::ok(b"short"));
    std::fs::remove_file(setting.partial(&data)).unwrap();
    let error = setting.fetch(&short, &data).unwrap_err();
    insta::assert_snapshot!(shown(&short, &error), @"http://mirror.test/pool/a.deb has 5 bytes where 300000 were expected; the mirror may be mid-update: try later, or set another mirror");
}

#[test]
fn a_web_page_is_called_a_web_page() {
    let (setting, data) = (Setting::new(), data());
    let server = Server::start(|_, _| Answer::ok(b"\n<!DOCTYPE html><html>Please log in</html>"));
    let error = setting.fetch(&server, &data).unwrap_err();
    insta::assert_snapshot!(shown(&server, &error), @"http://mirror.test/pool/a.deb: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror");
    let error = setting.fetcher.get(&mirror(&server), "dists/x/InRelease", 1000).unwrap_err();
    assert!(matches!(error, FetchError::WebPage(_)));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn only_passing_failures_are_tried_again() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let busy = Server::start(move |request, number| match number {
        0 | 1 => Answer::status(503),
        _ => Answer::ranged(&body, request),
    });
    assert_eq!(read(setting.fetch(&busy, &data)), data);

    let setting = Setting::new();
    for (status, requests) in [(404, 1), (410, 1), (403, 1), (500, 3), (429, 3)] {
        let server = Server::start(move |_, _| Answer::status(status));
        let error = setting.fetch(&server, &data).unwrap_err();
        assert_eq!(server.requests().len(), requests, "{status}");
        match status {
            404 | 410 => assert!(matches!(error, FetchError::NotFound(_))),
            _ => assert!(matches!(error, FetchError::Status { status: s, .. } if s == status)),
        }
    }
    let server = Server::start(|_, _| Answer::status(404));
    insta::assert_snapshot!(shown(&server, &setting.fetch(&server, &data).unwrap_err()), @"http://mirror.test/pool/a.deb is not there");
    let server = Server::start(|_, _| Answer::status(403));
    insta::assert_snapshot!(shown(&server, &setting.fetch(&server, &data).unwrap_err()), @"http://mirror.test/pool/a.deb answered with HTTP status 403; try later or set another mirror");
}

#[test]
fn a_mirror_that_is_not_there_is_named() {
    let setting = Setting::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mirror: Mirror = format!("http://me:secret@{free}/debian").parse().unwrap();
    let error = setting.fetcher.get(&mirror, "InRelease", 1000).unwrap_err();
    let text = error.to_string().replace(&free.to_string(), "mirror.test");
    insta::assert_snapshot!(text, @"http://mirror.test/debian/InRelease: the connection failed 3 times; what has arrived is kept: run the command again, or set another mirror");
}

#[test]
fn stopping_is_quick_and_keeps_what_came() {
    let (setting, data) = (Setting::with(Settings { stall: Duration::from_secs(60), ..settings() }), data());
    let body = data.clone();
    let server = Server::start(move |request, _| Answer::ranged(&body, request).cut(80_000, Then::Hang));
    let cancel = Arc::clone(&setting.cancel);
    let partial = setting.partial(&data);
    let stopper = std::thread::spawn(move || {
        while std::fs::metadata(&partial).map_or(0, |meta| meta.len()) < 80_000 {
            std::thread::sleep(Duration::from_millis(5));
        }
        cancel.store(true, Ordering::SeqCst);
        Instant::now()
    });
    let error = setting.fetch(&server, &data).unwrap_err();
    let waited = stopper.join().unwrap().elapsed();
    assert!(matches!(error, FetchError::Cancelled), "{error:?}");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    assert_eq!(std::fs::metadata(setting.partial(&data)).unwrap().len(), 80_000);
    assert!(matches!(setting.fetch(&server, &data), Err(FetchError::Cancelled)));
}

fn jobs(server: &Server, contents: &[Vec<u8>]) -> Vec<Job> {
    let place = |number| Place { mirror: mirror(server), path: format!("pool/{number}") };
    contents
        .iter()
        .enumerate()
        .map(|(number, bytes)| Job { places: vec![place(number)], expected: expected(bytes) })
        .collect()
}

#[test]
fn many_come_over_few_connections_and_in_order() {
    let setting = Setting::new();
    let contents: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 1000 + usize::from(n)]).collect();
    let bodies = contents.clone();
    let server = Server::start(move |request, _| {
        let number: usize = request.target.rsplit('/').next().unwrap().parse().unwrap();
        Answer::ok(&bodies[number])
    });
    let files = setting.fetcher.fetch_all(&jobs(&server, &contents), 4, &Silent);
    for (file, bytes) in files.into_iter().zip(&contents) {
        assert_eq!(read(file), *bytes);
    }
    assert_eq!(server.requests().len(), 40);
    assert!(server.connections() <= 4, "{} connections", server.connections());
}

#[test]
fn after_a_failure_nothing_new_is_begun() {
    let setting = Setting::new();
    let contents: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 1000]).collect();
    let server = Server::start(|_, _| Answer::status(404));
    let files = setting.fetcher.fetch_all(&jobs(&server, &contents), 2, &Silent);
    assert!(matches!(files[0], Err(FetchError::NotFound(_))));
    assert!(matches!(files[39], Err(FetchError::Cancelled)));
    assert!(server.requests().len() <= 4);
}

#[test]
fn another_place_is_asked_for_what_is_gone() {
    let (setting, data) = (Setting::new(), data());
    let gone = Server::start(|_, _| Answer::status(404));
    let body = data.clone();
    let archive = Server::start(move |request, _| Answer::ranged(&body, request));
    let place = |server| Place { mirror: mirror(server), path: "pool/a.deb".into() };
    let mut job = Job { places: vec![place(&gone), place(&archive)], expected: expected(&data) };
    assert_eq!(read(setting.fetcher.fetch_job(&job, &Silent)), data);
    job.expected = expected(b"something else");
    job.places.pop();
    let error = setting.fetcher.fetch_job(&job, &Silent).unwrap_err();
    assert!(error.to_string().contains(&gone.url()), "{error}");
}

#[test]
fn the_same_file_is_fetched_once_by_many() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, _| Answer {
        slow: Duration::from_micros(200),
        ..Answer::ranged(&body, request)
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // As separate processes would: fetchers of their own over the same folder.
            scope.spawn(|| {
                let cache = Cache::open(setting.folder.path()).unwrap();
                let fetcher = Fetcher::new(&cache, settings(), Arc::default()).unwrap();
                let file = fetcher.fetch(&mirror(&server), "pool/a.deb", expected(&data), &Silent);
                assert_eq!(read(file), data);
            });
        }
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn redirections_are_followed() {
    let (setting, data) = (Setting::new(), data());
    let body = data.clone();
    let server = Server::start(move |request, _| match request.target.as_str() {
        "/pool/a.deb" => Answer { headers: "Location: /there\r\n".into(), ..Answer::status(302) },
        _ => Answer::ranged(&body, request),
    });
    assert_eq!(read(setting.fetch(&server, &data)), data);
}

#[test]
fn a_proxy_is_asked_for_the_whole_url() {
    let data = data();
    let body = data.clone();
    let proxy = Server::start(move |request, _| Answer::ranged(&body, request));
    let with_login = proxy.url().replace("http://", "http://me:pw@");
    let setting = Setting::with(Settings {
        proxy: ProxySettings { http: Some(with_login), ..ProxySettings::default() },
        ..settings()
    });
    let mirror: Mirror = "http://mirror.test:8080/debian".parse().unwrap();
    let file = setting.fetcher.fetch(&mirror, "pool/a.deb", expected(&data), &Silent);
    assert_eq!(read(file), data);
    assert_eq!(setting.fetcher.get(&mirror, "InRelease", 1 << 20).unwrap(), data);
    let requests = proxy.requests();
    assert_eq!(requests[0].target, "http://mirror.test:8080/debian/pool/a.deb");
    assert_eq!(requests[1].target, "http://mirror.test:8080/debian/InRelease");
    let head = requests[0].head.to_lowercase();
    assert!(head.contains("host: mirror.test:8080\r\n"), "{head}");
    assert!(requests[0].head.contains("Proxy-Authorization: Basic bWU6cHc=\r\n"), "{head}");
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn hosts_named_in_no_proxy_are_reached_directly() {
    let data = data();
    let body = data.clone();
    let server = Server::start(move |request, _| Answer::ranged(&body, request));
    let proxy = ProxySettings {
        http: Some("http://127.0.0.1:9".into()),
        direct: vec!["127.0.0.1".into()],
        ..ProxySettings::default()
    };
    let setting = Setting::with(Settings { proxy, ..settings() });
    assert_eq!(read(setting.fetch(&server, &data)), data);
    let bad = ProxySettings { https: Some("no url".into()), ..ProxySettings::default() };
    let cache = Cache::open(setting.folder.path()).unwrap();
    let error = Fetcher::new(&cache, Settings { proxy: bad, ..settings() }, Arc::default()).unwrap_err();
    insta::assert_snapshot!(error, @"the proxy `no url` is not a URL such as http://host:3128; correct http_proxy or https_proxy");
}

#[test]
fn a_local_directory_is_a_mirror() {
    let (setting, data) = (Setting::new(), data());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool/a.deb");
    std::fs::create_dir(folder.path().join("pool")).unwrap();
    std::fs::write(&path, &data).unwrap();
    let mirror: Mirror = format!("file://{}", folder.path().display()).parse().unwrap();
    let fetch = |path: &str, expected| setting.fetcher.fetch(&mirror, path, expected, &Silent);
    let shown = |error: FetchError| error.to_string().replace(&folder.path().display().to_string(), "/srv/m");
    assert_eq!(fetch("pool/a.deb", expected(&data)).unwrap().get(), &path);
    assert_eq!(setting.fetcher.get(&mirror, "pool/a.deb", 1 << 20).unwrap(), data);
    assert!(matches!(setting.fetcher.get(&mirror, "pool/a.deb", 10), Err(FetchError::TooLarge { .. })));
    let other = Expected { sha256: Digest::of(b"other"), size: data.len() as u64 };
    insta::assert_snapshot!(shown(fetch("pool/a.deb", other).unwrap_err()), @"/srv/m/pool/a.deb is not the file that was signed; what was downloaded is thrown away: try another mirror");
    insta::assert_snapshot!(shown(fetch("pool/b.deb", expected(&data)).unwrap_err()), @"/srv/m/pool/b.deb is not there");
    insta::assert_snapshot!(shown(fetch("../a.deb", expected(&data)).unwrap_err()), @"the path `../a.deb` leads out of the mirror");
    insta::assert_snapshot!(shown(fetch("pool/a.deb", expected(b"short")).unwrap_err()), @"/srv/m/pool/a.deb has 300000 bytes where 5 were expected; the mirror may be mid-update: try later, or set another mirror");
    assert!(Path::new(&path).exists());
}

#[test]
fn small_documents_are_bounded() {
    let setting = Setting::new();
    let server = Server::start(|_, number| match number {
        0 => Answer::ok(b"Origin: Toy").cut(3, Then::Close),
        _ => Answer::ok(b"Origin: Toy"),
    });
    assert_eq!(setting.fetcher.get(&mirror(&server), "InRelease", 11).unwrap(), b"Origin: Toy");
    let error = setting.fetcher.get(&mirror(&server), "InRelease", 10).unwrap_err();
    insta::assert_snapshot!(shown(&server, &error), @"http://mirror.test/InRelease is larger than 10 bytes, more than any such file should be; check the mirror");
}
