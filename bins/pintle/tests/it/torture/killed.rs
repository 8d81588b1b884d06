//! Killed at any moment, a build leaves what the next one needs, and nothing that harms it.

use super::{Chance, built, forget, image, next_build_is_right};
use crate::common::{cache, finish, pintle, succeed, web};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: u64 = 50;
/// Of the real example, whose builds take seconds.
const REAL_KILLS: u64 = 10;

/// Starts a build and kills it after `delay`; true if it was still at work.
fn killed(build: &mut Command, delay: Duration) -> bool {
    let mut child = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(delay);
    let at_work = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    at_work
}

#[test]
fn killed_at_fifty_moments_the_next_build_is_right() {
    let (toy, right) = built();
    // Downloads are part of it.
    let _server = toy.serve(&["app", "tool"]);
    forget(&toy);
    let start = Instant::now();
    next_build_is_right(&toy, &right, "moving to a server");
    let whole = start.elapsed();
    let mut chance = Chance::new(0x5eed);
    let mut at_work = 0;
    for kill in 0..KILLS {
        let seed = chance.0;
        // Half of them from nothing; else from what the one before left, with or without the lock.
        match chance.below(4) {
            0 | 1 => forget(&toy),
            2 => drop(fs::remove_file(toy.lock())),
            _ => drop(fs::remove_dir_all(toy.cache().join("packs"))),
        }
        let delay = whole * u32::try_from(chance.below(1000)).unwrap() / 1000;
        let before = fs::read(toy.lock()).ok();
        at_work += u64::from(killed(&mut toy.build(), delay));
        let after = format!("kill {kill} after {delay:?} (PINTLE_SEED={seed})");
        assert!(
            image(&toy).is_none_or(|image| image == right),
            "{after}: a wrong image under the final name"
        );
        let lock = fs::read(toy.lock()).ok();
        assert!(lock.is_some() || before.is_none(), "{after}: the lock is gone");
        // Every other time the next one is killed, too.
        if kill % 2 == 1 {
            next_build_is_right(&toy, &right, &after);
        }
    }
    assert!(at_work > KILLS / 4, "only {at_work} of {KILLS} builds were still at work");
}

#[test]
fn the_real_example_killed_with_a_warm_cache() {
    let built = web();
    let right = built.manifest["outputs"][0]["sha256"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("definition");
    let out = folder.path().join("out");
    succeed(Command::new("cp").arg("-r").arg(&built.folder).arg(&definition));
    // The packs of the shared cache, and a part of them damaged by being cut short below.
    let ours = folder.path().join("cache");
    fs::create_dir(&ours).unwrap();
    succeed(Command::new("cp").args(["-r", "--reflink=auto"]).arg(cache().join("packs")).arg(&ours));
    let build = || {
        let mut command = pintle();
        command.env("PINTLE_CACHE_DIR", &ours).args(["build", "--locked", "--format", "raw", "--output"]);
        command.arg(&out).arg(&definition);
        command
    };
    let check = |after: &str| {
        let output = finish(&mut build());
        assert!(output.status.success(), "{after}: {}", String::from_utf8_lossy(&output.stderr));
        let said = succeed(Command::new("sha256sum").arg(out.join("web.raw")));
        assert!(said.starts_with(right), "{after}: {said} is not {right}");
        let hidden = succeed(Command::new("find").arg(&out).args(["-name", "*.partial"]));
        assert_eq!(hidden, "", "{after}");
    };
    let start = Instant::now();
    check("a copy of the cache");
    let whole = start.elapsed();
    let mut chance = Chance::new(0xcafe);
    for kill in 1..=REAL_KILLS {
        let seed = chance.0;
        drop(fs::remove_file(out.join("web.raw")));
        let delay = whole * u32::try_from(chance.below(1000)).unwrap() / 1000;
        killed(&mut build(), delay);
        if kill % 5 == 0 {
            check(&format!("kill {kill} after {delay:?} (PINTLE_SEED={seed})"));
        }
    }
}
