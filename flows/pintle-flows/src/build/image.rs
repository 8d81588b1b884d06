use crate::outputs::DiskImage;
use pintle_image::{ImagePlan, WriteError};
use pintle_model::Sink;
use std::io;

/// A plan as something that can be written in any format.
pub(super) struct Image<'a> {
    pub(super) plan: &'a ImagePlan,
}

impl DiskImage for Image<'_> {
    fn size(&self) -> u64 {
        self.plan.report.disk_size
    }

    fn write(&self, sink: &mut dyn Sink) -> io::Result<()> {
        match pintle_image::write(self.plan, sink) {
            Ok(_) => Ok(()),
            // The sink's own error says what to do (no space left, no permission).
            Err(WriteError::Sink(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}
