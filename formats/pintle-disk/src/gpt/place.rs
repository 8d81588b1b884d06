use super::{BACKUP_SECTORS, Partition, SECTORS_MAX, Table, TableError};
use uuid::Uuid;

/// Partitions start at multiples of this many bytes, as every tool of today does: a multiple of all erase blocks and
/// stripes that matter.
pub const ALIGN: u64 = 1 << 20;
const ALIGN_SECTORS: u64 = ALIGN / 512;

/// A partition that wants a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// As in [`Partition`].
    pub type_guid: Uuid,
    /// As in [`Partition`].
    pub guid: Uuid,
    /// As in [`Partition`].
    pub name: String,
    /// As in [`Partition`].
    pub attributes: u64,
    /// Length in bytes, not 0; rounded up to whole sectors.
    pub size: u64,
}

/// Why there is no place.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlaceError {
    /// It has no size.
    #[error("partition {0} has size 0")]
    Empty(usize),
    /// Sizes add up past what a GPT can say.
    #[error("the partitions together are larger than a disk can be")]
    Overflow,
    /// The disk is smaller than its partitions.
    #[error("the disk has {sectors} sectors of 512 bytes, its partitions need {needed}")]
    NoRoom {
        /// Sectors of the disk.
        sectors: u64,
        /// The least number that would do.
        needed: u64,
    },
    /// The table is refused for another reason.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Gives each request its sectors, in their order from 1 MiB on, each at a multiple of [`ALIGN`]. The disk gets
/// `sectors` sectors, or with `None` the fewest that do, rounded up to a multiple of [`ALIGN`].
///
/// # Errors
/// [`PlaceError`].
pub fn place(disk: Uuid, requests: Vec<Request>, sectors: Option<u64>) -> Result<Table, PlaceError> {
    let mut partitions = Vec::with_capacity(requests.len());
    let mut end = ALIGN_SECTORS;
    for (number, request) in (1..).zip(requests) {
        if request.size == 0 {
            return Err(PlaceError::Empty(number));
        }
        let first = end.next_multiple_of(ALIGN_SECTORS);
        let len = request.size.div_ceil(512);
        end = first.checked_add(len).filter(|end| *end < SECTORS_MAX).ok_or(PlaceError::Overflow)?;
        partitions.push(Partition {
            type_guid: request.type_guid,
            guid: request.guid,
            name: request.name,
            first,
            last: end - 1,
            attributes: request.attributes,
        });
    }
    let needed = end + BACKUP_SECTORS;
    let sectors = sectors.unwrap_or_else(|| needed.next_multiple_of(ALIGN_SECTORS));
    if sectors < needed {
        return Err(PlaceError::NoRoom { sectors, needed });
    }
    Ok(Table::new(disk, sectors, partitions)?)
}
