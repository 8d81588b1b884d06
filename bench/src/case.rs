//! What is compared with what.

use crate::measure::{Call, Sample, Spread};
use crate::say;

/// One question, answered by several programs.
#[derive(Debug)]
pub(crate) struct Case {
    /// Short, for `--only`.
    pub(crate) name: &'static str,
    /// For the heading.
    pub(crate) title: &'static str,
    /// What is timed, what is not, and what differs between the rows.
    pub(crate) about: &'static str,
    /// Ours first.
    pub(crate) rows: Vec<Row>,
    /// What is between the first row and the floor, if one of the rows is one: those whose name begins with `floor`.
    pub(crate) above: &'static str,
    /// What ours must reach.
    pub(crate) goals: Vec<Goal>,
    /// More runs than that tell nothing more, and take long.
    pub(crate) runs_at_most: usize,
}

/// One program's way.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) who: String,
    /// Before each run, not timed.
    pub(crate) before: Vec<Call>,
    pub(crate) call: Call,
}

/// A figure that was promised for the first row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most so many seconds.
    Wall(f64),
    /// At most so many processor seconds.
    Cpu(f64),
    /// At most so many MB (10^6 bytes) in memory.
    Peak(f64),
    /// So many times faster than the row whose name starts so.
    Faster(f64, &'static str),
}

/// The runs of one row.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) wall: Spread,
    pub(crate) cpu: Spread,
    pub(crate) peak: Spread,
}

impl Figures {
    fn of(samples: &[Sample]) -> Self {
        Self {
            wall: Spread::of(samples.iter().map(|sample| sample.wall)),
            cpu: Spread::of(samples.iter().map(|sample| sample.cpu)),
            peak: Spread::of(samples.iter().map(|sample| sample.peak)),
        }
    }
}

/// Runs everything: of each case, every row once uncounted, then `runs` rounds of all rows in turn.
///
/// # Errors
/// Of the first command that fails.
pub(crate) fn measure(cases: &[Case], runs: usize) -> Result<Vec<Vec<Figures>>, String> {
    let mut results = Vec::new();
    for case in cases {
        let runs = runs.min(case.runs_at_most);
        say(&format!("{}: {} rows, {runs} runs each", case.name, case.rows.len()));
        let mut samples = vec![Vec::new(); case.rows.len()];
        for round in 0..=runs {
            for (row, samples) in case.rows.iter().zip(&mut samples) {
                row.before.iter().try_for_each(|call| call.run().map(drop))?;
                let sample = row.call.time()?;
                say(&format!(
                    "  {:6.2} s {:6.2} CPU-s {:5.0} MiB  {}",
                    sample.wall, sample.cpu, sample.peak, row.who
                ));
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        results.push(samples.iter().map(|samples| Figures::of(samples)).collect());
    }
    Ok(results)
}
