//! The disk is full, or broken, at each single call of a build that writes: the error names the place, nothing
//! half-written is left under a final name, and the next build is right. strace(1) makes the kernel say so: what a
//! full disk says, without the privilege of mounting one.

use super::{built, forget, image, next_build_is_right};
use crate::common::finish;
use crate::toy::Toy;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

/// Calls that need room or reach the disk.
const CALLS: [&str; 7] =
    ["write", "pwrite64", "copy_file_range", "fsync", "/^rename", "ftruncate", "/^mkdir"];

/// What became of a build.
struct Failed {
    output: Output,
    /// Its messages were not among what failed.
    heard: bool,
}

/// A build from nothing whose `number`th call (of each thread) fails; none if it made fewer.
fn failing(toy: &Toy, call: &str, error: &str, number: u32) -> Option<Failed> {
    forget(toy);
    let log = toy.folder().join("strace.log");
    let mut command = Command::new("strace");
    command.args(["-f", "-qqq", "-o"]).arg(&log).arg("-e").arg(format!("trace={call}"));
    command.arg("-e").arg(format!("inject={call}:error={error}:when={number}"));
    command.arg(env!("CARGO_BIN_EXE_pintle")).args(["build", "definition/toy.json"]);
    let output = finish(&mut toy.in_world(command));
    let log = fs::read_to_string(&log).unwrap();
    let hits: Vec<&str> = log.lines().filter(|line| line.contains("(INJECTED)")).collect();
    let heard = !hits.iter().any(|line| line.contains("write(2, "));
    (!hits.is_empty()).then_some(Failed { output, heard })
}

/// The messages must say what is wrong where.
fn says_where(said: &str) -> bool {
    let what = ["no space left for ", "cannot write ", "cannot use ", "cannot keep ", "cannot read "];
    let place = ["out/toy.raw", "out/toy.json", "definition/toy.lock", "/cache", "out"];
    what.iter().any(|what| said.contains(what)) && place.iter().any(|place| said.contains(place))
}

fn every(call: &str) -> BTreeSet<String> {
    let (toy, right) = built();
    let mut said = BTreeSet::new();
    for number in 1.. {
        // A build of four packages has far fewer: more is a loop.
        assert!(number < 1000, "{call} goes on for ever");
        let error = if number % 2 == 1 { "ENOSPC" } else { "EIO" };
        let Some(Failed { output, heard }) = failing(&toy, call, error, number) else { break };
        let after = format!("{error} at {call} {number}");
        let text = toy.plain(&output);
        if output.status.success() {
            assert!(image(&toy).is_some_and(|image| image == right), "{after}: other bytes");
        } else {
            assert!(says_where(&text) || !heard, "{after}: {text}");
            assert!(image(&toy).is_none_or(|image| image == right), "{after}: half an image");
            said.extend(heard.then_some(text));
        }
        next_build_is_right(&toy, &right, &after);
    }
    said
}

#[test]
fn a_full_disk_at_every_write() {
    let said: BTreeSet<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = CALLS.iter().map(|call| scope.spawn(|| every(call))).collect();
        calls.into_iter().flat_map(|call| call.join().unwrap()).collect()
    });
    // Every place of a build has its turn.
    for place in ["out/toy.raw", "out/toy.json", "definition/toy.lock", "/cache"] {
        assert!(said.iter().any(|text| text.contains(place)), "nothing failed at {place}:\n{said:#?}");
    }
}

/// Over quota is a full disk to whoever meets it.
#[test]
fn over_quota() {
    let (toy, right) = built();
    let failed = failing(&toy, "pwrite64", "EDQUOT", 1).expect("an image is written");
    insta::assert_snapshot!(toy.plain(&failed.output), @"
    exit 1
    made the lock: 4 packages; keep it with the definition
    error: no space left for out/toy.raw; free some space on its file system and run the command again
      because: quota exceeded
    ");
    next_build_is_right(&toy, &right, "EDQUOT");
}
