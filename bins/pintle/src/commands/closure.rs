//! A Nix closure on the command line, in place of a definition.

use super::build::explain_pin;
use super::check::explain_definition;
use crate::arguments::{Closure, Run};
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::closure::{locate, ways};
use pintle_flows::definition::{Definition, name_of, of_closure};
use pintle_flows::run::{Direct, DirectError, DirectRequest};
use pintle_model::{InitrdSecrets, Nix, Size};
use std::path::{Path, PathBuf};

/// The definition that the arguments stand for; none where they name no closure.
pub(crate) fn definition(arguments: &Closure) -> Result<Option<Definition>, Failure> {
    let Some(nix) = source(arguments, arguments.nix.as_deref())? else { return Ok(None) };
    let located = locate(&nix.system, Path::new(".")).map_err(|error| explain_pin(error.into()))?;
    let (name, version) = name_of(located.toplevel.name());
    let ways = ways(&nix).map_err(|error| explain_pin(error.into()))?;
    of_closure(&nix, &name, &version, ways).map(Some).map_err(explain_definition)
}

/// What the arguments say of a closure.
pub(crate) fn source(arguments: &Closure, system: Option<&Path>) -> Result<Option<Nix>, Failure> {
    let text = |path: &PathBuf| path.display().to_string();
    let Some(system) = system else {
        let more = !arguments.nix_cache.is_empty() || arguments.nix_store.is_some();
        let more = more || arguments.omit_initrd_secrets || arguments.run_initrd_secrets;
        if more || !arguments.nix_trusted_key.is_empty() || !arguments.nix_boot_files.is_empty() {
            let message = "the options `--nix-…` say where a closure is, and none is named";
            return Err(Failure::new(FailureKind::Usage, message).hint("pintle build --nix ./result …"));
        }
        return Ok(None);
    };
    let initrd_secrets = match (arguments.omit_initrd_secrets, arguments.run_initrd_secrets) {
        (true, _) => InitrdSecrets::Omit,
        (false, true) => InitrdSecrets::Run,
        (false, false) => InitrdSecrets::Refuse,
    };
    Ok(Some(Nix {
        system: system.display().to_string(),
        store: arguments.nix_store.as_ref().map(text),
        registration: arguments.nix_registration.as_ref().map(text),
        caches: arguments.nix_cache.iter().map(cache).collect(),
        trusted_keys: arguments.nix_trusted_key.iter().map(|key| read_key(key)).collect::<Result<_, _>>()?,
        label: None,
        boot_files: arguments.nix_boot_files.iter().map(text).collect(),
        initrd_secrets,
    }))
}

/// What `pintle run` is to start without a boot loader; none where it is given an image.
pub(crate) fn direct(
    arguments: &Run,
    scratch: &Path,
    reporter: &Reporter,
) -> Result<Option<Direct>, Failure> {
    let named =
        arguments.closure.nix.clone().or_else(|| arguments.image.clone().filter(|path| is_system(path)));
    let generation = arguments.generation.map(|number| {
        let root = arguments.closure.nix_store.clone().unwrap_or_else(|| PathBuf::from("/"));
        root.join(format!("nix/var/nix/profiles/system-{number}-link"))
    });
    let Some(system) = generation.or(named) else {
        return match &arguments.specialisation {
            None => Ok(None),
            Some(_) => {
                let message = "`--specialisation` is of a NixOS system, and an image has its own boot menu";
                Err(Failure::new(FailureKind::Usage, message)
                    .hint("pintle run boot.json --specialisation NAME"))
            }
        };
    };
    let Some(nix) = source(&arguments.closure, Some(&system))? else { return Ok(None) };
    let outside = Outside::new(reporter, false)?;
    let specialisation = arguments.specialisation.as_deref();
    let request = DirectRequest { nix: &nix, specialisation, with: &arguments.with, free: FREE, scratch };
    let made = pintle_flows::run::direct(&request, &outside.supply());
    outside.done();
    let direct = made.map_err(|error| match error {
        DirectError::Closure(error) => explain_pin(error.into()),
        error => Failure::new(FailureKind::Failed, error),
    })?;
    reporter.say(&format!("starting {}", direct.title));
    Ok(Some(direct))
}

/// Room for what a guest writes.
const FREE: Size = Size::mib(1024);

/// A bootspec, a toplevel, or a link to one: no disk image has such a name or is a folder.
fn is_system(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
        || path.join("boot.json").exists()
        || path.is_symlink() && !path.exists()
}

/// People name folders as they are used to.
fn cache(text: &String) -> String {
    let plain = !text.contains("://")
        && !text.starts_with('/')
        && !text.starts_with("./")
        && !text.starts_with("../");
    if plain { format!("./{text}") } else { text.clone() }
}

/// A key, or a file that holds one.
fn read_key(text: &str) -> Result<String, Failure> {
    if !Path::new(text).is_file() {
        return Ok(text.to_owned());
    }
    let read = pintle_world::files::read(Path::new(text));
    let bytes =
        read.map_err(|error| Failure::new(FailureKind::Failed, format!("cannot read {text}: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).trim().to_owned())
}
