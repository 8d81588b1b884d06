//! A build on another machine, with nothing but SSH there. The definition is evaluated and locked here; our program is
//! copied there once and does what it would do here; outputs come back into place as those of a build here do.
//!
//! ```text
//! address.rs   ssh://[user@]host[:port]
//! probe.*      what the machine says of itself, and whether it will do
//! program.rs   this program, to be copied
//! link.rs      the connection: login, program, conversation
//! frame.rs     messages and streams as bytes; message.rs: as values
//! sources.rs   what lies beside a definition, there and back
//! packages.rs  who gets which package from where
//! receive.rs   outputs into place
//! serve.rs     the builder's side
//! ```

mod address;
mod error;
pub mod frame;
mod link;
mod message;
mod packages;
mod probe;
mod program;
mod receive;
mod serve;
mod sources;

pub use address::{Address, BadAddress};
pub use error::{RemoteError, Trouble};
pub use message::{Failed, Garbled};
pub use probe::Unfit;
pub use serve::{Caller, ServeError, serve};

use crate::build::{BuildError, Built, Event, Request, copies, formats, read_recipes, try_places};
use crate::definition::Definition;
use crate::pin::{self, Pinned};
use crate::supply::Supply;
use link::Link;
use message::{Listing, Message, Order};
use pintle_model::{Digest, Encoding, InitrdSecrets, Lock, TreeEncoding};
use program::Program;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// Who builds.
#[derive(Clone, Debug)]
pub struct Builder<'a> {
    /// The machine.
    pub address: &'a Address,
    /// Options for ssh, `KEY=VALUE`.
    pub options: &'a [String],
    /// This program's own file.
    pub program: &'a Path,
    /// Packages are sent from here; the builder asks no mirror.
    pub push: bool,
}

/// What went over the line.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Traffic {
    /// Address of the builder.
    pub builder: String,
    /// What it is.
    pub machine: String,
    /// Bytes of our program; 0 where it was there.
    pub program: u64,
    /// Bytes of definition, lock and copied files.
    pub definition: u64,
    /// How many packages were sent.
    pub packages: usize,
    /// Bytes of them.
    pub package_bytes: u64,
    /// Bytes that came back.
    pub received: u64,
}

/// Builds on `builder` what [`crate::build::build`] would build here, and puts it where that would.
///
/// # Errors
/// [`RemoteError`]; then there are no new outputs here, and nothing but its cache there.
pub fn build(
    request: &Request<'_>,
    builder: &Builder<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<(Built, Traffic), RemoteError> {
    // Here, before anybody is asked: everything that can be wrong with what the user wrote.
    let mut steps = Steps { since: supply.clock.elapsed(), done: Vec::new() };
    let definition = request.definition;
    refuse_folders(request)?;
    if request.signing.is_some() {
        return Err(RemoteError::Keys);
    }
    match &definition.system().source.nix {
        Some(nix) if nix.caches.is_empty() => return Err(RemoteError::Closure),
        Some(nix) if !nix.boot_files.is_empty() => return Err(RemoteError::BootFiles),
        Some(nix) if nix.initrd_secrets == InitrdSecrets::Run => return Err(RemoteError::Secrets),
        _ => {}
    }
    try_places(request).map_err(BuildError::from)?;
    copies::read(definition, supply.store).map_err(BuildError::from)?;
    let (lock, text) = settle(request, supply, tell)?;
    let copied = sources::read(definition, supply.store)
        .map_err(|error| RemoteError::Sources(std::io::Error::other(error)))?;
    let agent = sources::agent(request).map_err(BuildError::from)?;
    let order = Order {
        agent: agent.as_ref().map(|agent| agent.len() as u64),
        ..order(request, builder, (&lock, text), sources::listings(&copied))?
    };
    let program = Program::read(builder.program)
        .map_err(|source| RemoteError::Program { path: builder.program.display().to_string(), source })?;
    steps.end("lock", supply);

    // There: a login, our program, what to build, and packages that it cannot get.
    let mut link = Link::open(builder, &program, supply, tell)?;
    let before = link.sent();
    link.send(|to| sources::send(order, &copied, agent.as_deref(), supply.store, to))?;
    link.traffic.definition = link.sent() - before;
    steps.end("builder", supply);
    let mut answer = link.answer()?;
    if let Message::Need { packages, reason } = answer {
        link.note(wants(&packages, reason));
        give(&packages, definition, &lock, &mut link, supply)?;
        answer = link.answer()?;
    }

    // Back here: all of it, or nothing.
    let received = receive::receive(request, answer, &mut link, supply)?;
    let mut built = received.commit()?;
    steps.end("transfer", supply);
    built.steps = steps.around(built.steps);
    Ok((built, link.close()))
}

/// A folder has owners, devices and attributes that only root may set; what another user made of them there would be
/// something else than here.
fn refuse_folders(request: &Request<'_>) -> Result<(), RemoteError> {
    let is_folder = |format: &pintle_model::OutputFormat| {
        matches!(format.encoding(), Encoding::Tree(TreeEncoding::Directory))
    };
    if formats(request).iter().any(is_folder) { Err(RemoteError::Format) } else { Ok(()) }
}

/// The lock as it is, where it answers the definition; else made, or refused, as every build here would.
fn settle(
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<(Lock, String), BuildError> {
    let definition = request.definition;
    let recipes = read_recipes(&definition.folder)?;
    if let Some(found) = request.lock_file.map(pin::read).transpose()?.flatten()
        && pin::lock_answers(&found.0, definition)
    {
        return Ok(found);
    }
    let Pinned { lock, text, change, .. } =
        pin::pin(definition, request.lock_file, request.lock_mode, &recipes, supply)?;
    change.into_iter().for_each(|change| tell(Event::Locked(change)));
    Ok((lock, text))
}

/// What the builder is told.
fn order(
    request: &Request<'_>,
    builder: &Builder<'_>,
    (lock, text): (&Lock, String),
    copied: Vec<Listing>,
) -> Result<Order, RemoteError> {
    let definition = request.definition;
    Ok(Order {
        system: definition.system().clone(),
        asked: sources::asked(definition, lock),
        lock: text,
        recipes: sources::recipes(&definition.folder).map_err(RemoteError::Sources)?,
        copied,
        agent: None,
        formats: formats(request).to_vec(),
        sbom: request.reports.sbom.map(<[_]>::to_vec),
        no_page: request.reports.no_page,
        checksum: request.checksum,
        shown: request.shown.display().to_string(),
        push: builder.push,
    })
}

/// For people: why packages are sent.
fn wants(packages: &[Digest], reason: Option<String>) -> String {
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("sending {} packages from here, which the builder does not get itself{reason}", packages.len())
}

/// Sends packages.
fn give(
    packages: &[Digest],
    definition: &Definition,
    lock: &Lock,
    link: &mut Link<'_>,
    supply: &Supply<'_>,
) -> Result<(), RemoteError> {
    let files = packages::files_of(packages, definition, lock, supply).map_err(BuildError::from)?;
    let files = files.ok_or_else(|| {
        let turn =
            Garbled::Turn { found: "a package that the lock does not name", expected: "one of the lock" };
        link.failed(turn.into())
    })?;
    let before = link.sent();
    for (package, file) in &files {
        supply.progress.started(&package.name, package.size);
        link.send(|to| packages::send(package, file, to))?;
        supply.progress.advanced(&package.name, package.size);
        supply.progress.finished(&package.name);
    }
    link.traffic.packages = files.len();
    link.traffic.package_bytes = link.sent() - before;
    Ok(())
}

/// How long the steps take that a build here has not.
struct Steps {
    since: Duration,
    done: Vec<(String, Duration)>,
}

impl Steps {
    fn end(&mut self, name: &str, supply: &Supply<'_>) {
        let now = supply.clock.elapsed();
        self.done.push((name.to_owned(), now.saturating_sub(self.since)));
        self.since = now;
    }

    /// With those of the builder before the last, which is what is left of it.
    fn around(mut self, there: Vec<(String, Duration)>) -> Vec<(String, Duration)> {
        let last = self.done.pop();
        let took: Duration = there.iter().map(|(_, took)| *took).sum();
        self.done.extend(there);
        self.done.extend(last.map(|(name, whole)| (name, whole.saturating_sub(took))));
        self.done
    }
}
