//! Whether a release may still be used: an attacker who can only replay old, correctly signed files is stopped by their
//! dates.

use pintle_model::LockedSuite;
use pintle_package::control::date::{parse_rfc3339, rfc3339};
use pintle_package::control::release::Release;

/// A release may be this many seconds from the future: machines without a time service are off by minutes.
pub const CLOCK_TOLERANCE: i64 = 600;

/// The release's dates do not fit the clock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// `Valid-Until` is over.
    #[error(
        "suite `{suite}` expired on {until} (it is {now}): the mirror is no longer updated, or old files are replayed; \
         use another mirror (`source.mirror`), or correct this machine's clock"
    )]
    Expired {
        /// The suite.
        suite: String,
        /// `Valid-Until`.
        until: String,
        /// The clock.
        now: String,
    },
    /// `Date` lies ahead.
    #[error("suite `{suite}` is dated {date}, but it is {now}: correct this machine's clock")]
    FromTheFuture {
        /// The suite.
        suite: String,
        /// `Date`.
        date: String,
        /// The clock.
        now: String,
    },
    /// Older than what was locked before.
    #[error(
        "suite `{suite}` is dated {date}, the lock has it of {locked} already: the mirror is behind, or old files are \
         replayed; use another mirror (`source.mirror`), or try later"
    )]
    Older {
        /// The suite.
        suite: String,
        /// `Date`.
        date: String,
        /// Its snapshot time in the lock.
        locked: String,
    },
}

/// Compares the dates of a release with the clock (`now`, seconds since 1970).
///
/// # Errors
/// [`Stale`].
pub fn check(suite: &str, release: &Release, now: i64) -> Result<(), Stale> {
    let suite = suite.to_owned();
    if let Some(until) = release.valid_until.filter(|until| *until < now) {
        return Err(Stale::Expired { suite, until: rfc3339(until), now: rfc3339(now) });
    }
    if release.date > now.saturating_add(CLOCK_TOLERANCE) {
        return Err(Stale::FromTheFuture { suite, date: rfc3339(release.date), now: rfc3339(now) });
    }
    Ok(())
}

/// Compares a release with the same suite in the previous lock. Not every suite has a `Valid-Until` (Debian's stable has
/// none): what was seen once is then all that stops old files.
///
/// # Errors
/// [`Stale::Older`].
pub fn check_not_older(release: &Release, locked: &LockedSuite) -> Result<(), Stale> {
    if parse_rfc3339(&locked.snapshot).is_none_or(|time| time <= release.date) {
        return Ok(());
    }
    Err(Stale::Older {
        suite: locked.name.clone(),
        date: rfc3339(release.date),
        locked: locked.snapshot.clone(),
    })
}
