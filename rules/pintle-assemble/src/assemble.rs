//! Packages and definition to one tree, from top to bottom.

use crate::accounts::{self, Accounts, Base};
use crate::edit::Editor;
use crate::effect::{Alternative, Effect};
use crate::error::{AssembleError, AssembleErrors};
use crate::input::Input;
use crate::merge::{Diversions, merge};
use crate::report::{Coverage, PackageReport, Report};
use crate::scripts::{Plan, Sources, plan};
use crate::services::systemd_unit;
use crate::{
    agent, alternatives, apache, apply, database, files, generate, identity, lint, nss, pam, php, run_levels,
    shells, slim, ucf, units,
};
use pintle_model::{Origin, Tree, TreePath};
use std::collections::BTreeSet;

/// An assembled system.
#[derive(Debug)]
pub struct Assembled {
    /// Its files.
    pub tree: Tree,
    /// What was done.
    pub report: Report,
}

/// Makes the tree of a system without running anything.
///
/// # Errors
/// Every problem that the first failing step found.
pub fn assemble(input: &Input<'_>) -> Result<Assembled, AssembleErrors> {
    assemble_all(input).map_err(AssembleErrors)
}

type Problems = Vec<AssembleError>;

fn assemble_all(input: &Input<'_>) -> Result<Assembled, Problems> {
    let one = |error: AssembleError| vec![error];
    // What the scripts would do.
    let base = Base::read(input.packages, input.contents).map_err(one)?;
    let sources = Sources { packages: input.packages, recipes: input.recipes, accept: &input.system.accept };
    let plan = plan(&sources, base.facts())?;
    // Who there is.
    let needs = accounts::collect(base, input.packages, &plan, input.system, input.contents)?;
    let accounts = Accounts::new(needs, input.users, input.groups)?;
    // What packages ship.
    let (mut tree, warnings) = merge(input.packages, &diversions(input, &plan)?, &accounts)?;
    let mut report = Report { packages: plan.reports, warnings, ..Report::default() };
    // What the definition leaves out of it, before anything is made from it: as with dpkg's own path-exclude.
    let left = slim::leave_out(&mut tree, &input.system.slim)
        .map_err(|source| one(AssembleError::Tree { by: "slim".into(), source }))?;
    report.warnings.extend(left.idle);
    report.slimmed = left.slimmed;
    report.warnings.extend(idle_accepts(input, &report));
    let mut editor = Editor::new(&mut tree, input.contents, input.epoch, Origin::Nobody);
    // What their scripts add, in general and by the tools they call.
    scripts(input, &mut editor, &accounts, &plan.effects)?;
    slim::configure(&mut editor, &input.system.slim).map_err(one)?;
    let done = Done { effects: &plan.effects, left_out: &left.paths };
    report.warnings.extend(tools(input, &mut editor, &accounts, done).map_err(one)?);
    // What the definition adds.
    problems(files::place(&mut editor, &accounts, &input.system.files, input.host_files))?;
    problems(accounts::make_homes(&mut editor, &accounts, input.system))?;
    problems(services(input, &mut editor, &accounts))?;
    input
        .agent
        .as_ref()
        .map_or(Ok(()), |agent| agent::place(&mut editor, input.system, agent))
        .map_err(one)?;
    report.not_enabled = units::enable(&mut editor, input.system, &plan.effects)?;
    identity::os_release(&mut editor, input.system).map_err(one)?;
    identity::machine_id(&mut editor).map_err(one)?;
    // What all files together give.
    generate::apply(editor.tree_mut(), input.contents, input.epoch)
        .map_err(|error| one(AssembleError::Generate(error)))?;
    // Whether it may leave the house.
    let findings = lint::lint(&tree, input.contents, input.system.image.display_server);
    problems(findings.errors)?;
    report.privileged = findings.privileged;
    Ok(Assembled { tree, report })
}

/// The definition's services: a unit each, wanted by its target.
fn services(input: &Input<'_>, editor: &mut Editor<'_>, accounts: &Accounts) -> Problems {
    let mut errors = Vec::new();
    for service in &input.system.services {
        editor.act_as(Origin::Definition(service.origin.clone()));
        errors.extend(service.user.iter().filter_map(|user| accounts.uid(user, &service.origin).err()));
        errors.extend(service.group.iter().filter_map(|group| accounts.gid(group, &service.origin).err()));
        let unit = systemd_unit(service);
        if editor.tree().find(&unit.path()).is_some() {
            errors.push(AssembleError::Definition {
                origin: service.origin.clone(),
                value: unit.name,
                problem: "a package has a unit of this name",
            });
            continue;
        }
        errors.extend(editor.file(&unit.path(), unit.text.clone(), 0o644, (0, 0)).err());
        if let Some((path, target)) = unit.wants_link() {
            errors.extend(editor.link(&path, &target).err());
        }
    }
    errors
}

/// An `accept` that accepts nothing hides the day on which it would.
fn idle_accepts(input: &Input<'_>, report: &Report) -> Vec<String> {
    let used = |name: &str| {
        let accepted = |package: &&PackageReport| matches!(package.coverage, Coverage::Accepted { .. });
        report.packages.iter().filter(accepted).any(|package| package.package == name)
    };
    let idle = input.system.accept.iter().filter(|accept| !used(&accept.package));
    idle.map(|accept| format!("accept: the scripts of {} need no accepting", accept.package)).collect()
}

fn problems(found: Problems) -> Result<(), Problems> {
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn diversions(input: &Input<'_>, plan: &Plan) -> Result<Diversions, Problems> {
    let mut out = Diversions::new();
    for (index, effect) in &plan.effects {
        if let Effect::Divert { from, to, package } = effect {
            let own = &input.packages[*index].locked.name;
            let path = |text: &str| {
                TreePath::new(text).map_err(|error| {
                    vec![AssembleError::Tree { by: format!("package {own}"), source: error.into() }]
                })
            };
            out.insert(
                path(from)?.as_bytes().to_vec(),
                (path(to)?, package.clone().unwrap_or_else(|| own.clone())),
            );
        }
    }
    Ok(out)
}

fn scripts(
    input: &Input<'_>,
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    effects: &[(usize, Effect)],
) -> Result<(), Problems> {
    let mut errors = Vec::new();
    for (index, effect) in effects {
        let by = format!("scripts of {}", input.packages[*index].locked.name);
        errors.extend(apply::apply(editor, accounts, Origin::Generated(by), effect).err());
    }
    problems(errors)
}

/// What was decided before the tools come.
#[derive(Clone, Copy)]
struct Done<'a> {
    effects: &'a [(usize, Effect)],
    left_out: &'a BTreeSet<Vec<u8>>,
}

/// Returns warnings.
fn tools(
    input: &Input<'_>,
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    Done { effects, left_out }: Done<'_>,
) -> Result<Vec<String>, AssembleError> {
    let all: Vec<&Alternative> = effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            // What is left out on purpose (a manual page) is no candidate, and no warning.
            Effect::Alternative(alternative) => {
                let path = alternative.path.trim_start_matches('/').as_bytes();
                (!left_out.contains(path)).then_some(alternative)
            }
            _ => None,
        })
        .collect();
    let mut warnings = alternatives::install(editor, &all)?;
    warnings.extend(run_levels::link(editor, effects)?);
    php::link(editor, effects)?;
    warnings.extend(apache::link(editor, effects)?);
    nss::add(editor, effects)?;
    pam::write(editor)?;
    shells::write(editor)?;
    ucf::record(editor, input.packages, effects)?;
    editor.act_as(Origin::Generated("users".into()));
    accounts::write(editor, accounts, input.system)?;
    let records = database::Records { packages: input.packages, effects, left_out, arch: input.system.arch };
    database::write(editor, &records)?;
    Ok(warnings)
}
