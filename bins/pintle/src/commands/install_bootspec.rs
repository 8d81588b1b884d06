use super::secret_file::read_signer;
use crate::Outcome;
use crate::arguments::{Choice, EntryType, InstallBootspec};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::closure::ClosureError;
use pintle_flows::install::{
    Effects, EntryKind, InstallError, InstallRequest, Installed, MenuEditor, install,
};
use pintle_world::esp::{EspError, FileSystems, FolderEsp};
use pintle_world::initrd_secrets::Programs;
use serde_json::json;
use std::process::ExitCode;

/// `pintle install-bootspec`.
pub(crate) fn run(arguments: &InstallBootspec, reporter: &Reporter) -> Outcome {
    let signer = read_signer(arguments.key.as_deref(), arguments.certificate.as_deref(), reporter)?;
    let file_systems = if arguments.any_file_system { FileSystems::Any } else { FileSystems::Fat };
    let mount = arguments.esp.clone().unwrap_or_else(|| arguments.root.join("boot"));
    let mut esp = FolderEsp::open(&mount, file_systems).map_err(|error| match error {
        EspError::NotFat(_) => Failure::new(FailureKind::Refused, error),
        error => Failure::new(FailureKind::Failed, error),
    })?;
    let mut programs = Programs::new().map_err(|error| Failure::new(FailureKind::Failed, error))?;
    let request = InstallRequest {
        toplevel: &arguments.toplevel.to_string_lossy(),
        root: &arguments.root,
        profile: &arguments.profile,
        limit: arguments.configuration_limit,
        timeout: arguments.timeout,
        editor: match arguments.editor {
            Choice::Yes => MenuEditor::Allowed,
            Choice::No => MenuEditor::Forbidden,
        },
        kind: match arguments.kind {
            EntryType::Uki => EntryKind::Uki,
            EntryType::Entry => EntryKind::Type1,
        },
        loader_folder: arguments.systemd_boot_dir.as_deref(),
        signer: signer.as_ref(),
        effects: if arguments.dry_run { Effects::Planned } else { Effects::Done },
    };
    let installed = install(&request, &mut esp, &mut programs).map_err(explain)?;
    for warning in &installed.warnings {
        reporter.say(&format!("warning: {warning}"));
    }
    let machine = json!({"esp": mount, "dry_run": arguments.dry_run, "installed": installed});
    reporter.result(&told(&installed, arguments.dry_run), &machine);
    Ok(ExitCode::SUCCESS)
}

/// What kind of failure it is.
fn explain(error: InstallError) -> Failure {
    let kind = match &error {
        InstallError::NoSystem { .. }
        | InstallError::Closure(ClosureError::Path(_))
        | InstallError::Bootspec { .. }
        | InstallError::System { .. } => FailureKind::BadInput,
        InstallError::Twin { .. } => FailureKind::Refused,
        _ => FailureKind::Failed,
    };
    Failure::new(kind, error)
}

/// What was done, for people.
fn told(installed: &Installed, dry_run: bool) -> String {
    let mut lines = Vec::new();
    let default =
        installed.entries.iter().find(|entry| entry.path.ends_with(&format!("/{}", installed.default)));
    let title = default.map_or(installed.default.as_str(), |entry| &entry.title);
    let (is, written, removed) = match dry_run {
        true => ("would be", "to be written", "to be removed"),
        false => ("is", "written", "removed"),
    };
    lines.push(format!("{title} {is} the default; {} entries", installed.entries.len()));
    lines.extend(installed.written.iter().map(|path| format!("{written}: {path}")));
    lines.extend(installed.removed.iter().map(|path| format!("{removed}: {path}")));
    lines.join("\n")
}
