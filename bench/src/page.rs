//! `docs/benchmarks.md`.

use crate::case::{Case, Figures, Goal};
use crate::measure::Spread;
use std::fmt::Write as _;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`; do not edit. Every row is a whole process with its children, as GNU time accounts for
it: median (min to max) of the counted runs. Rows of one table ran in turn, on the same packages from the same server
on the same machine. A ratio says how much longer a row took than the first. A floor is the part of the work that
nobody can leave out, done by itself with the tools everybody has.

";

/// The whole page.
pub(crate) fn text(cases: &[Case], results: &[Vec<Figures>], machine: &str) -> String {
    let mut out = format!("{HEAD}Machine: {machine}.\n");
    for (case, figures) in cases.iter().zip(results) {
        add(&mut out, case, figures).expect("invariant: writing to a string does not fail");
    }
    out
}

fn add(out: &mut String, case: &Case, figures: &[Figures]) -> std::fmt::Result {
    write!(out, "\n## {}\n\n{}\n\n", case.title, case.about)?;
    out.push_str("| | wall s | ratio | CPU s | ratio | peak MiB |\n|---|---|---|---|---|---|\n");
    let first = &figures[0];
    for (row, figures) in case.rows.iter().zip(figures) {
        let ratio = |of: fn(&Figures) -> f64| format!("{:.1}", of(figures) / of(first).max(0.005));
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {:.0} |",
            row.who,
            spread(figures.wall),
            ratio(|figures| figures.wall.median),
            spread(figures.cpu),
            ratio(|figures| figures.cpu.median),
            figures.peak.median,
        )?;
    }
    out.push('\n');
    if let Some(floor) = case.rows.iter().position(|row| row.who.starts_with("floor")) {
        let times = first.wall.median / figures[floor].wall.median.max(0.005);
        writeln!(out, "- {times:.1} times the floor. {}", case.above)?;
    }
    for goal in &case.goals {
        if let Some(line) = judge(*goal, case, figures) {
            writeln!(out, "- {line}")?;
        }
    }
    Ok(())
}

fn spread(of: Spread) -> String {
    format!("{:.2} ({:.2} to {:.2})", of.median, of.min, of.max)
}

/// What became of a goal; none when the row it compares with was left out.
fn judge(goal: Goal, case: &Case, figures: &[Figures]) -> Option<String> {
    let first = &figures[0];
    let (what, reached) = match goal {
        Goal::Wall(most) => {
            let found = first.wall.median;
            (format!("at most {most} s: {found:.2} s"), found <= most)
        }
        Goal::Cpu(most) => {
            let found = first.cpu.median;
            (format!("at most {most} CPU-s: {found:.2}"), found <= most)
        }
        Goal::Peak(most) => {
            let found = first.peak.median * f64::from(1 << 20) / 1e6;
            (format!("at most {most} MB in memory: {found:.0} MB"), found <= most)
        }
        Goal::Faster(times, who) => {
            let other = case.rows.iter().position(|row| row.who.starts_with(who))?;
            let found = figures[other].wall.median / first.wall.median.max(0.005);
            let least = if times == 1.0 {
                format!("not slower than {who}")
            } else {
                format!("{times} times faster than {who}")
            };
            (format!("{least}: {found:.1} times"), found >= times)
        }
    };
    Some(format!("{} {what}", if reached { "reached:" } else { "**missed**:" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Row;
    use crate::measure::Call;
    use std::path::Path;

    #[test]
    fn goals_are_judged_by_medians_and_missing_peers_are_left_out() {
        let row = |who: &str| Row {
            who: who.to_owned(),
            before: Vec::new(),
            call: Call::new(&["true"], Path::new("/")),
        };
        let flat = |value: f64| Spread { min: value, median: value, max: value };
        let figures = |wall: f64| Figures { wall: flat(wall), cpu: flat(wall * 2.0), peak: flat(100.0) };
        let case = Case {
            name: "a",
            title: "A",
            about: "About.",
            rows: vec![row("pintle"), row("mkosi full"), row("floor: copying")],
            above: "Names take time.",
            goals: vec![
                Goal::Wall(2.0),
                Goal::Cpu(3.0),
                Goal::Peak(120.0),
                Goal::Faster(16.0, "mkosi"),
                Goal::Faster(2.0, "apt"),
            ],
            runs_at_most: 1,
        };
        let text = text(&[case], &[vec![figures(2.0), figures(30.0), figures(1.6)]], "a machine");
        assert!(text.contains("- 1.2 times the floor. Names take time.\n"), "{text}");
        assert!(text.contains("| mkosi full | 30.00 (30.00 to 30.00) | 15.0 |"), "{text}");
        assert!(
            text.contains("- reached: at most 2 s: 2.00 s\n- **missed**: at most 3 CPU-s: 4.00\n"),
            "{text}"
        );
        assert!(text.contains("reached: at most 120 MB in memory: 105 MB"), "{text}");
        assert!(text.contains("**missed**: 16 times faster than mkosi: 15.0 times"), "{text}");
        assert!(!text.contains("apt"), "{text}");
    }
}
