//! From bytes to frames. Knows lengths and deadlines; refuses to know what is in a frame.
//!
//! `LengthDelimitedCodec` is not used because it reserves what a peer announces; this buffer grows with
//! what has arrived.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::bytes::{Buf, BytesMut};

use crate::event::CloseReason;
use crate::limits::{Limits, PIECE_LEN, READ_BYTES_MIN};

/// The bytes before each payload: its length, big-endian.
pub(crate) const HEADER_LEN: usize = 4;

/// What a connection brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Frame(Vec<u8>),
    /// A piece of a frame that has been under way for some time, and is not complete.
    Piece,
}

/// Reads frames from one connection.
pub(crate) struct FrameReader<R> {
    io: R,
    limits: Limits,
    /// The limit set by `raise_limit`, 0 before that. Read anew for each header, so a raise holds for
    /// every frame that a peer sends because of something we sent after the raise.
    raised: Arc<AtomicUsize>,
    /// What has arrived and is not delivered. It lives here and not in a future, so no byte is lost when
    /// `next` is cancelled.
    buffer: BytesMut,
    /// The length of the frame whose header was taken from the buffer.
    announced: Option<usize>,
    /// When the frame that has begun must be complete. Only runs while we read: the time that a reader
    /// waits for the engine is not the peer's fault.
    deadline: Option<Instant>,
    /// How much of the frame that has begun was there when its deadline was set.
    counted: usize,
    /// When a piece of it is told next; none before it has begun.
    tell_at: Option<Instant>,
    delivered_any: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(io: R, limits: Limits, raised: Arc<AtomicUsize>) -> Self {
        Self {
            io,
            limits,
            raised,
            buffer: BytesMut::new(),
            announced: None,
            deadline: None,
            counted: 0,
            tell_at: None,
            delivered_any: false,
        }
    }

    /// The next whole frame or a piece of it, or why there will be none. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Arrived, CloseReason> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Arrived::Frame(frame));
            }
            if self.take_piece() {
                return Ok(Arrived::Piece);
            }
            self.fill().await?;
        }
    }

    /// Whether another piece has come since the last one. Gives the next one its time, and says whether to tell it.
    fn take_piece(&mut self) -> bool {
        if self.announced.is_none() || self.buffer.len() < self.counted + PIECE_LEN {
            return false;
        }
        self.counted = self.buffer.len();
        let now = Instant::now();
        self.deadline = Some(now + self.limits.frame_complete_within);
        let due = self.tell_at.is_some_and(|at| now >= at);
        if due {
            self.tell_at = Some(now + self.limits.piece_told_after);
        }
        due
    }

    /// Reads and forgets until the peer closes or the connection breaks.
    pub(crate) async fn discard(&mut self) {
        loop {
            self.buffer.clear();
            self.buffer.reserve(READ_BYTES_MIN);
            if !matches!(self.io.read_buf(&mut self.buffer).await, Ok(1..)) {
                return;
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<Vec<u8>>, CloseReason> {
        let len = match self.announced {
            Some(len) => len,
            None if self.buffer.len() < HEADER_LEN => return Ok(None),
            None => {
                let len = self.buffer.get_u32() as usize;
                self.check(len)?;
                *self.announced.insert(len)
            }
        };
        if self.buffer.len() < len {
            return Ok(None);
        }
        let frame = self.buffer.split_to(len).to_vec();
        // A drained buffer would otherwise keep the space of the longest frame it ever held.
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        self.announced = None;
        self.deadline = None;
        self.counted = 0;
        self.tell_at = None;
        self.delivered_any = true;
        Ok(Some(frame))
    }

    fn check(&self, len: usize) -> Result<(), CloseReason> {
        let own = if self.delivered_any {
            self.limits.early_frame_len_max
        } else {
            self.limits.first_frame_len_max
        };
        let max = own.max(self.raised.load(Ordering::Acquire));
        match len {
            0 => Err(CloseReason::FrameEmpty),
            _ if len > max => Err(CloseReason::FrameTooLong { len, max }),
            _ => Ok(()),
        }
    }

    async fn fill(&mut self) -> Result<(), CloseReason> {
        let begun = self.announced.is_some() || !self.buffer.is_empty();
        if begun && self.deadline.is_none() {
            let now = Instant::now();
            self.deadline = Some(now + self.limits.frame_complete_within);
            self.tell_at = Some(now + self.limits.piece_told_after);
        }
        let missing = self
            .announced
            .map_or(0, |len| len.saturating_sub(self.buffer.len()));
        // At most doubles what has really arrived.
        self.buffer
            .reserve(missing.min(self.buffer.len()).max(READ_BYTES_MIN));
        let read = self.io.read_buf(&mut self.buffer);
        let read = match self.deadline {
            None => read.await,
            Some(deadline) => timeout_at(deadline, read)
                .await
                .map_err(|_| CloseReason::FrameTooSlow)?,
        };
        match read {
            Ok(0) => Err(CloseReason::PeerClosed),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(CloseReason::Reset(e.kind())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    fn pair(limits: Limits) -> (DuplexStream, FrameReader<DuplexStream>, Arc<AtomicUsize>) {
        let (peer, ours) = duplex(4 * 1024 * 1024);
        let raised = Arc::new(AtomicUsize::new(0));
        (peer, FrameReader::new(ours, limits, Arc::clone(&raised)), raised)
    }

    async fn write(peer: &mut DuplexStream, len: u32, payload: &[u8]) {
        peer.write_u32(len).await.expect("the pipe has room");
        peer.write_all(payload).await.expect("the pipe has room");
    }

    #[tokio::test]
    async fn four_announced_gibibytes_are_refused_before_any_memory_is_taken() {
        let (mut peer, mut reader, raised) = pair(Limits::default());
        raised.store(1024 * 1024, Ordering::Release);
        write(&mut peer, u32::MAX, &[1; 100]).await;
        let max = 1024 * 1024;
        let refusal = CloseReason::FrameTooLong {
            len: u32::MAX as usize,
            max,
        };
        assert_eq!(reader.next().await, Err(refusal));
        assert!(reader.buffer.capacity() <= 2 * READ_BYTES_MIN);
    }

    #[tokio::test]
    async fn memory_follows_what_arrived_and_not_what_was_announced() {
        let (mut peer, mut reader, raised) = pair(Limits::default());
        raised.store(64 * 1024 * 1024, Ordering::Release);
        write(&mut peer, 64 * 1024 * 1024, &[1; 40_000]).await;
        assert!(timeout(Duration::from_millis(50), reader.next()).await.is_err());
        assert!(reader.buffer.len() == 40_000 && reader.buffer.capacity() < 200_000);
    }

    #[tokio::test]
    async fn no_byte_is_lost_when_reading_is_cancelled() {
        let (mut peer, mut reader, _raised) = pair(Limits::default());
        for byte in [0, 0, 0, 3, 7, 8] {
            peer.write_u8(byte).await.expect("the pipe has room");
            assert!(timeout(Duration::from_millis(5), reader.next()).await.is_err());
        }
        peer.write_u8(9).await.expect("the pipe has room");
        assert_eq!(reader.next().await, Ok(Arrived::Frame(vec![7, 8, 9])));
    }

    #[tokio::test]
    async fn the_limit_grows_after_the_first_frame_and_when_raised() {
        let (mut peer, mut reader, raised) = pair(Limits::default());
        write(&mut peer, 256, &[1; 256]).await;
        write(&mut peer, 8192, &[2; 8192]).await;
        assert_eq!(reader.next().await, Ok(Arrived::Frame(vec![1; 256])));
        assert_eq!(reader.next().await, Ok(Arrived::Frame(vec![2; 8192])));
        raised.store(10_000, Ordering::Release);
        write(&mut peer, 10_000, &[3; 10_000]).await;
        write(&mut peer, 10_001, &[]).await;
        assert_eq!(reader.next().await, Ok(Arrived::Frame(vec![3; 10_000])));
        let refusal = CloseReason::FrameTooLong {
            len: 10_001,
            max: 10_000,
        };
        assert_eq!(reader.next().await, Err(refusal));
    }

    #[tokio::test]
    async fn a_first_frame_over_its_limit_and_an_empty_one_are_refused() {
        let (mut peer, mut reader, _raised) = pair(Limits::default());
        write(&mut peer, 257, &[]).await;
        assert_eq!(
            reader.next().await,
            Err(CloseReason::FrameTooLong { len: 257, max: 256 })
        );

        let (mut peer, mut reader, _raised) = pair(Limits::default());
        write(&mut peer, 0, &[]).await;
        assert_eq!(reader.next().await, Err(CloseReason::FrameEmpty));
    }

    #[tokio::test]
    async fn a_pause_between_frames_is_not_slow_but_one_within_a_frame_is() {
        let frame_complete_within = Duration::from_millis(40);
        let (mut peer, mut reader, _raised) = pair(Limits {
            frame_complete_within,
            ..Limits::default()
        });
        assert!(timeout(Duration::from_millis(120), reader.next()).await.is_err());
        write(&mut peer, 1, &[5]).await;
        assert_eq!(reader.next().await, Ok(Arrived::Frame(vec![5])));
        assert!(timeout(Duration::from_millis(120), reader.next()).await.is_err());
        write(&mut peer, 2, &[5]).await;
        assert_eq!(reader.next().await, Err(CloseReason::FrameTooSlow));
    }

    #[tokio::test]
    async fn a_long_frame_leaves_no_large_buffer_behind() {
        let (mut peer, mut reader, raised) = pair(Limits::default());
        raised.store(1024 * 1024, Ordering::Release);
        write(&mut peer, 1024 * 1024, &vec![1; 1024 * 1024]).await;
        assert_eq!(reader.next().await, Ok(Arrived::Frame(vec![1; 1024 * 1024])));
        assert!(timeout(Duration::from_millis(20), reader.next()).await.is_err());
        assert_eq!(reader.buffer.capacity(), READ_BYTES_MIN);
    }

    /// Writes a frame in parts, with a pause of 100 ms before each; what the reader says of it, with 600 ms for each piece.
    async fn in_parts(part: usize) -> (usize, Result<Arrived, CloseReason>) {
        let (mut peer, mut reader, raised) = pair(Limits {
            frame_complete_within: Duration::from_millis(600),
            piece_told_after: Duration::ZERO,
            ..Limits::default()
        });
        raised.store(1024 * 1024, Ordering::Release);
        let writer = tokio::spawn(async move {
            let frame = vec![1; 8 * PIECE_LEN];
            peer.write_u32(8 * 16 * 1024).await.expect("the pipe has room");
            for part in frame.chunks(part) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                peer.write_all(part).await.expect("the pipe has room");
            }
            peer
        });
        let mut pieces = 0;
        let end = loop {
            match reader.next().await {
                Ok(Arrived::Piece) => pieces += 1,
                end => break end,
            }
        };
        writer.abort();
        (pieces, end)
    }

    #[tokio::test]
    async fn a_long_frame_has_the_time_anew_for_each_piece() {
        let (pieces, end) = in_parts(PIECE_LEN).await;
        assert_eq!((pieces, end), (7, Ok(Arrived::Frame(vec![1; 8 * PIECE_LEN]))));
    }

    #[tokio::test]
    async fn less_than_a_piece_wins_no_time() {
        let (pieces, end) = in_parts(PIECE_LEN / 8).await;
        assert_eq!((pieces, end), (0, Err(CloseReason::FrameTooSlow)));
    }

    #[tokio::test]
    async fn nobody_is_told_of_pieces_of_a_frame_that_comes_at_once() {
        let (mut peer, mut reader, raised) = pair(Limits::default());
        raised.store(1024 * 1024, Ordering::Release);
        write(&mut peer, 1024 * 1024, &vec![1; 1024 * 1024]).await;
        assert!(matches!(reader.next().await, Ok(Arrived::Frame(_))));
    }
}
