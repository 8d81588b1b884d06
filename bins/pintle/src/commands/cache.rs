use super::build::{explain, explain_pin, say_change};
use super::check::read;
use super::closure::source;
use super::secret_file::read_secret;
use crate::Outcome;
use crate::arguments::{CacheCompression, CachePush};
use crate::environment::{self, Outside};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::{Event, Reports, Request};
use pintle_flows::pin::LockMode;
use pintle_flows::publish::{
    Address, BadAddress, Bucket, Packing, Place, PushError, Pushed, SecretKey, Subject, Target, keys,
    push as publish,
};
use pintle_model::Size;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn push(arguments: &CachePush, reporter: &Reporter) -> Outcome {
    let key = arguments.key.as_deref().map(read_key).transpose()?;
    let outside = Outside::new(reporter, arguments.offline)?;
    let place = place(&arguments.place, &outside)?;
    let packing = match arguments.compression {
        CacheCompression::None => Packing::None,
        CacheCompression::Xz => Packing::Xz,
        CacheCompression::Zstd => Packing::Zstd,
    };
    let target = Target { place: &place, key: key.as_ref(), packing };
    let pushed = match source(&arguments.closure, arguments.closure.nix.as_deref())? {
        Some(nix) => run(&Subject::Closure(&nix), &target, &outside, reporter)?,
        None => definition(arguments, &target, &outside, reporter)?,
    };
    if key.is_none() {
        reporter.say("note: nothing is signed: clients believe only what follows from its own content");
    }
    let text = format!(
        "{}\n{} store paths written to {place} ({} packed), {} were there",
        pushed.paths.join("\n"),
        pushed.written,
        Size(pushed.bytes),
        pushed.kept
    );
    let public = key.map(|key| key.public().to_string());
    reporter.result(&text, &json!({"cache": place.to_string(), "pushed": pushed, "public_key": public}));
    Ok(ExitCode::SUCCESS)
}

fn definition(
    arguments: &CachePush,
    target: &Target<'_>,
    outside: &Outside,
    reporter: &Reporter,
) -> Result<Pushed, Failure> {
    let Some(path) = &arguments.definition else {
        let message = "neither a definition nor a closure is named";
        return Err(Failure::new(FailureKind::Usage, message)
            .hint("pintle cache push PLACE system.toml --key cache.sec")
            .hint("pintle cache push PLACE --nix ./result --key cache.sec"));
    };
    let definition = read(path, reporter)?;
    let agent = environment::agent();
    let request = Request {
        definition: &definition,
        lock_file: arguments.lock_file.as_deref().or(definition.lock_file.as_deref()),
        lock_mode: if arguments.locked { LockMode::Locked } else { LockMode::Extend },
        output: &definition.folder,
        shown: &definition.folder,
        formats: &[],
        signing: None,
        reports: Reports::default(),
        agent: agent.as_deref(),
        checksum: false,
    };
    run(&Subject::Definition(&request), target, outside, reporter)
}

fn run(
    subject: &Subject<'_>,
    target: &Target<'_>,
    outside: &Outside,
    reporter: &Reporter,
) -> Result<Pushed, Failure> {
    let mut tell = |event: Event| {
        outside.progress().pause(|| match &event {
            Event::Step(_) => {}
            Event::Locked(change) => say_change(change, reporter),
            Event::Note(text) => reporter.say(&format!("note: {text}")),
        });
    };
    let pushed = publish(subject, target, &outside.supply(), &mut tell);
    outside.done();
    pushed.map_err(|error| match error {
        PushError::Closure(error) => explain_pin(error.into()),
        PushError::Build(error) => explain(error),
        error @ PushError::Other { .. } => Failure::new(FailureKind::Refused, error),
        error => Failure::new(FailureKind::Failed, error),
    })
}

/// A folder, or a bucket with the keys that this process has for it.
fn place(text: &str, outside: &Outside) -> Result<Place, Failure> {
    if !Address::is_meant(text) {
        return Ok(Place::Folder(text.into()));
    }
    let bad = |error: BadAddress| Failure::new(FailureKind::Usage, error);
    let address: Address = text.parse().map_err(bad)?;
    let keys = keys(&address, |name| std::env::var_os(name));
    let keys = keys.map_err(|error| Failure::new(FailureKind::Failed, error))?;
    let bucket = Bucket::open(address, keys, outside.supply().fetcher);
    let bucket = bucket.map_err(|error| Failure::new(FailureKind::Usage, error))?;
    Ok(Place::Bucket(Box::new(bucket)))
}

/// A secret key.
fn read_key(path: &Path) -> Result<SecretKey, Failure> {
    SecretKey::parse(read_secret(path)?.trim())
        .map_err(|error| Failure::new(FailureKind::BadInput, format!("{}: {error}", path.display())))
}
