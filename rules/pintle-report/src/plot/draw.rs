//! A boot as SVG: phases above, below them units on the same axis, the critical chain in colour.

use super::{Boot, Phase, UnitTime};
use std::fmt::Write as _;

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 24.0;
const RIGHT: f64 = 24.0;
const ROW: f64 = 19.0;
const TOP: f64 = 92.0;
const PHASE: f64 = 40.0;
/// A picture of more rows is no picture.
const ROWS: usize = 70;

const STYLE: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1b2430}\
.bg{fill:#fff}.title{font-size:19px;font-weight:650}.muted{fill:#667385}.grid{stroke:#e3e7ec}.num{fill:#667385;font-variant-numeric:tabular-nums}\
.bar{fill:#b9c6d6}.critical{fill:#2d5bd7}.failed{fill:#d3514b}.on{fill:#1b2430;font-weight:600}.link{stroke:#2d5bd7;fill:none;stroke-width:1.4;opacity:.55}\
.phase text{fill:#14202e}.p0{fill:#e7c873}.p1{fill:#f0a76b}.p2{fill:#9fc2ee}.p3{fill:#b7a6e6}.p4{fill:#94cf9a}\
@media(prefers-color-scheme:dark){text{fill:#e4e9f0}.bg{fill:#12161c}.muted,.num{fill:#93a0b2}.grid{stroke:#28313d}.bar{fill:#4a5869}\
.critical{fill:#86a9ff}.link{stroke:#86a9ff}.failed{fill:#f0746d}.on{fill:#fff}}";

/// Draws a boot.
#[must_use]
pub fn svg(boot: &Boot) -> String {
    let shown = rows(boot);
    let units_top = TOP + PHASE + 34.0;
    let height = units_top + shown.len() as f64 * ROW + 40.0;
    let axis = Axis::new(boot.finished);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Boot of {0}: {1:.2} seconds</title>\n<style>{STYLE}</style>\n<rect class=\"bg\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"36\">{0} is up after {1:.2} s</text>\n",
        escape(&boot.name),
        boot.finished
    );
    let _ = writeln!(out, "<text class=\"muted\" x=\"{LEFT}\" y=\"58\">{}</text>", escape(&subtitle(boot)));
    grid(&mut out, &axis, height);
    for (index, phase) in boot.phases.iter().enumerate() {
        draw_phase(&mut out, &axis, phase, index);
    }
    let links = Links { axis: &axis, top: units_top, shown: &shown };
    links.draw(&mut out, boot);
    for (index, unit) in shown.iter().enumerate() {
        draw_unit(&mut out, &axis, unit, units_top + index as f64 * ROW);
    }
    let hidden = boot.units.len() - shown.len();
    if hidden > 0 {
        let _ = writeln!(
            out,
            "<text class=\"muted\" x=\"{LEFT}\" y=\"{}\">{hidden} units that took next to no time are not shown</text>",
            height - 16.0
        );
    }
    out.push_str("</svg>\n");
    out
}

fn subtitle(boot: &Boot) -> String {
    let phases = boot.phases.iter().map(|phase| format!("{} {:.2} s", phase.name, phase.end - phase.start));
    format!("{}  ·  {}", boot.how, phases.collect::<Vec<_>>().join("  ·  "))
}

/// Units of the critical chain and those that took longest, in the order of their start.
fn rows(boot: &Boot) -> Vec<&UnitTime> {
    let least = boot.finished / 200.0;
    let worth = |unit: &&UnitTime| unit.critical || unit.failed || unit.up - unit.start >= least;
    let mut shown: Vec<&UnitTime> = boot.units.iter().filter(worth).collect();
    shown.sort_by(|a, b| {
        let rank = |unit: &UnitTime| (!unit.critical && !unit.failed, -(unit.up - unit.start));
        rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal)
    });
    shown.truncate(ROWS);
    shown.sort_by(|a, b| {
        a.start.total_cmp(&b.start).then(a.up.total_cmp(&b.up)).then_with(|| a.name.cmp(&b.name))
    });
    shown
}

struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    fn new(finished: f64) -> Self {
        let end = finished.max(0.001) * 1.02;
        // About ten lines, at 1, 2 or 5 times a power of ten.
        let rough = end / 10.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
        Self { end, step: step.unwrap_or(end) }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (seconds / self.end).clamp(0.0, 1.0)
    }
}

fn grid(out: &mut String, axis: &Axis, height: f64) {
    let digits = if axis.step < 1.0 { 1 } else { 0 };
    let mut count = 0;
    while f64::from(count) * axis.step <= axis.end {
        let at = f64::from(count) * axis.step;
        let x = axis.x(at);
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{x:.1} {} V{}\"/><text class=\"num\" x=\"{:.1}\" y=\"{}\">{at:.digits$} s</text>",
            TOP - 8.0,
            height - 32.0,
            x + 3.0,
            TOP - 10.0
        );
        count += 1;
    }
}

fn draw_phase(out: &mut String, axis: &Axis, phase: &Phase, index: usize) {
    let (x, end) = (axis.x(phase.start), axis.x(phase.end));
    let width = (end - x - 1.5).max(1.5);
    let known = ["firmware", "boot loader", "kernel", "initrd", "system"];
    let colour = known.iter().position(|name| phase.name.starts_with(name)).unwrap_or(index % 5);
    let took = phase.end - phase.start;
    let _ = write!(
        out,
        "<g class=\"phase\"><title>{0}: {took:.3} s</title><rect class=\"p{colour}\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{PHASE}\" rx=\"5\"/>",
        phase.name
    );
    let fits = |text: &str| text.len() as f64 * 6.6 + 12.0 < width;
    if fits(phase.name) {
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" font-weight=\"600\">{}</text>",
            x + 7.0,
            TOP + 17.0,
            phase.name
        );
        let _ = write!(out, "<text x=\"{:.1}\" y=\"{}\">{took:.2} s</text>", x + 7.0, TOP + 33.0);
    }
    out.push_str("</g>\n");
}

fn draw_unit(out: &mut String, axis: &Axis, unit: &UnitTime, y: f64) {
    let (x, end) = (axis.x(unit.start), axis.x(unit.up));
    let class = if unit.failed {
        "failed"
    } else if unit.critical {
        "critical"
    } else {
        "bar"
    };
    let took = unit.up - unit.start;
    let amount = if took >= 0.0005 { format!(" {took:.3} s") } else { String::new() };
    let failed = if unit.failed { " failed" } else { "" };
    let name = escape(&unit.name);
    let label = escape(&short(&unit.name));
    let _ = write!(
        out,
        "<g><title>{name}: from {:.3} s to {:.3} s</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" rx=\"3\"/>",
        unit.start,
        unit.up,
        y + 2.0,
        (end - x).max(2.0)
    );
    let weight = if unit.critical { " class=\"on\"" } else { "" };
    // Behind the bar where there is room, else before it.
    let room = (label.len() + amount.len() + failed.len()) as f64 * 6.9 + 14.0;
    let (at, anchor) = if end + room < WIDTH { (end.max(x + 2.0) + 6.0, "start") } else { (x - 6.0, "end") };
    let _ = writeln!(
        out,
        "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\"><tspan{weight}>{label}</tspan><tspan class=\"num\">{amount}{failed}</tspan></text></g>",
        y + 12.0
    );
}

/// The end of a long name: that of a device begins with every bus on the way to it.
fn short(name: &str) -> String {
    const MOST: usize = 46;
    let count = name.chars().count();
    if count <= MOST {
        name.to_owned()
    } else {
        format!("…{}", name.chars().skip(count - MOST + 1).collect::<String>())
    }
}

/// Lines between the units of the critical chain.
struct Links<'a> {
    axis: &'a Axis,
    top: f64,
    shown: &'a [&'a UnitTime],
}

impl Links<'_> {
    fn draw(&self, out: &mut String, boot: &Boot) {
        for pair in boot.critical_chain.windows(2) {
            if let (Some((from, y)), Some((to, below))) = (self.find(&pair[0]), self.find(&pair[1])) {
                let (a, b) = (self.axis.x(from.up), self.axis.x(to.start));
                let _ = writeln!(
                    out,
                    "<path class=\"link\" d=\"M{a:.1} {:.1} V{:.1} H{b:.1}\"/>",
                    y + 8.0,
                    below + 8.0
                );
            }
        }
    }

    fn find(&self, name: &str) -> Option<(&UnitTime, f64)> {
        let at = self.shown.iter().position(|unit| unit.name == name)?;
        Some((self.shown[at], self.top + at as f64 * ROW))
    }
}

/// For text and attributes of XML. Control characters are none of it.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        let boot = Boot {
            name: "<script>\"&".into(),
            how: "UEFI".into(),
            finished: 2.0,
            phases: vec![Phase { name: "kernel", start: 0.0, end: 2.0 }],
            units: vec![UnitTime {
                name: "a\\x2d<b>.service".into(),
                start: 0.5,
                up: 1.5,
                critical: true,
                failed: false,
            }],
            critical_chain: vec!["a\\x2d<b>.service".into()],
        };
        let drawn = svg(&boot);
        assert!(drawn.contains("&lt;script&gt;&quot;&amp;") && !drawn.contains("<script"));
        assert!(drawn.contains("a\\x2d&lt;b&gt;.service") && drawn.contains("1.000 s"));
        assert_eq!(drawn, svg(&boot));
    }
}
