//! Which accounts a system needs: base-passwd's masters, sysusers.d of packages, maintainer scripts and recipes, the
//! definition.

use super::sysusers::{Line, LineGroup, parse, valid_name};
use super::{Aging, Group, Needs, PrimaryGroup, User};
use crate::effect::Effect;
use crate::error::{AssembleError, AssembleErrors};
use crate::input::Package;
use crate::recipes::Recipes;
use crate::scripts::{Plan, Sources, plan};
use crate::shell::Facts;
use pintle_model::{Blob, Contents, GroupSpec, System, UserSpec};
use pintle_package::EntryKind;

/// Largest account file that is read.
const FILE_MAX: u64 = 1 << 20;

/// The accounts that every Debian system has, with numbers that are the same everywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    pub(crate) users: Vec<BaseUser>,
    pub(crate) groups: Vec<BaseGroup>,
}

#[derive(Clone, Debug)]
pub(crate) struct BaseUser {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) description: String,
    pub(crate) home: String,
    pub(crate) shell: String,
}

#[derive(Clone, Debug)]
pub(crate) struct BaseGroup {
    pub(crate) name: String,
    pub(crate) gid: u32,
}

/// Which accounts a system needs, for [`super::allocate`] at lock time.
///
/// # Errors
/// Scripts that are not covered, account files that cannot be read, names that cannot be used.
pub fn needs(
    packages: &[Package<'_>],
    system: &System,
    recipes: &Recipes,
    contents: &dyn Contents,
) -> Result<Needs, AssembleErrors> {
    let base = Base::read(packages, contents).map_err(|error| AssembleErrors(vec![error]))?;
    let sources = Sources { packages, recipes, accept: &system.accept };
    let plan = plan(&sources, base.facts()).map_err(AssembleErrors)?;
    collect(base, packages, &plan, system, contents).map_err(AssembleErrors)
}

/// As [`needs`], with the scripts already read.
pub(crate) fn collect(
    base: Base,
    packages: &[Package<'_>],
    plan: &Plan,
    system: &System,
    contents: &dyn Contents,
) -> Result<Needs, Vec<AssembleError>> {
    let mut collector = Collector { needs: Needs { base, ..Needs::default() }, errors: Vec::new() };
    for package in packages {
        collector.sysusers(package, contents);
    }
    for (index, effect) in &plan.effects {
        collector.effect(&format!("package {}", packages[*index].locked.name), effect);
    }
    system.groups.iter().for_each(|group| collector.definition_group(group));
    system.users.iter().for_each(|user| collector.definition_user(user));
    if collector.errors.is_empty() { Ok(collector.needs) } else { Err(collector.errors) }
}

impl Base {
    /// From base-passwd's masters; without that package only root and nobody.
    pub(crate) fn read(packages: &[Package<'_>], contents: &dyn Contents) -> Result<Self, AssembleError> {
        let Some(package) = packages.iter().find(|package| package.locked.name == "base-passwd") else {
            return Ok(Self::parse(
                "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                "root:*:0:\nnogroup:*:65534:\n",
            ));
        };
        let read = |name: &str| -> Result<String, AssembleError> {
            match file_text(package, &format!("usr/share/base-passwd/{name}"), contents)? {
                Some(text) => Ok(text),
                None => Err(AssembleError::Archive {
                    package: "base-passwd".into(),
                    path: name.to_owned(),
                    problem: "the master file is missing",
                }),
            }
        };
        Ok(Self::parse(&read("passwd.master")?, &read("group.master")?))
    }

    fn parse(passwd: &str, group: &str) -> Self {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let users = passwd.lines().map(fields).filter_map(|f| {
            let [name, _, uid, gid, description, home, shell] = <[String; 7]>::try_from(f).ok()?;
            Some(BaseUser { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, description, home, shell })
        });
        let groups = group.lines().map(fields).filter_map(|f| {
            let [name, _, gid, _] = <[String; 4]>::try_from(f).ok()?;
            Some(BaseGroup { name, gid: gid.parse().ok()? })
        });
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// What a script sees of them.
    pub(crate) fn facts(&self) -> Facts {
        let users = self.users.iter().map(|user| user.name.clone());
        let groups = self.groups.iter().map(|group| group.name.clone());
        Facts::new(users.collect(), groups.collect())
    }
}

/// The text of a file that a package ships.
fn file_text(
    package: &Package<'_>,
    path: &str,
    contents: &dyn Contents,
) -> Result<Option<String>, AssembleError> {
    let entry = package.unpacked.entries.iter().find(|entry| entry.path == path.as_bytes());
    let Some(EntryKind::File { offset, len, .. }) = entry.map(|entry| &entry.kind) else { return Ok(None) };
    let bytes = Blob::at(package.source, *offset, *len)
        .read(contents, FILE_MAX)
        .map_err(|source| AssembleError::Read { path: format!("/{path}"), source })?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

struct Collector {
    needs: Needs,
    errors: Vec<AssembleError>,
}

impl Collector {
    fn has_user(&self, name: &str) -> bool {
        self.needs.users.contains_key(name) || self.needs.base.users.iter().any(|user| user.name == name)
    }

    fn has_group(&self, name: &str) -> bool {
        self.needs.groups.contains_key(name) || self.needs.base.groups.iter().any(|group| group.name == name)
    }

    fn group(&mut self, name: &str, gid: Option<u32>, password: &str, by: &str) {
        if !self.has_group(name) {
            let (name, password, by) = (name.to_owned(), password.to_owned(), by.to_owned());
            self.needs.groups.insert(name.clone(), Group { name, gid, password, system: true, by });
        }
    }

    fn member(&mut self, user: &str, group: &str) {
        self.needs.members.entry(group.to_owned()).or_default().insert(user.to_owned());
    }

    fn sysusers(&mut self, package: &Package<'_>, contents: &dyn Contents) {
        for entry in &package.unpacked.entries {
            let path = String::from_utf8_lossy(&entry.path);
            let name = ["usr/lib/sysusers.d/", "etc/sysusers.d/", "lib/sysusers.d/"]
                .iter()
                .find_map(|folder| path.strip_prefix(folder));
            if !name.is_some_and(|name| name.ends_with(".conf") && !name.contains('/')) {
                continue;
            }
            match file_text(package, &path, contents) {
                Ok(text) => self.sysusers_text(&package.locked.name, &path, &text.unwrap_or_default()),
                Err(error) => self.errors.push(error),
            }
        }
    }

    fn sysusers_text(&mut self, package: &str, path: &str, text: &str) {
        let lines = match parse(text) {
            Ok(lines) => lines,
            Err(problems) => {
                self.errors.extend(problems.into_iter().map(|(line, problem)| AssembleError::ControlFile {
                    package: package.to_owned(),
                    file: path.to_owned(),
                    line,
                    problem,
                }));
                return;
            }
        };
        let by = format!("package {package}");
        for line in lines {
            match line {
                Line::Group { name, gid } => self.group(&name, gid, "!*", &by),
                Line::Member { user, group } => {
                    self.group(&group, None, "!*", &by);
                    self.member(&user, &group);
                }
                Line::Range { first, last } => self.needs.ranges.push((first, last)),
                Line::User { name, uid, group, locked, description, home, shell }
                    if !self.has_user(&name) =>
                {
                    let group = match group {
                        LineGroup::Own => {
                            self.group(&name, uid, "!*", &by);
                            PrimaryGroup::Named(name.clone())
                        }
                        LineGroup::Named(name) => PrimaryGroup::Named(name),
                        LineGroup::Number(gid) => PrimaryGroup::Number(gid),
                    };
                    let aging = if locked { Aging::Expired } else { Aging::Unset };
                    let password = "!*".to_owned();
                    let by = by.clone();
                    let user = User {
                        name: name.clone(),
                        uid,
                        group,
                        description,
                        home,
                        shell,
                        password,
                        aging,
                        system: true,
                        by,
                    };
                    self.needs.users.insert(name, user);
                }
                Line::User { .. } => {}
            }
        }
    }

    fn effect(&mut self, by: &str, effect: &Effect) {
        match effect {
            Effect::Group { name, gid } => self.group(name, *gid, "!", by),
            Effect::Member { user, group } => self.member(user, group),
            Effect::User(add) if !self.has_user(&add.name) => {
                let user = User {
                    name: add.name.clone(),
                    uid: add.uid,
                    group: PrimaryGroup::Named(add.group.clone().unwrap_or_else(|| "nogroup".into())),
                    description: add.description.clone(),
                    home: add.home.clone().unwrap_or_else(|| "/nonexistent".into()),
                    shell: add.shell.clone().unwrap_or_else(|| "/usr/sbin/nologin".into()),
                    password: "!".into(),
                    aging: Aging::Unset,
                    system: true,
                    by: by.to_owned(),
                };
                self.needs.users.insert(add.name.clone(), user);
            }
            _ => {}
        }
    }

    fn definition_group(&mut self, spec: &GroupSpec) {
        if !valid_name(&spec.name) {
            return self.bad_name(&spec.name, &spec.origin, "not a group name");
        }
        if self.needs.base.groups.iter().any(|group| group.name == spec.name) {
            return;
        }
        let known = self.needs.groups.get(&spec.name).and_then(|group| group.gid);
        let group = Group {
            name: spec.name.clone(),
            gid: spec.gid.or(known),
            password: "!".into(),
            system: spec.system,
            by: place(&spec.origin),
        };
        self.needs.groups.insert(spec.name.clone(), group);
    }

    fn definition_user(&mut self, spec: &UserSpec) {
        if !valid_name(&spec.name) {
            return self.bad_name(&spec.name, &spec.origin, "not a user name");
        }
        for group in &spec.groups {
            if self.has_group(group) {
                self.member(&spec.name, group);
            } else {
                self.errors.push(AssembleError::NoGroup { by: place(&spec.origin), name: group.clone() });
            }
        }
        if let Some(base) = self.needs.base.users.iter_mut().find(|user| user.name == spec.name) {
            base.home = spec.home.clone().unwrap_or_else(|| base.home.clone());
            base.shell = spec.shell.clone().unwrap_or_else(|| base.shell.clone());
            return;
        }
        let old = self.needs.users.get(&spec.name).cloned();
        let group = self.definition_primary(spec, old.as_ref());
        let usual = |home: &str, system: &str| if spec.system { system.to_owned() } else { home.to_owned() };
        let home = usual(&format!("/home/{}", spec.name), "/nonexistent");
        let shell = usual("/bin/bash", "/usr/sbin/nologin");
        let (home, shell) = match &old {
            Some(old) => (old.home.clone(), old.shell.clone()),
            None => (home, shell),
        };
        let user = User {
            name: spec.name.clone(),
            uid: spec.uid.or(old.as_ref().and_then(|old| old.uid)),
            group,
            description: spec.description.replace([':', '\n'], " "),
            home: spec.home.clone().unwrap_or(home),
            shell: spec.shell.clone().unwrap_or(shell),
            password: spec.password_hash.clone().unwrap_or_else(|| "!".into()),
            aging: if spec.system { Aging::Unset } else { Aging::Usual },
            system: spec.system,
            by: place(&spec.origin),
        };
        if [&user.home, &user.shell, &user.password].iter().any(|text| text.contains([':', '\n'])) {
            return self.bad_name(
                &spec.name,
                &spec.origin,
                "home, shell or password hash holds a colon or a line end",
            );
        }
        self.needs.users.insert(spec.name.clone(), user);
    }

    fn definition_primary(&mut self, spec: &UserSpec, old: Option<&User>) -> PrimaryGroup {
        match (&spec.group, old) {
            (Some(group), _) => {
                if !self.has_group(group) {
                    self.errors.push(AssembleError::NoGroup { by: place(&spec.origin), name: group.clone() });
                }
                PrimaryGroup::Named(group.clone())
            }
            (None, Some(old)) => old.group.clone(),
            (None, None) => {
                if !self.has_group(&spec.name) {
                    let (name, by) = (spec.name.clone(), place(&spec.origin));
                    let group = Group { name, gid: spec.uid, password: "!".into(), system: spec.system, by };
                    self.needs.groups.insert(spec.name.clone(), group);
                }
                PrimaryGroup::Named(spec.name.clone())
            }
        }
    }

    fn bad_name(&mut self, value: &str, origin: &str, problem: &'static str) {
        self.errors.push(AssembleError::Definition {
            origin: place(origin),
            value: value.to_owned(),
            problem,
        });
    }
}

/// The place in the definition, or words for one.
fn place(origin: &str) -> String {
    if origin.is_empty() { "the definition".into() } else { origin.to_owned() }
}
