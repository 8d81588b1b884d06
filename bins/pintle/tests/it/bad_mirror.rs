//! Mirrors and networks that fail: what has arrived stays, the next run goes on from there.

use crate::common::{finish, succeed};
use crate::toy::{Fault, Server, Toy, base, noise};
use insta::assert_snapshot;
use pintle_testkit::archive::ToySuite;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A package of about 400 kB on a mirror over HTTP.
fn served() -> (Toy, Server) {
    let archive = base().package("app 1.2-3").file("/usr/lib/app.bin", 0o644, noise(400_000));
    let toy = Toy::new(&archive, &["app"]);
    let server = toy.serve(&["app"]);
    (toy, server)
}

/// Of the requests since the last healing, those for the package.
fn asked(server: &Server) -> Vec<String> {
    let mut asked = server.requests();
    asked.retain(|request| request.contains("app_1.2-3"));
    asked
}

#[test]
fn over_http_all_is_well() {
    let (toy, server) = served();
    toy.builds();
    assert_eq!(asked(&server), ["pool/main/a/app/app_1.2-3_amd64.deb"]);
    server.heal();
    toy.builds();
    assert_eq!(server.requests(), [""; 0], "the second build asks nobody");
}

/// Without the notes on further attempts: a busy host makes more of them.
fn without_notes(said: &str) -> String {
    said.lines().filter(|line| !line.contains(": trying again from byte ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_mirror_hangs() {
    let (toy, server) = served();
    server.fault("InRelease", Fault::Hang);
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
      because: http://127.0.0.1:PORT/dists/trixie/InRelease: no byte for 1s; what has arrived is kept: run the command again, or set another mirror
    ");
    server.heal();
    server.fault("app_1.2-3", Fault::Stop(50_000));
    let said = toy.refused();
    assert!(said.contains("\n  app_1.2-3_amd64.deb: trying again from byte 50000\n"), "{said}");
    assert_snapshot!(without_notes(&said), @"
    exit 1
    error: cannot fetch package app 1.2-3 (suite trixie)
      because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb: no byte for 1s; what has arrived is kept: run the command again, or set another mirror
    ");
    continues(&toy, &server);
}

#[test]
fn the_connection_dies_half_way() {
    let (toy, server) = served();
    server.fault("app_1.2-3", Fault::Cut(30_000));
    let said = toy.refused();
    assert!(said.contains("\n  app_1.2-3_amd64.deb: trying again from byte 30000\n"), "{said}");
    assert_snapshot!(without_notes(&said), @"
    exit 1
    error: cannot fetch package app 1.2-3 (suite trixie)
      because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb: the connection failed 4 times; what has arrived is kept: run the command again, or set another mirror
      because: Peer disconnected
    ");
    continues(&toy, &server);
}

/// Once the mirror works again, the next build asks for the rest only.
fn continues(toy: &Toy, server: &Server) {
    let kept = toy.partial();
    assert!(kept > 0, "what has arrived is kept");
    server.heal();
    toy.builds();
    assert_eq!(asked(server), [format!("pool/main/a/app/app_1.2-3_amd64.deb from {kept}")]);
    assert_eq!(toy.partial(), 0);
}

#[test]
fn the_network_answers_with_a_page() {
    let (toy, server) = served();
    server.fault("InRelease", Fault::Page);
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
      because: http://127.0.0.1:PORT/dists/trixie/InRelease: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror
    ");
    server.heal();
    server.fault("app_1.2-3", Fault::Page);
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot fetch package app 1.2-3 (suite trixie)
      because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror
    ");
    server.heal();
    toy.builds();
}

#[test]
fn the_mirror_serves_other_bytes() {
    let (toy, server) = served();
    server.fault("app_1.2-3", Fault::Garble);
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: cannot fetch package app 1.2-3 (suite trixie)
      because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb is not the file that was signed; what was downloaded is thrown away: try another mirror
      because: sha256 is 4d45283c3a9618c46d56b9f75be8e7923d43ca551d600fbfd0ac06bda0d1b49e, expected 345f70e9d0200a823e430d7246be35bb08d8f11bd32de4add3ec0d539665f5c2 (400916 bytes read)
    ");
    assert_eq!(toy.partial(), 0, "wrong bytes are not kept");
    server.heal();
    server.fault("by-hash", Fault::Garble);
    fs::remove_dir_all(toy.cache()).unwrap();
    assert_snapshot!(toy.refused(), @"
    exit 4
    error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
      because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 is not the file that was signed; what was downloaded is thrown away: try another mirror
      because: sha256 is 4931cc99e3255cf866ba0cb0b6be1e3b9f459888db43a6f045fea2735826fab0, expected 94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 (330 bytes read)
    ");
}

#[test]
fn a_locked_version_is_gone() {
    let (toy, server) = served();
    toy.builds();
    fs::remove_dir_all(toy.cache()).unwrap();
    server.fault("app_1.2-3", Fault::Missing);
    assert_snapshot!(toy.refused(), @r#"
exit 1
  pool/main/a/app/app_1.2-3_amd64.deb: not on http://127.0.0.1:PORT
error: cannot fetch package app 1.2-3 (suite trixie)
  because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb is not there
  next: mirrors drop old versions: pintle update takes those of today, `source.snapshot` names an archive of all
"#);
}

#[test]
fn the_mirror_is_busy() {
    let (toy, server) = served();
    server.fault("InRelease", Fault::Busy);
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
      because: http://127.0.0.1:PORT/dists/trixie/InRelease answered with HTTP status 503; try later or set another mirror
    ");
}

#[test]
fn nobody_listens() {
    let toy = Toy::new(&base(), &[]);
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    toy.define(&format!("http://{unused}/debian"), &[], serde_json::json!({}));
    assert_snapshot!(toy.refused(), @"
    exit 1
    error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT/debian
      because: http://127.0.0.1:PORT/debian/dists/trixie/InRelease: the connection failed 4 times; what has arrived is kept: run the command again, or set another mirror
      because: Connection refused (os error 111)
    ");
    // What the resolver says differs with the network of the machine.
    toy.define("http://host.invalid/debian", &[], serde_json::json!({}));
    let said = toy.refused();
    assert!(
        said.contains("http://host.invalid/debian/dists/trixie/InRelease: the connection failed 4 times"),
        "{said}"
    );
}

#[test]
fn offline_and_not_there() {
    let (toy, _server) = served();
    assert_snapshot!(toy.fails(toy.build().arg("--offline")), @"
    exit 1
    error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
      because: http://127.0.0.1:PORT/dists/trixie/InRelease was not downloaded before, and the network is not to be used; run it once without `--offline`
    ");
}

#[test]
fn ctrl_c_stops_and_the_next_build_continues() {
    let (toy, server) = served();
    server.fault("app_1.2-3", Fault::Stop(100_000));
    let mut command = toy.build();
    // Long enough that only the signal can end it.
    command.env("PINTLE_STALL_SECONDS", "60").stderr(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while toy.partial() < 100_000 {
        assert!(Instant::now() < until, "the download does not get there");
        std::thread::sleep(Duration::from_millis(10));
    }
    let signalled = Instant::now();
    succeed(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let output = child.wait_with_output().unwrap();
    assert!(signalled.elapsed() < Duration::from_secs(5), "it stops at once");
    assert_snapshot!(toy.plain(&output), @"
    exit 1
    error: stopped; what was downloaded is kept, and the next run goes on from there
    ");
    assert_eq!(toy.partial(), 100_000);
    assert!(!toy.lock().exists() && crate::toy::listing(&toy.out()).is_empty(), "nothing half-written");
    server.heal();
    let output = finish(&mut toy.build());
    assert!(output.status.success(), "{}", toy.plain(&output));
    assert_eq!(asked(&server), ["pool/main/a/app/app_1.2-3_amd64.deb from 100000"]);
}

/// The digest of the image that a good mirror gives.
fn image(toy: &Toy) -> serde_json::Value {
    let manifest = fs::read(toy.out().join("toy.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&manifest).unwrap()["outputs"][0]["sha256"].clone()
}

/// What is fetched, in its order.
const PARTS: [&str; 3] = ["InRelease", "by-hash", "app_1.2-3"];

/// As if nothing had been there before.
fn forget(toy: &Toy) {
    for path in [toy.cache(), toy.out()] {
        drop(fs::remove_dir_all(path));
    }
    drop(fs::remove_file(toy.lock()));
}

#[test]
fn what_passes_is_waited_out() {
    let (toy, server) = served();
    toy.builds();
    let good = image(&toy);
    for part in PARTS {
        for fault in [
            Fault::Trickle(8),
            Fault::BusyFor(3),
            Fault::SilentFor(3),
            Fault::Chunked,
            Fault::Elsewhere,
            Fault::NoRanges(20),
            Fault::OtherRange(20),
        ] {
            forget(&toy);
            server.heal();
            server.fault(part, fault);
            let output = finish(&mut toy.build());
            assert!(output.status.success(), "{part}, {fault:?}: {}", toy.plain(&output));
            assert_eq!(image(&toy), good, "{part}, {fault:?}");
            assert_eq!(toy.partial(), 0, "{part}, {fault:?}");
        }
    }
}

/// Every connection is cut, but each brings something.
#[test]
fn cut_again_and_again() {
    let (toy, server) = served();
    server.fault("app_1.2-3", Fault::Cut(150_000));
    toy.builds();
    let asked = asked(&server);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[2].ends_with(" from 300000"), "{asked:?}");
}

#[test]
fn what_stays_is_refused_and_leaves_nothing() {
    let (toy, server) = served();
    toy.builds();
    let good = image(&toy);
    let mut said = String::new();
    for part in PARTS {
        for fault in [
            Fault::Redirect,
            Fault::Circle,
            Fault::Forbidden,
            Fault::Shorter(10),
            Fault::Longer(10),
            Fault::Encoded,
            Fault::Noise,
        ] {
            forget(&toy);
            server.heal();
            server.fault(part, fault);
            let refused = toy.refused();
            assert!(!toy.lock().exists(), "{part}, {fault:?}: no lock of what is not there");
            said += &format!("{part}, {fault:?}: {}\n", without_notes(&refused).replace('\n', "\n  "));
            server.heal();
            toy.builds();
            assert_eq!(image(&toy), good, "{part}, {fault:?}: the next build is right");
        }
    }
    assert_snapshot!(said, @r#"
InRelease, Redirect: exit 1
  error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/InRelease: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror
InRelease, Circle: exit 1
  error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/InRelease leads nowhere (too many redirects); set another mirror
InRelease, Forbidden: exit 1
  error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/InRelease answered with HTTP status 403; try later or set another mirror
InRelease, Shorter(10): exit 4
  error: the signature of suite `trixie` from http://127.0.0.1:PORT is refused
    because: the document cannot be checked
    because: it ends at line 21, before the end of the signature
    next: nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)
InRelease, Longer(10): exit 4
  error: the signature of suite `trixie` from http://127.0.0.1:PORT is refused
    because: the document cannot be checked
    because: line 22 follows after the end of the signature
    next: nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)
InRelease, Encoded: exit 4
  error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/InRelease came packed by something on the way (Content-Encoding), though nobody asked for it; check the proxy, or set another mirror
InRelease, Noise: exit 1
  error: cannot fetch InRelease of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/InRelease: the connection failed 4 times; what has arrived is kept: run the command again, or set another mirror
    because: protocol: http parse fail: invalid HTTP version
by-hash, Redirect: exit 1
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror
by-hash, Circle: exit 1
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 leads nowhere (too many redirects); set another mirror
by-hash, Forbidden: exit 1
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 answered with HTTP status 403; try later or set another mirror
by-hash, Shorter(10): exit 4
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 has 320 bytes where 330 were expected; the mirror may be mid-update: try later, or set another mirror
by-hash, Longer(10): exit 4
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 has 340 bytes where 330 were expected; the mirror may be mid-update: try later, or set another mirror
by-hash, Encoded: exit 4
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4 came packed by something on the way (Content-Encoding), though nobody asked for it; check the proxy, or set another mirror
by-hash, Noise: exit 1
  error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
    because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/by-hash/SHA256/94b9384949af5fd61a7110a407e8ccb6b536d76fb68f2d934708869557feafa4: the connection failed 4 times; what has arrived is kept: run the command again, or set another mirror
    because: protocol: http parse fail: invalid HTTP version
app_1.2-3, Redirect: exit 1
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror
app_1.2-3, Circle: exit 1
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb leads nowhere (too many redirects); set another mirror
app_1.2-3, Forbidden: exit 1
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb answered with HTTP status 403; try later or set another mirror
app_1.2-3, Shorter(10): exit 4
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb has 400906 bytes where 400916 were expected; the mirror may be mid-update: try later, or set another mirror
app_1.2-3, Longer(10): exit 4
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb has 400926 bytes where 400916 were expected; the mirror may be mid-update: try later, or set another mirror
app_1.2-3, Encoded: exit 4
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb came packed by something on the way (Content-Encoding), though nobody asked for it; check the proxy, or set another mirror
app_1.2-3, Noise: exit 1
  error: cannot fetch package app 1.2-3 (suite trixie)
    because: http://127.0.0.1:PORT/pool/main/a/app/app_1.2-3_amd64.deb: the connection failed 4 times; what has arrived is kept: run the command again, or set another mirror
    because: protocol: http parse fail: invalid HTTP version
"#);
}

/// The mirror is between two updates: a new release, the index of yesterday.
#[test]
fn the_index_is_of_yesterday() {
    let suite = ToySuite { by_hash: false, ..ToySuite::new("trixie") };
    let archive = base().package("app 1.2-3");
    let toy = Toy::with_suite(&archive, &suite, &["app"]);
    let server = toy.serve(&["app"]);
    let index = toy.mirror().join("dists/trixie/main/binary-amd64/Packages.gz");
    let yesterday = fs::read(&index).unwrap();
    base().package("app 1.2-4").write(&toy.mirror(), &suite).unwrap();
    let today = fs::read(&index).unwrap();
    fs::write(&index, yesterday).unwrap();
    assert_snapshot!(toy.refused(), @r#"
exit 4
error: cannot fetch main/binary-amd64/Packages.gz of suite `trixie` from http://127.0.0.1:PORT
  because: http://127.0.0.1:PORT/dists/trixie/main/binary-amd64/Packages.gz has 329 bytes where 326 were expected; the mirror may be mid-update: try later, or set another mirror
"#);
    fs::write(&index, today).unwrap();
    drop(server);
    toy.builds();
    let lock = fs::read_to_string(toy.lock()).unwrap();
    assert!(lock.contains("version = \"1.2-4\""), "{lock}");
}
