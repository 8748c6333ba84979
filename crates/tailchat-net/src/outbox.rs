//! Frames that wait for one peer, and their way onto its socket. Knows bytes; refuses to wait for a slow
//! peer: a full outbox is an answer, and its giver closes the connection.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::bytes::Buf;

use crate::event::CloseReason;
use crate::framing::HEADER_LEN;
use crate::limits::{COALESCE_BYTES, Limits, OUTBOX_FRAMES_MAX};

/// The sending end of one connection's outbox.
pub(crate) struct Outbox {
    frames: mpsc::Sender<Waiting>,
    /// One permit for each byte that may still be put in.
    free_bytes: Arc<Semaphore>,
}

/// There is no place for the frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// One frame with its share of the outbox, given back when the socket has taken it.
struct Waiting {
    header: [u8; HEADER_LEN],
    payload: Vec<u8>,
    share: OwnedSemaphorePermit,
}

impl Outbox {
    /// Puts a frame in without waiting. One for a connection that has ended is forgotten.
    pub(crate) fn put(&self, payload: Vec<u8>) -> Result<(), Full> {
        let len = u32::try_from(payload.len()).map_err(|_| Full)?;
        let bytes = u32::try_from(payload.len() + HEADER_LEN).map_err(|_| Full)?;
        let share = Arc::clone(&self.free_bytes)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Full)?;
        match self.frames.try_send(Waiting {
            header: len.to_be_bytes(),
            payload,
            share,
        }) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }
}

/// The taking end: writes what is in the outbox to a socket.
pub(crate) struct FrameWriter<W> {
    io: W,
    frames: mpsc::Receiver<Waiting>,
    /// Bytes on their way. They live here and not in a future, so a cancelled `run` can be resumed.
    wire: Cursor<Vec<u8>>,
    /// The shares of the frames in `wire`.
    shares: Vec<OwnedSemaphorePermit>,
    stalled_after: Duration,
}

/// An empty outbox before `io`.
pub(crate) fn outbox<W: AsyncWrite + Unpin>(io: W, limits: &Limits) -> (Outbox, FrameWriter<W>) {
    let (sender, frames) = mpsc::channel(OUTBOX_FRAMES_MAX);
    let free_bytes = Arc::new(Semaphore::new(
        limits.outbox_bytes_max.min(Semaphore::MAX_PERMITS),
    ));
    let writer = FrameWriter {
        io,
        frames,
        wire: Cursor::new(Vec::new()),
        shares: Vec::new(),
        stalled_after: limits.write_stalled_after,
    };
    (
        Outbox {
            frames: sender,
            free_bytes,
        },
        writer,
    )
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes until the [`Outbox`] is dropped and all of it is written, or until the peer fails to take
    /// it. Cancel-safe.
    pub(crate) async fn run(&mut self) -> Result<(), CloseReason> {
        loop {
            if !self.wire.has_remaining() && !self.load().await {
                return Ok(());
            }
            let write = self.io.write_buf(&mut self.wire);
            match timeout(self.stalled_after, write).await {
                Err(_) => return Err(CloseReason::WriteStalled),
                Ok(Ok(0)) => return Err(CloseReason::Reset(io::ErrorKind::WriteZero)),
                Ok(Ok(_)) => (),
                Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => (),
                Ok(Err(e)) => return Err(CloseReason::Reset(e.kind())),
            }
        }
    }

    /// Tells the peer that nothing follows.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }

    /// Takes what waits, as far as it suits one write. False when there will never be more.
    async fn load(&mut self) -> bool {
        self.shares.clear();
        self.wire.set_position(0);
        self.wire.get_mut().clear();
        self.wire.get_mut().shrink_to(COALESCE_BYTES);
        let Some(first) = self.frames.recv().await else {
            return false;
        };
        self.append(first);
        while self.wire.get_ref().len() < COALESCE_BYTES
            && let Ok(frame) = self.frames.try_recv()
        {
            self.append(frame);
        }
        true
    }

    fn append(&mut self, frame: Waiting) {
        let wire = self.wire.get_mut();
        wire.extend_from_slice(&frame.header);
        wire.extend_from_slice(&frame.payload);
        self.shares.push(frame.share);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    fn limits(outbox_bytes_max: usize) -> Limits {
        let write_stalled_after = Duration::from_millis(50);
        Limits {
            outbox_bytes_max,
            write_stalled_after,
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn the_longest_frame_fits_an_empty_outbox_and_nothing_beside_it() {
        let (outbox, _writer) = outbox(tokio::io::sink(), &limits(1004));
        assert_eq!(outbox.put(vec![0; 1001]), Err(Full));
        assert_eq!(outbox.put(vec![0; 1000]), Ok(()));
        assert_eq!(outbox.put(vec![0]), Err(Full));
    }

    #[tokio::test]
    async fn bytes_count_until_the_socket_has_taken_them() {
        let (mut peer, ours) = duplex(100);
        let (outbox, mut writer) = outbox(ours, &limits(1004));
        assert_eq!(outbox.put(vec![0; 1000]), Ok(()));
        assert_eq!(writer.run().await, Err(CloseReason::WriteStalled));
        assert_eq!(outbox.put(vec![0]), Err(Full));
        let mut got = vec![0; 1004];
        let (read, _) = tokio::join!(peer.read_exact(&mut got), writer.run_briefly());
        read.expect("the frame is written");
        assert_eq!(outbox.put(vec![0; 1000]), Ok(()));
    }

    #[tokio::test]
    async fn tiny_frames_are_limited_by_number_too() {
        let (outbox, _writer) = outbox(tokio::io::sink(), &Limits::default());
        let taken = (0..=OUTBOX_FRAMES_MAX)
            .take_while(|_| outbox.put(vec![0]).is_ok())
            .count();
        assert_eq!(taken, OUTBOX_FRAMES_MAX);
    }

    #[tokio::test]
    async fn waiting_frames_leave_in_one_write() {
        let (mut peer, ours) = duplex(4096);
        let (outbox, mut writer) = outbox(ours, &limits(4096));
        for byte in 0..10 {
            assert_eq!(outbox.put(vec![byte]), Ok(()));
        }
        drop(outbox);
        assert_eq!(writer.run().await, Ok(()));
        let mut got = [0; 4096];
        assert_eq!(peer.read(&mut got).await.ok(), Some(10 * (HEADER_LEN + 1)));
    }

    impl<W: AsyncWrite + Unpin> FrameWriter<W> {
        async fn run_briefly(&mut self) {
            let _ = timeout(Duration::from_millis(40), self.run()).await;
        }
    }
}
