//! Rounds of checks, up to a verdict. A service that falls over a second after its start is active for a moment: a boot
//! is good when all checks hold in several rounds, and no unit was started again between them.

use crate::verdict::Failing;
use pintle_model::Check;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rounds in a row that must be good.
pub const ROUNDS: u32 = 3;
/// Between two rounds.
pub const PAUSE: Duration = Duration::from_secs(1);

/// What one round saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Checks that do not hold.
    pub failing: Vec<Failing>,
    /// How often each unit was started again.
    pub restarts: BTreeMap<String, u64>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another round, after [`PAUSE`].
    Again,
    /// The boot is good.
    Passed,
    /// It is not, and will not be waited for any longer: what does not hold.
    Failed(Vec<Failing>),
}

/// Goes from round to round.
#[derive(Clone, Debug)]
pub struct Watch {
    deadline: Option<Duration>,
    good: u32,
    restarts: BTreeMap<String, u64>,
}

impl Watch {
    /// Waits until `deadline`, counted from the start of the kernel; none: not at all.
    #[must_use]
    pub fn new(deadline: Option<Duration>) -> Self {
        Self { deadline, good: 0, restarts: BTreeMap::new() }
    }

    /// A round has seen `seen` and ended `uptime` after the start of the kernel.
    ///
    /// Rounds that were good when the deadline passed may be finished: it is about how long a boot takes, not about
    /// whether its last second was unlucky.
    pub fn round(&mut self, seen: Seen, uptime: Duration) -> Step {
        let restarted = if self.good == 0 { Vec::new() } else { self.restarted(&seen) };
        self.good = match (seen.failing.is_empty(), restarted.is_empty()) {
            (true, true) => self.good + 1,
            // It begins anew.
            (true, false) => 1,
            (false, _) => 0,
        };
        self.restarts = seen.restarts;
        if self.good >= ROUNDS {
            return Step::Passed;
        }
        let late = self.deadline.is_none_or(|deadline| uptime >= deadline);
        let failing = if seen.failing.is_empty() { restarted } else { seen.failing };
        // A row that began in time may end late; a unit that starts over and over has none.
        if late && !failing.is_empty() { Step::Failed(failing) } else { Step::Again }
    }

    /// Units that were started again since the last round.
    fn restarted(&self, seen: &Seen) -> Vec<Failing> {
        let again = |(unit, times): (&String, &u64)| {
            let before = self.restarts.get(unit).copied().unwrap_or_default();
            let why =
                format!("it is active, but was started again while it was watched: {times} times by now");
            (*times > before).then(|| Failing { check: Check::Unit { unit: unit.clone() }, why })
        };
        seen.restarts.iter().filter_map(again).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(good: bool, restarts: u64) -> Seen {
        let failing = Failing { check: Check::Network, why: "it is down".to_owned() };
        let restarts = BTreeMap::from([("shop.service".to_owned(), restarts)]);
        Seen { failing: if good { Vec::new() } else { vec![failing] }, restarts }
    }

    /// The round in which it ended, and what did not hold then.
    fn walk(deadline: Option<u32>, rounds: &[(bool, u64)]) -> Option<(usize, String)> {
        let mut watch = Watch::new(deadline.map(|seconds| SECOND * seconds));
        for (at, (good, restarts)) in rounds.iter().enumerate() {
            match watch.round(seen(*good, *restarts), SECOND * at as u32) {
                Step::Again => {}
                Step::Passed => return Some((at, "good".to_owned())),
                Step::Failed(failing) => {
                    assert!(!failing.is_empty());
                    return Some((at, failing.into_iter().map(|failing| failing.why).collect()));
                }
            }
        }
        None
    }

    fn good(at: usize) -> Option<(usize, String)> {
        Some((at, "good".to_owned()))
    }

    fn down(at: usize) -> Option<(usize, String)> {
        Some((at, "it is down".to_owned()))
    }

    #[test]
    fn a_boot_is_good_when_it_stays_good() {
        assert_eq!(walk(Some(60), &[(true, 0); 3]), good(2));
        let late = [(false, 0), (true, 0), (true, 0), (false, 0), (true, 0), (true, 0), (true, 0)];
        assert_eq!(walk(Some(60), &late), good(6));
    }

    #[test]
    fn what_falls_over_again_and_again_is_not_good() {
        let rounds: Vec<(bool, u64)> = (0..20).map(|at| (true, at)).collect();
        let (at, why) = walk(Some(10), &rounds).unwrap();
        assert_eq!(at, 10);
        insta::assert_snapshot!(why, @"it is active, but was started again while it was watched: 10 times by now");
        // It stood in the end.
        assert_eq!(walk(Some(10), &[(true, 0), (true, 1), (true, 1), (true, 1)]), good(3));
    }

    #[test]
    fn the_deadline_ends_it() {
        assert_eq!(walk(Some(3), &[(false, 0); 9]), down(3));
        let row = [(false, 0), (false, 0), (true, 0), (true, 0), (true, 0)];
        assert_eq!(walk(Some(3), &row), good(4), "a row that began in time");
        assert_eq!(walk(Some(2), &[(false, 0), (true, 0), (true, 0), (false, 0)]), down(3));
    }

    #[test]
    fn without_a_deadline_nothing_is_waited_for() {
        assert_eq!(walk(None, &[(false, 0)]), down(0));
        assert_eq!(walk(None, &[(true, 0); 3]), good(2));
        assert_eq!(walk(None, &[(true, 0), (true, 1)]).unwrap().0, 1);
    }
}
