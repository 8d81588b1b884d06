use super::build::explain_pin;
use super::closure::source;
use super::secret_file::read_secret;
use crate::Outcome;
use crate::arguments::{CacheCompression, CachePush};
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::closure::{Packing, PushError, PushRequest, SecretKey, push as push_closure};
use pintle_model::Size;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn push(arguments: &CachePush, reporter: &Reporter) -> Outcome {
    let nix = source(&arguments.closure, arguments.closure.nix.as_deref())?.ok_or_else(|| {
        Failure::new(FailureKind::Usage, "no closure is named")
            .hint("pintle cache push FOLDER --nix ./result --key cache.sec")
    })?;
    let key = arguments.key.as_deref().map(read_key).transpose()?;
    let outside = Outside::new(reporter, arguments.offline)?;
    let packing = match arguments.compression {
        CacheCompression::None => Packing::None,
        CacheCompression::Xz => Packing::Xz,
        CacheCompression::Zstd => Packing::Zstd,
    };
    let request = PushRequest { nix: &nix, to: &arguments.folder, key: key.as_ref(), packing };
    let pushed = push_closure(&request, &outside.supply());
    outside.done();
    let pushed = pushed.map_err(|error| match error {
        PushError::Closure(error) => explain_pin(error.into()),
        error => Failure::new(FailureKind::Failed, error),
    })?;
    if key.is_none() {
        reporter.say("note: nothing is signed: clients believe only what follows from its own content");
    }
    let text = format!(
        "{} store paths written to {} ({} packed), {} were there",
        pushed.written,
        arguments.folder.display(),
        Size(pushed.bytes),
        pushed.kept
    );
    let public = key.map(|key| key.public().to_string());
    reporter.result(&text, &json!({"cache": arguments.folder, "pushed": pushed, "public_key": public}));
    Ok(ExitCode::SUCCESS)
}

/// A secret key.
fn read_key(path: &Path) -> Result<SecretKey, Failure> {
    SecretKey::parse(read_secret(path)?.trim())
        .map_err(|error| Failure::new(FailureKind::BadInput, format!("{}: {error}", path.display())))
}
