//! Progress for people: a bar on a terminal, a line now and then elsewhere, nothing when nobody reads along.

use crate::report::Reporter;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pintle_world::Progress;
use std::sync::atomic::{AtomicU64, Ordering};

/// Total of all downloads as one bar, with the name that moved last.
pub(crate) struct Downloads {
    bar: ProgressBar,
    total: AtomicU64,
    reporter: Reporter,
}

impl Downloads {
    /// Nothing is drawn before the first download starts.
    pub(crate) fn new(reporter: &Reporter) -> Self {
        let target =
            if reporter.talks() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template(
            "  fetching {bar:30.cyan/dim} {bytes:>10} of {total_bytes} {bytes_per_sec:>12} {wide_msg:.dim}",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, total: AtomicU64::new(0), reporter: *reporter }
    }

    /// Hides the bar while something else is said.
    pub(crate) fn pause(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Downloads {
    fn started(&self, _name: &str, bytes: u64) {
        let total = self.total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bar.set_length(total);
    }

    fn advanced(&self, name: &str, bytes: u64) {
        self.bar.inc(bytes);
        self.bar.set_message(name.to_owned());
    }

    fn lost(&self, _name: &str, bytes: u64) {
        self.bar.dec(bytes);
    }

    fn finished(&self, _name: &str) {}

    fn note(&self, name: &str, text: &str) {
        self.bar.suspend(|| self.reporter.say(&format!("  {name}: {text}")));
    }
}
