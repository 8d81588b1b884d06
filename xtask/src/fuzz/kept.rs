//! The part of the corpus that is tracked: `fuzz/kept/TARGET.tar.zst`, the fewest and smallest inputs that together
//! reach all code that the corpus reaches.

use super::{lengths, make};
use crate::Outcome;
use crate::machine::call;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Bytes of one archive: a hundred targets would fit in 8 MB.
const ARCHIVE_MAX: u64 = 80 << 10;
/// Bytes of inputs tried first; halved until the archive is small enough.
const INPUTS_MAX: u64 = 512 << 10;

/// Puts what was kept into the corpus, if anything was.
pub(super) fn unpack(folder: &Path, target: &str) -> Outcome {
    let archive = folder.join("kept").join(format!("{target}.tar.zst"));
    let corpus = folder.join("corpus").join(target);
    make(&corpus)?;
    if !archive.exists() {
        return Ok(());
    }
    quiet(Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(&corpus))
}

/// Minimises the corpus of `target` and keeps it.
pub(super) fn pack(folder: &Path, programs: &Path, target: &str) -> Outcome {
    let scratch = folder.join("corpus").join(format!("{target}.least"));
    drop(std::fs::remove_dir_all(&scratch));
    make(&scratch)?;
    let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
    let mut merge = Command::new(programs.join(target));
    merge.current_dir(folder).args(["-merge=1", "-timeout=10", "-max_len=65536"]).args(lengths(target));
    quiet(merge.arg(&scratch).args([corpus, seeds]))?;
    let mut inputs = listed(&scratch)?;
    make(&folder.join("kept"))?;
    let archive = folder.join("kept").join(format!("{target}.tar.zst"));
    let mut room = INPUTS_MAX;
    loop {
        // Smallest first: most code for the bytes.
        let mut total = 0;
        inputs.retain(|(size, _)| {
            total += size;
            total <= room
        });
        write(&scratch, &inputs, &archive)?;
        let size =
            std::fs::metadata(&archive).map_err(|error| format!("{}: {error}", archive.display()))?.len();
        if size <= ARCHIVE_MAX {
            break;
        }
        room /= 2;
    }
    drop(std::fs::remove_dir_all(&scratch));
    Ok(())
}

/// Size and name of every input, smallest first.
fn listed(scratch: &Path) -> Result<Vec<(u64, PathBuf)>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", scratch.display());
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(scratch).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        inputs.push((entry.metadata().map_err(fail)?.len(), PathBuf::from(entry.file_name())));
    }
    inputs.sort();
    Ok(inputs)
}

/// Equal inputs give an equal archive.
fn write(scratch: &Path, inputs: &[(u64, PathBuf)], archive: &Path) -> Outcome {
    let mut names: Vec<String> = inputs.iter().map(|(_, name)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    let list = scratch.join("names");
    std::fs::write(&list, names.join("\n")).map_err(|error| format!("{}: {error}", list.display()))?;
    let (archive, list) = (archive.to_string_lossy(), list.to_string_lossy());
    let words =
        ["tar", "--format=ustar", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=644"];
    let rest = ["--use-compress-program=zstd -19 -q", "-cf", &archive, "-T", &list];
    call(&[&words[..], &rest].concat(), scratch)
}

fn quiet(command: &mut Command) -> Outcome {
    let run = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if run.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} ended with {}\n{}", run.status, String::from_utf8_lossy(&run.stderr)))
}
