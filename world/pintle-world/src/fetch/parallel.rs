use super::{Expected, FetchError, Fetcher, Mirror, Progress};
use pintle_model::Verified;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// One place a file may be had from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The mirror.
    pub mirror: Mirror,
    /// Path on it.
    pub path: String,
}

/// One file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Places, best first; the next is asked when one does not have the file.
    pub places: Vec<Place>,
    /// What it must be.
    pub expected: Expected,
}

pub(super) fn fetch_job(
    fetcher: &Fetcher,
    job: &Job,
    progress: &dyn Progress,
) -> Result<Verified<PathBuf>, FetchError> {
    let mut first = None;
    for Place { mirror, path } in &job.places {
        match fetcher.fetch(mirror, path, job.expected, progress) {
            Err(error @ FetchError::NotFound(_)) => {
                progress.note(path, &format!("not on {mirror}"));
                first.get_or_insert(error);
            }
            other => return other,
        }
    }
    Err(first.unwrap_or_else(|| FetchError::NotFound(job.expected.sha256.to_string())))
}

pub(super) fn fetch_all(
    fetcher: &Fetcher,
    jobs: &[Job],
    connections: usize,
    progress: &dyn Progress,
) -> Vec<Result<Verified<PathBuf>, FetchError>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Vec<Mutex<Option<_>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..connections.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(number).filter(|_| !failed.load(Ordering::Relaxed)) else {
                        return;
                    };
                    let result = fetch_job(fetcher, job, progress);
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    *results[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    let taken = |slot: Mutex<Option<_>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|slot| taken(slot).unwrap_or(Err(FetchError::Cancelled))).collect()
}
