//! What was merged and contributed, put together as one [`System`].

use crate::collected::{By, Collected, UnitState};
use crate::merged::Merged;
use crate::problem::Problem;
use crate::source::{Place, Sources};
use pintle_model::{
    Arch, Debian, FileContent, FileSpec, Image, InitrdSecrets, Kernel, Nix, SYSTEM_SCHEMA, Source, Suite,
    System, Units,
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// For each package the places that asked for it.
pub(crate) fn asked_for(collected: &Collected, sources: &Sources) -> BTreeMap<String, Vec<String>> {
    let mut asked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in collected.packages.iter().chain(&collected.kernels).chain(&collected.more_kernels) {
        let places = asked.entry(package.what.clone()).or_default();
        let place = sources.show(package.place);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    asked
}

/// The system.
pub(crate) fn build(top: &BTreeMap<String, Merged>, collected: Collected) -> Result<System, Vec<Problem>> {
    let mut problems = Vec::new();
    let files = files(collected.files, &mut problems);
    let users = unique("user", collected.users, |user| &user.name, &mut problems);
    let groups = unique("group", collected.groups, |group| &group.name, &mut problems);
    let services = unique("service", collected.services, |service| &service.name, &mut problems);
    let accept = unique("accepted package", collected.accept, |accept| &accept.package, &mut problems);
    let package = unique("kernel", collected.kernels, |_| "package", &mut problems).pop();
    let default = unique("kernel", collected.default_kernel, |_| "default", &mut problems).pop();
    let menu_timeout = unique("kernel", collected.menu_timeout, |_| "menu-timeout", &mut problems).pop();
    let health = unique("health", collected.health, |_| "the gate", &mut problems).pop();
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut packages: BTreeSet<String> = collected.packages.into_iter().map(|package| package.what).collect();
    packages.extend(package.clone());
    let more = sorted(collected.more_kernels.into_iter().map(|package| package.what).collect());
    packages.extend(more.iter().cloned());
    let kernel = Kernel {
        packages: more.into_iter().filter(|name| Some(name) != package.as_ref()).collect(),
        package,
        own: sorted(collected.own_kernels),
        default,
        menu_timeout,
        parameters: collected.parameters,
        initrd_modules: sorted(collected.initrd_modules),
    };
    let own = Root { top }.read().map_err(|reason| vec![Problem::nowhere(reason)])?;
    let system = System {
        schema: SYSTEM_SCHEMA,
        name: own.name,
        version: own.version,
        arch: own.arch,
        source: own.source,
        packages: packages.into_iter().collect(),
        accept,
        kernel,
        image: own.image,
        files,
        users,
        groups,
        services,
        units: units(collected.units),
        checks: collected.checks,
        health: health.unwrap_or_default(),
        slim: collected.slim,
    };
    match crate::document::validate(&system) {
        Ok(()) => Ok(system),
        Err(error) => Err(vec![Problem::nowhere(error.to_string())]),
    }
}

/// The options at the top, which become fields of the system by themselves.
struct Own {
    name: String,
    version: String,
    arch: Arch,
    source: Source,
    image: Image,
}

struct Root<'a> {
    top: &'a BTreeMap<String, Merged>,
}

impl Root<'_> {
    fn read(&self) -> Result<Own, String> {
        Ok(Own {
            name: self.field("name")?,
            version: self.field("version")?,
            arch: self.field("arch")?,
            source: Source { debian: self.debian()?, nix: self.nix()? },
            image: self.field("image")?,
        })
    }

    fn field<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        let json = self.top.get(name).map_or(Json::Null, Merged::template_json);
        serde_path_to_error::deserialize(without_nulls(json)).map_err(|error| format!("{name}: {error}"))
    }

    fn nix(&self) -> Result<Option<Nix>, String> {
        #[derive(serde::Deserialize)]
        struct Written {
            nix: Option<String>,
            nix_store: Option<String>,
            nix_registration: Option<String>,
            nix_caches: Vec<String>,
            nix_trusted_keys: Vec<String>,
            nix_label: Option<String>,
            nix_boot_files: Vec<String>,
            nix_initrd_secrets: InitrdSecrets,
        }
        let written: Written = self.field("source")?;
        Ok(written.nix.map(|system| Nix {
            system,
            store: written.nix_store,
            registration: written.nix_registration,
            caches: written.nix_caches,
            trusted_keys: written.nix_trusted_keys,
            label: written.nix_label,
            boot_files: written.nix_boot_files,
            initrd_secrets: written.nix_initrd_secrets,
        }))
    }

    fn debian(&self) -> Result<Debian, String> {
        #[derive(serde::Deserialize)]
        struct Written {
            suites: Vec<String>,
            components: Vec<String>,
            mirror: Option<String>,
            security_mirror: Option<String>,
            snapshot: Option<String>,
            recommends: bool,
            keys: Vec<String>,
        }
        let written: Written = self.field("source")?;
        let suites = written
            .suites
            .into_iter()
            .map(|name| {
                // The security suites live in an archive of their own.
                let mirror = if name.ends_with("-security") {
                    written.security_mirror.clone()
                } else {
                    written.mirror.clone()
                };
                Suite { name, components: written.components.clone(), mirror }
            })
            .collect();
        Ok(Debian { suites, recommends: written.recommends, snapshot: written.snapshot, keys: written.keys })
    }
}

fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(object) => Json::Object(
            object
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(k, v)| (k, without_nulls(v)))
                .collect(),
        ),
        other => other,
    }
}

fn sorted(list: Vec<String>) -> Vec<String> {
    list.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// By name; the same thing from two sides is an error that names both, unless exactly one of them is forced.
fn unique<T: PartialEq>(
    what: &str,
    list: Vec<By<T>>,
    name: impl Fn(&T) -> &str,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let mut sorted = list;
    // Stable: of two that are equal the first stays first, and a forced one comes before all.
    sorted.sort_by(|a, b| (name(&a.what), !a.forced).cmp(&(name(&b.what), !b.forced)));
    let mut kept: Vec<By<T>> = Vec::new();
    for by in sorted {
        match kept.last() {
            Some(first) if name(&first.what) == name(&by.what) => {
                if first.forced == by.forced {
                    problems.push(twice(what, name(&by.what), first.place, by.place));
                }
            }
            _ => kept.push(by),
        }
    }
    kept.into_iter().map(|by| by.what).collect()
}

fn twice(what: &str, name: &str, first: Place, second: Place) -> Problem {
    Problem::new(format!("{what} `{name}` is defined twice"), second)
        .label("again here")
        .related(first, "first here")
        .help("to put one in place of the other, write it under [force]")
}

/// In path order. A directory may be named twice if both agree.
fn files(list: Vec<By<FileSpec>>, problems: &mut Vec<Problem>) -> Vec<FileSpec> {
    let agree = |a: &FileSpec, b: &FileSpec| {
        a.content == FileContent::Directory
            && FileSpec { origin: String::new(), ..a.clone() }
                == FileSpec { origin: String::new(), ..b.clone() }
    };
    let mut kept: Vec<By<FileSpec>> = Vec::new();
    for mut file in list {
        if file.what.path.len() > 1 {
            file.what.path.truncate(file.what.path.trim_end_matches('/').len());
        }
        kept.push(file);
    }
    kept.sort_by(|a, b| a.what.path.cmp(&b.what.path));
    kept.dedup_by(|b, a| a.what.path == b.what.path && agree(&a.what, &b.what));
    unique("file", kept, |file| &file.path, problems)
}

/// Masking beats disabling, disabling beats enabling: the author can always switch off what a module switched on.
fn units(list: Vec<By<(UnitState, String)>>) -> Units {
    let mut strongest: BTreeMap<String, UnitState> = BTreeMap::new();
    for By { what: (state, unit), .. } in list {
        let known = strongest.entry(unit).or_insert(state);
        *known = state.max(*known);
    }
    let of = |state| strongest.iter().filter(|(_, s)| **s == state).map(|(unit, _)| unit.clone()).collect();
    Units { enable: of(UnitState::Enable), disable: of(UnitState::Disable), mask: of(UnitState::Mask) }
}
