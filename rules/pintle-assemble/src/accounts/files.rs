//! passwd(5), group(5), shadow(5), gshadow(5), subuid(5).

use super::{Accounts, Aging, User};
use crate::edit::Editor;
use crate::error::AssembleError;
use pintle_model::System;
use std::fmt::Write as _;

/// First and number of subordinate IDs of a user (login.defs(5): SUB_UID_MIN, SUB_UID_COUNT).
const SUBORDINATE: (u64, u64) = (100_000, 65_536);

/// Writes the account files.
pub(crate) fn write(
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    system: &System,
) -> Result<(), AssembleError> {
    let day = editor.epoch().secs.div_euclid(86_400);
    let (passwd, shadow) = users(accounts, system, day)?;
    let (group, gshadow) = groups(accounts);
    let shadow_group = accounts.gids.get("shadow").copied().unwrap_or(0);
    editor.file("etc/passwd", passwd, 0o644, (0, 0))?;
    editor.file("etc/group", group, 0o644, (0, 0))?;
    editor.file("etc/shadow", shadow, 0o640, (0, shadow_group))?;
    editor.file("etc/gshadow", gshadow, 0o640, (0, shadow_group))?;
    let subordinate = subordinate(accounts);
    editor.file("etc/subuid", subordinate.clone(), 0o644, (0, 0))?;
    editor.file("etc/subgid", subordinate, 0o644, (0, 0))
}

fn users(accounts: &Accounts, system: &System, day: i64) -> Result<(String, String), AssembleError> {
    let (mut passwd, mut shadow) = (String::new(), String::new());
    for user in &accounts.needs.base.users {
        let fields = [&user.description, &user.home, &user.shell].map(String::as_str).join(":");
        let _ = writeln!(passwd, "{}:x:{}:{}:{fields}", user.name, user.uid, user.gid);
        let spec = system.users.iter().find(|spec| spec.name == user.name);
        let hash = spec.and_then(|spec| spec.password_hash.as_deref()).unwrap_or("*");
        let _ = writeln!(shadow, "{}:{hash}:{day}:0:99999:7:::", user.name);
    }
    for user in accounts.needs.users.values() {
        let (uid, gid) = (accounts.uid(&user.name, &user.by)?, accounts.primary(user)?);
        let fields = [&user.description, &user.home, &user.shell].map(String::as_str).join(":");
        let _ = writeln!(passwd, "{}:x:{uid}:{gid}:{fields}", user.name);
        let aging = match user.aging {
            Aging::Unset => ":::::",
            Aging::Usual => "0:99999:7:::",
            Aging::Expired => "::::1:",
        };
        let _ = writeln!(shadow, "{}:{}:{day}:{aging}", user.name, user.password);
    }
    Ok((passwd, shadow))
}

fn groups(accounts: &Accounts) -> (String, String) {
    let (mut group, mut gshadow) = (String::new(), String::new());
    let base = accounts.needs.base.groups.iter().map(|g| (g.name.as_str(), "*"));
    let more = accounts.needs.groups.values().map(|g| (g.name.as_str(), g.password.as_str()));
    for (name, password) in base.chain(more) {
        let members = accounts.needs.members.get(name);
        let members: Vec<&str> = members.into_iter().flatten().map(String::as_str).collect();
        let members = members.join(",");
        let gid = accounts.gids.get(name).copied().unwrap_or_default();
        let _ = writeln!(group, "{name}:x:{gid}:{members}");
        let _ = writeln!(gshadow, "{name}:{password}::{members}");
    }
    (group, gshadow)
}

/// One block for each person, in the order of their numbers, as useradd gives them out.
fn subordinate(accounts: &Accounts) -> String {
    let mut people: Vec<&User> = accounts.needs.users.values().filter(|user| !user.system).collect();
    people.sort_by_key(|user| accounts.uids.get(&user.name));
    let (first, count) = SUBORDINATE;
    let line =
        |(index, user): (usize, &&User)| format!("{}:{}:{count}\n", user.name, first + index as u64 * count);
    people.iter().enumerate().map(line).collect()
}
