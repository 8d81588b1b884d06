use super::message::{Failed, Garbled};
use super::probe::Unfit;
use crate::build::BuildError;
use pintle_world::atomic::AtomicError;
use pintle_world::ssh::SshError;
use std::io;

/// Nothing was built on the builder.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// What a build here would say too, before anybody was asked.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A format that does not travel.
    #[error("the format `directory` cannot be built elsewhere: owners and devices would be lost on the way")]
    Format,
    /// A closure that only this machine has.
    #[error(
        "the closure is in a store of this machine, which the builder cannot read: name a binary cache that both reach \
         (`source.nix-caches`)"
    )]
    Closure,
    /// Boot loaders that only this machine has.
    #[error(
        "`source.nix-boot-files` names folders of this machine, which the builder cannot read: take it out, and the boot \
         loaders come from the Debian archive"
    )]
    BootFiles,
    /// Secrets that only this machine has.
    #[error(
        "`source.nix-initrd-secrets = \"run\"` puts secrets of this machine into the image, which the builder does not have: \
         build here"
    )]
    Secrets,
    /// Keys that only this machine has.
    #[error("the image is to be signed, and keys do not leave this machine")]
    Keys,
    /// This program's own file.
    #[error("cannot read this program itself, {path}")]
    Program {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the definition changed while it was read.
    #[error("cannot read a file of the definition")]
    Sources(#[source] io::Error),
    /// An output here.
    #[error(transparent)]
    Output(#[from] AtomicError),
    /// Between here and there, or there.
    #[error("{builder}: {trouble}")]
    Trouble {
        /// The builder.
        builder: String,
        /// What.
        #[source]
        trouble: Box<Trouble>,
    },
}

impl RemoteError {
    pub(super) fn new(builder: &str, trouble: Trouble) -> Self {
        Self::Trouble { builder: builder.to_owned(), trouble: Box::new(trouble) }
    }
}

/// What goes wrong with a builder.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No ssh here.
    #[error("there is no way to get there")]
    Ssh(#[source] SshError),
    /// ssh ended without a login.
    #[error("cannot log in{}", lines(.said))]
    Login {
        /// What it said.
        said: Vec<String>,
    },
    /// A login without a shell.
    #[error("the login does not give a shell (sh) that runs commands{}", lines(.said))]
    NoShell {
        /// What was said instead.
        said: Vec<String>,
    },
    /// The machine.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The program does not get there.
    #[error("this program cannot be put there: {0}")]
    Program(String),
    /// It is another one.
    #[error("the program there speaks protocol {theirs}, and this one {}", super::message::PROTOCOL)]
    Protocol {
        /// Its version.
        theirs: String,
    },
    /// It makes no sense.
    #[error("what came from there is damaged")]
    Garbled(#[from] Garbled),
    /// Cut off.
    #[error("the connection was lost; nothing was written{}", lines(.said))]
    Lost {
        /// What ssh said.
        said: Vec<String>,
    },
    /// The other side is gone.
    #[error("the build there ended without a word; nothing was written{}", lines(.said))]
    Ended {
        /// What was said before.
        said: Vec<String>,
    },
    /// Writing to ssh.
    #[error("cannot send")]
    Send(#[source] io::Error),
    /// It failed there.
    #[error("nothing was built there")]
    Build(Failed),
    /// The user wants to stop.
    #[error("stopped; nothing was written, and nothing is left on the builder but its cache")]
    Stopped,
}

/// What somebody said, as lines of their own.
fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

impl Trouble {
    /// What to do.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Ssh(_) => "apt install openssh-client",
            Self::Login { said } => login_step(&said.join("\n")),
            Self::NoShell { .. } => "give the user a login shell there, or name another user",
            Self::Unfit(unfit) => unfit.next_step(),
            Self::Program(_) => {
                "its cache must be on a file system that takes and runs programs (no `noexec`); PINTLE_CACHE_DIR names another there"
            }
            Self::Protocol { .. } => "empty the folder `bin` of the cache on the builder",
            Self::Garbled(Garbled::Bytes { .. }) => {
                "nothing was written; run the command again, and look at the builder's memory and disk when it happens again"
            }
            Self::Garbled(_) => {
                "see that nothing there (a login script) writes into the connection; then run it again"
            }
            Self::Lost { .. } => {
                "run the command again: what the builder has fetched and unpacked is still there"
            }
            Self::Ended { .. } => {
                "see on the builder whether it ran out of memory (journalctl -k); what it has fetched is still there"
            }
            Self::Send(_) | Self::Build(_) | Self::Stopped => "",
        }
    }
}

/// What ssh's own words ask for.
fn login_step(said: &str) -> &'static str {
    let known = [
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "find out why its key changed before you remove the old one: ssh-keygen -R HOST",
        ),
        (
            "Host key verification failed",
            "log in once by hand, compare the fingerprint, and accept the key: ssh HOST",
        ),
        (
            "Permission denied",
            "try `ssh HOST true`; a key is named by `IdentityFile` in ~/.ssh/config, or --builder-option IdentityFile=FILE",
        ),
        ("Could not resolve hostname", "check the host's name, or give it an entry in ~/.ssh/config"),
    ];
    let found = known.iter().find(|(words, _)| said.contains(words));
    found.map_or("try `ssh HOST true`: what works there works here", |(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Digest, Hasher, Verified};

    fn told(trouble: Trouble) -> String {
        let error = RemoteError::new("ssh://me@build.example", trouble);
        let RemoteError::Trouble { trouble, .. } = &error else { return error.to_string() };
        let mut text = error.to_string();
        let mut at = std::error::Error::source(trouble.as_ref());
        while let Some(cause) = at {
            text += &format!("\nbecause: {cause}");
            at = cause.source();
        }
        format!("{text}\nnext: {}", trouble.next_step())
    }

    #[test]
    fn every_trouble_says_what_and_what_next() {
        let split = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let login = |text: &str| told(Trouble::Login { said: split(text) });
        let gone = SshError::Spawn { program: "ssh", source: io::ErrorKind::NotFound.into() };
        insta::assert_snapshot!(told(Trouble::Ssh(gone)), @"
        ssh://me@build.example: there is no way to get there
        because: cannot run `ssh`
        because: entity not found
        next: apt install openssh-client
        ");
        insta::assert_snapshot!(login("ssh: connect to host build.example port 22: Connection refused"), @"
        ssh://me@build.example: cannot log in
          ssh: connect to host build.example port 22: Connection refused
        next: try `ssh HOST true`: what works there works here
        ");
        insta::assert_snapshot!(login("ssh: Could not resolve hostname build.example: Name or service not known"), @"
        ssh://me@build.example: cannot log in
          ssh: Could not resolve hostname build.example: Name or service not known
        next: check the host's name, or give it an entry in ~/.ssh/config
        ");
        insta::assert_snapshot!(login("Host key verification failed."), @"
        ssh://me@build.example: cannot log in
          Host key verification failed.
        next: log in once by hand, compare the fingerprint, and accept the key: ssh HOST
        ");
        insta::assert_snapshot!(login("me@build.example: Permission denied (publickey)."), @"
        ssh://me@build.example: cannot log in
          me@build.example: Permission denied (publickey).
        next: try `ssh HOST true`; a key is named by `IdentityFile` in ~/.ssh/config, or --builder-option IdentityFile=FILE
        ");
        insta::assert_snapshot!(told(Trouble::NoShell { said: Vec::new() }), @"
        ssh://me@build.example: the login does not give a shell (sh) that runs commands
        next: give the user a login shell there, or name another user
        ");
        insta::assert_snapshot!(told(Trouble::Program("it does not run: Permission denied".to_owned())), @"
        ssh://me@build.example: this program cannot be put there: it does not run: Permission denied
        next: its cache must be on a file system that takes and runs programs (no `noexec`); PINTLE_CACHE_DIR names another there
        ");
        insta::assert_snapshot!(told(Trouble::Protocol { theirs: "7 (pintle 9.0.0)".to_owned() }), @"
        ssh://me@build.example: the program there speaks protocol 7 (pintle 9.0.0), and this one 1
        next: empty the folder `bin` of the cache on the builder
        ");
        insta::assert_snapshot!(told(Trouble::Lost { said: split("Connection to build.example closed by remote host.") }), @"
        ssh://me@build.example: the connection was lost; nothing was written
          Connection to build.example closed by remote host.
        next: run the command again: what the builder has fetched and unpacked is still there
        ");
        insta::assert_snapshot!(told(Trouble::Ended { said: Vec::new() }), @"
        ssh://me@build.example: the build there ended without a word; nothing was written
        next: see on the builder whether it ran out of memory (journalctl -k); what it has fetched is still there
        ");
        insta::assert_snapshot!(told(Trouble::Stopped), @"
        ssh://me@build.example: stopped; nothing was written, and nothing is left on the builder but its cache
        next:
        ");
        insta::assert_snapshot!(told(Garbled::Name("../etc/passwd".to_owned()).into()), @"
        ssh://me@build.example: what came from there is damaged
        because: a file called `../etc/passwd` came, which nobody asked for
        next: see that nothing there (a login script) writes into the connection; then run it again
        ");
        let mut hasher = Hasher::new();
        hasher.update(b"other");
        let source = Verified::new((), hasher.finish(), Digest::of(b"bytes")).unwrap_err();
        insta::assert_snapshot!(told(Garbled::Bytes { what: "web.raw".to_owned(), source }.into()), @"
        ssh://me@build.example: what came from there is damaged
        because: web.raw did not arrive as it was sent
        because: sha256 is d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, expected 277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9 (5 bytes read)
        next: nothing was written; run the command again, and look at the builder's memory and disk when it happens again
        ");
    }
}
