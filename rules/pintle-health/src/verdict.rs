//! What became of a boot.

use crate::counting::{Action, BootCounting};
use crate::gate::{Gate, Named};
use pintle_model::{Check, printable};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Version of the document.
pub const VERDICT_SCHEMA: u32 = 1;

/// A check that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The check.
    pub check: Check,
    /// Why not, in words.
    pub why: String,
}

/// Whether the boot is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All checks hold.
    Good,
    /// Some did not hold when the deadline passed.
    Degraded,
}

/// What became of a boot: `/run/pintle/health.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// [`VERDICT_SCHEMA`].
    pub schema: u32,
    /// Whether it is good.
    pub state: State,
    /// Seconds from the start of the kernel to this verdict.
    pub after: u64,
    /// How many checks were made.
    pub checks: usize,
    /// Those that do not hold.
    pub failing: Vec<Failing>,
    /// What happens because of it; none where it is good, or where only somebody asked.
    pub action: Option<Action>,
}

impl Verdict {
    /// At the end of a watch over `gate`.
    #[must_use]
    pub fn new(gate: &Gate, failing: Vec<Failing>, uptime: Duration, action: Option<Action>) -> Self {
        Self {
            schema: VERDICT_SCHEMA,
            state: if failing.is_empty() { State::Good } else { State::Degraded },
            after: uptime.as_secs(),
            checks: gate.checks.len(),
            failing,
            action,
        }
    }

    /// For people, on the console and in the journal.
    #[must_use]
    pub fn text(&self, gate: &Gate, counting: BootCounting) -> String {
        if self.state == State::Good {
            return format!(
                "this boot is good: all {} checks hold, {} s after its start\n",
                self.checks, self.after
            );
        }
        let mut text = match self.action {
            Some(_) => format!(
                "this boot is not good: {} of {} checks do not hold, and the deadline of {} s has passed\n",
                self.failing.len(),
                self.checks,
                gate.deadline
            ),
            None => format!("{} of {} checks do not hold\n", self.failing.len(), self.checks),
        };
        for Failing { check, why } in &self.failing {
            text += &printable(&format!("  {}: {}", Named(check), why.replace('\n', " ")));
            text.push('\n');
        }
        text + &self.what_happens(counting)
    }

    fn what_happens(&self, counting: BootCounting) -> String {
        match (self.action, counting) {
            (None, _) => String::new(),
            (Some(Action::Reboot), BootCounting::Counted { left, .. }) if left > 0 => {
                format!("the machine starts again: the boot loader has {left} more tries for this release\n")
            }
            (Some(Action::Reboot), _) => {
                "the machine starts again: the tries of this release are used up\n".to_owned()
            }
            (Some(Action::Stay), BootCounting::Counted { left: 0, .. }) => {
                "the machine stays up: the tries of this release are used up, and there is no other\n"
                    .to_owned()
            }
            (Some(Action::Stay), _) => "the machine stays up, degraded\n".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::OnFailure;

    fn gate() -> Gate {
        let checks = vec![Check::Network, Check::Unit { unit: "shop.service".to_owned() }];
        Gate { schema: 1, deadline: 60, timeout: 5, on_failure: OnFailure::Reboot, tries: 3, checks }
    }

    fn said(counting: BootCounting) -> String {
        let gate = gate();
        let why = "it is failed, because of `exit-code`\u{1b}[31m".to_owned();
        let failing = vec![Failing { check: gate.checks[1].clone(), why }];
        let action = counting.action(gate.on_failure, gate.tries);
        let verdict = Verdict::new(&gate, failing, Duration::from_millis(60_400), Some(action));
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        verdict.text(&gate, counting)
    }

    #[test]
    fn a_bad_boot_says_what_why_and_what_next() {
        insta::assert_snapshot!(said(BootCounting::Counted { left: 2, done: 1 }), @"
        this boot is not good: 1 of 2 checks do not hold, and the deadline of 60 s has passed
          shop.service: it is failed, because of `exit-code`[31m
        the machine starts again: the boot loader has 2 more tries for this release
        ");
        insta::assert_snapshot!(said(BootCounting::Counted { left: 0, done: 3 }), @"
        this boot is not good: 1 of 2 checks do not hold, and the deadline of 60 s has passed
          shop.service: it is failed, because of `exit-code`[31m
        the machine starts again: the tries of this release are used up
        ");
        insta::assert_snapshot!(said(BootCounting::Counted { left: 0, done: 4 }), @"
        this boot is not good: 1 of 2 checks do not hold, and the deadline of 60 s has passed
          shop.service: it is failed, because of `exit-code`[31m
        the machine stays up: the tries of this release are used up, and there is no other
        ");
        insta::assert_snapshot!(said(BootCounting::Uncounted), @"
        this boot is not good: 1 of 2 checks do not hold, and the deadline of 60 s has passed
          shop.service: it is failed, because of `exit-code`[31m
        the machine stays up, degraded
        ");
    }

    #[test]
    fn a_good_boot_says_so_in_a_line() {
        let verdict = Verdict::new(&gate(), Vec::new(), Duration::from_secs(21), None);
        insta::assert_snapshot!(verdict.text(&gate(), BootCounting::Uncounted), @"this boot is good: all 2 checks hold, 21 s after its start");
    }
}
