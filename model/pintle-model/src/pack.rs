use std::io;

/// Where unpacking puts file bytes: the pack being written.
pub trait PackSink {
    /// Starts a file at the next multiple of 4096 and returns its offset.
    ///
    /// # Errors
    /// Of the store.
    fn begin(&mut self) -> io::Result<u64>;

    /// Appends to the file begun last.
    ///
    /// # Errors
    /// Of the store.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
}
