//! What one function writes, another reads at the same time, in a thread of its own.

use std::io::{self, BufWriter, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes handed over at once, and how many such pieces may wait.
const PIECE: usize = 128 << 10;
const AHEAD: usize = 4;

/// Runs both; what `write` puts into its writer is what `read` gets. Reading ends where `write` returns; writing fails
/// with [`io::ErrorKind::BrokenPipe`] once `read` has returned.
pub(super) fn pour<A: Send, B>(
    write: impl FnOnce(&mut dyn Write) -> A + Send,
    read: impl FnOnce(&mut dyn Read) -> B,
) -> (A, B) {
    let (sender, receiver) = sync_channel(AHEAD);
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut out = BufWriter::with_capacity(PIECE, Pieces(sender));
            let done = write(&mut out);
            // The reader sees what is missing.
            drop(out.flush());
            done
        });
        let mut from = Stream { receiver, piece: Vec::new(), at: 0 };
        let read = read(&mut from);
        drop(from);
        (writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), read)
    })
}

struct Pieces(SyncSender<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Stream {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.at) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let n = out.len().min(self.piece.len() - self.at);
        out[..n].copy_from_slice(&self.piece[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_arrives_and_who_stops_reading_stops_the_writer() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        let (written, read) = pour(
            |out| out.write_all(&bytes),
            |from| {
                let mut all = Vec::new();
                from.read_to_end(&mut all).map(|_| all)
            },
        );
        written.unwrap();
        assert!(read.unwrap() == bytes);
        let (written, ()) = pour(|out| out.write_all(&[0; 8 << 20]), |_| ());
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
