//! How a container made of a system runs.

use pintle_model::{Service, System, Tree};
use pintle_package::oci::{Image, Run};
use std::collections::BTreeMap;

/// No way to run the container was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The definition names a service that is not there.
    #[error("`image.container-service` is `{name}`, which is no service of the definition{}", known(.services))]
    NoService {
        /// What it names.
        name: String,
        /// Those that are there.
        services: Vec<String>,
    },
}

fn known(services: &[String]) -> String {
    if services.is_empty() { String::new() } else { format!(" (there are: {})", services.join(", ")) }
}

/// Where programs are, as in a login of Debian.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// systemd ends in order upon it (systemd(1), "Signals").
const SYSTEMD_STOP: &str = "SIGRTMIN+3";

/// The container of `system`, whose files are `tree`: the service that the definition names; else the init; else the
/// only service; else nothing, and whoever runs the container says what.
///
/// # Errors
/// [`ContainerError`].
pub fn container(system: &System, tree: &Tree, epoch: i64) -> Result<Image, ContainerError> {
    let label = |key: &str, value: &str| (format!("org.opencontainers.image.{key}"), value.to_owned());
    let labels = BTreeMap::from([label("title", &system.name), label("version", &system.version)]);
    let mut run = Run { env: vec![PATH.to_owned()], labels, ..Run::default() };
    let is_there = |path: &&&str| tree.find(path).is_some();
    let init =
        ["sbin/init", "usr/lib/systemd/systemd", "nix/var/nix/profiles/system/init"].iter().find(is_there);
    match (&system.image.container_service, init, system.services.as_slice()) {
        (Some(name), _, services) => {
            let found = services.iter().find(|service| service.name == *name);
            let services = || services.iter().map(|service| service.name.clone()).collect();
            let missing = || ContainerError::NoService { name: name.clone(), services: services() };
            serve(&mut run, found.ok_or_else(missing)?);
        }
        (None, Some(init), _) => {
            run.cmd = vec![format!("/{init}")];
            run.env.push("container=oci".to_owned());
            run.stop_signal = Some(SYSTEMD_STOP.to_owned());
        }
        (None, None, [service]) => serve(&mut run, service),
        (None, None, _) => {}
    }
    Ok(Image { arch: system.arch, epoch, tag: system.version.clone(), run })
}

fn serve(run: &mut Run, service: &Service) {
    run.cmd.clone_from(&service.command);
    run.user.clone_from(&service.user);
    run.env.extend(service.environment.iter().map(|(name, value)| format!("{name}={value}")));
}
