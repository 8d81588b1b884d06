//! Users and groups: what packages and the definition need, the numbers they get, the files that say so.

mod allocate;
mod files;
mod homes;
mod needs;
mod sysusers;

pub use allocate::allocate;
pub use needs::needs;

pub(crate) use files::write;
pub(crate) use homes::make_homes;
pub(crate) use needs::{Base, collect};
pub(crate) use sysusers::parse as parse_sysusers;

use crate::error::AssembleError;
use pintle_model::{LockedGroup, LockedUser};
use std::collections::{BTreeMap, BTreeSet};

/// What packages and the definition need, by name; without the accounts of base-passwd.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Users.
    pub(crate) users: BTreeMap<String, User>,
    /// Groups, those of users' own names included.
    pub(crate) groups: BTreeMap<String, Group>,
    /// Users by group, beyond primary groups.
    pub(crate) members: BTreeMap<String, BTreeSet<String>>,
    /// The accounts that every Debian system has.
    pub(crate) base: Base,
    /// Numbers for system accounts, from sysusers.d `r` lines.
    pub(crate) ranges: Vec<(u32, u32)>,
}

/// A user, wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: Option<u32>,
    pub(crate) group: PrimaryGroup,
    pub(crate) description: String,
    pub(crate) home: String,
    pub(crate) shell: String,
    /// Second field of /etc/shadow.
    pub(crate) password: String,
    pub(crate) aging: Aging,
    /// Numbers from the range of system accounts.
    pub(crate) system: bool,
    /// Who wants it.
    pub(crate) by: String,
}

/// A user's primary group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrimaryGroup {
    Named(String),
    Number(u32),
}

/// Fields 4 to 8 of /etc/shadow (shadow(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aging {
    /// Nothing set, as for system accounts.
    Unset,
    /// As `pwconv` and `useradd` set it: 0, 99999, 7.
    Usual,
    /// Expired since 1970-01-02: nobody logs in.
    Expired,
}

/// A group, wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) gid: Option<u32>,
    /// Second field of /etc/gshadow.
    pub(crate) password: String,
    pub(crate) system: bool,
    pub(crate) by: String,
}

/// All accounts with their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) needs: Needs,
    pub(crate) uids: BTreeMap<String, u32>,
    pub(crate) gids: BTreeMap<String, u32>,
}

impl Accounts {
    /// Joins needs with the numbers of the lock.
    pub(crate) fn new(
        needs: Needs,
        users: &[LockedUser],
        groups: &[LockedGroup],
    ) -> Result<Self, Vec<AssembleError>> {
        let mut uids: BTreeMap<String, u32> =
            needs.base.users.iter().map(|u| (u.name.clone(), u.uid)).collect();
        let mut gids: BTreeMap<String, u32> =
            needs.base.groups.iter().map(|g| (g.name.clone(), g.gid)).collect();
        let mut errors = Vec::new();
        for (name, need) in &needs.users {
            let locked = users.iter().find(|locked| locked.name == *name).map(|locked| locked.uid);
            match locked.filter(|uid| need.uid.is_none_or(|wanted| wanted == *uid)) {
                Some(uid) => drop(uids.insert(name.clone(), uid)),
                None => errors.push(no_number("user", name, &need.by)),
            }
        }
        for (name, need) in &needs.groups {
            let locked = groups.iter().find(|locked| locked.name == *name).map(|locked| locked.gid);
            match locked.filter(|gid| need.gid.is_none_or(|wanted| wanted == *gid)) {
                Some(gid) => drop(gids.insert(name.clone(), gid)),
                None => errors.push(no_number("group", name, &need.by)),
            }
        }
        duplicates("user", &uids, &mut errors);
        duplicates("group", &gids, &mut errors);
        if errors.is_empty() { Ok(Self { needs, uids, gids }) } else { Err(errors) }
    }

    /// A user by name or number.
    pub(crate) fn uid(&self, name: &str, by: &str) -> Result<u32, AssembleError> {
        let found = self.uids.get(name).copied().or_else(|| name.parse().ok());
        found.ok_or_else(|| AssembleError::NoUser { by: by.to_owned(), name: name.to_owned() })
    }

    /// A group by name or number; `USER:` is that user's login group.
    pub(crate) fn gid(&self, name: &str, by: &str) -> Result<u32, AssembleError> {
        if let Some(user) = name.strip_suffix(':') {
            return self.login_group(user, by);
        }
        let found = self.gids.get(name).copied().or_else(|| name.parse().ok());
        found.ok_or_else(|| AssembleError::NoGroup { by: by.to_owned(), name: name.to_owned() })
    }

    fn login_group(&self, user: &str, by: &str) -> Result<u32, AssembleError> {
        if let Some(need) = self.needs.users.get(user) {
            return self.primary(need);
        }
        let base = self.needs.base.users.iter().find(|known| known.name == user);
        base.map(|known| known.gid)
            .ok_or_else(|| AssembleError::NoUser { by: by.to_owned(), name: user.to_owned() })
    }

    /// Primary group of a user.
    pub(crate) fn primary(&self, user: &User) -> Result<u32, AssembleError> {
        match &user.group {
            PrimaryGroup::Named(name) => self.gid(name, &user.by),
            PrimaryGroup::Number(gid) => Ok(*gid),
        }
    }
}

fn no_number(kind: &'static str, name: &str, by: &str) -> AssembleError {
    AssembleError::NoNumber { kind, name: name.to_owned(), by: by.to_owned() }
}

fn duplicates(kind: &'static str, numbers: &BTreeMap<String, u32>, errors: &mut Vec<AssembleError>) {
    let mut seen = BTreeMap::new();
    for (name, number) in numbers {
        if let Some(first) = seen.insert(*number, name) {
            let (first, second) = (first.clone(), name.clone());
            errors.push(AssembleError::NumberTaken { kind, number: *number, first, second });
        }
    }
}
