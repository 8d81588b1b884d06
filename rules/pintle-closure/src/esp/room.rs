use super::plan::{Present, Sorted, Wanted, WantedEntry, WantedFile};
use pintle_model::Size;

/// What is new does not fit, even with all garbage gone that the old default does not need.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the EFI system partition has no room for {what}: {} more are needed ({} for what is new, {} to be had). Nothing \
     was changed. {}",
    Size(.needed - .available), Size(*.needed), Size(*.available), advice(*.fitting)
)]
pub struct NoRoom {
    /// What does not fit any more, in order of importance.
    pub what: String,
    /// Bytes that new files take.
    pub needed: u64,
    /// Bytes to be had.
    pub available: u64,
    /// How many generations would fit, the most important first.
    pub fitting: usize,
}

fn advice(fitting: usize) -> String {
    match fitting {
        0 => "Make the partition larger, or take files from it that no entry needs".to_owned(),
        1 => "Remove old generations (`nix-env --profile … --delete-generations old`); one would fit \
              (`--configuration-limit 1`)"
            .to_owned(),
        more => format!(
            "Remove old generations (`nix-env --profile … --delete-generations old`); {more} would fit \
             (`--configuration-limit {more}`)"
        ),
    }
}

/// What a file's names take in its folder: two at a time while it is renamed, of up to eight slots of 32 bytes each.
const NAMES: u64 = 2 * 8 * 32;

/// Bytes needed and to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// By new files.
    pub(super) needed: u64,
    /// Free as it is, leftovers of temporary files included: those go in any case.
    pub(super) free: u64,
    /// To be had by removing garbage early.
    pub(super) early: u64,
}

impl Budget {
    pub(super) fn of(sorted: &Sorted<'_>, present: &Present) -> Self {
        let on_disk = |len: u64| len.next_multiple_of(present.cluster.max(1));
        let there = |path: &String| on_disk(present.files.get(path).copied().unwrap_or_default());
        let new = |file: &&WantedFile| on_disk(file.blob.len()) + NAMES;
        let folders = sorted.folders.len() as u64 * present.cluster;
        let slack = if sorted.writes().next().is_some() { 2 * present.cluster } else { 0 };
        Self {
            needed: sorted.writes().map(|file| new(&file)).sum::<u64>() + folders + slack,
            free: present.free + sorted.leftovers.iter().map(there).sum::<u64>(),
            early: sorted.early.iter().map(there).sum(),
        }
    }

    /// It fits without removing anything early.
    pub(super) fn fits(&self) -> bool {
        self.needed <= self.free
    }

    /// It fits.
    pub(super) fn fits_early(&self) -> bool {
        self.needed <= self.free + self.early
    }
}

/// Why it does not fit, in words.
pub(super) fn explain(wanted: &Wanted, present: &Present, budget: Budget) -> NoRoom {
    let mut numbers: Vec<Option<u32>> = wanted.entries.iter().map(|entry| entry.number).collect();
    numbers.dedup();
    let first = |count: usize| -> Vec<&WantedEntry> {
        wanted.entries.iter().filter(|entry| numbers[..count].contains(&entry.number)).collect()
    };
    let fits =
        |count: &usize| Budget::of(&Sorted::new(wanted, &first(*count), present), present).fits_early();
    let fitting = (1..=numbers.len()).take_while(fits).last().unwrap_or(0);
    let culprit = numbers.get(fitting).and_then(|number| wanted.entries.iter().find(|e| e.number == *number));
    let what = culprit.map_or("systemd-boot".to_owned(), |entry| match entry.number {
        Some(number) => format!("generation {number} ({})", entry.title),
        None => entry.title.clone(),
    });
    NoRoom { what, needed: budget.needed, available: budget.free + budget.early, fitting }
}
