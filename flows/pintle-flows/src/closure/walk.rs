//! From a system along its references to everything it needs, level by level, several questions at once.

use super::{ClosureError, Places};
use crate::supply::{CONNECTIONS, Supply};
use pintle_nix::{PathInfo, StorePath};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A path to ask for, and who refers to it.
type Question = (StorePath, Option<StorePath>);

/// Everything that `toplevel` refers to, itself included.
///
/// # Errors
/// [`ClosureError`] of the first path, in order of paths, that is not to be had.
pub(super) fn walk(
    toplevel: &StorePath,
    places: &Places,
    supply: &Supply<'_>,
) -> Result<BTreeMap<StorePath, PathInfo>, ClosureError> {
    let mut all = BTreeMap::new();
    let mut level: Vec<Question> = vec![(toplevel.clone(), None)];
    while !level.is_empty() {
        if all.len() + level.len() > pintle_closure::PATHS {
            return Err(pintle_closure::ClosureError::TooMany { max: pintle_closure::PATHS }.into());
        }
        let mut next: BTreeMap<StorePath, StorePath> = BTreeMap::new();
        let asked: BTreeSet<StorePath> = level.iter().map(|(path, _)| path.clone()).collect();
        for answer in ask(&level, places, supply) {
            let info = answer?;
            for reference in &info.references {
                if !all.contains_key(reference) && !asked.contains(reference) {
                    next.entry(reference.clone()).or_insert_with(|| info.path.clone());
                }
            }
            all.insert(info.path.clone(), info);
        }
        level = next
            .into_iter()
            .filter(|(path, _)| !all.contains_key(path))
            .map(|(path, from)| (path, Some(from)))
            .collect();
    }
    Ok(all)
}

/// The answers, in the order of the questions. After the first failure nothing new is asked.
fn ask(level: &[Question], places: &Places, supply: &Supply<'_>) -> Vec<Result<PathInfo, ClosureError>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let answers = Mutex::new(BTreeMap::new());
    let work = || {
        while failed.load(Ordering::Relaxed) == 0 {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(question) = level.get(number) else { return };
            let answer = one(question, places, supply);
            failed.fetch_add(usize::from(answer.is_err()), Ordering::Relaxed);
            answers.lock().unwrap_or_else(PoisonError::into_inner).insert(number, answer);
        }
    };
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(level.len()) {
            scope.spawn(work);
        }
    });
    answers.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

fn one((path, from): &Question, places: &Places, supply: &Supply<'_>) -> Result<PathInfo, ClosureError> {
    if supply.fetcher.cancelled() {
        return Err(ClosureError::Stopped);
    }
    if let Some(info) = places.local.info(path) {
        return Ok(info.clone());
    }
    match places.caches.find(path, supply)? {
        Some((_, info)) => Ok(info.info),
        None => {
            let places = [places.local.name()].into_iter().chain(places.caches.names()).collect();
            Err(ClosureError::Absent { path: path.clone(), from: from.clone(), places })
        }
    }
}
