//! Evaluated contributions to the model's types.

use crate::collected::{SetValue, UnitState};
use crate::contribute::{Contribute, Turn, by};
use crate::explain::parse_path;
use crate::fields::{Fields, nested, to_raw};
use crate::merged::Priority;
use crate::problem::Problem;
use crate::schema::{Kind, Module};
use crate::source::Place;
use crate::template::is_template;
use crate::text::TextKind;
use pintle_model::{Accept, Check, FileContent, FileSpec, SlimRule};

impl<'a> Contribute<'a> {
    pub(crate) fn collect(&mut self, turn: &Turn<'a>, fields: Fields) {
        let origin = self.sources.show(turn.place);
        match turn.contribution.kind {
            Kind::Packages => {
                for name in self.checked(turn, fields.texts("names"), TextKind::Package) {
                    self.collected.packages.push(by(turn, name));
                }
            }
            Kind::Files => self.file(turn, &fields, origin),
            Kind::Users => {
                if let Some(user) = self.read(turn, fields, origin) {
                    self.collected.users.push(by(turn, user));
                }
            }
            Kind::Groups => {
                if let Some(group) = self.read(turn, fields, origin) {
                    self.collected.groups.push(by(turn, group));
                }
            }
            Kind::Services => {
                if let Some(service) = self.read(turn, fields, origin) {
                    self.collected.services.push(by(turn, service));
                }
            }
            Kind::Units => self.units(turn, &fields),
            Kind::Kernel => self.kernel(turn, &fields),
            Kind::Checks => self.check(turn, &fields),
            Kind::Health => self.health(turn, fields),
            Kind::Accept => match (fields.text("package"), fields.text("reason")) {
                (Some(package), Some(reason)) => {
                    self.collected.accept.push(by(turn, Accept { package, reason }));
                }
                _ => self.wrong(turn, "this needs `package` and `reason`"),
            },
            Kind::Slim => self.slim(turn, &fields, origin),
            Kind::Set => self.set(turn, &fields),
            Kind::Require | Kind::Warn => {}
        }
    }

    fn wrong(&mut self, turn: &Turn<'a>, message: impl Into<String>) {
        let problem =
            Problem::new(message, turn.contribution.place).label(format!("in module `{}`", turn.module.name));
        let elsewhere = turn.place != turn.contribution.place;
        self.problems.push(if elsewhere { problem.related(turn.place, "for this element") } else { problem });
    }

    fn read<T: serde::de::DeserializeOwned>(
        &mut self,
        turn: &Turn<'a>,
        fields: Fields,
        origin: String,
    ) -> Option<T> {
        fields.read(origin).map_err(|reason| self.wrong(turn, reason)).ok()
    }

    fn checked(&mut self, turn: &Turn<'a>, texts: Vec<String>, kind: TextKind) -> Vec<String> {
        let (good, bad): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| kind.accepts(text));
        for text in bad {
            self.wrong(turn, format!("`{text}` is not {}", kind.phrase()));
        }
        good
    }

    fn units(&mut self, turn: &Turn<'a>, fields: &Fields) {
        for (field, state) in
            [("enable", UnitState::Enable), ("disable", UnitState::Disable), ("mask", UnitState::Mask)]
        {
            for unit in self.checked(turn, fields.texts(field), TextKind::Unit) {
                self.collected.units.push(by(turn, (state, unit)));
            }
        }
    }

    fn kernel(&mut self, turn: &Turn<'a>, fields: &Fields) {
        if let Some(package) = fields.text("package") {
            self.collected.kernels.push(by(turn, package));
        }
        for package in self.checked(turn, fields.texts("packages"), TextKind::Package) {
            self.collected.more_kernels.push(by(turn, package));
        }
        let own = self.checked(turn, fields.texts("own"), TextKind::KernelRelease);
        self.collected.own_kernels.extend(own);
        if let Some(pattern) = fields.text("default") {
            self.collected.default_kernel.push(by(turn, pattern));
        }
        if let Some(seconds) = fields.text("menu-timeout").and_then(|text| text.parse().ok()) {
            self.collected.menu_timeout.push(by(turn, seconds));
        }
        let parameters = self.checked(turn, fields.texts("parameters"), TextKind::Line);
        self.collected.parameters.extend(parameters);
        self.collected.initrd_modules.extend(fields.texts("initrd-modules"));
    }

    fn check(&mut self, turn: &Turn<'a>, fields: &Fields) {
        let check = match fields.0.iter().next() {
            Some((name, _)) if name == "unit" => fields.text(name).map(|unit| Check::Unit { unit }),
            Some((name, port)) if name == "tcp" => {
                port.as_u64().and_then(|port| u16::try_from(port).ok()).map(|port| Check::Tcp { port })
            }
            Some((name, _)) if name == "http" => fields.text(name).map(|url| Check::Http { url }),
            Some((name, _)) if name == "command" => Some(fields.texts(name))
                .filter(|words| !words.is_empty())
                .map(|command| Check::Command { command }),
            Some((name, _)) if name == "not-failed" => {
                fields.text(name).map(|unit| Check::NotFailed { unit })
            }
            Some((name, _)) if name == "network" => fields.is_true(name).then_some(Check::Network),
            _ => None,
        };
        match check {
            Some(check) => self.collected.checks.push(check),
            None => self.wrong(
                turn,
                "a check is one of `unit`, `tcp`, `http`, `command`, `not-failed` or `network = true`",
            ),
        }
    }

    fn health(&mut self, turn: &Turn<'a>, fields: Fields) {
        let fields = fields.0.into_iter().map(|(name, value)| (name.replace('-', "_"), value));
        match serde_path_to_error::deserialize(serde_json::Value::Object(fields.collect())) {
            Ok(health) => self.collected.health.push(by(turn, health)),
            Err(error) => self.wrong(turn, error.to_string()),
        }
    }

    /// Rules keep the order in which modules write them: the last pattern that matches decides.
    fn slim(&mut self, turn: &Turn<'a>, fields: &Fields, origin: String) {
        let (remove, keep) = (fields.texts("remove"), fields.texts("keep"));
        if let Some(bad) = remove.iter().chain(&keep).find(|text| !crate::text::is_pattern(text)) {
            return self.wrong(turn, format!("`{bad}` is no pattern of paths: it begins with `/` or `*`"));
        }
        let name = fields.text("name").unwrap_or_else(|| turn.module.name.clone());
        if remove.is_empty() && keep.is_empty() {
            return;
        }
        // One module's contributions to one rule are one rule, as from `for-each`.
        match self.collected.slim.last_mut().filter(|last| last.name == name) {
            Some(last) => {
                last.remove.extend(remove);
                last.keep.extend(keep);
            }
            None => self.collected.slim.push(SlimRule { name, remove, keep, origin }),
        }
    }

    fn set(&mut self, turn: &Turn<'a>, fields: &Fields) {
        let priority = match fields.text("priority").as_deref() {
            None | Some("normal") => Priority::Normal,
            Some("default") => Priority::Default,
            Some("force") => Priority::Force,
            Some(other) => {
                return self.wrong(turn, format!("`{other}` is not a priority: default, normal or force"));
            }
        };
        let path = match fields.text("option").as_deref().map(parse_path) {
            Some(Ok(path)) => path,
            _ => return self.wrong(turn, "`option` must be the path of an option (`base.sysctl`)"),
        };
        let Some(value) = fields.0.get("value").and_then(|value| to_raw(value, turn.contribution.place))
        else {
            return;
        };
        self.collected.sets.push(SetValue { table: nested(&path, value), priority });
    }

    fn file(&mut self, turn: &Turn<'a>, fields: &Fields, origin: String) {
        let Some(path) = fields.text("path").filter(|path| TextKind::Path.accepts(path)) else {
            let path = fields.text("path").unwrap_or_default();
            return self.wrong(turn, format!("`{path}` is not {}", TextKind::Path.phrase()));
        };
        let content = match self.content(turn, fields) {
            Ok(content) => content,
            Err(Some(reason)) => return self.wrong(turn, reason),
            Err(None) => return,
        };
        let name = |field: &str| fields.text(field).unwrap_or_else(|| "root".to_owned());
        let file = FileSpec {
            path,
            content,
            mode: fields.text("mode"),
            owner: name("owner"),
            group: name("group"),
            origin,
        };
        self.collected.files.push(by(turn, file));
    }

    /// The one source of a file's content; `Err(None)` where the problem is already told.
    fn content(&mut self, turn: &Turn<'a>, fields: &Fields) -> Result<FileContent, Option<String>> {
        let one = "a file needs exactly one of `text`, `template`, `file`, `copy`, `symlink`, `directory`";
        let mut found = Vec::new();
        found.extend(fields.text("text").map(FileContent::Text));
        found.extend(fields.text("copy").map(|path| match fields.text("oci-digest") {
            Some(digest) => FileContent::OciImage { path, digest },
            None => FileContent::Copy(path),
        }));
        found.extend(fields.text("symlink").map(FileContent::Symlink));
        if fields.is_true("directory") {
            found.push(FileContent::Directory);
        }
        if let Some(name) = fields.text("file") {
            found.push(module_file(turn.module, &name)?);
        }
        if let Some(name) = fields.text("template") {
            if turn.module.file(&name).is_none() || !is_template(&name) {
                return Err(Some(format!("the module has no template `{name}` (its name must end in .j2)")));
            }
            match self.templates.file(turn.module, &name, &turn.variables) {
                Ok(text) => found.push(FileContent::Text(text)),
                Err(error) => {
                    self.failed(&error, field_place(turn, "template"), turn);
                    return Err(None);
                }
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(content), true) => Ok(content),
            _ => Err(Some(one.to_owned())),
        }
    }
}

fn field_place(turn: &Turn<'_>, field: &str) -> Place {
    turn.contribution.fields.get(field).map_or(turn.contribution.place, |entry| entry.value.place)
}

/// A file of the module as it is.
fn module_file(module: &Module, name: &str) -> Result<FileContent, Option<String>> {
    let missing = || Some(format!("the module has no file `{name}`"));
    match &module.file(name).ok_or_else(missing)?.text {
        Some(text) => Ok(FileContent::Text(text.clone())),
        None => Ok(FileContent::Copy(format!("{}/{name}", module.folder))),
    }
}
