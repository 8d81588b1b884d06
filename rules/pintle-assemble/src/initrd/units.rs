use super::build::Build;
use super::needs::{Need, UNITS, WANTS};
use super::{InitrdError, literal};
use pintle_model::TreePath;

const UNIT_DIR: &str = "usr/lib/systemd/system";

/// Adds the units, their drop-ins, the programs they run, and the links that make targets want them.
pub(super) fn add(build: &mut Build<'_>) -> Result<(), InitrdError> {
    add_these(build, UNITS, WANTS)?;
    build.link(&literal("init"), "usr/lib/systemd/systemd")
}

/// A unit that says on the console, by its description, why this boot has failed, and ends it; `more` of its first section.
pub(super) fn giving_up(description: &str, more: &str) -> String {
    format!(
        "[Unit]\nDescription={description}\nDefaultDependencies=no\n{more}\n[Service]\nType=oneshot\n\
         StandardOutput=journal+console\nStandardError=journal+console\nExecStart=systemctl --no-block \
         --job-mode=replace-irreversibly start emergency.target\n"
    )
}

/// Adds `units` and the links that make targets want some of them.
pub(super) fn add_these(
    build: &mut Build<'_>,
    units: &[Need],
    wants: &[(&str, &str)],
) -> Result<(), InitrdError> {
    let dir = literal(UNIT_DIR);
    for unit in units {
        let path = dir.join(unit.name)?;
        if !build.copy(&path)? {
            return Err(InitrdError::Missing { path, why: unit.why, package: unit.package });
        }
        build.copy_below(&dir.join(format!("{}.d", unit.name))?)?;
        if let Some(text) = build.text(&path)? {
            programs(build, &path, &text)?;
        }
    }
    for (target, unit) in wants {
        build.link(&dir.join(format!("{target}.wants/{unit}"))?, &format!("../{unit}"))?;
    }
    Ok(())
}

/// Copies what the `Exec*=` lines of a unit run (systemd.service(5), "Command lines").
fn programs(build: &mut Build<'_>, unit: &TreePath, text: &str) -> Result<(), InitrdError> {
    for line in text.lines() {
        let Some((key, command)) = line.split_once('=') else { continue };
        if !(key.starts_with("Exec") && key.chars().all(char::is_alphabetic)) {
            continue;
        }
        let may_fail = command.chars().take_while(|c| "@-:+!".contains(*c)).any(|c| c == '-');
        let program = command.trim_start_matches(['@', '-', ':', '+', '!']);
        let program = program.split_whitespace().next().unwrap_or_default();
        if program.is_empty() || program.contains('$') {
            continue;
        }
        let places = if program.starts_with('/') {
            vec![program.to_owned()]
        } else {
            ["usr/sbin", "usr/bin"].map(|dir| format!("{dir}/{program}")).to_vec()
        };
        let mut found = false;
        for place in places {
            found = found || build.copy(&TreePath::new(place)?)?;
        }
        if !found && !may_fail {
            return Err(InitrdError::Program { unit: unit.clone(), program: program.to_owned() });
        }
    }
    Ok(())
}
