use pintle_model::SourceId;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files kept open at once. Far below the customary limit of 1,024 descriptors, so that a system of thousands of
/// packages needs no `ulimit`; well above the number of packages that a writer goes back and forth between.
const OPEN_MAX: usize = 256;

/// The files behind the numbers: few are open, all can be opened again.
#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    slots: Vec<Slot>,
    /// Open slots, the one opened first in front.
    open: VecDeque<usize>,
}

#[derive(Debug)]
struct Slot {
    path: Arc<Path>,
    /// Length a pack must have; `None` for host files.
    len: Option<u64>,
    file: Option<Arc<File>>,
}

impl Sources {
    /// A number for `path`.
    pub(super) fn add(&self, path: PathBuf, len: Option<u64>) -> SourceId {
        let mut table = self.table();
        let id = u32::try_from(table.slots.len()).expect("invariant: fewer than 2^32 sources");
        table.slots.push(Slot { path: path.into(), len, file: None });
        SourceId(id)
    }

    /// The open file of `id`. Opened and closed without the table, which others need meanwhile.
    pub(super) fn file(&self, id: SourceId) -> io::Result<Arc<File>> {
        let number = id.0 as usize;
        let (path, len) = match self.table().slots.get(number) {
            None => {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("no content source {number}")));
            }
            Some(Slot { file: Some(file), .. }) => return Ok(Arc::clone(file)),
            Some(slot) => (Arc::clone(&slot.path), slot.len),
        };
        let file = Arc::new(open(&path, len)?);
        let mut table = self.table();
        if let Some(other) = &table.slots[number].file {
            // Somebody was faster.
            return Ok(Arc::clone(other));
        }
        table.slots[number].file = Some(Arc::clone(&file));
        table.open.push_back(number);
        let oldest = if table.open.len() > OPEN_MAX { table.open.pop_front() } else { None };
        let closed = oldest.and_then(|oldest| table.slots[oldest].file.take());
        drop(table);
        drop(closed);
        Ok(file)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path, expected: Option<u64>) -> io::Result<File> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(named)?;
    let len = file.metadata().map_err(named)?.len();
    if expected.is_some_and(|expected| expected != len) {
        let text = format!("{} changed while it was in use; run the command again", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(file)
}
