use crate::Outcome;
use crate::arguments::{FileSystem, Mkfs};
use crate::environment::{open_cache, threads};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::mkfs::{Kind, MkfsError, Request, mkfs};
use pintle_flows::tar_tree::TarTreeError;
use pintle_model::{Size, Timestamp};
use pintle_world::Store;
use pintle_world::host_tree::Ownership;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Mkfs, reporter: &Reporter) -> Outcome {
    let request = Request {
        kind: match arguments.kind {
            FileSystem::Ext4 => Kind::Ext4,
            FileSystem::Vfat => Kind::Vfat,
        },
        source: arguments.source.clone(),
        output: arguments.output.clone(),
        size: arguments.size,
        label: arguments.label.clone(),
        uuid: arguments.uuid,
        epoch: Timestamp::from_secs(arguments.epoch),
        ownership: if arguments.root_owner { Ownership::Root } else { Ownership::Kept },
    };
    let store = Store::open(&open_cache()?);
    let written = mkfs(&request, &store, threads(), &mut std::io::stdin().lock()).map_err(explain)?;
    let text =
        format!("wrote {} ({}, {} entries)", written.path.display(), Size(written.size), written.entries);
    reporter.result(&text, &json!(written));
    Ok(ExitCode::SUCCESS)
}

fn explain(error: MkfsError) -> Failure {
    let (kind, hint) = match error {
        MkfsError::Tar(TarTreeError::Spool { .. }) => {
            (FailureKind::Failed, "PINTLE_CACHE_DIR names another folder for the cache")
        }
        MkfsError::Tar(_) | MkfsError::NoSource(_) => (
            FailureKind::BadInput,
            "the source is a folder or a tar archive (plain, gzip, xz or zstd), `-` such an archive on standard input",
        ),
        MkfsError::Ext4(_) | MkfsError::Vfat(_) => (FailureKind::BadInput, ""),
        _ => (FailureKind::Failed, ""),
    };
    let failure = Failure::new(kind, error);
    if hint.is_empty() { failure } else { failure.hint(hint) }
}
