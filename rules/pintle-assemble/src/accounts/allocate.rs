//! Numbers for accounts. They are given out at lock time and recorded, so a system never changes them by itself.

use super::{Needs, PrimaryGroup};
use crate::error::{AssembleError, AssembleErrors};
use pintle_model::{LockedGroup, LockedUser};
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of system accounts, given out from the top as systemd-sysusers does (Debian Policy 9.2.2: 100 to 999).
const SYSTEM: (u32, u32) = (100, 999);
/// Numbers of people's accounts, given out from the bottom (Debian Policy 9.2.2: 1000 to 59999).
const REGULAR: (u32, u32) = (1000, 59_999);

/// Gives every account of `needs` a number: the wanted one, else that of the `previous` lock, else a free one. A group
/// of a user's own name has the user's number where that is free. Both results are sorted by name.
///
/// # Errors
/// [`AssembleError::NumberTaken`], [`AssembleError::NumbersExhausted`].
pub fn allocate(
    needs: &Needs,
    previous: (&[LockedUser], &[LockedGroup]),
) -> Result<(Vec<LockedUser>, Vec<LockedGroup>), AssembleErrors> {
    let mut table = Table::default();
    table.users.taken = needs.base.users.iter().map(|user| user.uid).collect();
    table.groups.taken = needs.base.groups.iter().map(|group| group.gid).collect();
    for user in needs.users.values() {
        user.uid.into_iter().for_each(|uid| table.users.fix("user", &user.name, uid, &mut table.errors));
    }
    for group in needs.groups.values() {
        group.gid.into_iter().for_each(|gid| table.groups.fix("group", &group.name, gid, &mut table.errors));
    }
    for old in previous.0.iter().filter(|old| needs.users.contains_key(&old.name)) {
        table.users.keep(&old.name, old.uid);
    }
    for old in previous.1.iter().filter(|old| needs.groups.contains_key(&old.name)) {
        table.groups.keep(&old.name, old.gid);
    }
    table.fresh(needs);
    if !table.errors.is_empty() {
        return Err(AssembleErrors(table.errors));
    }
    let users = table.users.given.into_iter().map(|(name, uid)| LockedUser { name, uid }).collect();
    let groups = table.groups.given.into_iter().map(|(name, gid)| LockedGroup { name, gid }).collect();
    Ok((users, groups))
}

#[derive(Default)]
struct Table {
    users: Numbers,
    groups: Numbers,
    errors: Vec<AssembleError>,
}

#[derive(Default)]
struct Numbers {
    taken: BTreeSet<u32>,
    given: BTreeMap<String, u32>,
}

impl Numbers {
    fn fix(&mut self, kind: &'static str, name: &str, number: u32, errors: &mut Vec<AssembleError>) {
        if !self.taken.insert(number) {
            let other =
                self.given.iter().find(|(_, given)| **given == number).map(|(other, _)| other.clone());
            let first = other.unwrap_or_else(|| "an account of base-passwd".into());
            errors.push(AssembleError::NumberTaken { kind, number, first, second: name.to_owned() });
        }
        self.given.insert(name.to_owned(), number);
    }

    /// The number of the previous lock, unless something else has it now.
    fn keep(&mut self, name: &str, number: u32) {
        if !self.given.contains_key(name) && self.taken.insert(number) {
            self.given.insert(name.to_owned(), number);
        }
    }

    fn give(&mut self, name: &str, number: u32) {
        self.taken.insert(number);
        self.given.insert(name.to_owned(), number);
    }
}

impl Table {
    fn fresh(&mut self, needs: &Needs) {
        for (name, user) in &needs.users {
            if self.users.given.contains_key(name) {
                continue;
            }
            let own = user.group == PrimaryGroup::Named(name.clone()) && needs.groups.contains_key(name);
            let group = self.groups.given.get(name).copied().filter(|_| own);
            let also_group = own && group.is_none();
            // The group was there before the user: its number, if a user can have it.
            let number = match group.filter(|gid| !self.users.taken.contains(gid)) {
                Some(gid) => Some(gid),
                None => {
                    let taken = |number: &u32| {
                        self.users.taken.contains(number) || also_group && self.groups.taken.contains(number)
                    };
                    candidates(needs, user.system).into_iter().find(|number| !taken(number))
                }
            };
            match number {
                Some(number) => {
                    self.users.give(name, number);
                    if also_group {
                        self.groups.give(name, number);
                    }
                }
                None => self.exhausted("user", name, user.system),
            }
        }
        for (name, group) in &needs.groups {
            if self.groups.given.contains_key(name) {
                continue;
            }
            // Users with a fixed or kept number give it to their own group.
            let own = self.users.given.get(name).copied().filter(|uid| !self.groups.taken.contains(uid));
            // Not the number of a user who has nothing to do with the group.
            let taken =
                |number: &u32| self.groups.taken.contains(number) || self.users.taken.contains(number);
            let free = || candidates(needs, group.system).into_iter().find(|number| !taken(number));
            match own.or_else(free) {
                Some(number) => self.groups.give(name, number),
                None => self.exhausted("group", name, group.system),
            }
        }
    }

    fn exhausted(&mut self, kind: &'static str, name: &str, system: bool) {
        let (first, last) = if system { SYSTEM } else { REGULAR };
        self.errors.push(AssembleError::NumbersExhausted { kind, name: name.to_owned(), first, last });
    }
}

/// Numbers to try, best first.
fn candidates(needs: &Needs, system: bool) -> Vec<u32> {
    if !system {
        return (REGULAR.0..=REGULAR.1).collect();
    }
    let ranges = if needs.ranges.is_empty() { &[SYSTEM][..] } else { &needs.ranges };
    ranges.iter().flat_map(|(first, last)| (*first..=(*last).min(0xfffe)).rev()).collect()
}
