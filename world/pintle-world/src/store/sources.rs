use pintle_model::SourceId;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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
    path: PathBuf,
    /// Length a pack must have; `None` for host files.
    len: Option<u64>,
    file: Option<Arc<File>>,
}

impl Sources {
    /// A number for `path`.
    pub(super) fn add(&self, path: PathBuf, len: Option<u64>) -> SourceId {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = u32::try_from(table.slots.len()).expect("invariant: fewer than 2^32 sources");
        table.slots.push(Slot { path, len, file: None });
        SourceId(id)
    }

    /// The open file of `id`.
    pub(super) fn file(&self, id: SourceId) -> io::Result<Arc<File>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = id.0 as usize;
        let Some(slot) = table.slots.get(number) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no content source {number}")));
        };
        if let Some(file) = &slot.file {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(slot.open()?);
        table.slots[number].file = Some(Arc::clone(&file));
        table.open.push_back(number);
        if table.open.len() > OPEN_MAX
            && let Some(oldest) = table.open.pop_front()
        {
            table.slots[oldest].file = None;
        }
        Ok(file)
    }
}

impl Slot {
    fn open(&self) -> io::Result<File> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        let file = File::open(&self.path).map_err(named)?;
        let len = file.metadata().map_err(named)?.len();
        if self.len.is_some_and(|expected| expected != len) {
            let text = format!("{} changed while it was in use; run the command again", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(file)
    }
}
