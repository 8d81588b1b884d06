//! What `systemctl show` says of units (org.freedesktop.systemd1(5)).

use pintle_model::Check;
use std::collections::BTreeMap;

/// What is asked for. Units that lack one of them (targets have no result) leave it out.
pub const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,NRestarts";

/// One unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`, …
    pub load: String,
    /// `active`, `activating`, `failed`, …
    pub active: String,
    /// What it means for this type: `running`, `auto-restart`, …
    pub sub: String,
    /// Why it ended: `success`, `exit-code`, `timeout`, …
    pub result: String,
    /// How often systemd started it again.
    pub restarts: u64,
}

/// The answer for `units`, in their order; none where it has another number of blocks.
#[must_use]
pub fn parse<'a>(units: &[&'a str], text: &str) -> Option<BTreeMap<&'a str, UnitState>> {
    let blocks: Vec<UnitState> =
        text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).map(block).collect();
    (blocks.len() == units.len()).then(|| units.iter().copied().zip(blocks).collect())
}

fn block(text: &str) -> UnitState {
    let mut state = UnitState::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "LoadState" => value.clone_into(&mut state.load),
            "ActiveState" => value.clone_into(&mut state.active),
            "SubState" => value.clone_into(&mut state.sub),
            "Result" => value.clone_into(&mut state.result),
            "NRestarts" => state.restarts = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    state
}

impl UnitState {
    /// Whether `check` holds for it.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn holds(&self, check: &Check) -> Result<(), String> {
        let good = match check {
            Check::NotFailed { .. } => self.active != "failed",
            _ => self.active == "active" || self.active == "reloading",
        };
        if good { Ok(()) } else { Err(self.words()) }
    }

    fn words(&self) -> String {
        match self.load.as_str() {
            "loaded" => {}
            "not-found" => return "there is no such unit".to_owned(),
            other => return format!("it cannot be started: it is {other}"),
        }
        let again = match self.restarts {
            0 => String::new(),
            1 => ", started again once".to_owned(),
            times => format!(", started again {times} times"),
        };
        let why = match self.result.as_str() {
            "" | "success" => String::new(),
            result => format!(", because of `{result}`"),
        };
        let sub = if self.sub == self.active { String::new() } else { format!(" ({})", self.sub) };
        format!("it is {}{sub}{why}{again}", self.active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=0\n\n\
        LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nNRestarts=7\n\n\
        LoadState=not-found\nActiveState=inactive\nSubState=dead\n\n\
        LoadState=masked\nActiveState=inactive\nSubState=dead\n\n\
        LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=timeout\nNRestarts=0\n";

    #[test]
    fn each_unit_is_judged_by_its_own_block() {
        let units = ["a.service", "b.service", "c.service", "d.service", "e.service"];
        let states = parse(&units, TEXT).unwrap();
        let check = |unit: &str| Check::Unit { unit: unit.to_owned() };
        let said: Vec<String> = units
            .iter()
            .map(|unit| match states[unit].holds(&check(unit)) {
                Ok(()) => "holds".to_owned(),
                Err(why) => why,
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        holds
        it is activating (auto-restart), because of `exit-code`, started again 7 times
        there is no such unit
        it cannot be started: it is masked
        it is failed, because of `timeout`
        ");
        let not_failed = Check::NotFailed { unit: String::new() };
        let holding = units.iter().filter(|unit| states[*unit].holds(&not_failed).is_ok()).count();
        assert_eq!(holding, 4, "only the failed one");
        assert_eq!(parse(&units[1..], TEXT), None, "an answer for others");
        assert_eq!(parse(&[], ""), Some(BTreeMap::new()));
    }
}
