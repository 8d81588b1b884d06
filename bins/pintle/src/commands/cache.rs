use super::build::explain_pin;
use super::closure::source;
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

/// A secret key; only its owner may be able to read the file, or it is no secret any more.
fn read_key(path: &Path) -> Result<SecretKey, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| {
        Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", path.display()))
    };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let message = format!("others can read the secret key in {} (mode {mode:04o})", path.display());
        return Err(Failure::new(FailureKind::Refused, message).hint(format!("chmod 600 {}", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    SecretKey::parse(text.trim())
        .map_err(|error| Failure::new(FailureKind::BadInput, format!("{}: {error}", path.display())))
}
