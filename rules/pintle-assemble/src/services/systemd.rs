//! systemd units (systemd.unit(5), systemd.service(5), systemd.exec(5)).

use super::sandbox;
use super::words::{Dollar, command, line, word};
use pintle_model::{Ready, Restart, Service, StateDirectory};

/// Folder of units that belong to the system rather than to its administrator.
pub(crate) const UNITS: &str = "/usr/lib/systemd/system";

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// File name (`shop.service`).
    pub name: String,
    /// Content. No `[Install]` section: targets want services, not the other way round.
    pub text: String,
    /// The target that wants it; none where it does not start at boot.
    pub wanted_by: Option<&'static str>,
}

impl Rendered {
    /// Where the unit goes.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{UNITS}/{}", self.name)
    }

    /// The symbolic link by which its target wants it: path and link target.
    #[must_use]
    pub fn wants_link(&self) -> Option<(String, String)> {
        let target = self.wanted_by?;
        Some((format!("{UNITS}/{target}.wants/{}", self.name), format!("../{}", self.name)))
    }
}

/// Renders `service`, whose name and paths are valid (checked with the [`pintle_model::System`]).
#[must_use]
pub fn systemd_unit(service: &Service) -> Rendered {
    let mut text = section("Unit", &unit(service));
    text.push('\n');
    text.push_str(&section("Service", &process(service)));
    Rendered {
        name: format!("{}.service", service.name),
        text,
        wanted_by: service.enable.then_some("multi-user.target"),
    }
}

fn section(name: &str, lines: &[String]) -> String {
    format!("[{name}]\n{}\n", lines.join("\n"))
}

fn unit(service: &Service) -> Vec<String> {
    let description = line(&service.description);
    let mut out =
        vec![format!("Description={}", if description.is_empty() { &service.name } else { &description })];
    let mut wants: Vec<String> = Vec::new();
    let mut requires: Vec<String> = Vec::new();
    let mut after: Vec<String> = Vec::new();
    for need in &service.needs {
        match need.as_str() {
            "network" => {
                wants.push("network-online.target".to_owned());
                after.push("network-online.target".to_owned());
            }
            // The target alone says only that something cares for the clock; the service waits until it is right.
            "time" => {
                wants.extend(["time-sync.target".to_owned(), "systemd-time-wait-sync.service".to_owned()]);
                after.push("time-sync.target".to_owned());
            }
            "local-files" => after.push("local-fs.target".to_owned()),
            other => {
                requires.push(unit_name(other));
                after.push(unit_name(other));
            }
        }
    }
    after.extend(service.after.iter().map(|name| unit_name(name)));
    list(&mut out, "Wants", &wants);
    list(&mut out, "Requires", &requires);
    list(&mut out, "After", &after);
    // A server tries again for as long as it takes; only without a pause would that be a busy loop.
    if service.restart != Restart::Never && service.restart_delay > 0 {
        out.push("StartLimitIntervalSec=0".to_owned());
    }
    out
}

/// A service by its name, or another unit by its full one.
fn unit_name(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("{name}.service") }
}

fn list(out: &mut Vec<String>, key: &str, names: &[String]) {
    if !names.is_empty() {
        out.push(format!("{key}={}", names.join(" ")));
    }
}

fn process(service: &Service) -> Vec<String> {
    let mut out = Vec::new();
    match service.ready {
        Ready::Started => out.push("Type=exec".to_owned()),
        Ready::Notify => out.push("Type=notify".to_owned()),
        Ready::Forked => out.push("Type=forking".to_owned()),
        // What it did lasts: whoever needs it must not make it run again.
        Ready::Finished => out.extend(["Type=oneshot".to_owned(), "RemainAfterExit=yes".to_owned()]),
    }
    out.extend(service.prepare.iter().map(|words| format!("ExecStartPre={}", command(words))));
    out.push(format!("ExecStart={}", command(&service.command)));
    out.extend(service.reload.iter().map(|words| format!("ExecReload={}", command(words))));
    restart(service, &mut out);
    identity(service, &mut out);
    out.extend(
        service
            .environment
            .iter()
            .map(|(name, value)| format!("Environment={}", word(&format!("{name}={value}"), Dollar::Plain))),
    );
    out.extend(service.directory.iter().map(|path| format!("WorkingDirectory={}", line(path))));
    directories(service, &mut out);
    let writable: Vec<String> = service.writable.iter().map(|path| word(path, Dollar::Plain)).collect();
    list(&mut out, "ReadWritePaths", &writable);
    out.extend(sandbox::settings(service));
    out
}

fn restart(service: &Service, out: &mut Vec<String>) {
    let how = match (service.restart, &service.ready) {
        (Restart::Never, _) => return,
        // A job that succeeded is done (systemd refuses to repeat one).
        (Restart::Always, Ready::Finished) | (Restart::OnFailure, _) => "on-failure",
        (Restart::Always, _) => "always",
    };
    out.push(format!("Restart={how}"));
    out.push(format!("RestartSec={}", service.restart_delay));
}

fn identity(service: &Service, out: &mut Vec<String>) {
    match &service.user {
        Some(user) => out.push(format!("User={user}")),
        None => out.push("DynamicUser=yes".to_owned()),
    }
    out.extend(service.group.iter().map(|group| format!("Group={group}")));
}

fn directories(service: &Service, out: &mut Vec<String>) {
    let mut all = service.directories.clone();
    all.sort_unstable();
    all.dedup();
    out.extend(all.into_iter().map(|directory| {
        let key = match directory {
            StateDirectory::State => "StateDirectory",
            StateDirectory::Cache => "CacheDirectory",
            StateDirectory::Logs => "LogsDirectory",
            StateDirectory::Runtime => "RuntimeDirectory",
        };
        format!("{key}={}", service.name)
    }));
}
