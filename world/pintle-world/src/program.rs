//! A program of the target that is run on this machine, because its user said so: once, on one file, for a bounded time.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How much of its last words is kept, in bytes.
const SAID: u64 = 2 << 10;

/// A program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be started.
    #[error(
        "{} cannot be run on this machine (it, or the interpreter that its first line names, may not be there)",
        .program.display()
    )]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("{} failed with {status}; it said:\n{said}", .program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// Its last words, a line each, indented.
        said: String,
    },
    /// It did not end.
    #[error("{} did not end within {} s and was stopped; it said:\n{said}", .program.display(), .limit.as_secs())]
    Slow {
        /// The program.
        program: PathBuf,
        /// How long it had.
        limit: Duration,
        /// Its last words, a line each, indented.
        said: String,
    },
    /// A file of ours.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Runs `program` with `file` as its only argument, in `folder`, which is its folder for temporary files too. Of the
/// environment it sees `PATH` alone; nothing is on its standard input. It and what it started are stopped after `limit`.
///
/// # Errors
/// [`ProgramError`].
pub fn run_on(program: &Path, file: &Path, folder: &Path, limit: Duration) -> Result<(), ProgramError> {
    let words = folder.join("said");
    let fail = |source| ProgramError::File { path: words.clone(), source };
    let mut said = File::options().create_new(true).read(true).write(true).open(&words).map_err(fail)?;
    let (out, err) = (said.try_clone().map_err(fail)?, said.try_clone().map_err(fail)?);
    let start = |source| ProgramError::Start { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command.arg(file).current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(err);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("TMPDIR", folder).process_group(0);
    let mut child = command.spawn().map_err(start)?;
    let since = Instant::now();
    let status = loop {
        match child.try_wait().map_err(start)? {
            Some(status) => break Some(status),
            None if since.elapsed() > limit => {
                stop(&mut child).map_err(start)?;
                break None;
            }
            None => std::thread::sleep(LOOK),
        }
    };
    let program = program.to_owned();
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(ProgramError::Failed { program, status, said: last(&mut said).map_err(fail)? }),
        None => Err(ProgramError::Slow { program, limit, said: last(&mut said).map_err(fail)? }),
    }
}

/// Ends the program with everything it started.
fn stop(child: &mut Child) -> io::Result<()> {
    if let Some(group) = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()) {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?;
    }
    child.wait().map(drop)
}

/// The last lines of what was said.
fn last(said: &mut File) -> io::Result<String> {
    let end = said.seek(SeekFrom::End(0))?;
    said.seek(SeekFrom::Start(end.saturating_sub(SAID)))?;
    let mut bytes = Vec::new();
    said.take(SAID).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    Ok(if lines.is_empty() { "  nothing".to_owned() } else { lines.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let (program, file) = (folder.path().join("program"), folder.path().join("file"));
        std::fs::write(&file, "before ").unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, script).unwrap();
        // By another process: what is open for writing anywhere cannot be run.
        let install = Command::new("install").arg("-m755").args([&text, &program]).status();
        assert!(install.unwrap().success());
        let short = |text: String| text.replace(&folder.path().display().to_string(), "HERE");
        match run_on(&program, &file, folder.path(), limit) {
            Ok(()) => Ok(std::fs::read_to_string(file).unwrap()),
            Err(error) => Err(short(error.to_string())),
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_sees_its_file_and_hardly_anything_else() {
        let script = "#!/bin/sh\nenv | grep -v -e ^PATH= -e ^TMPDIR= -e ^PWD= -e ^_= -e ^SHLVL= >> \"$1\"\necho \"$#\" >> \"$1\"; cat >> \"$1\"";
        assert_eq!(run(script, LONG).unwrap(), "before 1\n");
    }

    #[test]
    fn what_fails_or_hangs_is_told_with_its_last_words() {
        insta::assert_snapshot!(run("#!/bin/sh\necho no key >&2; exit 3", LONG).unwrap_err(), @"
        HERE/program failed with exit status: 3; it said:
          no key
        ");
        insta::assert_snapshot!(run("#!/nowhere/sh\n", LONG).unwrap_err(), @"HERE/program cannot be run on this machine (it, or the interpreter that its first line names, may not be there)");
        let since = Instant::now();
        insta::assert_snapshot!(run("#!/bin/sh\necho waiting; sleep 1000 & sleep 1000", Duration::from_secs(1)).unwrap_err(), @"
        HERE/program did not end within 1 s and was stopped; it said:
          waiting
        ");
        assert!(since.elapsed() < LONG);
    }
}
