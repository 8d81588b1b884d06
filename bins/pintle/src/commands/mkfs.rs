use crate::Outcome;
use crate::arguments::{FileSystem, Mkfs};
use crate::environment::{open_cache, threads};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::mkfs::{Erofs, Kind, MkfsError, Request, mkfs};
use pintle_flows::tar_tree::TarTreeError;
use pintle_model::{Size, Timestamp};
use pintle_world::Store;
use pintle_world::host_tree::Ownership;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Mkfs, reporter: &Reporter) -> Outcome {
    let only_erofs = arguments.compress.is_some() || arguments.align || arguments.pack_tails;
    if only_erofs && !matches!(arguments.kind, FileSystem::Erofs) {
        let message =
            "--compress, --align and --pack-tails are of EROFS; other file systems do not have them";
        return Err(Failure::new(FailureKind::Usage, message).hint("pintle mkfs erofs SOURCE OUT"));
    }
    let request = Request {
        kind: match arguments.kind {
            FileSystem::Ext4 => Kind::Ext4,
            FileSystem::Vfat => Kind::Vfat,
            FileSystem::Erofs => Kind::Erofs(erofs(arguments)),
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

fn erofs(arguments: &Mkfs) -> Erofs {
    let pack_tails = arguments.pack_tails.then_some(true);
    Erofs {
        method: arguments.compress.map(|compress| compress.0),
        cluster: arguments.cluster,
        pack_tails: pack_tails.or(arguments.align.then_some(false)),
    }
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
        MkfsError::Ext4(_) | MkfsError::Vfat(_) | MkfsError::Erofs(_) | MkfsError::ErofsTooSmall { .. } => {
            (FailureKind::BadInput, "")
        }
        _ => (FailureKind::Failed, ""),
    };
    let failure = Failure::new(kind, error);
    if hint.is_empty() { failure } else { failure.hint(hint) }
}
