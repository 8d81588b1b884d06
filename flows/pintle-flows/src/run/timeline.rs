use serde::Serialize;
use std::time::Duration;

/// Something the guest was seen to reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Seconds since the emulator was started.
    pub seconds: f64,
    /// What was reached.
    pub what: String,
}

/// A stage of a boot and what announces it on the serial console.
struct Stage {
    name: &'static str,
    signs: &'static [&'static str],
}

/// In the order in which a boot goes through them; a stage may be skipped (BIOS has no stub, UEFI no GRUB).
const STAGES: [Stage; 7] = [
    Stage { name: "firmware", signs: &["SeaBIOS", "BdsDxe", "UEFI firmware"] },
    Stage { name: "boot loader", signs: &["GRUB", "Booting `", "EFI stub:", "systemd-boot"] },
    Stage { name: "kernel", signs: &["Linux version "] },
    Stage { name: "initrd", signs: &["Run /init as init process", "Running in initrd"] },
    Stage { name: "root file system", signs: &["Switching root", "initrd-switch-root.service"] },
    Stage {
        name: "system",
        signs: &["Queued start job for default target", "Hostname set to", "Welcome to"],
    },
    Stage { name: "login prompt", signs: &["login:"] },
];

/// Reads a boot off its serial console.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    moments: Vec<Moment>,
    next: usize,
}

impl Timeline {
    /// Looks at one console line; returns the stage it announces, if it is a later one than all before.
    pub(super) fn see(&mut self, at: Duration, text: &str) -> Option<&'static str> {
        let later = STAGES.iter().enumerate().skip(self.next);
        let (index, stage) = later.into_iter().find(|(index, stage)| {
            // "Welcome to" is said in the initrd too: only after the root was switched does it mean the system.
            (*index != 5 || self.next == 5) && stage.signs.iter().any(|sign| text.contains(sign))
        })?;
        self.next = index + 1;
        self.add(at, stage.name);
        Some(stage.name)
    }

    /// Notes something that was not on the console.
    pub(super) fn add(&mut self, at: Duration, what: &str) {
        self.moments.push(Moment { seconds: at.as_secs_f64(), what: what.to_owned() });
    }

    /// True once the console showed a login prompt.
    #[must_use]
    pub(super) fn has_login(&self) -> bool {
        self.next == STAGES.len()
    }

    /// What was seen so far.
    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// What was seen, in order of time.
    #[must_use]
    pub(super) fn into_moments(mut self) -> Vec<Moment> {
        self.moments.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        self.moments
    }
}

/// A bar per stage, each as long as it took; for a terminal of `width` columns.
#[must_use]
pub fn draw(moments: &[Moment], width: usize) -> String {
    let Some(last) = moments.last() else { return String::new() };
    let total = last.seconds.max(0.001);
    let label = moments.iter().map(|m| m.what.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(label + 22).max(10) as f64;
    let mut out = String::new();
    for (index, moment) in moments.iter().enumerate() {
        let before = if index == 0 { 0.0 } else { moments[index - 1].seconds };
        let took = moment.seconds - before;
        let skip = (before / total * room).round() as usize;
        let bar = ((took / total * room).round() as usize).max(1);
        let what = &moment.what;
        out += &format!(
            "{:>7.1} s  {what:<label$}  +{took:<6.1} {}{}\n",
            moment.seconds,
            " ".repeat(skip),
            "━".repeat(bar)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_becomes_a_timeline() {
        let mut timeline = Timeline::default();
        let console = [
            (0.3, "SeaBIOS (version 1.16.3-debian-1.16.3-2~bpo12+1)"),
            (1.0, "Booting `web'"),
            (2.0, "[    0.000000] Linux version 6.12.0 (debian-kernel)"),
            (4.0, "[    2.1] Run /init as init process"),
            (4.5, "Welcome to Debian GNU/Linux 13 (trixie) dracut!"),
            (9.0, "[    7.0] systemd[1]: Switching root."),
            (11.0, "Welcome to Debian GNU/Linux 13 (trixie)!"),
            (20.0, "web login: "),
            (21.0, "web login: "),
        ];
        for (at, text) in console {
            timeline.see(Duration::from_secs_f64(at), text);
        }
        assert!(timeline.has_login());
        timeline.add(Duration::from_secs(18), "http://:80/ answers");
        let moments = timeline.into_moments();
        insta::assert_snapshot!(draw(&moments, 80), @r"
            0.3 s  firmware             +0.3    ━
            1.0 s  boot loader          +0.7     ━
            2.0 s  kernel               +1.0      ━━
            4.0 s  initrd               +2.0        ━━━━
            9.0 s  root file system     +5.0            ━━━━━━━━━━
           11.0 s  system               +2.0                      ━━━━
           18.0 s  http://:80/ answers  +7.0                         ━━━━━━━━━━━━━━
           20.0 s  login prompt         +2.0                                       ━━━━
        ");
    }
}
